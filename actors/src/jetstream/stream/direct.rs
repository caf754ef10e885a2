//! The newest message of a subject, read on the thread of who asks for it.
//!
//! While the actor of a stream rests its store lies on a shelf. What is asked then is answered from there, where it is in memory;
//! everything else waits for the actor.

use std::sync::Arc;

use parking_lot::Mutex;
use troupe_codecs::api::{Timestamp, headers};
use troupe_codecs::header;
use troupe_store::{StoredMessage, StreamStore};

use super::core::TAG_DIRECT_SUBJECT;
use crate::router::inbox::Desk;
use crate::router::{ArbiterLocal, Content, InboxBatch, InboxMessage, ServerMessage};

/// Where the store of a stream lies while its actor rests.
#[derive(Debug, Default)]
pub struct Shelf {
    store: Mutex<Option<Box<dyn StreamStore>>>,
}

impl Shelf {
    /// Takes the store.
    pub fn take(&self) -> Option<Box<dyn StreamStore>> {
        self.store.lock().take()
    }

    /// Lays the store down.
    pub fn put(&self, store: Box<dyn StreamStore>) {
        *self.store.lock() = Some(store);
    }
}

/// Answers direct reads of the newest message of a subject.
#[derive(Debug)]
pub struct DirectReads {
    stream: Arc<str>,
    shelf: Arc<Shelf>,
}

impl DirectReads {
    /// Reads of a stream from what lies on `shelf`.
    #[must_use]
    pub fn new(stream: Arc<str>, shelf: Arc<Shelf>) -> Self {
        Self { stream, shelf }
    }

    /// Finds what all messages ask for; none where one is not at hand.
    fn find(&self, batch: &InboxBatch) -> Option<Vec<(InboxMessage, StoredMessage)>> {
        let mut lying = self.shelf.store.try_lock()?;
        let store = lying.as_mut()?;
        let find_one = |message: InboxMessage| {
            // Questions with headers may have conditions.
            let is_plain = message.headers().is_empty() && message.payload().is_empty() && !message.reply().is_empty();
            let subject = direct_subject(message.subject()).filter(|_| is_plain)?;
            let found = store.last_at_hand(subject)?;
            Some((message, found))
        };
        batch.iter().map(find_one).collect()
    }
}

impl Desk for DirectReads {
    fn knows(&self, tag: u32) -> bool {
        tag == TAG_DIRECT_SUBJECT
    }

    fn answer(&self, local: &ArbiterLocal, batch: &InboxBatch) -> bool {
        let Some(found) = self.find(batch) else { return false };
        let mut out = local.server_batch(batch.account());
        let mut block = Vec::new();
        for (message, found) in &found {
            block.clear();
            write_found(&self.stream, found, &[], &mut block);
            let content = Content::Parts(&block, found.payload());
            out.publish(&ServerMessage { to: message.reply(), shown_subject: None, reply: b"", content });
        }
        out.finish();
        true
    }
}

/// The message's subject in `$JS.API.DIRECT.GET.<stream>.<subject>`.
pub(super) fn direct_subject(subject: &[u8]) -> Option<&[u8]> {
    let start = memchr::memmem::find(subject, b".API.DIRECT.GET.")? + b".API.DIRECT.GET.".len();
    let rest = &subject[start..];
    memchr::memchr(b'.', rest).map(|dot| &rest[dot + 1..])
}

/// Appends the header block of a message that was read directly, with more lines.
pub(super) fn write_found(stream: &str, found: &StoredMessage, more: &[(&str, &[u8])], out: &mut Vec<u8>) {
    let mut seq = itoa::Buffer::new();
    let time = Timestamp::from_nanos(found.time_ns).to_string();
    let mut lines: Vec<(&str, &[u8])> = vec![
        (headers::STREAM, stream.as_bytes()),
        (headers::SUBJECT, found.subject()),
        (headers::SEQUENCE, seq.format(found.seq).as_bytes()),
        (headers::TIME_STAMP, time.as_bytes()),
    ];
    lines.extend_from_slice(more);
    header::append(out, found.headers(), &lines);
}
