//! One message on its way through the publish pipeline.

use std::sync::Arc;

use bytes::Bytes;

use super::{AccountView, ClientSink};

/// One message on its way.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Subject that decides who gets it.
    pub subject: &'a [u8],
    /// Subject that receivers see, where it is another one: a stored message on its way to a consumer.
    pub shown_subject: Option<&'a [u8]>,
    /// Reply subject; empty when there is none.
    pub reply: &'a [u8],
    /// `total`, or `header total`, as text.
    pub sizes: &'a [u8],
    /// Headers and payload, and where [`Message::has_crlf`] the CRLF behind them.
    pub payload: &'a [u8],
    /// Bytes of `payload` that are headers.
    pub header_len: usize,
    /// It carries headers.
    pub has_headers: bool,
    /// It came from another account through a service import.
    pub is_imported: bool,
    /// `payload` ends with the CRLF that ends a message.
    pub has_crlf: bool,
    /// From reply or sizes to the closing CRLF, where these bytes stand in one piece as a `MSG` needs them.
    pub verbatim_tail: Option<&'a [u8]>,
    /// The buffer `payload` is a part of, where it may be shared.
    pub buffer: Option<&'a Bytes>,
}

impl<'a> Message<'a> {
    /// A message that no client sent: `header_len` bytes of `content` are headers, `sizes` says so as text.
    #[must_use]
    pub fn made(subject: &'a [u8], sizes: &'a [u8], content: &'a [u8], header_len: usize) -> Self {
        Self {
            subject,
            shown_subject: None,
            reply: b"",
            sizes,
            payload: content,
            header_len,
            has_headers: header_len > 0,
            is_imported: false,
            has_crlf: false,
            verbatim_tail: None,
            buffer: None,
        }
    }

    /// Headers and payload in bytes.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.payload.len() - if self.has_crlf { 2 } else { 0 }
    }

    /// Whether headers and payload are empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Headers and payload, without the CRLF.
    #[must_use]
    pub fn content(&self) -> &'a [u8] {
        &self.payload[..self.len()]
    }

    /// The headers; empty when there are none.
    #[must_use]
    pub fn headers(&self) -> &'a [u8] {
        &self.payload[..self.header_len]
    }

    /// The subject as receivers see it.
    #[must_use]
    pub fn visible_subject(&self) -> &'a [u8] {
        self.shown_subject.unwrap_or(self.subject)
    }
}

/// Who publishes.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// The connection; `None` for the server itself.
    pub sink: Option<&'a Arc<ClientSink>>,
    /// Its account.
    pub account: &'a Arc<AccountView>,
    /// It hears its own messages.
    pub echo: bool,
    /// It wants to know when nobody takes a request.
    pub no_responders: bool,
}

impl Origin<'_> {
    /// Whether another server of the cluster sends it.
    #[must_use]
    #[inline]
    pub fn is_route(&self) -> bool {
        self.sink.is_some_and(|sink| sink.is_route())
    }

    /// Whether `sink` is the publisher's own connection.
    #[must_use]
    #[inline]
    pub fn is(&self, sink: &Arc<ClientSink>) -> bool {
        is_same(self.sink, sink)
    }
}

/// Whether `own` is `sink`.
#[inline]
pub(super) fn is_same(own: Option<&Arc<ClientSink>>, sink: &Arc<ClientSink>) -> bool {
    own.is_some_and(|own| Arc::ptr_eq(own, sink))
}
