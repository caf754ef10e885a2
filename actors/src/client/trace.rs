//! Protocol trace lines.

use troupe_codecs::client::connect::redacted;
use troupe_codecs::client::{ClientOp, PublishOp, Span};

use super::ClientActor;
use crate::connection::PayloadTrace;
use crate::router::ClientSink;

/// Logs an operation as nats-server's `-V` does.
#[cold]
pub(super) fn inbound(actor: &ClientActor, op: &ClientOp, bytes: &[u8]) {
    let label = actor.sink.label();
    let text = |span: Span| String::from_utf8_lossy(span.of(bytes)).into_owned();
    let line = match op {
        ClientOp::Connect(json) => format!("CONNECT {}", redacted(json.of(bytes))),
        ClientOp::Publish(op) => {
            let verb = if op.has_headers { "HPUB" } else { "PUB" };
            join(verb, &[text(op.subject), text(op.reply), text(op.sizes)])
        }
        ClientOp::Subscribe(op) => join("SUB", &[text(op.subject), text(op.queue), text(op.sid)]),
        ClientOp::Unsubscribe(op) => {
            join("UNSUB", &[text(op.sid), op.max.map(|max| max.to_string()).unwrap_or_default()])
        }
        ClientOp::Ping => "PING".to_owned(),
        ClientOp::Pong => "PONG".to_owned(),
        ClientOp::Info(_) | ClientOp::Ok | ClientOp::Err(_) => return,
    };
    tracing::trace!(conn = %label, "<<- [{line}]");
}

/// Logs the payload of a message that came in.
#[cold]
pub(super) fn payload(actor: &ClientActor, op: &PublishOp, bytes: &[u8]) {
    let style = PayloadTrace::new(&actor.services.options());
    if let Some(line) = style.line(op.payload.of(bytes), op.header_len as usize) {
        tracing::trace!(conn = %actor.sink.label(), "<<- {line}");
    }
}

/// Logs the end of a subscription.
pub(super) fn removed(sink: &ClientSink, sid: &[u8]) {
    tracing::trace!(conn = %sink.label(), "<-> [DELSUB {}]", String::from_utf8_lossy(sid));
}

fn join(verb: &str, parts: &[String]) -> String {
    let parts = parts.iter().filter(|part| !part.is_empty()).map(String::as_str);
    std::iter::once(verb).chain(parts).collect::<Vec<_>>().join(" ")
}
