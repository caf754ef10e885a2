//! Pull requests: which are let in, which is served next, when they end.

use bytes::Bytes;
use troupe_codecs::api::ConsumerConfig;
use troupe_codecs::api::consumer::PriorityPolicy;

use super::effects::{Advisory, Effects};
use super::pin::{Pin, UnpinReason};
use super::request::{GroupRequest, PullRequest};
use super::state::{Consumer, NEVER, PullSide, Side};
use super::status::{Remaining, Status};
use super::waiting::Waiting;

/// Requests of a full queue are looked at no more often than this.
const CHECK_INTERVAL: i64 = 1_000_000_000;

/// A message that looks for a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Demand {
    /// Bytes it counts for.
    pub(super) num_bytes: i64,
    /// Messages not delivered yet, this one included.
    pub(super) num_pending: i64,
    /// Messages not acknowledged.
    pub(super) num_unacked: i64,
    pub(super) now: i64,
}

/// What a request at the head of the queue gets.
enum Verdict {
    Serve,
    /// The same, and its client is pinned from now on.
    Pin,
    /// Not now: the next one may.
    Pass,
    WrongPin,
}

impl Consumer {
    /// Takes a pull request; whatever is wrong with it is told to `reply`.
    pub fn request(&mut self, reply: Bytes, payload: &[u8], now: i64, effects: &mut dyn Effects) {
        if !self.is_pull() {
            effects.status(&reply, &Status::PushBased);
            return;
        }
        let request = match PullRequest::parse(payload) {
            Ok(request) => request,
            Err(cause) => return effects.status(&reply, &Status::BadRequest(&cause.to_string())),
        };
        if let Some(status) = self.refusal(&request, now) {
            return effects.status(&reply, &status);
        }
        let num_deliverable = self.num_pending() + self.pending.num_queued() as u64;
        let config = &self.config;
        let Side::Pull(pull) = &mut self.side else { return };
        let max_waiting = usize::try_from(config.max_waiting).unwrap_or(usize::MAX);
        if pull.waiting.len() >= max_waiting && now.saturating_sub(pull.checked_at) > CHECK_INTERVAL {
            pull.check(false, (self.next.consumer, self.next.stream), now, effects);
        }
        if request.no_wait {
            let refusal = pull.refuse_to_wait(&request, num_deliverable, self.next, now, effects);
            if let Some(status) = refusal {
                self.times.active = now;
                return effects.status(&reply, &status);
            }
        }
        if pull.waiting.len() >= max_waiting {
            // A client that watches for signs of life asks again by itself; an answer would only make it ask at once.
            if request.heartbeat == 0 {
                effects.status(&reply, &Status::ExceededWaiting);
            }
            return;
        }
        let waiting = Waiting::new(pull.waiting.next_id(), reply, request, now);
        pull.check_at = pull.check_at.min(due_at(&waiting));
        if config.priority_policy == PriorityPolicy::Prioritized {
            pull.waiting.push_by_priority(waiting);
        } else {
            pull.waiting.push(waiting);
        }
        self.times.active = now;
    }

    /// Why a request is not let in, if it is not.
    fn refusal(&mut self, request: &PullRequest, now: i64) -> Option<Status<'static>> {
        let config = &self.config;
        let is_over = |value: i64, limit: i64| limit > 0 && value > limit;
        if is_over(request.batch, config.max_request_batch) {
            return Some(Status::ExceededBatch(config.max_request_batch));
        }
        if is_over(request.expires, config.max_request_expires) {
            return Some(Status::ExceededExpires(config.max_request_expires));
        }
        if is_over(request.max_bytes, config.max_request_max_bytes) {
            return Some(Status::ExceededMaxBytes(config.max_request_max_bytes));
        }
        let group = request.group.as_deref()?;
        if let Some(fault) = group_fault(config, group) {
            return Some(Status::BadRequest(fault));
        }
        let ttl = config.pinned_ttl;
        let Side::Pull(pull) = &mut self.side else { return None };
        match &mut pull.pin {
            Some(pin) if config.priority_policy != PriorityPolicy::None && pin.id == group.id => {
                pin.expires = now.saturating_add(ttl);
                None
            }
            Some(_) if config.priority_policy != PriorityPolicy::None && !group.id.is_empty() => {
                Some(Status::PinIdMismatch)
            }
            _ => None,
        }
    }

    /// The pinned client, if there is one.
    #[must_use]
    pub fn pin(&self) -> Option<&Pin> {
        match &self.side {
            Side::Pull(pull) => pull.pin.as_ref(),
            Side::Push(_) => None,
        }
    }

    /// Unpins the client of a group, as somebody asked for; that is told whether or not somebody was pinned.
    pub fn unpin(&mut self, group: &str, effects: &mut dyn Effects) {
        if let Side::Pull(pull) = &mut self.side {
            pull.pin = None;
        }
        effects.advise(&Advisory::Unpinned { group, reason: UnpinReason::Admin });
    }

    /// Number of requests that wait.
    #[must_use]
    pub fn num_waiting(&self) -> usize {
        match &self.side {
            Side::Pull(pull) => pull.waiting.len(),
            Side::Push(_) => 0,
        }
    }

    /// Ends all requests that wait, telling each why.
    pub fn release_requests(&mut self, status: impl Fn(Remaining) -> Status<'static>, effects: &mut dyn Effects) {
        let Side::Pull(pull) = &mut self.side else { return };
        while let Some(waiting) = pull.waiting.pop() {
            effects.status(&waiting.reply, &status(remaining(&waiting)));
        }
        pull.check_at = NEVER;
    }

    /// Looks after the requests that wait: ends those whose time is over, or whose client is gone; gives signs of life.
    pub(super) fn check_requests(&mut self, is_end: bool, now: i64, effects: &mut dyn Effects) {
        let Side::Pull(pull) = &mut self.side else { return };
        pull.check(is_end, (self.next.consumer, self.next.stream), now, effects);
    }
}

/// What is wrong with what a request says of priority groups.
fn group_fault(config: &ConsumerConfig, group: &GroupRequest) -> Option<&'static str> {
    let policy = config.priority_policy;
    if (group.min_pending != 0 || group.min_ack_pending != 0) && policy != PriorityPolicy::Overflow {
        return Some("Not a Overflow Priority consumer");
    }
    if !group.id.is_empty() && policy != PriorityPolicy::PinnedClient {
        return Some("Not a Pinned Client Priority consumer");
    }
    if !(0..=9).contains(&group.priority) {
        return Some("Priority must be between 0 and 9");
    }
    if policy == PriorityPolicy::None {
        return None;
    }
    if group.name.is_empty() {
        return Some("Priority Group missing");
    }
    (!config.priority_groups.contains(&group.name)).then_some("Invalid Priority Group")
}

fn remaining(waiting: &Waiting) -> Remaining {
    Remaining { messages: waiting.num_wanted, bytes: waiting.max_bytes }
}

/// When a request has to be looked at.
fn due_at(waiting: &Waiting) -> i64 {
    let or_never = |at: i64| if at == 0 { NEVER } else { at };
    or_never(waiting.expires).min(or_never(waiting.heartbeat_at))
}

impl PullSide {
    /// Why a request that does not wait is refused, if it is.
    fn refuse_to_wait(
        &mut self,
        request: &PullRequest,
        num_deliverable: u64,
        next: super::state::Position,
        now: i64,
        effects: &mut dyn Effects,
    ) -> Option<Status<'static>> {
        if num_deliverable == 0 {
            return (request.expires == 0).then_some(Status::NoMessages);
        }
        let num_wanted = self.check(false, (next.consumer, next.stream), now, effects);
        let is_taken = num_deliverable < u64::try_from(num_wanted).unwrap_or(0);
        is_taken.then_some(Status::RequestsPending)
    }

    /// Looks at every request, and returns how many messages those that stay want. At the end of the stream requests
    /// that do not wait end. `next` are the consumer's next sequences.
    pub(super) fn check(&mut self, is_end: bool, next: (u64, u64), now: i64, effects: &mut dyn Effects) -> i64 {
        let mut num_wanted: i64 = 0;
        let mut check_at = NEVER;
        self.checked_at = now;
        self.waiting.retain(|waiting| {
            if waiting.is_expired(now) {
                effects.status(&waiting.reply, &Status::RequestTimeout(remaining(waiting)));
                return false;
            }
            if is_end && waiting.no_wait && (waiting.expires == 0 || waiting.num_given > 0) {
                effects.status(&waiting.reply, &Status::NoMessages);
                return false;
            }
            if !effects.has_interest(&waiting.reply) {
                return false;
            }
            num_wanted = num_wanted.saturating_add(waiting.num_wanted);
            if waiting.heartbeat_at != 0 && now >= waiting.heartbeat_at {
                let (consumer_seq, stream_seq) = (next.0 - 1, next.1 - 1);
                let beat = Status::IdleHeartbeat { consumer_seq, stream_seq, stalled: b"" };
                effects.status(&waiting.reply, &beat);
                waiting.heartbeat_at = now.saturating_add(waiting.heartbeat);
            }
            check_at = check_at.min(due_at(waiting));
            true
        });
        self.check_at = check_at;
        num_wanted
    }

    /// Finds the request for a message and counts it as given: its identity, and what to tell it when it is through.
    pub(super) fn choose(
        &mut self,
        config: &ConsumerConfig,
        demand: &Demand,
        effects: &mut dyn Effects,
    ) -> Option<(u64, Option<Remaining>)> {
        let needs_pin = self.pin.is_none() && config.priority_policy == PriorityPolicy::PinnedClient;
        let mut num_passed = 0;
        loop {
            let front = self.waiting.front()?;
            if front.is_expired(demand.now) {
                effects.status(&front.reply, &Status::RequestTimeout(remaining(front)));
                self.waiting.pop();
                continue;
            }
            let mut is_pinned_now = false;
            match self.verdict(config, demand, needs_pin, front) {
                Verdict::Serve => {}
                Verdict::Pin => is_pinned_now = self.pin_front(config, demand.now, effects),
                Verdict::Pass => {
                    self.waiting.rotate();
                    num_passed += 1;
                    if num_passed >= self.waiting.len() {
                        return None;
                    }
                    continue;
                }
                Verdict::WrongPin => {
                    effects.status(&front.reply, &Status::WrongPinId(remaining(front)));
                    self.waiting.pop();
                    continue;
                }
            }
            if !self.take_bytes(demand.num_bytes, effects) {
                if is_pinned_now {
                    self.pin = None;
                }
                continue;
            }
            let front = self.waiting.front()?;
            if effects.has_interest(&front.reply) {
                return Some(self.give(config, demand.now));
            }
            if effects.leads_elsewhere(&front.reply) {
                effects.status(&front.reply, &Status::InterestExpired(remaining(front)));
            }
            self.waiting.pop();
        }
    }

    fn verdict(&self, config: &ConsumerConfig, demand: &Demand, needs_pin: bool, front: &Waiting) -> Verdict {
        match config.priority_policy {
            PriorityPolicy::PinnedClient => match (&self.pin, front.pin_id()) {
                (_, "") if needs_pin => Verdict::Pin,
                (None, "") => Verdict::Serve,
                (Some(pin), id) if !needs_pin && pin.id == id => Verdict::Serve,
                (Some(_), "") => Verdict::Pass,
                _ => Verdict::WrongPin,
            },
            PriorityPolicy::Overflow => match front.group.as_deref() {
                Some(group) if !is_overflowing(group, demand) => Verdict::Pass,
                _ => Verdict::Serve,
            },
            PriorityPolicy::None | PriorityPolicy::Prioritized => Verdict::Serve,
        }
    }

    /// Pins the client of the first request. `false` for a request that names no group.
    fn pin_front(&mut self, config: &ConsumerConfig, now: i64, effects: &mut dyn Effects) -> bool {
        let Some(group) = self.waiting.front_mut().and_then(|front| front.group.as_deref_mut()) else { return false };
        if group.name.is_empty() {
            return false;
        }
        let id = effects.new_id();
        group.id.clone_from(&id);
        effects.advise(&Advisory::Pinned { group: &group.name, id: &id });
        let expires = now.saturating_add(config.pinned_ttl);
        self.pin = Some(Pin { id, group: group.name.clone(), since: now, expires });
        true
    }

    /// Takes the bytes of a message off the first request; one it does not fit into ends.
    fn take_bytes(&mut self, num_bytes: i64, effects: &mut dyn Effects) -> bool {
        let Some(front) = self.waiting.front_mut() else { return false };
        if front.max_bytes <= 0 {
            return true;
        }
        if num_bytes > front.max_bytes {
            let rest = remaining(front);
            effects.status(&front.reply, &Status::MessageSizeExceedsMaxBytes(rest));
            self.waiting.pop();
            return false;
        }
        front.max_bytes -= num_bytes;
        if front.max_bytes == 0 {
            front.num_wanted = 1;
        }
        true
    }

    /// Counts a message given to the first request.
    fn give(&mut self, config: &ConsumerConfig, now: i64) -> (u64, Option<Remaining>) {
        if let Some(front) = self.waiting.front_mut() {
            if self.served.0 != front.id {
                self.served = (front.id, front.reply.clone());
            }
            if front.heartbeat > 0 {
                front.heartbeat_at = now.saturating_add(front.heartbeat);
            }
        }
        let done = self.waiting.give(config.priority_policy == PriorityPolicy::Prioritized);
        let completed = done.filter(|waiting| waiting.max_bytes > 0).map(|waiting| remaining(&waiting));
        (self.served.0, completed)
    }

    /// Unpins a client whose time is over.
    pub(super) fn check_pin(&mut self, now: i64, effects: &mut dyn Effects) -> bool {
        let Some(pin) = self.pin.take_if(|pin| now >= pin.expires) else { return false };
        effects.advise(&Advisory::Unpinned { group: &pin.group, reason: UnpinReason::Timeout });
        true
    }
}

/// Whether a request that serves overflow is to be served.
fn is_overflowing(group: &GroupRequest, demand: &Demand) -> bool {
    let is_reached = |limit: i64, value: i64| limit > 0 && limit <= value;
    (group.min_pending <= 0 && group.min_ack_pending <= 0)
        || is_reached(group.min_pending, demand.num_pending)
        || is_reached(group.min_ack_pending, demand.num_unacked)
}
