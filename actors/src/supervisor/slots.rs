//! The shared arbiters that the supervisor keeps alive and watches.

use std::time::{Duration, Instant};

use super::arbiter::ArbiterSlot;
use super::backoff::{RestartDecision, RestartLimits, RestartLog};
use super::guard::ExitCause;
use super::heartbeat::{Pulse, StallWatch};

/// Silence after which an arbiter counts as stuck.
const STALL_AFTER: Duration = Duration::from_secs(10);

/// All shared arbiters of one supervisor.
#[derive(Default)]
pub(super) struct SlotTable {
    records: Vec<SlotRecord>,
}

struct SlotRecord {
    slot: ArbiterSlot,
    log: RestartLog,
    watch: StallWatch,
}

/// What came of the loss of an arbiter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Revival {
    /// Already replaced, retired, or not kept by this supervisor.
    NotNeeded,
    /// A new arbiter is in the slot.
    Replaced,
    /// It ends too often, or no thread can be made.
    GiveUp(ExitCause),
}

impl SlotTable {
    pub(super) fn add(&mut self, slot: ArbiterSlot, now: Instant) {
        let log = RestartLog::new(RestartLimits::DEFAULT);
        self.records.push(SlotRecord { slot, log, watch: StallWatch::new(STALL_AFTER, now) });
    }

    /// Puts a new arbiter into a slot whose arbiter number `generation` has ended.
    pub(super) fn revive(&mut self, slot: &ArbiterSlot, generation: u64, now: Instant) -> Revival {
        if slot.is_retired() || slot.generation() != generation {
            return Revival::NotNeeded;
        }
        let Some(record) = self.records.iter_mut().find(|record| record.slot.is_same(slot)) else {
            return Revival::NotNeeded;
        };
        if let RestartDecision::GiveUp { .. } = record.log.on_failure(now, Duration::ZERO) {
            return Revival::GiveUp(ExitCause::Killed);
        }
        match slot.replace() {
            Ok(()) => {
                record.watch = StallWatch::new(STALL_AFTER, now);
                Revival::Replaced
            }
            Err(reason) => Revival::GiveUp(ExitCause::NoArbiter(reason)),
        }
    }

    /// Asks every arbiter for a sign of life. A stuck one is reported; its connections cannot be moved, so it is left alone.
    pub(super) fn probe(&mut self, now: Instant, interval: Duration) {
        for SlotRecord { slot, watch, .. } in &mut self.records {
            match watch.look(slot.heartbeat(), now, interval) {
                Pulse::Healthy | Pulse::StillStalled => {}
                Pulse::Stalled(silent_for) => {
                    let silent_ms = u64::try_from(silent_for.as_millis()).unwrap_or(u64::MAX);
                    tracing::error!(arbiter = slot.name(), silent_ms, "arbiter makes no progress");
                    slot.set_stalled(true);
                }
                Pulse::Recovered => {
                    tracing::info!(arbiter = slot.name(), "arbiter makes progress again");
                    slot.set_stalled(false);
                }
            }
            slot.ping();
        }
    }

    pub(super) fn retire_all(&self) {
        for record in self.records.iter().rev() {
            record.slot.retire();
        }
    }
}
