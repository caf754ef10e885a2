//! Dead letters: messages that were given up go to a subject of the consumer's choice.

use std::sync::Arc;

use troupe_codecs::api::{ConsumerConfig, headers};
use troupe_codecs::header;
use troupe_store::StoredMessage;

use super::outlet::Outlet;
use crate::router::{Content, ServerMessage};

/// Key in the metadata of a consumer that names the subject.
pub(super) const DEAD_LETTER_KEY: &str = "dead_letter";

/// A message that was given up.
#[derive(Clone, Debug)]
pub(super) struct DeadLetter {
    pub(super) to: String,
    pub(super) consumer: Arc<str>,
    pub(super) stream_seq: u64,
    pub(super) deliveries: u64,
    /// The client's reason; none when it was delivered as often as allowed.
    pub(super) terminated: Option<String>,
}

impl DeadLetter {
    /// The subject a consumer's dead letters go to, if it has one.
    pub(super) fn subject_of(config: &ConsumerConfig) -> Option<&str> {
        config.metadata.get(DEAD_LETTER_KEY).map(String::as_str).filter(|subject| !subject.is_empty())
    }

    /// Publishes the message with its cause. The answer of the stream that stores it, if one does, comes to `answer`. The
    /// same message again is the same for that stream: it has the same id.
    pub(super) fn publish(&self, stream: &str, message: &StoredMessage, answer: &[u8], outlet: &mut Outlet<'_>) {
        let Self { to, consumer, stream_seq, deliveries, terminated } = self;
        let id = format!("{stream}.{consumer}.{stream_seq}");
        let (seq, deliveries) = (stream_seq.to_string(), deliveries.to_string());
        let cause = if terminated.is_some() { "terminated" } else { "max_deliver" };
        let mut lines: Vec<(&str, &[u8])> = vec![
            (headers::MSG_ID, id.as_bytes()),
            ("Nats-Dead-Letter-Cause", cause.as_bytes()),
            ("Nats-Dead-Letter-Stream", stream.as_bytes()),
            ("Nats-Dead-Letter-Consumer", consumer.as_bytes()),
            ("Nats-Dead-Letter-Subject", &message.subject),
            ("Nats-Dead-Letter-Sequence", seq.as_bytes()),
            ("Nats-Dead-Letter-Deliveries", deliveries.as_bytes()),
        ];
        if let Some(reason) = terminated.as_deref().filter(|reason| !reason.is_empty()) {
            lines.push(("Nats-Dead-Letter-Reason", reason.as_bytes()));
        }
        let mut block = Vec::with_capacity(message.headers.len() + 256);
        let kept = without_reserved(&message.headers);
        header::append(&mut block, &kept, &lines);
        let content = Content::Parts(&block, &message.payload);
        outlet.batch.publish(&ServerMessage { to: to.as_bytes(), shown_subject: None, reply: answer, content });
    }
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
    }
}
