//! The root of all actors: starts, watches, restarts, gives up, stops.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use actix::{Actor, ActorContext, AsyncContext, Context, Handler};
use tokio::sync::mpsc;

use super::arbiter::{ArbiterLost, ArbiterSlot};
use super::backoff::RestartDecision;
use super::board::{Board, ChildState, RestartNote};
use super::child::ChildId;
use super::commands::{AddSlot, BeginShutdown, EndShutdown, StopChild, Supervise};
use super::faults::Faults;
use super::group::{ConnectionPanicked, LineLimiter};
use super::guard::{ChildExited, Contained, ExitCause};
use super::handle::{StartError, StopOutcome, SupervisorHandle, SupervisorOptions, SupervisorVerdict, Verdicts};
use super::heartbeat::Pulse;
use super::launch::{ChildRunning, Reports};
use super::panics::{PanicNote, install_panic_hook};
use super::record::{Record, Stop};
use super::slots::{Revival, SlotTable};

/// Owns all supervised actors of one server. Lives on the main arbiter.
pub struct Supervisor {
    options: SupervisorOptions,
    board: Board,
    children: BTreeMap<ChildId, Record>,
    last_id: ChildId,
    slots: SlotTable,
    phase: Phase,
    verdicts: mpsc::UnboundedSender<SupervisorVerdict>,
    connection_panics: LineLimiter,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Running,
    /// An actor failed too often: nothing is restarted, later failures are consequences.
    GivenUp,
    ShuttingDown,
}

impl Supervisor {
    /// Starts the supervisor on the arbiter of the calling thread, which should be the main one, and installs the panic hook.
    pub fn start(options: SupervisorOptions) -> (SupervisorHandle, Verdicts) {
        install_panic_hook();
        let (sender, verdicts) = Verdicts::channel();
        let board = Board::default();
        let supervisor = Self {
            options,
            board: board.clone(),
            children: BTreeMap::new(),
            last_id: ChildId(0),
            slots: SlotTable::default(),
            phase: Phase::Running,
            verdicts: sender,
            connection_panics: LineLimiter::new(10, Duration::from_secs(10)),
        };
        let future = Context::new().into_future(supervisor);
        let address = future.address();
        actix::spawn(async move {
            if let Err(note) = Contained::new(future).await {
                tracing::error!(cause = %note, "supervisor panicked");
            }
        });
        (SupervisorHandle::new(address, board, Faults::default()), verdicts)
    }

    /// Starts the next instance of an actor, unless something has changed since the start was planned.
    fn launch(&mut self, id: ChildId, ctx: &mut Context<Self>) {
        let Some(record) = self.children.get_mut(&id) else { return };
        if !record.may_launch() {
            return;
        }
        if self.phase != Phase::Running {
            return record.refuse_start(&ExitCause::Killed);
        }
        let slot = match self.living_slot(id, ctx) {
            Ok(slot) => slot,
            Err(reason) => return self.child_ended(id, ExitCause::NoArbiter(reason), ctx),
        };
        let Some(record) = self.children.get_mut(&id) else { return };
        if self.phase != Phase::Running {
            return record.refuse_start(&ExitCause::Killed);
        }
        let instance = record.begin_instance(Instant::now());
        record.launcher.launch(instance, reports(ctx), &slot.handle());
    }

    /// Returns the actor's arbiter, newly made when there is none or when its thread has ended.
    fn living_slot(&mut self, id: ChildId, ctx: &mut Context<Self>) -> Result<ArbiterSlot, Arc<str>> {
        let Some(record) = self.children.get_mut(&id) else { return Err("the actor is gone".into()) };
        if let Some(slot) = record.slot_opt.clone() {
            if slot.is_alive() {
                return Ok(slot);
            }
            if !record.owns_slot {
                self.revive_slot(&slot, slot.generation());
                return Ok(slot);
            }
        }
        let slot = ArbiterSlot::start(&record.name.to_string(), ctx.address().recipient())?;
        record.slot_opt = Some(slot.clone());
        Ok(slot)
    }

    /// Answers the end of an actor's present instance.
    fn child_ended(&mut self, id: ChildId, cause: ExitCause, ctx: &mut Context<Self>) {
        let Some(record) = self.children.get_mut(&id) else { return };
        let epoch = record.fence();
        if let Some(stop) = record.stop_opt.take() {
            let outcome = outcome_of_stop(record, &stop, &cause);
            return self.stop_finished(id, stop, outcome, cause);
        }
        if self.phase != Phase::Running || !record.comes_back_after(&cause) {
            return end_for_good(record, cause, self.phase);
        }
        let (decision, is_news) = record.count_failure(&cause, Instant::now());
        let delay = match decision {
            RestartDecision::RestartAfter(delay) => delay,
            RestartDecision::GiveUp { failures } => return self.give_up(id, failures, cause),
        };
        let actor = record.name.to_string();
        let delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        if is_news {
            tracing::warn!(actor, %cause, delay_ms, "actor ended, restarting");
            log_backtrace(&cause);
        } else {
            tracing::debug!(actor, delay_ms, "actor ended again, restarting");
        }
        record.entry.restarting(RestartNote { at: SystemTime::now(), epoch, cause });
        if delay.is_zero() {
            return self.launch(id, ctx);
        }
        ctx.run_later(delay, move |supervisor, ctx| supervisor.launch(id, ctx));
    }

    fn give_up(&mut self, id: ChildId, failures: u32, last_cause: ExitCause) {
        let Some(record) = self.children.get_mut(&id) else { return };
        self.phase = Phase::GivenUp;
        let cause = record.first_cause_opt.clone().unwrap_or(last_cause);
        let child = record.name.to_string();
        tracing::error!(actor = child, %cause, failures, "too many restarts, giving up");
        record.ended = true;
        record.release_arbiter();
        record.refuse_start(&cause);
        record.entry.ended(ChildState::Failed, cause.clone());
        let _ = self.verdicts.send(SupervisorVerdict::GiveUp { child, cause });
    }

    /// Replaces the lost arbiter of a shared slot.
    fn revive_slot(&mut self, slot: &ArbiterSlot, generation: u64) {
        if self.phase != Phase::Running {
            return;
        }
        match self.slots.revive(slot, generation, Instant::now()) {
            Revival::NotNeeded => {}
            Revival::Replaced => tracing::warn!(arbiter = slot.name(), "arbiter ended, replaced"),
            Revival::GiveUp(cause) => {
                self.phase = Phase::GivenUp;
                tracing::error!(arbiter = slot.name(), %cause, "arbiter cannot be kept alive, giving up");
                let _ = self.verdicts.send(SupervisorVerdict::GiveUp { child: slot.name().to_owned(), cause });
            }
        }
    }

    /// Pings every actor and looks for those that did not answer the pings before.
    fn probe(&mut self, ctx: &mut Context<Self>) {
        let now = Instant::now();
        let mut stuck = Vec::new();
        for record in self.children.values_mut() {
            let Some(instance) = record.instance_opt.as_ref() else { continue };
            instance.lane.ping();
            let Some(watch) = record.watch_opt.as_mut() else { continue };
            match watch.look(&instance.heartbeat, now, self.options.probe_interval) {
                Pulse::Healthy | Pulse::StillStalled => {}
                Pulse::Recovered => {
                    tracing::info!(actor = %record.name, "actor makes progress again");
                    record.entry.set_state(ChildState::Running);
                }
                Pulse::Stalled(silent_for) => stuck.push((record.id, silent_for)),
            }
        }
        self.slots.probe(now, self.options.probe_interval);
        for (id, silent_for) in stuck {
            self.child_stalled(id, silent_for, ctx);
        }
    }

    /// Replaces a stuck actor that has its own arbiter; reports one that shares its arbiter, whose siblings are stuck too.
    fn child_stalled(&mut self, id: ChildId, silent_for: Duration, ctx: &mut Context<Self>) {
        let Some(record) = self.children.get_mut(&id) else { return };
        let cause = ExitCause::Stalled(silent_for);
        record.entry.stalled();
        let replaceable = record.owns_slot && record.stop_opt.is_none() && record.comes_back_after(&cause);
        let silent_ms = u64::try_from(silent_for.as_millis()).unwrap_or(u64::MAX);
        tracing::error!(actor = %record.name, silent_ms, replaceable, "actor makes no progress");
        if self.phase != Phase::Running || !replaceable {
            record.entry.set_state(ChildState::Stalled);
            return;
        }
        if let Some(instance) = record.instance_opt.as_ref() {
            instance.kill.throw();
        }
        record.release_arbiter();
        self.child_ended(id, cause, ctx);
    }

    /// Kills an actor whose grace time is over.
    fn kill(&mut self, id: ChildId, ctx: &mut Context<Self>) {
        let Some(record) = self.children.get_mut(&id) else { return };
        let (Some(stop), Some(instance)) = (record.stop_opt.as_mut(), record.instance_opt.as_ref()) else { return };
        stop.killed = true;
        instance.kill.throw();
        record.release_arbiter();
        ctx.run_later(self.options.kill_wait, move |supervisor, _| supervisor.abandon(id));
    }

    /// Leaves an actor behind that did not even die.
    fn abandon(&mut self, id: ChildId) {
        let Some(record) = self.children.get_mut(&id) else { return };
        let Some(stop) = record.stop_opt.take() else { return };
        record.fence();
        tracing::error!(actor = %record.name, "actor is stuck and was left behind");
        self.stop_finished(id, stop, StopOutcome::Abandoned, ExitCause::Killed);
    }

    /// Closes the record of an actor that was ordered to stop and is gone.
    fn stop_finished(&mut self, id: ChildId, stop: Stop, outcome: StopOutcome, cause: ExitCause) {
        let Some(record) = self.children.get_mut(&id) else { return };
        if !record.ended {
            record.ended = true;
            record.release_arbiter();
            record.refuse_start(&cause);
            record.entry.ended(ended_state(&cause), cause);
        }
        if stop.forget {
            self.board.remove_child(&record.entry);
            self.children.remove(&id);
        }
        for waiter in stop.waiters {
            let _ = waiter.send(outcome);
        }
    }
}

impl Actor for Supervisor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(self.options.probe_interval, Self::probe);
    }
}

impl Handler<Supervise> for Supervisor {
    type Result = ();

    fn handle(&mut self, command: Supervise, ctx: &mut Self::Context) {
        if self.phase != Phase::Running {
            let _ = command.reply.send(Err(StartError::NotAccepting));
            return;
        }
        if let Some(namesake) = self.children.values().find(|record| *record.name == command.new.name) {
            if !namesake.ended {
                let _ = command.reply.send(Err(StartError::AlreadySupervised(command.new.name.to_string())));
                return;
            }
            self.board.remove_child(&namesake.entry);
            let id = namesake.id;
            self.children.remove(&id);
        }
        self.last_id.0 += 1;
        let id = self.last_id;
        let mut record = Record::new(id, command.new, &self.board);
        record.start_waiters.push(command.reply);
        self.children.insert(id, record);
        self.launch(id, ctx);
    }
}

impl Handler<ChildRunning> for Supervisor {
    type Result = ();

    fn handle(&mut self, fact: ChildRunning, _: &mut Self::Context) {
        let Some(record) = self.children.get_mut(&fact.child) else { return };
        if record.is_running(fact.epoch) {
            record.announce_running();
        }
    }
}

impl Handler<ChildExited> for Supervisor {
    type Result = ();

    fn handle(&mut self, fact: ChildExited, ctx: &mut Self::Context) {
        let Some(record) = self.children.get(&fact.child) else { return };
        if record.is_running(fact.epoch) {
            return self.child_ended(fact.child, fact.cause, ctx);
        }
        tracing::debug!(actor = %record.name, epoch = %fact.epoch, cause = %fact.cause, "fenced actor ended");
    }
}

impl Handler<StopChild> for Supervisor {
    type Result = ();

    fn handle(&mut self, command: StopChild, ctx: &mut Self::Context) {
        let id = command.child;
        let Some(record) = self.children.get_mut(&id) else {
            let _ = command.reply.send(StopOutcome::Unknown);
            return;
        };
        let first_order = record.stop_opt.is_none();
        let mut stop = record.stop_opt.take().unwrap_or_default();
        stop.forget |= command.forget;
        stop.waiters.push(command.reply);
        let Some(instance) = record.instance_opt.as_ref() else {
            return self.stop_finished(id, stop, StopOutcome::Stopped, ExitCause::Stopped);
        };
        instance.lane.request_stop();
        record.stop_opt = Some(stop);
        if first_order {
            ctx.run_later(command.grace, move |supervisor, ctx| supervisor.kill(id, ctx));
        }
    }
}

impl Handler<AddSlot> for Supervisor {
    type Result = ();

    fn handle(&mut self, command: AddSlot, _: &mut Self::Context) {
        self.board.add_arbiter(command.slot.clone());
        self.slots.add(command.slot, Instant::now());
    }
}

impl Handler<ArbiterLost> for Supervisor {
    type Result = ();

    fn handle(&mut self, fact: ArbiterLost, _: &mut Self::Context) {
        self.revive_slot(&fact.slot, fact.generation);
    }
}

impl Handler<ConnectionPanicked> for Supervisor {
    type Result = ();

    fn handle(&mut self, fact: ConnectionPanicked, _: &mut Self::Context) {
        if fact.note.printed {
            return;
        }
        if let Some(num_hidden) = self.connection_panics.allow(Instant::now()) {
            let ConnectionPanicked { kind, connection, note } = fact;
            tracing::error!(kind, connection, cause = %note, num_hidden, "connection closed by a panic");
        }
    }
}

impl Handler<BeginShutdown> for Supervisor {
    type Result = ();

    fn handle(&mut self, command: BeginShutdown, _: &mut Self::Context) {
        self.phase = Phase::ShuttingDown;
        let order = self.children.values().rev().filter(|record| !record.ended);
        let _ = command.reply.send(order.map(|record| (record.id, record.name.to_string())).collect());
    }
}

impl Handler<EndShutdown> for Supervisor {
    type Result = ();

    fn handle(&mut self, command: EndShutdown, ctx: &mut Self::Context) {
        self.slots.retire_all();
        let _ = command.reply.send(());
        ctx.stop();
    }
}

fn reports(ctx: &mut Context<Supervisor>) -> Reports {
    Reports { running: ctx.address().recipient(), exited: ctx.address().recipient() }
}

fn ended_state(cause: &ExitCause) -> ChildState {
    if cause.is_failure() { ChildState::Failed } else { ChildState::Stopped }
}

fn outcome_of_stop(record: &Record, stop: &Stop, cause: &ExitCause) -> StopOutcome {
    match cause {
        _ if stop.killed => StopOutcome::Killed,
        ExitCause::Stopped => StopOutcome::Stopped,
        ExitCause::Panicked(_) => {
            tracing::error!(actor = %record.name, %cause, "actor panicked while stopping");
            log_backtrace(cause);
            StopOutcome::Panicked
        }
        ExitCause::Killed | ExitCause::Stalled(_) | ExitCause::NoArbiter(_) => StopOutcome::Killed,
    }
}

/// Records the end of an actor that does not come back. After a give-up such ends are consequences and stay quiet.
fn end_for_good(record: &mut Record, cause: ExitCause, phase: Phase) {
    record.ended = true;
    record.release_arbiter();
    record.refuse_start(&cause);
    match phase {
        Phase::Running if cause.is_failure() => {
            tracing::error!(actor = %record.name, %cause, "actor failed");
            log_backtrace(&cause);
        }
        _ => tracing::debug!(actor = %record.name, %cause, "actor ended"),
    }
    record.entry.ended(ended_state(&cause), cause);
}

fn log_backtrace(cause: &ExitCause) {
    if let ExitCause::Panicked(PanicNote { backtrace_opt: Some(backtrace), .. }) = cause {
        tracing::debug!(%backtrace, "stack of the panic");
    }
}
