//! Tells a stuck actor from an idle one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Progress of one actor instance: the actor touches it, the supervisor watches it.
#[derive(Clone, Debug, Default)]
pub struct Heartbeat {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    progress: AtomicU64,
    protected: AtomicU32,
}

impl Heartbeat {
    /// Records that the actor has handled something; cheap enough for every message. An actor is also touched whenever its
    /// context has emptied its mailbox, so only handlers that can be flooded or take long have to call this.
    pub fn touch(&self) {
        self.shared.progress.fetch_add(1, Ordering::Relaxed);
    }

    /// Number of touches so far.
    pub fn progress(&self) -> u64 {
        self.shared.progress.load(Ordering::Relaxed)
    }

    /// Opens a zone in which silence is not held against the actor, such as waiting for a full downstream or recovering a
    /// store. The zone ends when the returned value is dropped.
    pub fn protect(&self) -> ProtectedZone {
        self.shared.protected.fetch_add(1, Ordering::Relaxed);
        ProtectedZone { heartbeat: self.clone() }
    }

    /// Says whether a protected zone is open.
    pub fn is_protected(&self) -> bool {
        self.shared.protected.load(Ordering::Relaxed) > 0
    }
}

/// Keeps the supervisor from judging an actor while it lives.
#[derive(Debug)]
pub struct ProtectedZone {
    heartbeat: Heartbeat,
}

impl Drop for ProtectedZone {
    fn drop(&mut self) {
        self.heartbeat.touch();
        self.heartbeat.shared.protected.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The supervisor's view of one heartbeat. Pure: the caller brings the time.
#[derive(Clone, Debug)]
pub(super) struct StallWatch {
    stall_after: Duration,
    last_progress: u64,
    last_change: Instant,
    last_look: Instant,
    reported: bool,
}

/// What a look at the heartbeat showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pulse {
    /// Progress, or silence that is still short.
    Healthy,
    /// Silent for longer than allowed, for the first time since the last progress.
    Stalled(Duration),
    /// Still silent; already reported.
    StillStalled,
    /// Progress again after a reported stall.
    Recovered,
}

impl StallWatch {
    pub(super) fn new(stall_after: Duration, now: Instant) -> Self {
        Self { stall_after, last_progress: 0, last_change: now, last_look: now, reported: false }
    }

    /// Looks at the progress at `now`, one `interval` after the last look.
    pub(super) fn look(&mut self, heartbeat: &Heartbeat, now: Instant, interval: Duration) -> Pulse {
        let since_last_look = now.saturating_duration_since(self.last_look);
        self.last_look = now;
        let progress = heartbeat.progress();
        // A late look means that the watcher itself was held up (suspended machine, starved process): judging now would
        // blame actors that had no chance to answer.
        let watcher_was_late = since_last_look > interval * 3;
        if progress != self.last_progress || heartbeat.is_protected() {
            self.last_progress = progress;
            self.last_change = now;
            return if std::mem::take(&mut self.reported) { Pulse::Recovered } else { Pulse::Healthy };
        }
        if watcher_was_late && !self.reported {
            self.last_change = now;
            return Pulse::Healthy;
        }
        let silent_for = now.saturating_duration_since(self.last_change);
        if silent_for < self.stall_after {
            return Pulse::Healthy;
        }
        if std::mem::replace(&mut self.reported, true) {
            return Pulse::StillStalled;
        }
        Pulse::Stalled(silent_for)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(1);

    fn watch_for(seconds: u64, start: Instant) -> StallWatch {
        StallWatch::new(Duration::from_secs(seconds), start)
    }

    #[test]
    fn silence_is_reported_once_and_recovery_is_seen() {
        let start = Instant::now();
        let heartbeat = Heartbeat::default();
        let mut watch = watch_for(2, start);
        let seen: Vec<Pulse> = (1..=6)
            .map(|second| {
                if second == 5 {
                    heartbeat.touch();
                }
                watch.look(&heartbeat, start + INTERVAL * second, INTERVAL)
            })
            .collect();
        let stalled = Pulse::Stalled(Duration::from_secs(2));
        let expected =
            [Pulse::Healthy, stalled, Pulse::StillStalled, Pulse::StillStalled, Pulse::Recovered, Pulse::Healthy];
        assert_eq!(seen, expected);
    }

    #[test]
    fn protected_silence_is_not_held_against_the_actor() {
        let start = Instant::now();
        let heartbeat = Heartbeat::default();
        let mut watch = watch_for(2, start);
        let zone = heartbeat.protect();
        for second in 1..=10 {
            assert_eq!(watch.look(&heartbeat, start + INTERVAL * second, INTERVAL), Pulse::Healthy);
        }
        drop(zone);
        assert_eq!(watch.look(&heartbeat, start + INTERVAL * 11, INTERVAL), Pulse::Healthy);
        assert_eq!(watch.look(&heartbeat, start + INTERVAL * 12, INTERVAL), Pulse::Healthy);
        assert!(matches!(watch.look(&heartbeat, start + INTERVAL * 13, INTERVAL), Pulse::Stalled(_)));
    }

    #[test]
    fn a_late_watcher_blames_nobody() {
        let start = Instant::now();
        let heartbeat = Heartbeat::default();
        let mut watch = watch_for(2, start);
        assert_eq!(watch.look(&heartbeat, start + Duration::from_secs(3_600), INTERVAL), Pulse::Healthy);
    }
}
