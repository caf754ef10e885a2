//! Messages come in: decided, stored, answered in batches.

use std::sync::Arc;

use bytes::Bytes;
use troupe_codecs::api::stream::RetentionPolicy;
use troupe_codecs::api::{ApiError, errors, headers};
use troupe_codecs::{api, header};
use troupe_engine::stream::fast::is_fast;
use troupe_engine::stream::ingest::{Accepted, Incoming, LastMessage, LastMessages, StreamView, Verdict, decide};
use troupe_engine::stream::publish::{Lifetime, Rollup};
use troupe_store::{Durability, NewMessage, Removals, Schedule, StoreError, StreamStore, Ttl};

use super::core::{StreamCore, TAG_DIRECT, TAG_DIRECT_SUBJECT, TAG_FOLLOW, TAG_PUBLISH, TAG_SNAPSHOT};
use super::reply::Answers;
use crate::queue::Batch;
use crate::router::{ClientSink, InboxBatch, InboxMessage};

/// What a batch came to.
#[derive(Debug)]
pub(super) struct Committed {
    /// Answers, in order.
    pub(super) answers: Answers,
    /// When they may be sent.
    pub(super) durability: Durability,
    /// Messages that were stored.
    pub(super) appended: u64,
}

/// What became of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is stored.
    Stored,
    /// No consumer wants it.
    Unwanted,
    /// It was stored before.
    Duplicate,
    /// It is refused.
    Refused(ApiError),
    /// The stream is gone.
    Gone,
}

/// A message that is not for the stream itself, and who sent it.
pub(super) type Other = (Option<Arc<ClientSink>>, InboxMessage);

/// The newest messages of a store.
pub(super) struct Newest<'a>(pub(super) &'a mut dyn StreamStore);

impl LastMessages for Newest<'_> {
    fn last(&mut self, subject: &[u8]) -> Option<LastMessage> {
        let found = self.0.last_for(subject).ok().flatten()?;
        let (headers, payload) = found.shared_parts();
        Some(LastMessage { seq: found.seq, headers, payload })
    }
}

impl StreamCore {
    /// Takes a batch of the inbox. What is not for the stream itself comes back.
    pub(super) fn take_batch(&mut self, batch: &Batch<InboxBatch>, now: i64) -> (Committed, Vec<Other>) {
        let (mut answers, mut others, mut appended) = (Answers::default(), Vec::new(), 0);
        self.dedupe.expire(self.config.duplicates, now);
        for messages in batch.iter() {
            if let Some(ticket) = messages.trace() {
                let traced = messages.iter().map(|message| self.take_traced(ticket, &message, now, &mut answers));
                appended += traced.sum::<u64>();
                continue;
            }
            for message in messages.iter() {
                match message.tag {
                    TAG_PUBLISH if is_fast(message.reply()) => appended += self.take_fast(&message, now, &mut answers),
                    TAG_PUBLISH if is_of_batch(&message) => {
                        appended += self.take_of_batch(&message, now, &mut answers);
                    }
                    TAG_PUBLISH => appended += u64::from(self.take(&message, now, &mut answers)),
                    TAG_DIRECT | TAG_DIRECT_SUBJECT => self.read_directly(&message),
                    TAG_SNAPSHOT => self.snapshot_acknowledged(&message, now),
                    tag if tag & TAG_FOLLOW != 0 => appended += self.take_followed(&message, now),
                    _ => others.push((messages.client().cloned(), message)),
                }
            }
        }
        (self.finish(answers, appended), others)
    }

    /// Ends a batch: what was changed is on its way to the disk.
    pub(super) fn finish(&mut self, mut answers: Answers, appended: u64) -> Committed {
        self.plan_maintenance();
        let durability = self.store.commit().unwrap_or_else(|cause| {
            self.send(Err(cause), &std::mem::take(&mut answers));
            Durability::Reached
        });
        Committed { answers, durability, appended }
    }

    /// As [`StreamCore::finish`], where no message was stored.
    pub(super) fn commit_changes(&mut self) -> Committed {
        self.finish(Answers::default(), 0)
    }

    /// What is decided about a message with these headers by, and where its last values are.
    pub(super) fn view(&mut self, block: &[u8]) -> (StreamView<'_>, Newest<'_>) {
        self.know_ids_for(block);
        let view = StreamView {
            config: &self.config,
            last_seq: self.store.state().last_seq,
            last_msg_id: &self.last_msg_id,
            dedupe: &self.dedupe,
            max_payload: self.server.parts().max_payload,
        };
        (view, Newest(&mut *self.store))
    }

    /// Takes one published message; whether it was stored.
    fn take(&mut self, message: &InboxMessage, now: i64, answers: &mut Answers) -> bool {
        self.take_one(message, now, answers, false) == Outcome::Stored
    }

    /// Takes one published message. One that `is_only_tried` is judged, and neither stored nor, where it would be, answered.
    pub(super) fn take_one(
        &mut self,
        message: &InboxMessage,
        now: i64,
        answers: &mut Answers,
        is_only_tried: bool,
    ) -> Outcome {
        if self.is_destroyed {
            return Outcome::Gone;
        }
        let changed = self.transform.as_ref().and_then(|transform| transform.matched(message.subject()));
        let subject = changed.as_deref().unwrap_or(message.subject());
        let payload = message.payload();
        let incoming = Incoming { subject, headers: message.headers(), payload, is_sourced: false, now };
        let (view, mut newest) = self.view(message.headers());
        let verdict = decide(incoming, view, &mut newest);
        let is_wanted = self.config.retention != RetentionPolicy::Interest || self.audience.wants(subject);
        let (outcome, seq, counter) = match verdict {
            Verdict::Duplicate(seq) => (Outcome::Duplicate, seq, None),
            Verdict::Refuse(error) => (Outcome::Refused(error), 0, None),
            Verdict::Store(_) if is_only_tried => return if is_wanted { Outcome::Stored } else { Outcome::Unwanted },
            Verdict::Store(accepted) if !is_wanted => match self.skip_one(&accepted, now) {
                Ok(seq) => (Outcome::Unwanted, seq, None),
                Err(error) => (Outcome::Refused(error), 0, None),
            },
            Verdict::Store(accepted) => match self.store_one(subject, &accepted, now) {
                Ok(seq) => (Outcome::Stored, seq, accepted.counter),
                Err(error) => (Outcome::Refused(error), 0, None),
            },
        };
        if !message.reply().is_empty() && !self.config.no_ack {
            self.answer_publisher(message.reply(), &outcome, (seq, counter), answers);
        }
        outcome
    }

    /// Notes what a publisher is told of one message.
    fn answer_publisher(
        &self,
        to: &[u8],
        outcome: &Outcome,
        (seq, counter): (u64, Option<String>),
        answers: &mut Answers,
    ) {
        let replies = &self.replies;
        match (outcome, counter) {
            (Outcome::Refused(error), _) => answers.push(to, &replies.refused(error.clone())),
            (Outcome::Duplicate, _) => answers.push_stored(to, replies, seq, ",\"duplicate\": true"),
            (_, Some(value)) => answers.push_stored(to, replies, seq, &format!(",\"val\":\"{value}\"")),
            (_, None) => answers.push_stored(to, replies, seq, ""),
        }
    }

    /// The subject a message is stored under.
    pub(super) fn transformed(&self, subject: &[u8]) -> Vec<u8> {
        let changed = self.transform.as_ref().and_then(|transform| transform.matched(subject));
        changed.unwrap_or_else(|| subject.to_vec())
    }

    /// Uses up a sequence for a message that no consumer wants.
    fn skip_one(&mut self, accepted: &Accepted<'_>, now: i64) -> Result<u64, ApiError> {
        let seq = self.store.state().last_seq + 1;
        self.store.skip(seq, 1, now).map_err(|cause| self.store_failed(&cause))?;
        self.note_id(accepted.msg_id, seq, now);
        Ok(seq)
    }

    /// Stores an accepted message and does what follows from it.
    pub(super) fn store_one(&mut self, subject: &[u8], accepted: &Accepted<'_>, now: i64) -> Result<u64, ApiError> {
        self.check_resources(subject, accepted)?;
        let republish = self.republish_subject(subject);
        let previous = match republish {
            Some(_) => self.store.last_for(subject).ok().flatten().map_or(0, |last| last.seq),
            None => 0,
        };
        let ttl = match accepted.lifetime {
            Lifetime::Limits => Ttl::Limits,
            Lifetime::Never => Ttl::Never,
            Lifetime::Seconds(seconds) => Ttl::Seconds(seconds),
        };
        let (headers, payload) = (&*accepted.headers, &*accepted.payload);
        let stored = self.store.append(&NewMessage { subject, headers, payload, time_ns: now, ttl });
        let seq = stored.map_err(|cause| self.store_failed(&cause))?;
        self.audience.arrived(subject, &mut self.woken);
        self.note_id(accepted.msg_id, seq, now);
        self.follow_up(subject, accepted, seq);
        if let Some(to) = republish {
            self.republish(&to, subject, accepted, (seq, now, previous));
        }
        Ok(seq)
    }

    fn store_failed(&self, cause: &StoreError) -> ApiError {
        if cause.is_io() {
            tracing::error!(
                "JetStream failed to store a msg on stream '{} > {}': {cause}",
                self.account.name(),
                self.entry.name()
            );
        }
        errors::STREAM_STORE_FAILED.with(cause)
    }

    fn note_id(&mut self, id: &[u8], seq: u64, now: i64) {
        if self.last_msg_id != id {
            self.last_msg_id.clear();
            self.last_msg_id.extend_from_slice(id);
        }
        if !id.is_empty() && self.config.duplicates > 0 {
            self.dedupe.insert(id, seq, now);
        }
    }

    /// Rollups and schedules.
    fn follow_up(&mut self, subject: &[u8], accepted: &Accepted<'_>, seq: u64) {
        match accepted.rollup {
            Rollup::None => {}
            Rollup::Subject => self.purge_quietly(subject, 1),
            Rollup::All => self.purge_quietly(b"", 1),
        }
        if let Some(scheduler) = accepted.ends_schedule {
            self.end_schedule(scheduler);
        }
        if let Some(due_ns) = accepted.schedule {
            self.store.set_schedule(Schedule { seq, subject: Bytes::copy_from_slice(subject), due_ns });
        }
    }

    /// Removes a schedule and its message.
    pub(super) fn end_schedule(&mut self, subject: &[u8]) {
        self.purge_quietly(subject, 0);
        self.store.remove_schedule(subject);
    }

    fn check_resources(&self, subject: &[u8], accepted: &Accepted<'_>) -> Result<(), ApiError> {
        let storage = self.config.storage;
        let told = self.entry.usage().bytes.load(std::sync::atomic::Ordering::Relaxed);
        if self.server.capacity().is_full(storage, told, self.store.state().bytes) {
            return Err(errors::INSUFFICIENT_RESOURCES.error());
        }
        let more = (subject.len() + accepted.headers.len() + accepted.payload.len()) as u64;
        self.account.check_bytes(storage, more)
    }

    fn republish_subject(&self, subject: &[u8]) -> Option<Vec<u8>> {
        let to = self.republish.as_ref()?.matched(subject)?;
        troupe_codecs::subject::is_valid_publish(&to).then_some(to)
    }

    fn republish(&self, to: &[u8], subject: &[u8], accepted: &Accepted<'_>, (seq, now, previous): (u64, i64, u64)) {
        let headers_only = self.config.republish.as_ref().is_some_and(|rule| rule.headers_only);
        let (seq, previous) = (seq.to_string(), previous.to_string());
        let (time, size) = (api::Timestamp::from_nanos(now).to_string(), accepted.payload.len().to_string());
        let mut more: Vec<(&str, &[u8])> = vec![
            (headers::STREAM, self.entry.name().as_bytes()),
            (headers::SUBJECT, subject),
            (headers::SEQUENCE, seq.as_bytes()),
            (headers::TIME_STAMP, time.as_bytes()),
            (headers::LAST_SEQUENCE, previous.as_bytes()),
        ];
        if headers_only {
            more.push((headers::MSG_SIZE, size.as_bytes()));
        }
        let mut block = Vec::new();
        header::append(&mut block, &accepted.headers, &more);
        let payload: &[u8] = if headers_only { b"" } else { &accepted.payload };
        self.send_message(to, b"", &block, payload);
    }

    /// Stores the marks of deletion that messages which have left ask for; how many were stored.
    pub(super) fn note_markers(&mut self, removals: &Removals) -> u64 {
        let ttl = self.config.subject_delete_marker_ttl;
        if ttl <= 0 {
            return 0;
        }
        let mut appended = 0;
        let seconds = u64::try_from(ttl / api::SECOND).unwrap_or(0);
        let text = troupe_codecs::conf::format_duration(ttl);
        let now = crate::jetstream::clock::now();
        for removal in removals.messages.iter().filter(|removal| removal.wants_marker) {
            let mut block = Vec::new();
            let lines = [
                (headers::MARKER_REASON, &b"MaxAge"[..]),
                (headers::TTL, text.as_bytes()),
                (headers::ROLLUP, &b"sub"[..]),
            ];
            header::append(&mut block, b"", &lines);
            let accepted = Accepted {
                headers: block.into(),
                lifetime: Lifetime::Seconds(seconds),
                rollup: Rollup::Subject,
                ..Accepted::default()
            };
            match self.store_one(&removal.subject, &accepted, now) {
                Ok(_) => appended += 1,
                Err(cause) => tracing::warn!(
                    "stream '{} > {}' stores no mark of deletion: {cause}",
                    self.account.name(),
                    self.entry.name()
                ),
            }
        }
        appended
    }

    /// Does what is due: messages that are too old leave, schedules publish.
    pub(super) fn tick(&mut self, now: i64) -> Committed {
        self.dedupe.expire(self.config.duplicates, now);
        self.expire_batches(now);
        self.expire_fast(now);
        self.ask_followed(now);
        self.send_snapshots(now);
        if self.store.next_deadline().is_some_and(|deadline| deadline <= now)
            && let Err(cause) = self.store.expire(now)
        {
            tracing::error!("stream '{} > {}' cannot expire messages: {cause}", self.account.name(), self.entry.name());
        }
        let appended = self.fire_schedules(now);
        self.maintain(now);
        self.finish(Answers::default(), appended)
    }

    fn fire_schedules(&mut self, now: i64) -> u64 {
        if self.store.next_schedule().is_none_or(|due| due > now) {
            return 0;
        }
        let mut appended = 0;
        for schedule in self.store.due_schedules(now) {
            let Ok(stored) = self.store.get(schedule.seq) else {
                self.store.remove_schedule(&schedule.subject);
                continue;
            };
            let (headers, payload) = stored.shared_parts();
            let stored = LastMessage { seq: stored.seq, headers, payload };
            let newest = &mut Newest(&mut *self.store);
            let fired = troupe_engine::stream::schedule::fire(&schedule.subject, &stored, schedule.due_ns, now, newest);
            let Some(fired) = fired else {
                self.store.remove_schedule(&schedule.subject);
                continue;
            };
            appended += u64::from(self.publish_scheduled(&fired, now));
            match fired.next {
                Some(due_ns) => self.store.set_schedule(Schedule { due_ns, ..schedule }),
                None => {
                    self.end_schedule(&schedule.subject);
                }
            }
        }
        appended
    }

    fn publish_scheduled(&mut self, fired: &troupe_engine::stream::schedule::Scheduled, now: i64) -> bool {
        let incoming = Incoming {
            subject: &fired.target,
            headers: &fired.headers,
            payload: &fired.payload,
            is_sourced: true,
            now,
        };
        let (view, mut newest) = self.view(&fired.headers);
        match decide(incoming, view, &mut newest) {
            Verdict::Store(accepted) => self.store_one(&fired.target, &accepted, now).is_ok(),
            Verdict::Duplicate(_) => false,
            Verdict::Refuse(cause) => {
                tracing::warn!(
                    "stream '{} > {}' refuses its own schedule: {cause}",
                    self.account.name(),
                    self.entry.name()
                );
                false
            }
        }
    }
}

/// Whether a message belongs to a batch that is stored all or none.
pub(super) fn is_of_batch(message: &InboxMessage) -> bool {
    !message.headers().is_empty() && header::get(message.headers(), headers::BATCH_ID).is_some_and(|id| !id.is_empty())
}
