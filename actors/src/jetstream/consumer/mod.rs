//! Consumers of a stream: state machines inside of its actor.
//!
//! ```text
//! inbox ── acknowledgements, requests, answers ──> inbound ──> Slot (engine/consumer) ──> ready
//! stored messages ──> audience (in the stream's core) ──> ready ──> deliver ──> outlet ──> router/publish
//! ```
//!
//! - `book`: who they are. `slot`: one of them. `inbound`: what clients say. `deliver`: what they get.
//! - `sending`, `outlet`: where decisions go. `interest`: who listens. `subjects`: what is listened to.
//! - `create`: consumers come, change and go. `calls`: requests of the API. `saving`: states on the disk.
//! - [`archive`]: consumers in copies of their streams. `retention`: messages that stay only for consumers. `dead_letters`: messages that were given up.

pub mod archive;
mod book;
mod calls;
mod create;
mod dead_letters;
mod deliver;
mod inbound;
mod interest;
mod outlet;
mod retention;
mod saving;
mod sending;
mod slot;
mod subjects;

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use troupe_codecs::api::{ApiError, ConsumerConfig, StreamConfig, errors};
use troupe_engine::consumer::audience::Member;
use troupe_engine::consumer::timers::Usage;
use troupe_store::{Removals, Ticket};

use self::book::Book;
pub use self::dead_letters::Sealed;
use self::dead_letters::post_due;
use self::deliver::{Scratch, Turn, deliver};
use self::outlet::Outlet;
use self::sending::Sending;
use self::subjects::Listening;
use super::clock;
use super::stream::StreamCore;
use crate::router::Stalled;

/// Turns taken before others are heard.
const MAX_TURNS: usize = 1024;

/// What is sent when a state is on the disk.
#[derive(Debug)]
pub enum Written {
    /// Answers to acknowledgements: empty messages to these subjects.
    Replies(Vec<Bytes>),
    /// Dead letters.
    Letters(Sealed),
}

/// The consumers of one stream. The stream's actor calls; nothing here waits.
#[derive(Debug)]
pub struct Consumers {
    book: Book,
    sending: Sending,
    scratch: Scratch,
    listening: Listening,
    /// Answers to acknowledgements that wait until the state is written.
    owed: Vec<(Member, Bytes)>,
    /// What waits for states that are being written.
    writing: Vec<(Ticket, Written)>,
    /// The consumer that was named last.
    last_named: Option<Member>,
    /// A client is so full that nothing more should be sent for now.
    stalled: Option<Stalled>,
}

impl Consumers {
    /// Opens the consumers found in the store, and listens for what their clients say.
    #[must_use]
    pub fn recover(core: &mut StreamCore) -> Self {
        let mut consumers = Self {
            book: Book::default(),
            sending: Sending::new(core),
            scratch: Scratch::default(),
            listening: if core.is_offline() { Listening::none(core) } else { Listening::start(core) },
            owed: Vec::new(),
            writing: Vec::new(),
            last_named: None,
            stalled: None,
        };
        if !core.is_offline() {
            consumers.recover_all(core);
        }
        consumers
    }

    /// Tells the others how many there are. Whoever is answered reads it from then on.
    pub fn publish_number(&self, core: &StreamCore) {
        let usage = core.entry.usage();
        usage.consumers.store(self.len() as u64, Ordering::Relaxed);
        usage.shown_consumers.store(self.num_shown() as u64, Ordering::Relaxed);
    }

    /// Number of consumers, those that cannot be served included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.book.len() + self.book.offline.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of consumers that clients see, those that cannot be served included.
    #[must_use]
    pub fn num_shown(&self) -> usize {
        self.book.num_shown() + self.book.offline.len()
    }

    /// When something is due.
    #[must_use]
    pub fn deadline(&self) -> Option<i64> {
        self.book.deadline()
    }

    /// Whether [`Consumers::flush`] has more to do as soon as others had their turn.
    #[must_use]
    pub fn has_more(&self) -> bool {
        self.book.num_ready() > 0
    }

    /// The client that is so full that nothing more should be sent for now, if there is one.
    pub fn take_stalled(&mut self) -> Option<Stalled> {
        self.stalled.take()
    }

    /// What waits for the disk, for [`Consumers::send_written`] when it is done.
    pub fn take_writing(&mut self) -> Vec<(Ticket, Written)> {
        std::mem::take(&mut self.writing)
    }

    /// Messages were stored at the end of the stream.
    pub fn appended(&mut self, core: &mut StreamCore) {
        for member in core.woken.drain(..) {
            self.book.make_ready(member);
        }
    }

    /// Messages have left the stream, by a purge or not.
    pub fn removed(&mut self, core: &mut StreamCore, removals: &Removals, is_purge: bool) {
        if self.book.len() > 0 {
            retention::follow(&mut self.book, &mut self.sending, core, removals, is_purge);
        }
    }

    /// Messages of these subjects were purged, empty for all, and have been told of by [`Consumers::removed`].
    pub fn purged(&mut self, core: &mut StreamCore, subjects: &BTreeSet<Bytes>) {
        if self.book.len() > 0 && !subjects.is_empty() {
            retention::follow_purge(&mut self.book, core, subjects);
        }
    }

    /// The end of a batch: states that were asked for are written, consumers that have something to deliver get their turn.
    pub fn flush(&mut self, core: &mut StreamCore) {
        self.pay_debts();
        self.deliver(core);
        if self.book.has_unwritten() {
            self.write_letters(core);
        }
    }

    fn deliver(&mut self, core: &mut StreamCore) {
        if self.book.num_ready() == 0 {
            return;
        }
        let now = clock::now();
        let mut outlet = self.sending.open(now);
        for _ in 0..self.book.num_ready().min(MAX_TURNS) {
            let Some(member) = self.book.next_ready() else { break };
            take_turn(&mut self.book, core, member, &mut outlet, &mut self.scratch);
            finish(&mut self.book, core, member, &mut outlet);
        }
        self.stalled = outlet.close();
    }

    /// Does what is due.
    pub fn tick(&mut self, core: &mut StreamCore, now: i64) {
        let first_seq = core.store.state().first_seq;
        let mut abandoned = Vec::new();
        let mut outlet = self.sending.open(now);
        while let Some(member) = self.book.next_due(now) {
            let Some(slot) = self.book.slot(member) else { continue };
            outlet.speak_for(&slot.name, slot.machine.config());
            if slot.machine.tick(first_seq, now, &mut outlet) == Usage::Abandoned {
                abandoned.push(member);
            }
            if slot.letters.due() <= now {
                post_due(slot, core, &mut outlet);
            }
            self.book.make_ready(member);
            finish(&mut self.book, core, member, &mut outlet);
        }
        outlet.close();
        for member in abandoned {
            self.delete(core, member);
        }
        self.save_due(now);
        self.flush(core);
    }

    /// Takes note of who listens now to the subjects of those that push.
    pub fn interest_changed(&mut self, core: &mut StreamCore) {
        let now = clock::now();
        for member in self.book.pushing.clone() {
            self.check_interest(member, now);
        }
        self.flush(core);
    }

    /// Whether some consumer pushes, so that [`Consumers::interest_changed`] matters.
    #[must_use]
    pub fn watches_interest(&self) -> bool {
        !self.book.pushing.is_empty()
    }

    /// Takes note whether somebody listens to the subject of one that pushes.
    fn check_interest(&mut self, member: Member, now: i64) {
        let interest = &mut self.sending.interest;
        let Some(slot) = self.book.slot(member) else { return };
        let config = slot.machine.config();
        let is_active = interest.has_group(config.deliver_subject.as_bytes(), &config.deliver_group);
        if is_active != slot.machine.is_active() {
            slot.machine.set_active(is_active, now);
            self.book.make_ready(member);
            self.book.plan(member);
        }
    }

    /// Whether another configuration of the stream suits them.
    ///
    /// # Errors
    /// It does not.
    pub fn check_update(&self, core: &StreamCore, wanted: &StreamConfig) -> Result<(), ApiError> {
        let (old, new) = (core.config.consumer_limits, wanted.consumer_limits);
        let is_changed = |old: i64, new: i64| new > 0 && old != new;
        if !is_changed(old.inactive_threshold, new.inactive_threshold)
            && !is_changed(old.max_ack_pending, new.max_ack_pending)
        {
            return Ok(());
        }
        let exceeds = |value: i64, limit: i64| limit > 0 && value > limit;
        let breaks = |config: &ConsumerConfig| {
            exceeds(config.inactive_threshold, new.inactive_threshold)
                || exceeds(config.max_ack_pending, new.max_ack_pending)
        };
        let names: Vec<&str> =
            self.book.slots().filter(|slot| breaks(slot.machine.config())).map(|slot| &*slot.name).collect();
        if names.is_empty() {
            return Ok(());
        }
        Err(errors::STREAM_UPDATE.with(format_args!("change to limits violates consumers: {}", names.join(", "))))
    }

    /// The stream has another configuration now.
    pub fn reconfigured(&mut self, core: &mut StreamCore) {
        let settles = core.keeps_for_consumers();
        for member in self.book.members() {
            if let Some(slot) = self.book.slot(member) {
                slot.machine.set_settles(settles);
            }
        }
    }
}

/// Lets a consumer deliver.
fn take_turn(book: &mut Book, core: &mut StreamCore, member: Member, outlet: &mut Outlet<'_>, scratch: &mut Scratch) {
    let Some(slot) = book.slot(member) else { return };
    slot.machine.count_arrivals(core.audience.arrivals(slot.group));
    outlet.speak_for(&slot.name, slot.machine.config());
    let turn = deliver(slot, &mut *core.store, outlet, scratch);
    slot.is_blocked = turn == Turn::Blocked;
    match turn {
        Turn::More => book.make_ready(member),
        Turn::AtEnd => core.audience.wait(slot.group, member),
        Turn::Blocked | Turn::Idle => {}
    }
}

/// Ends what a consumer did: its letters and its settled messages follow, its next time is planned.
fn finish(book: &mut Book, core: &mut StreamCore, member: Member, outlet: &mut Outlet<'_>) {
    if !outlet.dead.is_empty() {
        if let Some(slot) = book.slot(member) {
            outlet.dead.drain(..).for_each(|(seq, letter)| slot.letters.insert(seq, letter));
        }
        book.note_unwritten(member);
    }
    if !outlet.settled.is_empty() {
        let settled = std::mem::take(&mut outlet.settled);
        retention::settle(book, core, &settled);
        outlet.give_back(settled);
    }
    book.plan(member);
    book.note_change(member, outlet.now);
}
