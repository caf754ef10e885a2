//! The way out of one message: appends it to the batch of each receiver.

use std::sync::Arc;

use bytes::Bytes;

use super::deliver::Deliveries;
use super::messages::ChangeSet;
use super::publish::SHARED_PAYLOAD;
use super::subscription::{Counted, Receiver};
use super::{ClientSink, Message, Origin, Subscription};
use crate::connection::{BufferPool, PayloadTrace};

/// The way out of one message.
pub(super) struct Door<'a> {
    /// Deliveries tried so far in the batch.
    pub(super) work: &'a mut usize,
    /// How the message begins for everybody.
    pub(super) head: &'a [u8],
    pub(super) deliveries: &'a mut Deliveries,
    pub(super) pool: &'a BufferPool,
    pub(super) ended: &'a mut Option<ChangeSet>,
    /// Ways into other accounts, followed once the message has gone everywhere else.
    pub(super) hops: &'a mut Vec<Arc<Subscription>>,
    pub(super) is_tracing: bool,
    pub(super) payload_trace: PayloadTrace,
}

/// The members of a queue group, from member number `first` on, in a circle.
pub(super) fn in_turn<T>(group: &[T], first: usize) -> impl Iterator<Item = &T> {
    group[first..].iter().chain(&group[..first])
}

impl Door<'_> {
    /// Delivers to the first member of a queue group, from number `first` on, that takes the message; false where nobody does.
    #[inline]
    pub(super) fn deliver_to_group(
        &mut self,
        group: &[Arc<Subscription>],
        first: usize,
        origin: Origin<'_>,
        message: &Message<'_>,
    ) -> bool {
        in_turn(group, first).any(|member| self.deliver(member, origin, message, true))
    }

    /// Appends the message for one subscription; false when it may not or need not get it. `counts` says whether the
    /// delivery is counted here or with the rest of the batch.
    #[inline]
    pub(super) fn deliver(
        &mut self,
        subscription: &Arc<Subscription>,
        origin: Origin<'_>,
        message: &Message<'_>,
        counts: bool,
    ) -> bool {
        *self.work += 1;
        let Receiver::Client(sink) = subscription.receiver() else {
            return self.deliver_inside(subscription, origin, message, counts);
        };
        let is_refused = subscription.is_closed()
            || !origin.echo && origin.is(sink)
            || subscription.is_filtered() && sink.denies(message.visible_subject(), subscription.queue_opt())
            || sink.is_dropping();
        if is_refused {
            if !counts {
                subscription.uncount();
            }
            return false;
        }
        if counts && !self.count(subscription, origin) {
            return false;
        }
        self.write(sink, subscription, self.head, origin, message);
        true
    }

    /// Appends the message, which begins with `head`, to the batch of `sink`.
    #[inline(always)]
    pub(super) fn write(
        &mut self,
        sink: &Arc<ClientSink>,
        subscription: &Subscription,
        head: &[u8],
        origin: Origin<'_>,
        message: &Message<'_>,
    ) {
        let batch = self.deliveries.messages(sink, origin.sink, (1, message.len() as u64), self.pool);
        if message.has_headers && !sink.takes_headers() {
            append_without_headers(&mut batch.current, subscription, message);
        } else {
            append_head(&mut batch.current, head, subscription, message);
            let (head, shared) = split_shared(message);
            batch.current.extend_from_slice(head);
            if let Some(tail) = shared {
                batch.push_shared(tail);
            }
            if !message.has_crlf {
                batch.current.extend_from_slice(b"\r\n");
            }
        }
        if !message.reply.is_empty() {
            sink.note_reply(message.reply);
        }
        if self.is_tracing {
            trace_delivery(sink, subscription, message, self.payload_trace);
        }
    }

    /// Hands the message to a receiver inside the server.
    #[cold]
    #[inline(never)]
    fn deliver_inside(
        &mut self,
        subscription: &Arc<Subscription>,
        origin: Origin<'_>,
        message: &Message<'_>,
        counts: bool,
    ) -> bool {
        let inbox = match subscription.receiver() {
            Receiver::Inbox(inbox) => inbox,
            Receiver::Import(imported) => return self.deliver_imported(subscription, imported, origin, message),
            Receiver::Service(_) | Receiver::Replies(_) => {
                self.hops.push(Arc::clone(subscription));
                return false;
            }
            Receiver::Client(_) | Receiver::Peer(_) => return false,
        };
        if subscription.is_closed() {
            return false;
        }
        if counts {
            subscription.add_delivered(1);
        }
        self.deliveries.append_inside(inbox, origin, subscription.tag(), message);
        true
    }

    fn count(&mut self, subscription: &Arc<Subscription>, origin: Origin<'_>) -> bool {
        if !subscription.is_limited() {
            subscription.add_delivered(1);
            return true;
        }
        let counted = subscription.count_limited();
        if matches!(counted, Counted::DeliverLast | Counted::Overdue) {
            if let Some(sink) = subscription.client() {
                tracing::debug!(
                    conn = %sink.label(),
                    "Auto-unsubscribe limit of {} reached for sid '{}'",
                    subscription.max(),
                    String::from_utf8_lossy(subscription.sid())
                );
            }
            origin.account.remove_subscriptions(1);
            if let Some(sink) = subscription.client() {
                sink.remove_subscriptions(1);
            }
            let ended = self.ended.get_or_insert_with(|| ChangeSet::new(Arc::clone(origin.account)));
            ended.removed.push(Arc::clone(subscription));
        }
        matches!(counted, Counted::Deliver | Counted::DeliverLast)
    }
}

/// `MSG subject sid `, and where the tail is not one piece, the reply and the sizes.
#[inline]
pub(super) fn append_head(out: &mut Vec<u8>, head: &[u8], subscription: &Subscription, message: &Message<'_>) {
    let sid = subscription.sid();
    let copied = if message.len() < SHARED_PAYLOAD { message.len() } else { 0 };
    out.reserve(head.len() + sid.len() + message.reply.len() + 48 + copied);
    out.extend_from_slice(head);
    out.extend_from_slice(sid);
    out.push(b' ');
    if message.verbatim_tail.is_some() {
        return;
    }
    if !message.reply.is_empty() {
        out.extend_from_slice(message.reply);
        out.push(b' ');
    }
    for (number, size) in message.sizes.split(u8::is_ascii_whitespace).filter(|size| !size.is_empty()).enumerate() {
        if number > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(size);
    }
    out.extend_from_slice(b"\r\n");
}

/// What follows the head: bytes to copy, and the payload where it is large enough to be shared.
#[inline]
fn split_shared<'a>(message: &Message<'a>) -> (&'a [u8], Option<Bytes>) {
    let tail = message.verbatim_tail.unwrap_or(message.payload);
    match message.buffer.filter(|_| message.len() >= SHARED_PAYLOAD) {
        Some(buffer) => (&tail[..tail.len() - message.payload.len()], Some(buffer.slice_ref(message.payload))),
        None => (tail, None),
    }
}

/// The whole message for a client that takes no headers.
fn append_without_headers(out: &mut Vec<u8>, subscription: &Subscription, message: &Message<'_>) {
    let body = &message.content()[message.header_len..];
    for part in [b"MSG ", message.visible_subject(), b" ", subscription.sid(), b" "] {
        out.extend_from_slice(part);
    }
    if !message.reply.is_empty() {
        out.extend_from_slice(message.reply);
        out.push(b' ');
    }
    out.extend_from_slice(itoa::Buffer::new().format(body.len()).as_bytes());
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(body);
    out.extend_from_slice(b"\r\n");
}

#[cold]
fn trace_delivery(
    sink: &Arc<ClientSink>,
    subscription: &Subscription,
    message: &Message<'_>,
    payload_trace: PayloadTrace,
) {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let label = sink.label();
    let is_stripped = message.has_headers && !sink.takes_headers();
    let verb = if message.has_headers && !is_stripped { "HMSG" } else { "MSG" };
    let reply = if message.reply.is_empty() { String::new() } else { format!("{} ", text(message.reply)) };
    let header_len = if is_stripped { 0 } else { message.header_len };
    let payload = &message.content()[message.header_len - header_len..];
    let sizes = if is_stripped { payload.len().to_string() } else { text(message.sizes) };
    let subject = text(message.visible_subject());
    tracing::trace!(conn = %label, "->> [{verb} {subject} {} {reply}{sizes}]", text(subscription.sid()));
    if let Some(line) = payload_trace.line(payload, header_len) {
        tracing::trace!(conn = %label, "->> {line}");
    }
    if subscription.is_limited() && subscription.is_closed() {
        tracing::trace!(conn = %label, "<-> [DELSUB {}]", text(subscription.sid()));
    }
}
