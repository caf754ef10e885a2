//! Publishing from inside the server.

use std::cell::RefMut;
use std::sync::Arc;

use bytes::Bytes;

use super::deliver::Stalled;
use super::local::ArbiterLocal;
use super::trace::MessageTrace;
use super::{AccountView, Message, Origin, Publisher};

/// Headers and payload of a message of the server.
#[derive(Clone, Copy, Debug)]
pub enum Content<'a> {
    /// Headers, as `NATS/1.0` to the blank line or empty, and payload.
    Parts(&'a [u8], &'a [u8]),
    /// Headers and payload in one piece that lies in `buffer`. Large ones are sent without a copy.
    Piece {
        /// The memory it is in.
        buffer: &'a Bytes,
        /// Headers and payload.
        content: &'a [u8],
        /// How many bytes of it are headers.
        header_len: usize,
    },
}

/// A message of the server.
#[derive(Clone, Copy, Debug)]
pub struct ServerMessage<'a> {
    /// Subject that decides who gets it.
    pub to: &'a [u8],
    /// Subject that receivers see, where it is another one.
    pub shown_subject: Option<&'a [u8]>,
    /// Reply subject; empty when there is none.
    pub reply: &'a [u8],
    /// Headers and payload.
    pub content: Content<'a>,
}

impl<'a> ServerMessage<'a> {
    /// A payload for `to`, without headers and reply.
    #[must_use]
    pub fn plain(to: &'a [u8], payload: &'a [u8]) -> Self {
        Self { to, shown_subject: None, reply: b"", content: Content::Parts(b"", payload) }
    }
}

/// Messages of the server, collected for their receivers and handed over when it is finished or dropped.
#[derive(Debug)]
pub struct ServerBatch<'a> {
    publisher: RefMut<'a, Publisher>,
    account: Arc<AccountView>,
    joined: Vec<u8>,
    sizes: Vec<u8>,
    is_flushed: bool,
}

impl ArbiterLocal {
    /// Starts a batch of messages of the server in `account`.
    ///
    /// # Panics
    /// When another batch of the same arbiter is open: batches are not held over calls into other rooms or awaits.
    pub fn server_batch(&self, account: &Arc<AccountView>) -> ServerBatch<'_> {
        let mut publisher = self.publisher.borrow_mut();
        publisher.discard_unfinished();
        publisher.begin(Some(account));
        let account = Arc::clone(account);
        ServerBatch { publisher, account, joined: Vec::new(), sizes: Vec::new(), is_flushed: false }
    }
}

impl ServerBatch<'_> {
    /// Goes on in another account.
    pub fn enter(&mut self, account: &Arc<AccountView>) {
        if !Arc::ptr_eq(&self.account, account) {
            self.publisher.begin(Some(account));
            self.account = Arc::clone(account);
        }
    }

    /// Publishes one message and yields to how many it goes.
    pub fn publish(&mut self, message: &ServerMessage<'_>) -> usize {
        let message = made(&mut self.joined, &mut self.sizes, message);
        let origin = Origin { sink: None, account: &self.account, echo: true, no_responders: false };
        self.publisher.publish(origin, &message)
    }

    /// Publishes a message to other servers only, whoever listens here. Yields to how many it goes.
    pub fn publish_abroad(&mut self, message: &ServerMessage<'_>) -> usize {
        let message = made(&mut self.joined, &mut self.sizes, message);
        let origin = Origin { sink: None, account: &self.account, echo: true, no_responders: false };
        self.publisher.publish_abroad(origin, &message)
    }

    /// Publishes a complete message trace.
    pub fn publish_trace(&mut self, trace: &MessageTrace) {
        self.publisher.tell_trace(trace);
    }

    /// Hands everything over. Yields the fullest receiver where it is so full that the caller should wait for it.
    pub fn finish(mut self) -> Option<Stalled> {
        self.is_flushed = true;
        self.publisher.flush(None)
    }
}

impl Drop for ServerBatch<'_> {
    fn drop(&mut self) {
        // After a panic the next batch throws the rest away.
        if !self.is_flushed && !std::thread::panicking() {
            self.publisher.flush(None);
        }
    }
}

/// The message as the publisher takes it, with room for its parts in one piece and for its sizes.
fn made<'a>(joined: &'a mut Vec<u8>, sizes: &'a mut Vec<u8>, message: &ServerMessage<'a>) -> Message<'a> {
    let (payload, header_len, buffer) = match message.content {
        Content::Piece { buffer, content, header_len } => (content, header_len, Some(buffer)),
        Content::Parts(b"", payload) => (payload, 0, None),
        Content::Parts(headers, payload) => {
            joined.clear();
            joined.extend_from_slice(headers);
            joined.extend_from_slice(payload);
            (&joined[..], headers.len(), None)
        }
    };
    sizes.clear();
    let mut number = itoa::Buffer::new();
    if header_len > 0 {
        sizes.extend_from_slice(number.format(header_len).as_bytes());
        sizes.push(b' ');
    }
    sizes.extend_from_slice(number.format(payload.len()).as_bytes());
    Message {
        shown_subject: message.shown_subject,
        reply: message.reply,
        buffer,
        ..Message::made(message.to, sizes, payload, header_len)
    }
}
