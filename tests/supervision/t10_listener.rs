//! A listener that dies keeps its socket, its backlog and all open connections.

use std::time::Duration;

use troupe::Phase;
use troupe::run::ServerEnd;
use troupe_actors::supervisor::{ChildState, Fault, Gate, Injection};
use troupe_engine::options::{LameDuckOptions, Options};
use troupe_tests::RawClient;
use troupe_tests::in_process::InProcess;
use troupe_tests::wait::eventually;

use crate::received::{payloads, publish};

/// The listener is held with its first connection while others wait in the backlog, and dies with the second.
#[test]
fn a_panic_loses_the_connection_at_hand_and_no_other() {
    let server = InProcess::start();
    let mut before = server.join();
    before.flush("SUB news 1\r\n");
    let gate = Gate::default();
    let held = server.inject("listener:accepted", Fault::StallUntil(gate.clone()));
    let mut waiting = vec![RawClient::connect(server.address())];
    eventually("the listener is held", || (held.num_strikes() == 1).then_some(()));
    waiting.extend((0..4).map(|_| RawClient::connect(server.address())));
    server.inject("listener:accepted", Fault::Panic);
    gate.open();

    let mut lost = 0;
    for client in &mut waiting {
        client.wait(|frames| !frames.is_empty());
        if client.is_closed() {
            lost += 1;
            continue;
        }
        client.flush(publish("news", "hello"));
    }
    assert_eq!(lost, 1, "one connection was in the listener's hands");
    before.flush("");
    assert_eq!(payloads(&before, "1"), ["hello"; 4]);
    let status = server.wait_restarts("listener", 1);
    assert_eq!((status.num_restarts, status.state), (1, ChildState::Running));
    assert_eq!(server.client_actors().num_started, 5);
    server.join().flush(publish("news", "after"));
}

#[test]
fn a_listener_that_stops_comes_back_on_the_same_port() {
    let server = InProcess::start();
    let mut before = server.join();
    server.inject("listener:accepted", Fault::Stop);
    let mut clients: Vec<RawClient> = (0..3).map(|_| server.join()).collect();
    server.wait_restarts("listener", 1);
    clients.push(server.join());
    for client in clients.iter_mut().chain([&mut before]) {
        client.flush("SUB a 1\r\n");
    }
    before.flush(publish("a", "x"));
    for client in &mut clients {
        client.flush("");
        assert_eq!(payloads(client, "1"), ["x"]);
    }
}

/// Failures one after the other, as many as are allowed: every one costs one connection.
#[test]
fn every_restart_serves_again() {
    let server = InProcess::start();
    server.faults().inject(Injection::new("listener:accepted", Fault::Panic).times(5));
    for _ in 0..5 {
        RawClient::connect(server.address()).wait_closed();
    }
    server.join().flush("");
    assert_eq!(server.wait_restarts("listener", 5).num_restarts, 5);
    assert_eq!(server.phase(), Phase::Running);
}

/// Closing the socket on purpose is no failure: nobody restarts the listener, let alone gives up over it.
#[test]
fn lame_duck_mode_is_no_failure_of_the_listener() {
    let lame_duck = LameDuckOptions { duration: Duration::from_secs(4), grace_period: Duration::from_secs(2) };
    let server = InProcess::start_with(Options { lame_duck, ..Options::default() });
    let (mut listener, mut publisher) = (server.join(), server.join());
    listener.flush("SUB news 1\r\n");
    server.enter_lame_duck();
    publisher.expect("\"ldm\":true");
    // Restarts would follow each other within 150 ms; messages flow until the grace period is over.
    let mut number = 0;
    while listener.count("PONG") > 0 && !listener.is_closed() {
        publisher.send(publish("news", &number.to_string()) + "PING\r\n");
        listener.send("PING\r\n");
        let pongs = listener.count("PONG");
        listener.wait(|frames| frames.iter().filter(|frame| frame.is("PONG")).count() > pongs);
        number += 1;
        assert!(server.child("listener").num_restarts == 0, "after {number} messages");
        if server.phase() > Phase::LameDuck {
            break;
        }
    }
    assert!(number > 1);
    assert_eq!(server.wait_end(), ServerEnd::Orderly);
}
