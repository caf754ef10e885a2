//! What is reported of a consumer.

use troupe_codecs::api::consumer_info::{ConsumerInfo, PriorityGroupState, SequenceInfo};
use troupe_codecs::api::{ConsumerConfig, Timestamp};

use super::effects::Effects;
use super::state::{Consumer, Position};

impl Consumer {
    /// Reports its state. Requests whose time is over are ended first, so that they are not counted.
    pub fn info(&mut self, created: Timestamp, now: i64, effects: &mut dyn Effects) -> ConsumerInfo {
        self.check_requests(false, now, effects);
        let (delivered, floor) = self.positions();
        let config: &ConsumerConfig = &self.config;
        let paused_for = self.paused_until().saturating_sub(now);
        // With one delivery there is no other: what was given up counts as redelivered only within.
        let num_redelivered = if config.max_deliver == 1 { 0 } else { self.redelivered.len() as u64 };
        ConsumerInfo {
            stream_name: self.identity.stream.to_string(),
            name: self.identity.name.to_string(),
            created,
            config: Some(config.clone()),
            delivered: place(delivered, self.times.delivered),
            ack_floor: place(floor, self.times.acked),
            num_ack_pending: self.pending.len() as u64,
            num_redelivered,
            num_waiting: self.num_waiting() as u64,
            num_pending: self.num_pending(),
            cluster: None,
            push_bound: self.is_active(),
            paused: paused_for > 0,
            pause_remaining: paused_for.max(0),
            ts: Timestamp::from_nanos(now),
            priority_groups: self.group_states(),
        }
    }

    /// Only the first group is served.
    fn group_states(&self) -> Vec<PriorityGroupState> {
        let Some(group) = self.config.priority_groups.first() else { return Vec::new() };
        let pin = self.pin();
        vec![PriorityGroupState {
            group: group.clone(),
            pinned_client_id: pin.map(|pin| pin.id.clone()).unwrap_or_default(),
            pinned_ts: pin.map_or(Timestamp::default(), |pin| Timestamp::from_nanos(pin.since)),
        }]
    }
}

fn place(position: Position, last: i64) -> SequenceInfo {
    SequenceInfo {
        consumer_seq: position.consumer,
        stream_seq: position.stream,
        last_active: (last != 0).then(|| Timestamp::from_nanos(last)),
    }
}
