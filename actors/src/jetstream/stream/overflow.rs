//! Messages a stream has no room for: their publishers are told to slow down.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use troupe_codecs::api::errors;
use troupe_codecs::api::json::encode;
use troupe_codecs::api::publish::PubAck;
use troupe_codecs::header;

use crate::jetstream::account::JetStreamAccount;
use crate::jetstream::server::JetStreamServer;
use crate::queue::{FullPolicy, Queue, QueueLimits};
use crate::router::inbox::OnFull;
use crate::router::{ArbiterLocal, Content, ServerMessage};

/// Most publishers that wait to be told. Those beyond time out.
const MAX_WAITING: usize = 10_000;

/// Publishers that wait to be told.
#[derive(Debug)]
pub struct Refused {
    account: Arc<JetStreamAccount>,
    stream: String,
    replies: Vec<Bytes>,
}

/// The queue of publishers that wait to be told.
#[must_use]
pub fn queue() -> Queue<Refused> {
    Queue::new(QueueLimits { max_items: MAX_WAITING, max_bytes: usize::MAX }, FullPolicy::Refuse)
}

/// Counts refused messages, says so in the log now and then, and queues the answers. Called on the publisher's thread.
#[must_use]
pub fn refuse(server: &Arc<JetStreamServer>, account: &Arc<JetStreamAccount>, stream: String) -> OnFull {
    let (refused, account) = (server.refused().clone(), Arc::clone(account));
    let count = AtomicU64::new(0);
    Box::new(move |batch| {
        let more = batch.len() as u64;
        let before = count.fetch_add(more, Ordering::Relaxed);
        // One line for the first and then for every 10,000 messages.
        if before == 0 || before / 10_000 != (before + more) / 10_000 {
            let reason = errors::STREAM_TOO_MANY_REQUESTS.text;
            tracing::warn!("stream '{} > {stream}' refused {} messages: {reason}", account.name(), before + more);
        }
        let replies = batch.iter().map(|message| message.shared_reply()).filter(|reply| !reply.is_empty()).collect();
        let one = Refused { account: Arc::clone(&account), stream: stream.clone(), replies };
        // Nobody is told where too many wait already.
        refused.push(one, 0).ok();
    })
}

/// Tells publishers that their messages were refused.
pub fn tell(local: &ArbiterLocal, refused: &Refused) {
    let error = Some(errors::STREAM_TOO_MANY_REQUESTS.error());
    let body = encode(&PubAck { error, stream: refused.stream.clone(), ..PubAck::default() });
    let block = header::status(429, "Too Many Requests");
    let mut batch = local.server_batch(refused.account.view());
    for reply in &refused.replies {
        let content = Content::Parts(&block, &body);
        batch.publish(&ServerMessage { to: reply, shown_subject: None, reply: b"", content });
    }
    batch.finish();
}
