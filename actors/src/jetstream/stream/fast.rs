//! Batches with flow control.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use troupe_codecs::api::json::encode;
use troupe_codecs::api::publish::BatchFlow;
use troupe_codecs::api::{ApiError, errors, headers};
use troupe_codecs::header;
use troupe_engine::stream::batch::MAX_ID_LEN;
use troupe_engine::stream::fast::{FastBatch, FastReply, Operation, parse};
use troupe_engine::stream::ingest::{Incoming, Verdict, decide};
use troupe_engine::stream::level::refuses_request;

use super::core::StreamCore;
use super::reply::Answers;
use crate::router::InboxMessage;

/// Batches of one stream.
const MAX_PER_STREAM: usize = 1000;
/// Most batches on the server that are not complete.
const MAX_TOTAL: usize = 50_000;

/// Batches with flow control that are not complete.
#[derive(Debug, Default)]
pub(super) struct FastBatches {
    by_id: HashMap<Vec<u8>, FastBatch>,
    /// How many of them the server knows of.
    num_counted: usize,
}

impl FastBatches {
    /// When the first batch has waited too long.
    pub(super) fn deadline(&self) -> Option<i64> {
        self.by_id.values().map(|batch| batch.deadline).min()
    }

    /// Gives up batches that have waited too long.
    fn expire(&mut self, now: i64) {
        self.by_id.retain(|_, batch| batch.deadline > now);
    }
}

impl StreamCore {
    /// Takes a message of a batch with flow control; how many messages were stored.
    pub(super) fn take_fast(&mut self, message: &InboxMessage, now: i64, answers: &mut Answers) -> u64 {
        let before = self.store.state().last_seq;
        match self.open_fast(message, now) {
            Ok(reply) => self.advance_fast(message, &reply, now, answers),
            Err(error) => {
                let body = self.replies.refused(error);
                self.push_reply(answers, message.reply(), &body);
            }
        }
        self.count_fast();
        self.store.state().last_seq - before
    }

    /// Gives up batches that have waited too long.
    pub(super) fn expire_fast(&mut self, now: i64) {
        self.fast.expire(now);
        self.count_fast();
    }

    /// Gives up all batches, when the stream or its actor goes.
    pub(super) fn drop_fast(&mut self) {
        self.fast.by_id.clear();
        self.count_fast();
    }

    /// Tells the server how many batches there are.
    fn count_fast(&mut self) {
        let (before, after) = (self.fast.num_counted, self.fast.by_id.len());
        let total = self.server.num_fast_batches();
        if after > before {
            total.fetch_add(after - before, Ordering::Relaxed);
        } else if before > after {
            total.fetch_sub(before - after, Ordering::Relaxed);
        }
        self.fast.num_counted = after;
    }

    fn push_reply(&self, answers: &mut Answers, to: &[u8], body: &[u8]) {
        if !self.config.no_ack {
            answers.push(to, body);
        }
    }

    /// Finds or makes the batch of a message.
    fn open_fast<'a>(&mut self, message: &'a InboxMessage, now: i64) -> Result<FastReply<'a>, ApiError> {
        if self.config.sealed {
            return Err(errors::STREAM_SEALED.error());
        }
        if usize::try_from(self.config.max_msg_size).is_ok_and(|max| message.content().len() > max) {
            return Err(errors::STREAM_MESSAGE_EXCEEDS_MAXIMUM.error());
        }
        if !self.config.allow_batch_publish {
            return Err(errors::BATCH_PUBLISH_DISABLED.error());
        }
        let reply = parse(message.reply()).ok_or_else(|| errors::BATCH_PUBLISH_INVALID_PATTERN.error())?;
        if reply.id.len() > MAX_ID_LEN {
            return Err(errors::BATCH_PUBLISH_INVALID_BATCH_ID.error());
        }
        let num_batches = self.fast.by_id.len();
        if !self.fast.by_id.contains_key(reply.id) {
            if reply.seq != 1 {
                return Err(errors::BATCH_PUBLISH_UNKNOWN_BATCH_ID.error());
            }
            if num_batches >= MAX_PER_STREAM || self.server.num_fast_batches().load(Ordering::Relaxed) >= MAX_TOTAL {
                return Err(errors::BATCH_PUBLISH_TOO_MANY_INFLIGHT.error());
            }
            self.fast.by_id.insert(reply.id.to_vec(), FastBatch::new(&reply, num_batches + 1));
        }
        let required = header::get(message.headers(), headers::REQUIRED_API_LEVEL);
        if required.is_some_and(|level| !level.is_empty() && refuses_request(level)) {
            self.fast.by_id.remove(reply.id);
            return Err(errors::REQUIRED_API_LEVEL.error());
        }
        let timeout = i64::try_from(self.server.options().batches.timeout.as_nanos()).unwrap_or(i64::MAX);
        if let Some(batch) = self.fast.by_id.get_mut(reply.id) {
            batch.deadline = now.saturating_add(timeout);
        }
        Ok(reply)
    }

    fn advance_fast(&mut self, message: &InboxMessage, reply: &FastReply<'_>, now: i64, answers: &mut Answers) {
        let Some(mut batch) = self.fast.by_id.get(reply.id).copied() else { return };
        let to = message.reply();
        if reply.operation == Operation::Ping {
            return self.answer_ping(batch, to, reply, answers);
        }
        if reply.seq != batch.last + 1 {
            if reply.seq > batch.last + 1 {
                let gap = BatchFlow::Gap { last_seq: batch.last + 1, seq: reply.seq };
                self.push_reply(answers, to, &encode(&gap));
            }
            if !batch.gap_ok || reply.seq <= batch.last {
                return self.commit_fast(batch, to, reply, answers);
            }
        }
        if reply.operation == Operation::CommitEmpty {
            batch.last = reply.seq - 1;
            return self.commit_fast(batch, to, reply, answers);
        }
        if reply.seq == 1 && reply.operation != Operation::Commit {
            self.push_reply(answers, to, &encode(&BatchFlow::Ack { seq: 0, msgs: batch.messages() }));
        }
        let before = batch.last;
        batch.last = reply.seq;
        match self.store_fast(message, now) {
            Ok(seq) => batch.stream_seq = seq.unwrap_or(batch.stream_seq),
            Err(error) if before == 0 && !batch.gap_ok => {
                self.fast.by_id.remove(reply.id);
                let body = self.replies.refused(error);
                return self.push_reply(answers, to, &body);
            }
            Err(error) => {
                self.push_reply(answers, to, &encode(&BatchFlow::Err { seq: reply.seq, error }));
                if !batch.gap_ok || reply.operation == Operation::Commit {
                    batch.last = before;
                    return self.commit_fast(batch, to, reply, answers);
                }
            }
        }
        if reply.operation == Operation::Commit {
            return self.commit_fast(batch, to, reply, answers);
        }
        if batch.tells(self.fast.by_id.len()) {
            self.push_reply(answers, to, &encode(&BatchFlow::Ack { seq: batch.told(), msgs: batch.messages() }));
        }
        self.fast.by_id.insert(reply.id.to_vec(), batch);
    }

    fn answer_ping(&mut self, mut batch: FastBatch, to: &[u8], reply: &FastReply<'_>, answers: &mut Answers) {
        if reply.seq > batch.last {
            let gap = BatchFlow::Gap { last_seq: batch.last + 1, seq: reply.seq + 1 };
            self.push_reply(answers, to, &encode(&gap));
            if !batch.gap_ok {
                return self.commit_fast(batch, to, reply, answers);
            }
            batch.last = reply.seq;
            batch.tells(self.fast.by_id.len());
        }
        self.push_reply(answers, to, &encode(&BatchFlow::Ack { seq: batch.told(), msgs: batch.messages() }));
        self.fast.by_id.insert(reply.id.to_vec(), batch);
    }

    /// Ends a batch with the answer of a stored message.
    fn commit_fast(&mut self, batch: FastBatch, to: &[u8], reply: &FastReply<'_>, answers: &mut Answers) {
        self.fast.by_id.remove(reply.id);
        let id = serde_json::to_string(&String::from_utf8_lossy(reply.id)).unwrap_or_default();
        let body = self.replies.stored(batch.stream_seq, &format!(",\"batch\":{id},\"count\":{}", batch.last));
        self.push_reply(answers, to, &body);
    }

    /// Stores one message; nothing where it was stored before.
    fn store_fast(&mut self, message: &InboxMessage, now: i64) -> Result<Option<u64>, ApiError> {
        let subject = self.transformed(message.subject());
        let is_level = |name: &[u8]| name == headers::REQUIRED_API_LEVEL.as_bytes();
        let has_level = header::get(message.headers(), headers::REQUIRED_API_LEVEL).is_some();
        let block = if has_level { header::without(message.headers(), is_level) } else { message.headers().to_vec() };
        let payload = message.payload();
        let incoming = Incoming { subject: &subject, headers: &block, payload, is_sourced: false, now };
        let (view, mut newest) = self.view(&block);
        match decide(incoming, view, &mut newest) {
            Verdict::Store(accepted) => self.store_one(&subject, &accepted, now).map(Some),
            Verdict::Duplicate(_) => Ok(None),
            Verdict::Refuse(error) => Err(error),
        }
    }
}
