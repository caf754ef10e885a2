//! The switches behind `Faults`, present only in test builds.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tokio::sync::watch;

use super::faults::Checkpoint;

/// Points that the supervisor itself adds to every actor. A target strikes there only when it names them, so that counting
/// an actor's own checkpoints does not depend on the time.
const IMPLICIT_POINTS: [&str; 2] = ["start", "ping"];

/// What happens to the actor.
#[derive(Clone, Debug)]
pub enum Fault {
    /// It panics.
    Panic,
    /// It blocks its thread for this long.
    Stall(Duration),
    /// It blocks its thread until the gate opens.
    StallUntil(Gate),
    /// It stops in order.
    Stop,
    /// The event loop of its thread ends as soon as the thread is free, with everything that lives there.
    EndArbiter,
}

/// Holds stalled threads until it is opened.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    shared: Arc<(Mutex<bool>, Condvar)>,
}

impl Gate {
    /// Lets everybody through, now and later.
    pub fn open(&self) {
        *self.shared.0.lock() = true;
        self.shared.1.notify_all();
    }

    fn wait(&self) {
        let mut open = self.shared.0.lock();
        while !*open {
            self.shared.1.wait(&mut open);
        }
    }
}

/// One fault to inject: where, after how many passes, how often.
#[derive(Clone, Debug)]
pub struct Injection {
    target: Target,
    fault: Fault,
    passes_left: u32,
    strikes_left: u32,
}

impl Injection {
    /// Strikes once, at the next matching checkpoint.
    ///
    /// The target is `kind` (any own checkpoint of any actor of the kind), `kind:id`, `kind:point` or `kind:id:point`. Every
    /// supervised actor has the points `start` (before its factory runs) and `ping` (whenever its context is polled, so at the latest when
    /// the supervisor probes it).
    pub fn new(target: &str, fault: Fault) -> Self {
        Self { target: Target::parse(target), fault, passes_left: 0, strikes_left: 1 }
    }

    /// Strikes first at the n-th matching checkpoint, counting from 1.
    pub fn at_checkpoint(mut self, n: u32) -> Self {
        self.passes_left = n.saturating_sub(1);
        self
    }

    /// Strikes this many times in a row.
    pub fn times(mut self, strikes: u32) -> Self {
        self.strikes_left = strikes;
        self
    }
}

#[derive(Clone, Debug)]
struct Target {
    kind: String,
    id_or_point_opt: Option<String>,
    point_opt: Option<String>,
}

impl Target {
    fn parse(target: &str) -> Self {
        let mut parts = target.splitn(3, ':').map(str::to_owned);
        Self { kind: parts.next().unwrap_or_default(), id_or_point_opt: parts.next(), point_opt: parts.next() }
    }

    fn matches(&self, kind: &str, id: &str, point: &str) -> bool {
        if self.kind != kind {
            return false;
        }
        let implicit = IMPLICIT_POINTS.contains(&point);
        match (self.id_or_point_opt.as_deref(), self.point_opt.as_deref()) {
            (None, _) => !implicit,
            (Some(id_or_point), None) => id_or_point == point || (id_or_point == id && !implicit),
            (Some(wanted_id), Some(wanted_point)) => wanted_id == id && wanted_point == point,
        }
    }
}

/// The faults waiting in one server.
#[derive(Clone, Debug, Default)]
pub struct FaultRegistry {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    num_waiting: AtomicUsize,
    waiting: Mutex<Vec<Waiting>>,
}

#[derive(Debug)]
struct Waiting {
    injection: Injection,
    strikes: watch::Sender<u32>,
}

/// Follows one injected fault.
#[derive(Clone, Debug)]
pub struct InjectedFault {
    strikes: watch::Receiver<u32>,
}

impl InjectedFault {
    /// Times the fault has struck.
    pub fn num_strikes(&self) -> u32 {
        *self.strikes.borrow()
    }

    /// Waits until the fault has struck `count` times. Returns false when it was cleared before.
    pub async fn wait_for_strikes(&mut self, count: u32) -> bool {
        self.strikes.wait_for(|strikes| *strikes >= count).await.is_ok()
    }
}

impl FaultRegistry {
    /// Arms a fault.
    pub fn inject(&self, injection: Injection) -> InjectedFault {
        let strikes = watch::Sender::new(0);
        let injected = InjectedFault { strikes: strikes.subscribe() };
        let mut waiting = self.shared.waiting.lock();
        waiting.push(Waiting { injection, strikes });
        self.shared.num_waiting.store(waiting.len(), Ordering::Release);
        injected
    }

    /// Disarms everything.
    pub fn clear(&self) {
        let mut waiting = self.shared.waiting.lock();
        waiting.clear();
        self.shared.num_waiting.store(0, Ordering::Release);
    }

    /// Says whether no fault waits.
    pub fn is_idle(&self) -> bool {
        self.shared.num_waiting.load(Ordering::Acquire) == 0
    }

    pub(super) fn pass(&self, kind: &str, id: &str, point: &str) -> Checkpoint {
        if self.is_idle() {
            return Checkpoint::Pass;
        }
        let Some(fault) = self.strike(kind, id, point) else { return Checkpoint::Pass };
        match fault {
            Fault::Panic => panic!("injected fault in {kind} {id} at '{point}'"),
            Fault::Stall(duration) => std::thread::sleep(duration),
            Fault::StallUntil(gate) => gate.wait(),
            Fault::Stop => return Checkpoint::Stop,
            Fault::EndArbiter => {
                actix::Arbiter::current().stop();
            }
        }
        Checkpoint::Pass
    }

    /// Takes the fault that strikes at this point, if any.
    fn strike(&self, kind: &str, id: &str, point: &str) -> Option<Fault> {
        let mut waiting = self.shared.waiting.lock();
        let mut struck_opt = None;
        for (index, entry) in waiting.iter_mut().enumerate() {
            if !entry.injection.target.matches(kind, id, point) {
                continue;
            }
            if entry.injection.passes_left > 0 {
                entry.injection.passes_left -= 1;
                continue;
            }
            entry.injection.strikes_left = entry.injection.strikes_left.saturating_sub(1);
            entry.strikes.send_modify(|strikes| *strikes += 1);
            struck_opt = Some((index, entry.injection.fault.clone(), entry.injection.strikes_left == 0));
            break;
        }
        let (index, fault, used_up) = struck_opt?;
        if used_up {
            waiting.remove(index);
            self.shared.num_waiting.store(waiting.len(), Ordering::Release);
        }
        Some(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_match_kind_id_and_point() {
        let table = [
            ("router", ("router", "", ""), true),
            ("router", ("router", "", "mid-apply"), true),
            ("router", ("listener", "", ""), false),
            ("router", ("router", "", "start"), false),
            ("router", ("router", "", "ping"), false),
            ("router:start", ("router", "", "start"), true),
            ("router:mid-apply", ("router", "", "mid-apply"), true),
            ("router:mid-apply", ("router", "", ""), false),
            ("client:17", ("client", "17", ""), true),
            ("client:17", ("client", "17", "publish"), true),
            ("client:17", ("client", "18", "publish"), false),
            ("client:17:publish", ("client", "17", "publish"), true),
            ("client:17:publish", ("client", "17", "subscribe"), false),
            ("stream:A:ping", ("stream", "A", "ping"), true),
        ];
        for (target, (kind, id, point), expected) in table {
            assert_eq!(Target::parse(target).matches(kind, id, point), expected, "{target} at {kind} {id} {point}");
        }
    }

    #[test]
    fn strikes_at_the_nth_checkpoint_as_often_as_told() {
        let registry = FaultRegistry::default();
        let injected = registry.inject(Injection::new("router", Fault::Stop).at_checkpoint(3).times(2));
        let seen: Vec<bool> = (0..6).map(|_| registry.pass("router", "", "").must_stop()).collect();
        assert_eq!(seen, [false, false, true, true, false, false]);
        assert_eq!(injected.num_strikes(), 2);
        assert!(registry.is_idle());
    }
}
