use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use tokio::sync::Notify;
use tracing_subscriber::layer::SubscriberExt;
use troupe_engine::options::LoggingOptions;

use super::*;
use crate::logging::{LineStyle, MemorySink};

/// Notes what it is told.
#[derive(Default)]
struct FakeServer {
    told: RefCell<Vec<&'static str>>,
    is_lame_duck: Cell<bool>,
    closed: Notify,
    end: Cell<Option<ServerEnd>>,
}

impl FakeServer {
    fn end_with(&self, end: ServerEnd) {
        self.end.set(Some(end));
        self.closed.notify_one();
    }
}

impl ControlledServer for FakeServer {
    async fn reload(&self) -> Result<(), String> {
        self.told.borrow_mut().push("reload");
        Err("no file".to_owned())
    }

    fn enter_lame_duck(&self) {
        self.told.borrow_mut().push("lame duck");
        self.is_lame_duck.set(true);
    }

    fn is_lame_duck(&self) -> bool {
        self.is_lame_duck.get()
    }

    fn begin_shutdown(&self) {
        self.told.borrow_mut().push("shutdown");
        self.end_with(ServerEnd::Orderly);
    }

    async fn ended(&self) -> ServerEnd {
        self.closed.notified().await;
        self.end.get().expect("set before")
    }
}

/// A list of commands; behind its end nothing comes any more.
struct Script(VecDeque<ServerCommand>);

impl Commands for Script {
    async fn next(&mut self) -> Option<ServerCommand> {
        match self.0.pop_front() {
            Some(command) => Some(command),
            None => std::future::pending().await,
        }
    }
}

async fn run(server: &FakeServer, commands: &[ServerCommand]) -> (ServerEnd, usize, String) {
    let lines = MemorySink::default();
    let options = LoggingOptions { logtime: false, ..LoggingOptions::default() };
    let log = LogHandle::to_sink(Box::new(lines.clone()), LineStyle::of(&options), &options).expect("thread");
    crate::logging::keep_lines_in_tests();
    let _default = tracing::subscriber::set_default(tracing_subscriber::registry().with(log.layer()));
    let mut script = Script(commands.iter().copied().collect());
    let end = run_until_end(server, &mut script, &log).await;
    assert!(log.flush(std::time::Duration::from_secs(10)));
    (end, script.0.len(), lines.text())
}

#[tokio::test]
async fn interrupt_and_terminate_shut_down_and_later_signals_are_ignored() {
    for command in [ServerCommand::Quit, ServerCommand::Terminate] {
        let server = FakeServer::default();
        let (end, num_unread, _) = run(&server, &[command, ServerCommand::Reload, ServerCommand::Quit]).await;
        assert_eq!((end, num_unread), (ServerEnd::Orderly, 2));
        assert_eq!(*server.told.borrow(), ["shutdown"]);
    }
}

#[tokio::test]
async fn terminate_is_ignored_in_lame_duck_mode_and_interrupt_is_not() {
    let server = FakeServer::default();
    let commands = [ServerCommand::LameDuck, ServerCommand::Terminate, ServerCommand::Reload, ServerCommand::Quit];
    let (end, ..) = run(&server, &commands).await;
    assert_eq!(end, ServerEnd::Orderly);
    assert_eq!(*server.told.borrow(), ["lame duck", "reload", "shutdown"]);
}

#[tokio::test]
async fn a_failed_reload_and_a_log_that_is_no_file_are_logged() {
    let server = FakeServer::default();
    let commands = [ServerCommand::Reload, ServerCommand::ReopenLog, ServerCommand::Quit];
    let (_, _, text) = run(&server, &commands).await;
    let p = std::process::id();
    let expected = format!(
        "[{p}] [ERR] Failed to reload server configuration: no file\n\
         [{p}] [INF] File log re-open ignored, not a file logger\n"
    );
    assert_eq!(text, expected);
}

#[tokio::test]
async fn a_server_that_ends_by_itself_ends_the_loop() {
    let server = FakeServer::default();
    server.end_with(ServerEnd::GaveUp);
    let (end, ..) = run(&server, &[]).await;
    assert_eq!((end, end.exit_code()), (ServerEnd::GaveUp, 1));
}
