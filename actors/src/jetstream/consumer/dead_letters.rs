//! Dead letters: messages that were given up go to a subject of the consumer's choice.
//!
//! A letter is not lost, and into a stream it comes once, whenever the server ends: that the message was given up is
//! durable before the letter is published, and until somebody confirms the letter, a stream or a subscriber that answers,
//! the message is kept as one that waits, and the letter is published again under the same id.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use troupe_codecs::api::json::encode;
use troupe_codecs::api::publish::PubAck;
use troupe_codecs::api::{ConsumerConfig, headers};
use troupe_codecs::header;
use troupe_engine::consumer::NEVER;
use troupe_engine::consumer::effects::{GivenUp, GivenUpCause};
use troupe_engine::stream::sources::short_hash;
use troupe_store::{Durability, StoreError, StoredMessage};

use super::outlet::Outlet;
use super::saving::save;
use super::slot::Slot;
use super::{Consumers, finish};
use crate::jetstream::clock;
use crate::jetstream::stream::StreamCore;
use crate::router::{Content, InboxMessage, ServerMessage};

/// Key in the metadata of a consumer that names the subject.
pub(super) const DEAD_LETTER_KEY: &str = "dead_letter";
/// Where letters are confirmed; stream, consumer, its identity and the sequence follow.
pub(super) const RECEIPT_PREFIX: &str = "$JS.DEAD";
/// Time until a letter is published again, at first and at most.
const FIRST_RETRY: i64 = 1_000_000_000;
const LAST_RETRY: i64 = 30_000_000_000;

/// The subject a consumer's dead letters go to, if it has one.
pub(super) fn subject_of(config: &ConsumerConfig) -> Option<&str> {
    config.metadata.get(DEAD_LETTER_KEY).map(String::as_str).filter(|subject| !subject.is_empty())
}

/// A message that was given up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Letter {
    deliveries: u64,
    /// The client's reason; none when it was delivered as often as allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    terminated: Option<String>,
    /// Times it was published.
    #[serde(skip)]
    attempts: u32,
    /// When to publish it.
    #[serde(skip)]
    due: i64,
}

impl Letter {
    /// The letter for a message, not to be published before it is written.
    pub(super) fn new(message: &GivenUp<'_>) -> Self {
        let terminated = match message.cause {
            GivenUpCause::MaxDeliver => None,
            GivenUpCause::Terminated(reason) => Some(String::from_utf8_lossy(reason).into_owned()),
        };
        Self { deliveries: message.deliveries, terminated, attempts: 0, due: NEVER }
    }
}

/// The letters of a consumer that nobody confirmed yet, by sequence of their message.
#[derive(Debug, Default)]
pub(super) struct Letters {
    open: BTreeMap<u64, Letter>,
    /// When one is to be published, or earlier.
    due: i64,
    is_changed: bool,
}

impl Letters {
    /// Reads a note. All are due at once.
    pub(super) fn decode(note: &[u8], now: i64) -> Self {
        let mut open: BTreeMap<u64, Letter> = serde_json::from_slice(note).unwrap_or_default();
        open.values_mut().for_each(|letter| letter.due = now);
        Self { open, due: now, is_changed: false }
    }

    /// The note to be kept, if it is another one than before.
    pub(super) fn take_note(&mut self) -> Option<Vec<u8>> {
        let is_changed = std::mem::take(&mut self.is_changed);
        is_changed.then(|| if self.open.is_empty() { Vec::new() } else { encode(&self.open) })
    }

    /// When one is to be published.
    pub(super) fn due(&self) -> i64 {
        if self.open.is_empty() { NEVER } else { self.due }
    }

    pub(super) fn insert(&mut self, seq: u64, letter: Letter) {
        self.due = if self.open.is_empty() { NEVER } else { self.due };
        self.open.insert(seq, letter);
        self.is_changed = true;
    }

    /// Takes letters out that `keep` does not want.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(u64) -> bool) {
        let before = self.open.len();
        self.open.retain(|seq, _| keep(*seq));
        self.is_changed |= self.open.len() != before;
    }

    fn remove(&mut self, seq: u64) {
        self.is_changed |= self.open.remove(&seq).is_some();
    }

    /// Those that were not published because they are not written.
    fn unwritten(&self) -> Vec<u64> {
        self.open.iter().filter(|(_, letter)| letter.due == NEVER).map(|(seq, _)| *seq).collect()
    }

    /// Lets letters that are written be published. Those that were written before as well are on their way already.
    fn written(&mut self, seqs: &[u64], now: i64) {
        for seq in seqs {
            if let Some(letter) = self.open.get_mut(seq).filter(|letter| letter.due == NEVER) {
                letter.due = now;
                self.due = self.due.min(now);
            }
        }
    }

    /// Puts off those that are due: nobody would take them.
    fn postpone(&mut self, now: i64) {
        self.due = now.saturating_add(FIRST_RETRY);
        for letter in self.open.values_mut().filter(|letter| letter.due <= now) {
            letter.due = self.due;
        }
    }

    /// Takes those that are due, and plans their next time.
    fn take_due(&mut self, now: i64) -> Vec<(u64, Letter)> {
        let mut due = Vec::new();
        self.due = NEVER;
        for (seq, letter) in &mut self.open {
            if letter.due <= now {
                letter.due = now.saturating_add((FIRST_RETRY << letter.attempts.min(5)).min(LAST_RETRY));
                letter.attempts += 1;
                due.push((*seq, letter.clone()));
            }
            self.due = self.due.min(letter.due);
        }
        due
    }
}

/// Letters of a consumer that are being written.
#[derive(Debug)]
pub struct Sealed {
    consumer: std::sync::Arc<str>,
    seqs: Vec<u64>,
}

impl Consumers {
    /// Writes down what was given up; what is durable already is published. A disk that takes nothing is tried again later.
    pub(super) fn write_letters(&mut self, core: &mut StreamCore) {
        let now = clock::now();
        for member in self.book.take_unwritten(now) {
            let Some(slot) = self.book.slot(member) else { continue };
            let seqs = slot.letters.unwritten();
            if seqs.is_empty() {
                continue;
            }
            let sealed = Sealed { consumer: std::sync::Arc::clone(&slot.name), seqs };
            match save(slot) {
                Ok(Durability::Reached) => self.post(core, &sealed),
                Ok(Durability::Pending(ticket)) => self.writing.push((ticket, super::Written::Letters(sealed))),
                Err(cause) => {
                    tracing::error!("dead letters of consumer '{}' cannot be written: {cause}", slot.name);
                    self.book.postpone_writing(member, now);
                }
            }
        }
    }

    /// Goes on with letters whose writing has ended.
    pub(super) fn letters_written(&mut self, core: &mut StreamCore, outcome: &Result<(), StoreError>, sealed: &Sealed) {
        match (outcome, self.book.member(&sealed.consumer)) {
            (Ok(()), _) => self.post(core, sealed),
            (Err(_), Some(member)) => self.book.postpone_writing(member, clock::now()),
            (Err(_), None) => {}
        }
    }

    /// Publishes letters that are written.
    fn post(&mut self, core: &mut StreamCore, sealed: &Sealed) {
        let Some(member) = self.book.member(&sealed.consumer) else { return };
        let now = clock::now();
        let mut outlet = self.sending.open(now);
        if let Some(slot) = self.book.slot(member) {
            slot.letters.written(&sealed.seqs, now);
            outlet.speak_for(&slot.name, slot.machine.config());
            post_due(slot, core, &mut outlet);
        }
        finish(&mut self.book, core, member, &mut outlet);
        outlet.close();
    }
}

/// Publishes the letters of a consumer that are due. The outlet speaks for it.
pub(super) fn post_due(slot: &mut Slot, core: &mut StreamCore, outlet: &mut Outlet<'_>) {
    let config = std::sync::Arc::clone(slot.machine.config());
    let Slot { letters, machine, .. } = slot;
    // Messages may have left the stream, or the consumer began anew.
    letters.retain(|seq| machine.is_held(seq));
    let to = subject_of(&config);
    if to.is_some_and(|to| !outlet.interest.has(to.as_bytes())) {
        return letters.postpone(outlet.now);
    }
    for (seq, letter) in letters.take_due(outlet.now) {
        let Some(to) = to else {
            close(slot, seq, outlet);
            continue;
        };
        match core.store.get(seq) {
            Ok(message) => publish(&letter, to, slot, core, &message, outlet),
            Err(StoreError::NotFound | StoreError::Deleted) => {
                let stream = core.entry.name();
                tracing::warn!("dead letter of message {seq} of stream '{stream}' is gone with its message");
                close(slot, seq, outlet);
            }
            Err(cause) => tracing::error!("dead letter of message {seq} cannot be read: {cause}"),
        }
    }
}

/// Lets go of a letter and its message.
fn close(slot: &mut Slot, seq: u64, outlet: &mut Outlet<'_>) {
    slot.letters.remove(seq);
    slot.machine.let_go(seq, outlet);
}

/// Takes the answer to a letter. One that does not say that it was refused confirms it. The outlet speaks for the consumer.
pub(super) fn take_receipt(slot: &mut Slot, seq: u64, message: &InboxMessage, outlet: &mut Outlet<'_>) {
    let payload = message.payload();
    if let Some(status) = message.headers().strip_prefix(b"NATS/1.0 ") {
        tracing::debug!("nobody takes dead letter {seq} of consumer '{}': {}", slot.name, status.escape_ascii());
        return;
    }
    match serde_json::from_slice(payload) {
        Ok(PubAck { error: Some(error), .. }) => {
            tracing::warn!("dead letter {seq} of consumer '{}' is refused: {error}", slot.name);
        }
        _ => close(slot, seq, outlet),
    }
}

/// What tells a consumer from those of other times that had its name, in a stream of the same name.
pub(super) fn identity(core: &StreamCore, slot: &Slot) -> String {
    short_hash(&format!("{}{}", core.entry.created(), slot.created))
}

/// Publishes a message with its cause. The same message again has the same id, so that a stream takes it for the same.
fn publish(
    letter: &Letter,
    to: &str,
    slot: &Slot,
    core: &StreamCore,
    message: &StoredMessage,
    outlet: &mut Outlet<'_>,
) {
    let Letter { deliveries, terminated, .. } = letter;
    let (stream, consumer) = (core.entry.name(), &slot.name);
    let (seq, deliveries) = (message.seq.to_string(), deliveries.to_string());
    let identity = identity(core, slot);
    let id = format!("{stream}.{consumer}.{seq}.{identity}");
    let cause = if terminated.is_some() { "terminated" } else { "max_deliver" };
    let mut lines: Vec<(&str, &[u8])> = vec![
        (headers::MSG_ID, id.as_bytes()),
        ("Nats-Dead-Letter-Cause", cause.as_bytes()),
        ("Nats-Dead-Letter-Stream", stream.as_bytes()),
        ("Nats-Dead-Letter-Consumer", consumer.as_bytes()),
        ("Nats-Dead-Letter-Subject", message.subject()),
        ("Nats-Dead-Letter-Sequence", seq.as_bytes()),
        ("Nats-Dead-Letter-Deliveries", deliveries.as_bytes()),
    ];
    let reason = terminated.as_deref().map(without_breaks).unwrap_or_default();
    if !reason.is_empty() {
        lines.push(("Nats-Dead-Letter-Reason", reason.as_bytes()));
    }
    let mut block = Vec::with_capacity(message.headers().len() + 256);
    let kept = without_reserved(message.headers());
    header::append(&mut block, &kept, &lines);
    let answer = format!("{RECEIPT_PREFIX}.{stream}.{consumer}.{identity}.{seq}");
    let content = Content::Parts(&block, message.payload());
    let (to, reply) = (to.as_bytes(), answer.as_bytes());
    outlet.batch.publish(&ServerMessage { to, shown_subject: None, reply, content });
}

/// A reason as one line: it must not add headers of its own.
fn without_breaks(reason: &str) -> String {
    reason.replace(['\r', '\n'], " ").trim().to_owned()
}

/// The headers of a message without those that told its first stream what to do.
fn without_reserved(block: &[u8]) -> Vec<u8> {
    header::without(block, |name| {
        let starts = |prefix: &[u8]| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
        [&b"Nats-Msg-Id"[..], b"Nats-Expected-", b"Nats-Rollup", b"Nats-TTL", b"Nats-Batch-", b"Nats-Schedule"]
            .iter()
            .any(|prefix| starts(prefix))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_told_the_first_stream_what_to_do_is_left_out() {
        let block = b"NATS/1.0\r\nNats-Msg-Id: 1\r\nA: b\r\nnats-expected-last-sequence: 5\r\n\r\n";
        assert_eq!(without_reserved(block), b"NATS/1.0\r\nA: b\r\n\r\n");
        assert_eq!(without_reserved(b"NATS/1.0\r\nNats-TTL: 1s\r\n\r\n"), b"");
        assert_eq!(without_reserved(b""), b"");
        assert_eq!(without_breaks("no\r\nA: b\n"), "no  A: b");
    }

    #[test]
    fn letters_are_published_when_they_are_written_and_again_later_and_later() {
        let given_up = |seq, cause| GivenUp { stream_seq: seq, consumer_seq: seq, deliveries: 2, cause };
        let mut letters = Letters::default();
        assert_eq!(letters.due(), NEVER);
        letters.insert(7, Letter::new(&given_up(7, GivenUpCause::Terminated(b"no"))));
        letters.insert(8, Letter::new(&given_up(8, GivenUpCause::MaxDeliver)));
        assert_eq!((letters.due(), letters.unwritten()), (NEVER, vec![7, 8]));
        let note = letters.take_note().expect("there is a new one");
        assert_eq!(letters.take_note(), None);
        letters.written(&[7], 100);
        assert_eq!((letters.due(), letters.unwritten()), (100, vec![8]));
        let seqs = |due: Vec<(u64, Letter)>| due.into_iter().map(|(seq, _)| seq).collect::<Vec<_>>();
        assert_eq!(seqs(letters.take_due(100)), [7]);
        assert_eq!(letters.due(), 100 + FIRST_RETRY);
        letters.written(&[7], 101);
        assert!(letters.take_due(99 + FIRST_RETRY).is_empty(), "it was published when it was written first");
        assert_eq!(seqs(letters.take_due(100 + FIRST_RETRY)), [7]);
        assert_eq!(letters.due(), 100 + 3 * FIRST_RETRY);
        letters.postpone(100 + 3 * FIRST_RETRY);
        assert_eq!(letters.due(), 100 + 4 * FIRST_RETRY, "nobody listens: that is no attempt");
        letters.remove(7);
        letters.retain(|_| false);
        assert_eq!(letters.take_note(), Some(Vec::new()), "nothing is left to be remembered");

        let mut again = Letters::decode(&note, 5);
        assert_eq!(again.due(), 5);
        let due = again.take_due(5);
        assert_eq!(
            due.iter().map(|(seq, letter)| (*seq, letter.terminated.as_deref())).collect::<Vec<_>>(),
            [(7, Some("no")), (8, None)]
        );
        assert_eq!(Letters::decode(b"no JSON", 5).due(), NEVER);
    }
}
