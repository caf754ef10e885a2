//! A system for one test, an actor that misbehaves on demand, and a log that can be read.

use std::fmt::Write as _;
use std::future::Future;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread::ThreadId;
use std::time::Duration;

use actix::{Actor, ActorContext, Context, Handler, Message, System};

use crate::supervisor::*;

pub(super) const LONG: Duration = Duration::from_secs(30);

/// Runs a test within its own actix system, with a supervisor that probes often.
pub(super) fn on_stage<F: Future<Output = ()>>(test: impl FnOnce(Stage) -> F) {
    System::new().block_on(async {
        let options =
            SupervisorOptions { probe_interval: Duration::from_millis(5), kill_wait: Duration::from_millis(200) };
        let (handle, verdicts) = Supervisor::start(options);
        let played = tokio::time::timeout(LONG, test(Stage { handle: handle.clone(), verdicts })).await;
        handle.shutdown(Duration::from_secs(5)).await;
        played.expect("the test takes too long");
    });
}

pub(super) struct Stage {
    pub(super) handle: SupervisorHandle,
    pub(super) verdicts: Verdicts,
}

impl Stage {
    pub(super) fn child(&self, name: &str) -> ChildStatus {
        self.handle.board().child(name).expect("on the board")
    }
}

/// Waits until the condition holds.
pub(super) async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    assert!(tokio::time::timeout(LONG, wait).await.is_ok(), "never happened: {what}");
}

/// Things that happened, in order.
#[derive(Clone, Default)]
pub(super) struct Journal(Arc<Mutex<Vec<String>>>);

impl Journal {
    pub(super) fn note(&self, line: impl Into<String>) {
        self.0.lock().expect("journal").push(line.into());
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.0.lock().expect("journal").clone()
    }
}

/// An actor that does what it is told.
pub(super) struct Player {
    pub(super) child: ChildContext,
    pub(super) journal: Journal,
    pub(super) obeys_stop: bool,
    pub(super) panics_in_stopped: bool,
    pub(super) blocks_start_opt: Option<mpsc::Receiver<()>>,
}

impl Player {
    pub(super) fn new(child: ChildContext, journal: &Journal) -> Self {
        Self { child, journal: journal.clone(), obeys_stop: true, panics_in_stopped: false, blocks_start_opt: None }
    }

    pub(super) fn spec(kind: &'static str, journal: &Journal) -> ChildSpec<Self> {
        let journal = journal.clone();
        ChildSpec::new(kind, move |child| Self::new(child, &journal))
    }
}

impl Actor for Player {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Self::Context) {
        if let Some(release) = self.blocks_start_opt.take() {
            let _ = release.recv();
        }
        self.journal.note(format!("{} {} started", self.child.name(), self.child.epoch()));
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.journal.note(format!("{} {} stopped", self.child.name(), self.child.epoch()));
        assert!(!self.panics_in_stopped, "stumbled on the way out");
    }
}

impl SupervisedActor for Player {
    fn stop_requested(&mut self, ctx: &mut Context<Self>) {
        if self.obeys_stop {
            ctx.stop();
        }
    }
}

/// What a player is told to do.
pub(super) enum Act {
    Answer,
    Refuse,
    Panic,
    Stop,
    EndArbiter,
    /// Blocks the thread until something is received, then notes whether the player still counts.
    Block(mpsc::Receiver<()>),
}

/// Who answered, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) epoch: u64,
    pub(super) thread: ThreadId,
}

impl Message for Act {
    type Result = Result<Line, &'static str>;
}

impl Handler<Act> for Player {
    type Result = Result<Line, &'static str>;

    fn handle(&mut self, act: Act, ctx: &mut Self::Context) -> Self::Result {
        self.child.checkpoint("");
        match act {
            Act::Answer => {}
            Act::Refuse => return Err("not today"),
            Act::Panic => panic!("forgot the line"),
            Act::Stop => ctx.stop(),
            Act::EndArbiter => {
                actix::Arbiter::current().stop();
            }
            Act::Block(release) => {
                self.journal.note(format!("{} {} blocked", self.child.name(), self.child.epoch()));
                let _ = release.recv();
                let current = self.child.epoch_is_current();
                self.journal.note(format!("{} {} current: {current}", self.child.name(), self.child.epoch()));
            }
        }
        Ok(Line { epoch: self.child.epoch().get(), thread: std::thread::current().id() })
    }
}

/// Asks until the answer comes from the wanted instance.
pub(super) async fn answer_from_epoch(player: &AddressWatch<Player>, epoch: u64) -> Line {
    let mut player = player.clone();
    loop {
        match player.ask(Act::Answer).await {
            Ok(line) if line.epoch >= epoch => return line,
            _ => tokio::time::sleep(Duration::from_millis(1)).await,
        }
        player.running().await.expect("supervised");
    }
}

/// Collects the log of the current thread, where the supervisor lives.
#[derive(Clone, Default)]
pub(super) struct LogReader(Journal);

impl LogReader {
    /// Starts to collect until the guard is dropped.
    pub(super) fn install(&self) -> tracing::subscriber::DefaultGuard {
        tracing::subscriber::set_default(self.clone())
    }

    pub(super) fn lines_with(&self, level: tracing::Level, text: &str) -> usize {
        let level = level.to_string();
        self.0.lines().iter().filter(|line| line.starts_with(&level) && line.contains(text)).count()
    }
}

impl tracing::Subscriber for LogReader {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        struct Fields(String);
        impl tracing::field::Visit for Fields {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                let _ = write!(self.0, " {field}={value:?}");
            }
        }
        let mut fields = Fields(event.metadata().level().to_string());
        event.record(&mut fields);
        self.0.note(fields.0);
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}
