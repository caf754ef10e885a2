//! Consumers that push: interest in their subject, and flow control.

use bytes::Bytes;
use troupe_codecs::api::consumer::AckPolicy;

use super::effects::Effects;
use super::state::{Consumer, Side};

impl Consumer {
    /// Where a consumer that pushes sends messages.
    #[must_use]
    pub fn deliver_subject(&self) -> Option<&Bytes> {
        match &self.side {
            Side::Push(push) => Some(&push.subject),
            Side::Pull(_) => None,
        }
    }

    /// Whether it pushes and somebody listens.
    #[must_use]
    pub fn is_active(&self) -> bool {
        matches!(&self.side, Side::Push(push) if push.is_active)
    }

    /// Takes note whether somebody listens to the subject of a consumer that pushes.
    pub fn set_active(&mut self, is_active: bool, now: i64) {
        let Side::Push(push) = &mut self.side else { return };
        let was_active = std::mem::replace(&mut push.is_active, is_active);
        if is_active || was_active {
            self.times.active = now;
        }
        if !is_active && was_active {
            self.watch_activity(now);
        }
    }

    /// Asks the client to answer when it has everything sent so far.
    pub fn ask(&mut self, effects: &mut dyn Effects) {
        let Side::Push(push) = &mut self.side else { return };
        let Some(flow) = &mut push.flow else { return };
        let mut id = effects.new_id();
        // The last letters are those that change.
        let tail = id.split_off(id.len().saturating_sub(4));
        let (stream, name) = (&self.identity.stream, &self.identity.name);
        let answer = Bytes::from(format!("$JS.FC.{stream}.{name}.{tail}"));
        effects.ask(&push.subject, &answer);
        flow.asked(answer);
    }

    /// Takes the answer of a client, with the sequences it says it has (zero when it says none).
    pub fn answer(&mut self, subject: &[u8], stream_seq: u64, consumer_seq: u64, now: i64, effects: &mut dyn Effects) {
        let Side::Push(push) = &mut self.side else { return };
        if !push.flow.as_mut().is_some_and(|flow| flow.answered(subject)) {
            return;
        }
        if self.config.ack_policy == AckPolicy::FlowControl && stream_seq > 0 {
            self.confirm(stream_seq, consumer_seq, now, effects);
        }
    }
}
