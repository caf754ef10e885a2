//! Delivers what consumers choose.

use troupe_codecs::api::headers;
use troupe_engine::consumer::deliver::{Candidate, Delivery, Idle, Next, Offer};
use troupe_engine::consumer::effects::Effects;
use troupe_engine::consumer::status::Status;
use troupe_store::{StoreError, StoredMessage, StreamStore};

use super::outlet::Outlet;
use super::slot::Slot;
use crate::router::{Content, ServerMessage};

/// Messages and bytes after which others have their turn, and the client has what there is: it reads while more is sent.
const TURN_MESSAGES: usize = 256;
const TURN_BYTES: usize = 4 << 20;

/// How a turn of a consumer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// It has more to deliver.
    More,
    /// It waits for messages to come.
    AtEnd,
    /// It waits for its clients, or for a time.
    Idle,
    /// Unacknowledged messages keep it from delivering.
    Blocked,
}

/// Lets a consumer deliver, for one turn.
pub(super) fn deliver(
    slot: &mut Slot,
    store: &mut dyn StreamStore,
    outlet: &mut Outlet<'_>,
    scratch: &mut Scratch,
) -> Turn {
    let limit = (outlet.num_sent + TURN_MESSAGES, outlet.num_bytes + TURN_BYTES);
    let now = outlet.now;
    let turn = loop {
        if outlet.num_sent >= limit.0 || outlet.num_bytes >= limit.1 {
            return Turn::More;
        }
        let read = match slot.machine.next(now, outlet) {
            Next::Nothing(Idle::AckLimit) => break Turn::Blocked,
            Next::Nothing(_) => break Turn::Idle,
            Next::Exactly(seq) => match store.get(seq) {
                Err(StoreError::NotFound | StoreError::Deleted) => {
                    slot.machine.vanished(seq, now, outlet);
                    continue;
                }
                read => read.map(Some),
            },
            Next::From(seq) => store.next(&slot.filter, seq),
        };
        let message = match read {
            Ok(Some(message)) => message,
            Ok(None) => {
                slot.machine.reached_end(store.state().last_seq);
                break Turn::AtEnd;
            }
            Err(cause) => {
                tracing::error!("consumer '{}' cannot read its stream: {cause}", slot.name);
                break Turn::AtEnd;
            }
        };
        if !offer(slot, &message, outlet, scratch) {
            break Turn::AtEnd;
        }
    };
    slot.machine.rest(turn == Turn::Blocked, now, outlet);
    turn
}

/// Room that is used again and again.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    reply: Vec<u8>,
    headers: Vec<u8>,
}

/// Offers a message to a consumer's clients; whether one takes it.
fn offer(slot: &mut Slot, message: &StoredMessage, outlet: &mut Outlet<'_>, scratch: &mut Scratch) -> bool {
    let is_cut = slot.machine.config().headers_only;
    scratch.headers.clear();
    if is_cut {
        let size = itoa::Buffer::new().format(message.payload().len()).to_owned();
        append_header(&mut scratch.headers, message.headers(), headers::MSG_SIZE, &size);
    }
    let body_len = if is_cut { scratch.headers.len() } else { message.content().len() };
    let candidate =
        Candidate { seq: message.seq, timestamp: message.time_ns, subject_len: message.subject().len(), body_len };
    let asks = match slot.machine.offer(&candidate, outlet.now, outlet) {
        Offer::Refused => return false,
        Offer::Taken(delivery) => send(&delivery, message, is_cut, outlet, scratch),
    };
    outlet.num_sent += 1;
    outlet.num_bytes += body_len;
    if asks {
        slot.machine.ask(outlet);
    }
    true
}

/// Sends a message to the client that takes it.
fn send(
    delivery: &Delivery<'_>,
    message: &StoredMessage,
    is_cut: bool,
    outlet: &mut Outlet<'_>,
    scratch: &mut Scratch,
) -> bool {
    scratch.reply.clear();
    delivery.ack.write(&delivery.numbers, &mut scratch.reply);
    if let Some(pin) = delivery.pin_id {
        let kept = std::mem::take(&mut scratch.headers);
        let block: &[u8] = if is_cut { &kept } else { message.headers() };
        append_header(&mut scratch.headers, block, "Nats-Pin-Id", pin);
    }
    let content = match (is_cut, scratch.headers.is_empty()) {
        (true, _) => Content::Parts(&scratch.headers, b""),
        (false, false) => Content::Parts(&scratch.headers, message.payload()),
        (false, true) => {
            Content::Piece { buffer: message.buffer(), content: message.content(), header_len: message.headers().len() }
        }
    };
    let shown_subject = Some(message.subject());
    outlet.batch.publish(&ServerMessage { to: delivery.to, shown_subject, reply: &scratch.reply, content });
    if let Some(rest) = delivery.completed {
        outlet.status(delivery.to, &Status::BatchCompleted(rest));
    }
    delivery.asks
}

/// Appends a header block with one line more.
fn append_header(out: &mut Vec<u8>, block: &[u8], name: &str, value: &str) {
    troupe_codecs::header::append(out, block, &[(name, value.as_bytes())]);
}
