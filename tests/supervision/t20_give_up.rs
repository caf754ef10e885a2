//! Too many failures in a row: an orderly end, an exit code, one line that says why.

use std::path::Path;

use troupe::run::ServerEnd;
use troupe_actors::supervisor::{ChildState, Fault, Injection};
use troupe_tests::Config;
use troupe_tests::in_process::InProcess;
use troupe_tests::process::ServerProcess;
use troupe_tests::raw::RawClient;

/// The server's binary with fault injection.
const BINARY: &str = env!("CARGO_BIN_EXE_troupe-with-faults");

#[test]
fn a_router_that_keeps_failing_ends_the_server() {
    let server = InProcess::start();
    let mut clients = [server.join(), server.join()];
    server.faults().inject(Injection::new("router:mid-apply", Fault::Panic).times(9));
    clients[0].send("SUB a 1\r\nPING\r\n");
    for client in &mut clients {
        client.wait_closed();
        assert!(client.is_closed());
    }
    let board = server.supervisor().board().clone();
    assert_eq!(server.wait_end(), ServerEnd::GaveUp);
    let router = board.child("router").expect("on the board");
    assert_eq!((router.state, router.num_restarts), (ChildState::Failed, 5));
}

fn start(faults: &str) -> ServerProcess {
    ServerProcess::start(Path::new(BINARY), &Config::new("").env("TROUPE_FAULTS", faults))
}

#[test]
fn the_process_fails_and_says_why_once() {
    let mut server = start("router:mid-apply=panic*9");
    let mut client = RawClient::connect(server.address());
    client.send("SUB a 1\r\nPING\r\n");
    client.wait_closed();
    let status = server.wait_exit();
    assert_eq!(status.code(), Some(1));
    let log = server.log();
    let lines = |text: &str| log.iter().filter(|line| line.contains(text)).count();
    assert_eq!(lines("panic: injected fault in router"), 2, "the first failure, and the reason of the end: {log:#?}");
    assert_eq!(lines("[FTL]"), 1, "{log:#?}");
    assert_eq!(lines("Server Exiting"), 1, "{log:#?}");
    assert_eq!(lines("panicked at"), 0, "the panic hook is silent where the supervisor speaks: {log:#?}");
}

#[test]
fn a_router_that_keeps_failing_before_the_server_is_ready_ends_it() {
    let faults = Config::new("").env("TROUPE_START_FAULTS", "router:mid-apply=panic*9");
    let mut server = ServerProcess::spawn(Path::new(BINARY), &faults);
    let status = server.wait_exit();
    assert_eq!(status.code(), Some(1));
    let log = server.log();
    let reasons = log.iter().filter(|line| line.contains("the server cannot start: router")).count();
    assert_eq!(reasons, 1, "{log:#?}");
    assert!(!log.iter().any(|line| line.contains("Server is ready")), "{log:#?}");
}

#[test]
fn a_connection_that_panics_is_one_line_in_the_log() {
    let server = start("client:op=panic@3");
    let mut client = RawClient::connect(server.address());
    client.send("PING\r\nPING\r\nPING\r\n");
    client.wait_closed();
    server.wait_log("connection closed by a panic");
    let mut next = RawClient::connect(server.address());
    next.flush("");
    let log = server.log();
    let about: Vec<&String> = log.iter().filter(|line| line.contains("injected fault in client")).collect();
    assert_eq!(about.len(), 1, "{log:#?}");
    assert!(about[0].contains("[ERR]"), "{log:#?}");
    assert!(!log.iter().any(|line| line.contains("panicked at")), "{log:#?}");
    assert_eq!(server.stop().code(), Some(0));
}
