//! A consumer of a stream: where it is, what is delivered, what is acknowledged.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use troupe_codecs::api::ConsumerConfig;
use troupe_codecs::api::consumer::ReplayPolicy;

use super::ack_subject::AckPrefix;
use super::flow::FlowControl;
use super::pending::Pending;
use super::pin::Pin;
use super::rate::{RateLimit, Replay};
use super::sampling::Sampler;
use super::waiting::WaitQueue;

/// A time that never comes.
pub const NEVER: i64 = i64::MAX;

/// A position counted in two ways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// In deliveries of the consumer.
    pub consumer: u64,
    /// In sequences of the stream.
    pub stream: u64,
}

/// What is fixed while a consumer lives, beside its configuration.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Its stream.
    pub stream: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// The stream keeps messages until consumers are done with them.
    pub settles: bool,
    /// Most bytes at once of a consumer with a rate limit.
    pub burst: u64,
    /// Varies what happens by chance.
    pub seed: u64,
}

/// Sequences to deliver before the consumer goes on in order: the last of each subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// They, in reverse order.
    pub(super) left: Vec<u64>,
    /// The last sequence of the stream when the list was made.
    pub(super) resume: u64,
}

/// What only consumers have that clients pull from.
#[derive(Debug, Default)]
pub(super) struct PullSide {
    pub(super) waiting: WaitQueue,
    pub(super) pin: Option<Pin>,
    /// When requests were looked at last.
    pub(super) checked_at: i64,
    /// When to look at them again.
    pub(super) check_at: i64,
    /// The last request that was given a message, and where its messages go.
    pub(super) served: (u64, Bytes),
}

/// What only consumers have that push.
#[derive(Debug)]
pub(super) struct PushSide {
    pub(super) subject: Bytes,
    /// Whether somebody listens.
    pub(super) is_active: bool,
    pub(super) flow: Option<FlowControl>,
    pub(super) heartbeat_at: i64,
}

#[derive(Debug)]
pub(super) enum Side {
    Pull(Box<PullSide>),
    Push(Box<PushSide>),
}

/// Points in time, nanoseconds since 1970; zero for what never was, [`NEVER`] for what will not be.
#[derive(Debug)]
pub(super) struct Times {
    pub(super) delivered: i64,
    pub(super) acked: i64,
    /// When a client was last heard of.
    pub(super) active: i64,
    /// When to look for messages that are to be delivered again.
    pub(super) redeliver_at: i64,
    /// When the message at hand may be sent.
    pub(super) hold_until: i64,
    /// When delivery begins again.
    pub(super) resume_at: i64,
    /// When to ask whether the consumer is used at all.
    pub(super) inactive_at: i64,
}

/// A consumer. It decides; its owner reads the stream, sends and keeps time.
///
/// ```text
/// request() -> next() -> (owner reads) -> offer() -> (owner sends) -> next() ... -> rest()
/// acknowledge(), tick(), arrived(), left() -> next() ...
/// ```
#[derive(Debug)]
pub struct Consumer {
    pub(super) config: Arc<ConsumerConfig>,
    pub(super) identity: Identity,
    pub(super) ack_prefix: AckPrefix,
    /// The next sequence to look at in the stream, and of the next delivery.
    pub(super) next: Position,
    /// The last delivery, as it is stored: not ahead of what was really delivered.
    pub(super) delivered: Position,
    /// Everything up to here is acknowledged. May be ahead of `delivered` in sequences nobody wanted.
    pub(super) floor: Position,
    pub(super) pending: Pending,
    /// Redeliveries by sequence.
    pub(super) redelivered: BTreeMap<u64, u64>,
    /// Messages in the stream that are not delivered yet.
    pub(super) backlog: i64,
    /// Arrivals of the owner's count that `backlog` includes.
    pub(super) arrivals: u64,
    pub(super) listed: Option<Box<Listed>>,
    pub(super) side: Side,
    pub(super) rate: Option<Box<RateLimit>>,
    pub(super) replay: Option<Box<Replay>>,
    pub(super) sampler: Sampler,
    pub(super) times: Times,
    pub(super) is_changed: bool,
}

impl Consumer {
    /// A consumer that delivered nothing and begins with `next_seq`. `last_seq` is the stream's.
    #[must_use]
    pub fn new(config: Arc<ConsumerConfig>, identity: Identity, next_seq: u64, last_seq: u64, now: i64) -> Self {
        let next_seq = next_seq.max(1);
        let start = Position { consumer: 0, stream: next_seq - 1 };
        let replays = config.replay_policy == ReplayPolicy::Original;
        let mut consumer = Self {
            ack_prefix: AckPrefix::new(&identity.stream, &identity.name),
            side: side_of(&config, now),
            next: Position { consumer: 1, stream: next_seq },
            delivered: start,
            floor: start,
            pending: Pending::default(),
            redelivered: BTreeMap::new(),
            backlog: 0,
            arrivals: 0,
            listed: None,
            rate: None,
            replay: replays.then(|| Box::new(Replay::new(last_seq))),
            sampler: Sampler::default(),
            times: Times {
                delivered: 0,
                acked: 0,
                active: now,
                redeliver_at: NEVER,
                hold_until: 0,
                resume_at: NEVER,
                inactive_at: NEVER,
            },
            is_changed: true,
            config,
            identity,
        };
        consumer.follow_config(now);
        consumer.watch_activity(now);
        consumer
    }

    /// Takes over what the configuration says of rates, samples and pauses.
    pub(super) fn follow_config(&mut self, now: i64) {
        let config = &self.config;
        let seed = self.identity.seed;
        self.sampler = Sampler::new(Sampler::parse(&config.sample_frequency).unwrap_or(0), seed);
        self.rate =
            (config.rate_limit > 0).then(|| Box::new(RateLimit::new(config.rate_limit, self.identity.burst, now)));
        let until = self.paused_until();
        self.times.resume_at = if until > now { until } else { NEVER };
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> &Arc<ConsumerConfig> {
        &self.config
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.identity.name
    }

    /// Whether clients pull from it.
    #[must_use]
    pub fn is_pull(&self) -> bool {
        matches!(self.side, Side::Pull(_))
    }

    /// The next sequence to look at in the stream.
    #[must_use]
    pub fn next_stream_seq(&self) -> u64 {
        self.next.stream
    }

    /// Everything up to here is acknowledged or of no interest.
    #[must_use]
    pub fn floor(&self) -> Position {
        self.floor
    }

    /// The lowest sequence the consumer has something to do with.
    #[must_use]
    pub fn lowest_concern(&self) -> u64 {
        let pending = self.pending.first().map_or(u64::MAX, |unacked| unacked.stream_seq);
        let redelivered = self.redelivered.keys().next().copied().unwrap_or(u64::MAX);
        self.next.stream.min(pending).min(redelivered)
    }

    /// Messages that wait for their acknowledgement.
    #[must_use]
    pub fn pending(&self) -> &Pending {
        &self.pending
    }

    /// Redeliveries by sequence.
    #[must_use]
    pub fn redelivered(&self) -> &BTreeMap<u64, u64> {
        &self.redelivered
    }

    /// Last delivery and floor as they are stored and reported: never ahead of what was delivered.
    #[must_use]
    pub fn positions(&self) -> (Position, Position) {
        let stream = self.floor.stream.min(self.delivered.stream);
        let consumer = self.floor.consumer.min(self.delivered.consumer);
        (self.delivered, Position { consumer, stream })
    }

    /// Whether the stored state is to be written again.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        self.is_changed
    }

    /// Sets whether the stream keeps messages until consumers are done with them.
    pub fn set_settles(&mut self, settles: bool) {
        self.identity.settles = settles;
    }

    /// Whether the stored state is to be written again, which the caller promises to do.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.is_changed)
    }

    /// Messages not delivered yet.
    #[must_use]
    pub fn num_pending(&self) -> u64 {
        u64::try_from(self.backlog).unwrap_or(0)
    }

    /// Takes over a fresh count of messages not delivered yet, and the owner's count of arrivals when it was made.
    pub fn set_num_pending(&mut self, num_pending: u64, arrivals: u64) {
        self.backlog = i64::try_from(num_pending).unwrap_or(i64::MAX);
        self.arrivals = arrivals;
    }

    /// Takes over what arrived since the last call; `arrivals` is the owner's count for the consumer's filters.
    pub fn count_arrivals(&mut self, arrivals: u64) {
        let new = arrivals.wrapping_sub(self.arrivals);
        self.backlog = self.backlog.saturating_add(i64::try_from(new).unwrap_or(0));
        self.arrivals = arrivals;
    }

    pub(super) fn max_deliver(&self) -> u64 {
        u64::try_from(self.config.max_deliver).unwrap_or(0)
    }

    pub(super) fn is_at_ack_limit(&self) -> bool {
        let limit = usize::try_from(self.config.max_ack_pending).unwrap_or(0);
        limit > 0 && self.pending.len() >= limit
    }

    pub(super) fn paused_until(&self) -> i64 {
        self.config.pause_until.filter(|until| !until.is_zero()).map_or(0, |until| until.nanos())
    }

    pub(super) fn set_floor_to_end(&mut self) {
        self.floor = Position { consumer: self.next.consumer - 1, stream: self.next.stream - 1 };
    }
}

fn side_of(config: &ConsumerConfig, now: i64) -> Side {
    if config.deliver_subject.is_empty() {
        return Side::Pull(Box::new(PullSide { check_at: NEVER, ..PullSide::default() }));
    }
    let heartbeat_at = if config.heartbeat > 0 { now.saturating_add(config.heartbeat) } else { NEVER };
    Side::Push(Box::new(PushSide {
        subject: Bytes::copy_from_slice(config.deliver_subject.as_bytes()),
        is_active: false,
        flow: config.flow_control.then(FlowControl::default),
        heartbeat_at,
    }))
}
