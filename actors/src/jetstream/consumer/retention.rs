//! Messages that stay only for consumers, and messages that leave.

use std::collections::BTreeSet;

use bytes::Bytes;
use troupe_codecs::api::stream::RetentionPolicy;
use troupe_engine::consumer::NEVER;
use troupe_engine::consumer::audience::Member;
use troupe_engine::consumer::purge::{Reach, reach};
use troupe_store::{RemovalCause, Removals, StoreError, SubjectFilter};

use super::book::Book;
use super::sending::Sending;
use crate::jetstream::clock;
use crate::jetstream::stream::StreamCore;

/// Messages looked at in one go when consumers change; the rest leaves by limits.
const SWEEP: usize = 1_000_000;

/// Removes messages a consumer is done with, where nobody else needs them.
pub(super) fn settle(book: &mut Book, core: &mut StreamCore, settled: &[u64]) {
    for seq in settled {
        let is_needed = match core.config.retention {
            RetentionPolicy::Limits => return,
            // No two consumers of a work queue get the same message.
            RetentionPolicy::WorkQueue => false,
            RetentionPolicy::Interest => is_needed(book, core, *seq),
        };
        if !is_needed && let Err(cause) = core.store.remove(*seq, false) {
            tracing::error!("stream '{}' cannot remove an acknowledged message: {cause}", core.entry.name());
        }
    }
}

/// Whether some consumer needs a message.
fn is_needed(book: &Book, core: &mut StreamCore, seq: u64) -> bool {
    let found = if core.audience.is_unfiltered() {
        None
    } else {
        match core.store.get(seq) {
            Ok(message) => Some(message),
            Err(_) => return true,
        }
    };
    let subject = found.as_ref().map_or(&b""[..], |message| message.subject());
    core.audience.any(subject, |member| book.peek(member).is_some_and(|slot| slot.machine.needs(seq)))
}

/// Removes messages from `from` on that nobody needs any more, of those `filter` means, up to `through`.
pub(super) fn sweep(book: &Book, core: &mut StreamCore, filter: &SubjectFilter, from: u64, through: u64) {
    let mut next = from;
    for _ in 0..SWEEP {
        let Ok(Some(message)) = core.store.next(filter, next) else { return };
        if message.seq > through {
            return;
        }
        let seq = message.seq;
        next = seq + 1;
        let needs = |member: Member| book.peek(member).is_some_and(|slot| slot.machine.needs(seq));
        if !core.audience.any(message.subject(), needs) {
            core.store.remove(seq, false).ok();
        }
    }
}

/// Removes what no consumer needs, after one has come back from the disk, changed or gone.
pub(super) fn sweep_all(book: &Book, core: &mut StreamCore) {
    if core.config.retention != RetentionPolicy::Interest {
        return;
    }
    if book.len() == 0 {
        core.purge_all();
        return;
    }
    let state = core.store.state();
    sweep(book, core, &SubjectFilter::all(), state.first_seq, state.last_seq);
}

/// Lets consumers follow what left the stream, by a purge or not.
pub(super) fn follow(
    book: &mut Book,
    sending: &mut Sending,
    core: &mut StreamCore,
    removals: &Removals,
    is_purge: bool,
) {
    let now = clock::now();
    if removals.many {
        return recount(book, core, is_purge && !removals.many_others);
    }
    let mut outlet = sending.open(now);
    let mut touched = Vec::new();
    for removal in &removals.messages {
        let arrivals = &mut touched;
        core.audience.left(&removal.subject, removal.seq, |member| {
            let Some(slot) = book.slot(member) else { return u64::MAX };
            outlet.speak_for(&slot.name, slot.machine.config());
            match removal.cause {
                RemovalCause::Purge => slot.machine.left_with_others(removal.seq),
                _ => slot.machine.left(removal.seq, true, now, &mut outlet),
            }
            if slot.is_blocked || slot.machine.is_changed() {
                arrivals.push(member);
            }
            slot.machine.lowest_concern()
        });
    }
    outlet.settled.clear();
    outlet.close();
    touched.sort_unstable();
    touched.dedup();
    for member in touched {
        book.note_change(member, now);
        book.plan(member);
        if book.peek(member).is_some_and(|slot| slot.is_blocked) {
            book.make_ready(member);
        }
    }
}

/// Lets consumers go on behind what a purge of these subjects took, empty for all.
pub(super) fn follow_purge(book: &mut Book, core: &mut StreamCore, subjects: &BTreeSet<Bytes>) {
    let (now, first_seq) = (clock::now(), core.store.state().first_seq);
    let starts: Vec<(&Bytes, u64)> = subjects.iter().map(|subject| (subject, start_behind(core, subject))).collect();
    for member in book.members() {
        let Some(slot) = book.slot(member) else { continue };
        slot.machine.forget_redelivered_before(first_seq);
        let config = std::sync::Arc::clone(slot.machine.config());
        let mut is_partly_reached = false;
        for (subject, start) in &starts {
            match reach(&config, subject) {
                Reach::Everything => slot.machine.purged(*start, now, |_| true),
                Reach::Part => is_partly_reached = true,
                Reach::None => {}
            }
        }
        if is_partly_reached {
            let store = &mut *core.store;
            slot.machine.purged(first_seq, now, |seq| {
                !matches!(store.get(seq), Err(StoreError::Deleted | StoreError::NotFound))
            });
        }
        if slot.machine.is_changed() {
            let is_blocked = slot.is_blocked;
            book.note_change(member, now);
            book.plan(member);
            if is_blocked {
                book.make_ready(member);
            }
        }
    }
}

/// Where those go on that want only subjects which were purged: the first message that is left of them, or the next.
fn start_behind(core: &mut StreamCore, subjects: &Bytes) -> u64 {
    let state = core.store.state();
    if subjects.is_empty() {
        return state.first_seq;
    }
    match core.store.next(&SubjectFilter::one(subjects), state.first_seq) {
        Ok(first) => first.map_or(state.last_seq + 1, |message| message.seq),
        Err(cause) => {
            tracing::error!("stream '{} > {}' cannot be read: {cause}", core.account.name(), core.entry.name());
            state.first_seq
        }
    }
}

/// Lets consumers look again at everything, after many messages left.
fn recount(book: &mut Book, core: &mut StreamCore, is_purge_only: bool) {
    let first_seq = core.store.state().first_seq;
    for member in book.members() {
        let Some(slot) = book.slot(member) else { continue };
        let store = &mut *core.store;
        // What a purge means to them is told next.
        if !is_purge_only {
            slot.machine.many_left(first_seq, |seq| store.get(seq).is_ok());
        }
        count_anew(core, book, member);
        book.note_change(member, clock::now());
        book.make_ready(member);
    }
}

/// Counts what a consumer has not delivered.
pub(super) fn count_anew(core: &mut StreamCore, book: &mut Book, member: Member) {
    let Some(slot) = book.slot(member) else { return };
    let wants_last =
        slot.machine.config().deliver_policy == troupe_codecs::api::consumer::DeliverPolicy::LastPerSubject;
    let counted = core.store.num_pending(slot.machine.next_stream_seq(), &slot.filter, wants_last);
    let num_pending = counted.unwrap_or_else(|cause| {
        tracing::error!("consumer '{}' cannot count its messages: {cause}", slot.name);
        0
    });
    slot.machine.set_num_pending(num_pending, core.audience.arrivals(slot.group));
    core.audience.lower(slot.group, slot.machine.lowest_concern().min(NEVER.unsigned_abs()));
}
