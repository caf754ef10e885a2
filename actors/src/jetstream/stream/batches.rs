//! Batches of messages that are stored all or none.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use troupe_codecs::api::advisory::BatchAbandoned;
use troupe_codecs::api::{ApiError, errors, headers};
use troupe_codecs::header;
use troupe_engine::stream::batch::{MAX_ID_LEN, Staged};
use troupe_engine::stream::ingest::{Accepted, Incoming};
use troupe_engine::stream::level::refuses_request;
use troupe_engine::stream::publish::{PublishHeaders, number};
use troupe_store::SubjectFilter;

use super::core::StreamCore;
use super::reply::Answers;
use crate::jetstream::advisory;
use crate::router::InboxMessage;

/// Batches that are not complete.
#[derive(Debug, Default)]
pub(super) struct Batches {
    by_id: HashMap<Vec<u8>, PendingBatch>,
}

#[derive(Debug, Default)]
struct PendingBatch {
    messages: Vec<InboxMessage>,
    last_seq: u64,
    deadline: i64,
}

/// What ends a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Commit {
    No,
    WithThis,
    WithoutThis,
}

/// Why a batch goes, for those who listen.
type Abandoned = (ApiError, Option<&'static str>);

impl Batches {
    /// When the first batch has waited too long.
    pub(super) fn deadline(&self) -> Option<i64> {
        self.by_id.values().map(|batch| batch.deadline).min()
    }
}

impl StreamCore {
    /// Takes a message of a batch; how many messages were stored.
    pub(super) fn take_of_batch(&mut self, message: &InboxMessage, now: i64, answers: &mut Answers) -> u64 {
        let block = message.headers().to_vec();
        let found = PublishHeaders::parse(&block);
        let outcome = self.stage(message, &found, now);
        let (body, stored) = match outcome {
            Ok(None) => (Some(Vec::new()), 0),
            Ok(Some((body, stored))) => (Some(body), stored),
            Err((error, reason)) => {
                self.abandon(found.batch_id, reason);
                (Some(self.replies.refused(error)), 0)
            }
        };
        if let Some(body) = body.filter(|_| !message.reply().is_empty() && !self.config.no_ack) {
            answers.push(message.reply(), &body);
        }
        stored
    }

    /// Adds a message to its batch, and ends the batch where the message says so.
    fn stage(
        &mut self,
        message: &InboxMessage,
        found: &PublishHeaders<'_>,
        now: i64,
    ) -> Result<Option<(Vec<u8>, u64)>, Abandoned> {
        let refuse = |error: ApiError| (error, None);
        self.check_batch(message, found).map_err(refuse)?;
        let commit = match header::get(message.headers(), headers::BATCH_COMMIT) {
            None => Commit::No,
            Some(b"1") => Commit::WithThis,
            Some(b"eob") => Commit::WithoutThis,
            Some(_) => {
                self.open_batch(found.batch_id, 1, Commit::No, now).map_err(refuse)?;
                return Err((errors::ATOMIC_PUBLISH_INVALID_BATCH_COMMIT.error(), None));
            }
        };
        let missing = || refuse(errors::ATOMIC_PUBLISH_MISSING_SEQ.error());
        let seq = number(found.batch_seq).ok_or_else(missing)?;
        self.open_batch(found.batch_id, seq, commit, now).map_err(refuse)?;
        if !found.required_level.is_empty() && refuses_request(found.required_level) {
            return Err((errors::REQUIRED_API_LEVEL.error(), Some("unsupported")));
        }
        let limits = self.server.options().batches;
        let timeout = i64::try_from(limits.timeout.as_nanos()).unwrap_or(i64::MAX);
        let incomplete = || (errors::ATOMIC_PUBLISH_INCOMPLETE_BATCH.error(), Some("incomplete"));
        let batch = self.batches.by_id.get_mut(found.batch_id).ok_or_else(incomplete)?;
        batch.deadline = now.saturating_add(timeout);
        batch.last_seq += 1;
        if batch.last_seq != seq || seq == 1 && commit == Commit::WithoutThis {
            return Err(incomplete());
        }
        if batch_size(seq, commit) > limits.max_msgs as u64 {
            return Err((errors::ATOMIC_PUBLISH_TOO_LARGE_BATCH.with(limits.max_msgs), Some("large")));
        }
        if commit != Commit::WithoutThis {
            batch.messages.push(message.clone());
        }
        if commit == Commit::No {
            return Ok(None);
        }
        let batch = self.close_batch(found.batch_id).ok_or_else(incomplete)?;
        self.store_batch(found.batch_id, &batch.messages, now).map(Some).map_err(refuse)
    }

    fn check_batch(&self, message: &InboxMessage, found: &PublishHeaders<'_>) -> Result<(), ApiError> {
        if self.config.sealed {
            return Err(errors::STREAM_SEALED.error());
        }
        if usize::try_from(self.config.max_msg_size).is_ok_and(|max| message.content().len() > max) {
            return Err(errors::STREAM_MESSAGE_EXCEEDS_MAXIMUM.error());
        }
        if !self.config.allow_atomic_publish {
            return Err(errors::ATOMIC_PUBLISH_DISABLED.error());
        }
        if found.batch_id.len() > MAX_ID_LEN {
            return Err(errors::ATOMIC_PUBLISH_INVALID_BATCH_ID.error());
        }
        if number(found.batch_seq).is_none() {
            return Err(errors::ATOMIC_PUBLISH_MISSING_SEQ.error());
        }
        Ok(())
    }

    /// Makes the batch of a first message.
    fn open_batch(&mut self, id: &[u8], seq: u64, commit: Commit, now: i64) -> Result<(), ApiError> {
        if self.batches.by_id.contains_key(id) {
            return Ok(());
        }
        let limits = self.server.options().batches;
        if seq != 1 {
            let is_large = batch_size(seq, commit) > limits.max_msgs as u64;
            return Err(if is_large {
                errors::ATOMIC_PUBLISH_TOO_LARGE_BATCH.with(limits.max_msgs)
            } else {
                errors::ATOMIC_PUBLISH_INCOMPLETE_BATCH.error()
            });
        }
        let total = self.server.num_batches();
        let is_full = self.batches.by_id.len() >= limits.max_inflight_per_stream
            || total.load(Ordering::Relaxed) >= limits.max_inflight_total;
        if is_full {
            return Err(errors::ATOMIC_PUBLISH_TOO_MANY_INFLIGHT.error());
        }
        total.fetch_add(1, Ordering::Relaxed);
        self.batches.by_id.insert(id.to_vec(), PendingBatch { deadline: now, ..PendingBatch::default() });
        Ok(())
    }

    fn close_batch(&mut self, id: &[u8]) -> Option<PendingBatch> {
        let batch = self.batches.by_id.remove(id)?;
        self.server.num_batches().fetch_sub(1, Ordering::Relaxed);
        Some(batch)
    }

    fn abandon(&mut self, id: &[u8], reason: Option<&'static str>) {
        self.close_batch(id);
        let Some(reason) = reason else { return };
        let name = self.entry.name();
        let subject = format!("STREAM.BATCH_ABANDONED.{name}");
        advisory::publish(&self.local, self.account.view(), &subject, "stream_batch_abandoned", || BatchAbandoned {
            stream: name.to_string(),
            domain: self.server.domain().to_owned(),
            batch: String::from_utf8_lossy(id).into_owned(),
            reason,
        });
    }

    /// Gives up batches that have waited too long.
    pub(super) fn expire_batches(&mut self, now: i64) {
        let is_late = |(id, batch): (&Vec<u8>, &PendingBatch)| (batch.deadline <= now).then(|| id.clone());
        let late: Vec<Vec<u8>> = self.batches.by_id.iter().filter_map(is_late).collect();
        for id in late {
            self.abandon(&id, Some("timeout"));
        }
    }

    /// Gives up all batches: the stream ends.
    pub(super) fn drop_batches(&mut self) {
        let ids: Vec<Vec<u8>> = self.batches.by_id.keys().cloned().collect();
        for id in ids {
            self.close_batch(&id);
        }
    }

    /// Checks all messages of a batch, then stores them.
    fn store_batch(&mut self, id: &[u8], messages: &[InboxMessage], now: i64) -> Result<(Vec<u8>, u64), ApiError> {
        let mut staged = Staged::default();
        let mut accepted: Vec<(Vec<u8>, Accepted<'static>, Vec<u8>)> = Vec::with_capacity(messages.len());
        for (number, message) in messages.iter().enumerate() {
            let is_last = number + 1 == messages.len();
            let subject = self.transformed(message.subject());
            let block = batch_headers(message.headers(), is_last);
            let payload = message.payload();
            let incoming = Incoming { subject: &subject, headers: &block, payload, is_sourced: false, now };
            let (view, mut newest) = self.view(&block);
            let one = staged.accept(incoming, view, &mut newest)?;
            let id = one.msg_id.to_vec();
            let ends = one.ends_schedule.map(<[u8]>::to_vec);
            let owned = Accepted {
                headers: one.headers.into_owned().into(),
                payload: one.payload.into_owned().into(),
                msg_id: b"",
                ends_schedule: None,
                lifetime: one.lifetime,
                rollup: one.rollup,
                counter: one.counter,
                schedule: one.schedule,
            };
            if let Some(scheduler) = ends {
                self.end_schedule(&scheduler);
            }
            accepted.push((subject, owned, id));
        }
        let state = self.store.state();
        let count_of = |subject: &[u8]| self.store.count_subjects(&SubjectFilter::one(subject)).1;
        staged.check_limits(&self.config, (state.msgs, state.bytes), &count_of)?;
        let mut last = 0;
        for (subject, one, id) in &accepted {
            let one = Accepted { msg_id: id, ..one.clone() };
            last = self.store_one(subject, &one, now)?;
        }
        let count = accepted.len() as u64;
        let id = serde_json::to_string(&String::from_utf8_lossy(id)).unwrap_or_default();
        Ok((self.replies.stored(last, &format!(",\"batch\":{id},\"count\":{count}")), count))
    }
}

fn batch_size(seq: u64, commit: Commit) -> u64 {
    if commit == Commit::WithoutThis { seq.saturating_sub(1) } else { seq }
}

/// The headers a message of a batch is stored with: without the level it needs, the last one with the mark of the end.
fn batch_headers(block: &[u8], is_last: bool) -> Vec<u8> {
    let is_level = |name: &[u8]| name == headers::REQUIRED_API_LEVEL.as_bytes();
    let has_level = header::get(block, headers::REQUIRED_API_LEVEL).is_some();
    let block = if has_level { header::without(block, is_level) } else { block.to_vec() };
    let is_marked = header::get(&block, headers::BATCH_COMMIT).is_some();
    if is_last && !is_marked { header::with(&block, headers::BATCH_COMMIT, b"1") } else { block }
}
