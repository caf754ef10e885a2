//! States of consumers on the disk.

use bytes::Bytes;
use troupe_engine::consumer::pending::Unacked;
use troupe_engine::consumer::{Consumer, Position, Stored};
use troupe_store::{ConsumerState, Durability, PendingMessage, SequencePair, StoreError};

use super::slot::Slot;
use super::{Consumers, Written};
use crate::jetstream::clock;
use crate::jetstream::stream::StreamCore;

/// The state of a consumer as a store keeps it.
pub(super) fn to_stored(machine: &Consumer) -> ConsumerState {
    let pair = |position: Position| SequencePair { consumer: position.consumer, stream: position.stream };
    let (delivered, floor) = machine.positions();
    let pending = machine.pending().iter().map(|unacked| {
        let Unacked { stream_seq, consumer_seq, since } = *unacked;
        (stream_seq, PendingMessage { consumer_seq, time_ns: since })
    });
    ConsumerState {
        delivered: pair(delivered),
        ack_floor: pair(floor),
        pending: pending.collect(),
        redelivered: machine.redelivered().clone(),
    }
}

/// The state of a consumer from a store.
pub(super) fn of_stored(state: &ConsumerState) -> Stored {
    let position = |pair: SequencePair| Position { consumer: pair.consumer, stream: pair.stream };
    let unacked = |(stream_seq, pending): (&u64, &PendingMessage)| Unacked {
        stream_seq: *stream_seq,
        consumer_seq: pending.consumer_seq,
        since: pending.time_ns,
    };
    Stored {
        delivered: position(state.delivered),
        floor: position(state.ack_floor),
        pending: state.pending.iter().map(unacked).collect(),
        redelivered: state.redelivered.iter().map(|(seq, count)| (*seq, *count)).collect(),
    }
}

/// Writes the state of a consumer, if it changed.
pub(super) fn save(slot: &mut Slot) -> Result<Durability, StoreError> {
    slot.is_unsaved = false;
    let Some(store) = &mut slot.store else { return Ok(Durability::Reached) };
    if slot.machine.take_changed() {
        store.replace(to_stored(&slot.machine))?;
    }
    if let Some(note) = slot.letters.take_note() {
        store.set_note(note);
    }
    store.commit()
}

impl Consumers {
    /// Writes states that are answered for, and sends the answers of those that need not wait.
    pub(super) fn pay_debts(&mut self) {
        if self.owed.is_empty() {
            return;
        }
        let mut owed = std::mem::take(&mut self.owed);
        owed.sort_by_key(|(member, _)| *member);
        let mut outlet = self.sending.open(clock::now());
        for debts in owed.chunk_by(|(one, _), (other, _)| one == other) {
            let Some(slot) = self.book.slot(debts[0].0) else { continue };
            match save(slot) {
                Ok(Durability::Reached) => debts.iter().for_each(|(_, reply)| outlet.send(reply, b"")),
                Ok(Durability::Pending(ticket)) => {
                    let replies: Vec<Bytes> = debts.iter().map(|(_, reply)| reply.clone()).collect();
                    self.writing.push((ticket, Written::Replies(replies)));
                }
                // Whoever asked hears nothing, and asks again.
                Err(cause) => tracing::error!("state of consumer '{}' cannot be written: {cause}", slot.name),
            }
        }
        outlet.close();
        owed.clear();
        self.owed = owed;
    }

    /// Sends what waited for states that are on the disk now.
    pub fn send_written(&mut self, core: &mut StreamCore, outcome: &Result<(), StoreError>, written: &Written) {
        if let Err(cause) = outcome {
            tracing::error!("states of consumers cannot be written: {cause}");
        }
        match written {
            Written::Letters(sealed) => self.letters_written(core, outcome, sealed),
            Written::Replies(replies) if outcome.is_ok() => self.send_replies(replies),
            // Whoever asked hears nothing, and asks again.
            Written::Replies(_) => {}
        }
    }

    fn send_replies(&mut self, replies: &[Bytes]) {
        let mut outlet = self.sending.open(clock::now());
        replies.iter().for_each(|reply| outlet.send(reply, b""));
        outlet.close();
    }

    /// Writes states whose time has come.
    pub(super) fn save_due(&mut self, now: i64) {
        if self.book.save_at.is_some_and(|at| at <= now) {
            self.save_all();
        }
    }

    fn save_all(&mut self) {
        self.book.save_at = None;
        for member in std::mem::take(&mut self.book.unsaved) {
            let Some(slot) = self.book.slot(member) else { continue };
            if !slot.is_unsaved {
                continue;
            }
            if let Err(cause) = save(slot) {
                tracing::error!("state of consumer '{}' cannot be written: {cause}", slot.name);
            }
        }
    }

    /// The actor ends in order: states are written, clients that wait are told.
    pub fn save(&mut self, core: &mut StreamCore) {
        use troupe_engine::consumer::status::Status;
        let mut outlet = self.sending.open(clock::now());
        for member in self.book.members() {
            let Some(slot) = self.book.slot(member) else { continue };
            slot.machine.release_requests(Status::ServerShutdown, &mut outlet);
            if let Err(cause) = save(slot).and_then(Durability::wait) {
                let (stream, consumer) = (core.entry.name(), &slot.name);
                tracing::error!("state of consumer '{stream} > {consumer}' cannot be written: {cause}");
            }
        }
        outlet.close();
    }
}
