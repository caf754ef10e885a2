//! Rows of messages on one subject whose receivers all get the same bytes.
//!
//! Copies of one client program subscribe in the same order, so they often have the same subscription id for the same subject.
//! What they get is then the same, byte for byte: it is encoded once and, when long, shared instead of copied.

use std::sync::Arc;

use super::door::append_head;
use super::message::is_same;
use super::publish::SHARED_PAYLOAD;
use super::{ClientSink, Message, Origin, Publisher, Subscription};
use crate::connection::outbound::take_chunk;

/// A row from this size on is shared between its receivers, a shorter one copied.
const SHARED_ROW: usize = 16 * 1024;
/// A row is handed over beyond this size.
const MAX_ROW: usize = 256 * 1024;

/// Messages of one publisher on one subject, encoded for any of its receivers.
#[derive(Debug)]
pub(super) struct Row {
    /// Place of the plan in the match cache. Nothing else is looked up while the row is open, so it stays there.
    place: usize,
    own: Option<Arc<ClientSink>>,
    echo: bool,
    takes_headers: bool,
    num_receivers: usize,
    stream: Vec<u8>,
    msgs: u64,
    bytes: u64,
}

impl Row {
    fn is_of(&self, own: Option<&Arc<ClientSink>>) -> bool {
        match (&self.own, own) {
            (Some(mine), Some(other)) => Arc::ptr_eq(mine, other),
            (mine, other) => mine.is_none() && other.is_none(),
        }
    }

    fn takes(&self, message: &Message<'_>) -> bool {
        is_plain(message) && self.stream.len() < MAX_ROW && (self.takes_headers || !message.has_headers)
    }
}

impl Publisher {
    /// Adds the message to the open row and yields the number of receivers; closes the row where it does not fit.
    #[inline]
    pub(super) fn continue_row(&mut self, origin: Origin<'_>, message: &Message<'_>) -> Option<usize> {
        let row = self.row.as_mut()?;
        if !self.cache.holds(row.place, message.subject) || !row.takes(message) || !row.is_of(origin.sink) {
            self.close_row();
            return None;
        }
        let plan = self.cache.plan(row.place);
        append_head(&mut row.stream, plan.head(message.has_headers), &plan.matches.plain[0], message);
        row.stream.extend_from_slice(message.verbatim_tail.unwrap_or(message.payload));
        row.msgs += 1;
        row.bytes += message.len() as u64;
        self.work += 1;
        Some(row.num_receivers)
    }

    /// Opens a row for the plan in `place`, where its receivers get the same and nothing must be done for one of them alone.
    pub(super) fn start_row(&mut self, place: usize, origin: Origin<'_>, message: &Message<'_>) -> bool {
        let plan = self.cache.plan(place);
        if !plan.is_uniform || self.is_tracing || !is_plain(message) {
            return false;
        }
        let receivers = &plan.matches.plain;
        let needs_care = |receiver: &Arc<Subscription>| {
            receiver.is_limited() || receiver.client().is_none_or(|sink| sink.notes_replies())
        };
        let takes_headers = receivers.iter().all(|receiver| receiver.client().is_some_and(|sink| sink.takes_headers()));
        if receivers.iter().any(needs_care) || message.has_headers && !takes_headers {
            return false;
        }
        let num_receivers =
            receivers.iter().filter(|receiver| gets(receiver, message.subject, origin.sink, origin.echo)).count();
        if num_receivers == 0 {
            return false;
        }
        let stream = self.pool.take_output(0);
        let own = origin.sink.cloned();
        self.row = Some(Row { place, own, echo: origin.echo, takes_headers, num_receivers, stream, msgs: 0, bytes: 0 });
        true
    }

    /// Hands the open row to the batches of its receivers.
    pub(super) fn close_row(&mut self) {
        let Some(mut row) = self.row.take() else { return };
        // The first one was looked up.
        self.cache.figures.lookups += row.msgs.saturating_sub(1);
        let plan = self.cache.plan(row.place);
        self.work += row.num_receivers;
        let subject = plan.subject();
        let shared = (row.stream.len() >= SHARED_ROW).then(|| take_chunk(&mut row.stream));
        for receiver in &plan.matches.plain {
            let Some(sink) = receiver.client().filter(|_| gets(receiver, subject, row.own.as_ref(), row.echo)) else {
                continue;
            };
            receiver.add_delivered(row.msgs);
            let batch = self.deliveries.messages(sink, row.own.as_ref(), (row.msgs, row.bytes), &self.pool);
            match &shared {
                Some(stream) => batch.push_shared(stream.clone()),
                None => batch.current.extend_from_slice(&row.stream),
            }
        }
        self.pool.put_output(row.stream);
    }
}

/// Whether messages on `subject` from `own` reach this receiver now.
fn gets(receiver: &Arc<Subscription>, subject: &[u8], own: Option<&Arc<ClientSink>>, echo: bool) -> bool {
    let Some(sink) = receiver.client() else { return false };
    if receiver.is_closed() || sink.is_dropping() || receiver.is_filtered() && sink.denies(subject, None) {
        return false;
    }
    echo || !is_same(own, sink)
}

/// Whether every receiver can take the message as it came.
fn is_plain(message: &Message<'_>) -> bool {
    message.len() < SHARED_PAYLOAD && message.has_crlf && message.shown_subject.is_none()
}
