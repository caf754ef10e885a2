//! Protocol trace lines.

use troupe_codecs::client::connect::redacted;
use troupe_codecs::client::{ClientOp, PublishOp, Span};

use super::ClientActor;

/// Logs an operation as nats-server's `-V` does.
#[cold]
pub(super) fn inbound(actor: &ClientActor, op: &ClientOp, bytes: &[u8]) {
    let label = actor.sink.label();
    let text = |span: Span| String::from_utf8_lossy(span.of(bytes)).into_owned();
    let line = match op {
        ClientOp::Connect(json) => format!("CONNECT {}", redacted(json.of(bytes))),
        ClientOp::Publish(op) => return publish(actor, op, bytes),
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

fn publish(actor: &ClientActor, op: &PublishOp, bytes: &[u8]) {
    let label = actor.sink.label();
    let text = |span: Span| String::from_utf8_lossy(span.of(bytes)).into_owned();
    let verb = if op.has_headers { "HPUB" } else { "PUB" };
    tracing::trace!(conn = %label, "<<- [{}]", join(verb, &[text(op.subject), text(op.reply), text(op.sizes)]));
    let payload = op.payload.of(bytes);
    let limit = actor.services.options().limits.max_traced_msg_len;
    let shown = if limit > 0 && payload.len() > limit { &payload[..limit] } else { payload };
    let dots = if shown.len() < payload.len() { "..." } else { "" };
    let quoted = troupe_engine::auth::quote(shown);
    let quoted = quoted.strip_suffix('"').unwrap_or(&quoted);
    tracing::trace!(conn = %label, "<<- MSG_PAYLOAD: [{quoted}{dots}\"]");
}

fn join(verb: &str, parts: &[String]) -> String {
    let parts = parts.iter().filter(|part| !part.is_empty()).map(String::as_str);
    std::iter::once(verb).chain(parts).collect::<Vec<_>>().join(" ")
}
