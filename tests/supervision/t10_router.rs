//! A Router that panics loses nothing and disconnects nobody.

use troupe_actors::supervisor::{ChildState, Fault, Gate, Injection};
use troupe_tests::RawClient;
use troupe_tests::in_process::InProcess;
use troupe_tests::raw::Waited;
use troupe_tests::wait::eventually;

use crate::received::{payloads, publish};

/// Change sets that wait together when the fault strikes.
const NUM_WAITING: u32 = 3;

/// Waits for the PONG of a PING sent before.
fn expect_pong(client: &mut RawClient, pongs_before: usize, what: &str) {
    let waited = client.wait(|frames| frames.iter().filter(|frame| frame.is("PONG")).count() > pongs_before);
    assert_eq!(waited, Waited::Met, "{what}: {}", client.text());
}

/// Has several connections wait for the Router, panics it at the given point, and looks at what everybody sees.
fn strike(point: &str, nth: u32) {
    let what = format!("{point} at {nth}");
    let server = InProcess::start();
    let mut steady = server.join();
    steady.flush("SUB steady.* 1\r\nSUB gone 2\r\n");
    let mut publisher = server.join();
    let mut waiting: Vec<RawClient> = (0..NUM_WAITING).map(|_| server.join()).collect();

    // The Router is held while the changes queue up, so that one batch has several of them.
    let gate = Gate::default();
    let held = server.inject("router:before-apply", Fault::StallUntil(gate.clone()));
    publisher.send("SUB first 1\r\nPING\r\n");
    eventually("the router is held", || (held.num_strikes() == 1).then_some(()));
    for client in &mut waiting {
        client.send("SUB shared 1\r\nSUB queue workers 2\r\nPING\r\n");
    }
    steady.send("UNSUB 2\r\nPING\r\n");
    let queue = &server.services().router;
    eventually("the changes wait", || (queue.depth().num_pending == NUM_WAITING as usize + 1).then_some(()));
    let injected = server.faults().inject(Injection::new(&format!("router:{point}"), Fault::Panic).at_checkpoint(nth));
    gate.open();

    for client in &mut waiting {
        expect_pong(client, 1, &what);
    }
    expect_pong(&mut publisher, 1, &what);
    expect_pong(&mut steady, 2, &what);
    assert_eq!(injected.num_strikes(), 1, "{what}: the fault struck");
    let status = server.wait_restarts("router", 1);
    assert_eq!((status.num_restarts, status.state), (1, ChildState::Running), "{what}");

    publisher
        .flush(publish("steady.one", "a") + &publish("shared", "b") + &publish("gone", "c") + &publish("first", "d"));
    publisher.flush(publish("queue", "e"));
    steady.flush("");
    assert_eq!(payloads(&steady, "1"), ["a"], "{what}");
    assert_eq!(payloads(&steady, "2"), [""; 0], "{what}");
    assert_eq!(payloads(&publisher, "1"), ["d"], "{what}");
    let mut queued = 0;
    for client in &mut waiting {
        client.flush("");
        assert_eq!(payloads(client, "1"), ["b"], "{what}: once");
        queued += payloads(client, "2").len();
    }
    assert_eq!(queued, 1, "{what}: one member of the queue group");
    assert_eq!(server.client_actors().num_alive(), u64::from(NUM_WAITING) + 2, "{what}");
    assert_eq!(server.num_indexed(), 2 + 2 * NUM_WAITING as usize, "{what}");
    assert_eq!(server.account().num_subscriptions(), 2 + 2 * u64::from(NUM_WAITING), "{what}");
    eventually("the queue is empty", || {
        let depth = server.services().router.depth();
        (depth.num_pending + depth.num_in_flight == 0).then_some(())
    });
}

#[test]
fn a_panic_before_anything_is_applied() {
    strike("before-apply", 1);
}

/// The first change set, each one in the middle, the last one.
#[test]
fn a_panic_between_changes() {
    for nth in 1..=NUM_WAITING + 2 {
        strike("mid-apply", nth);
    }
}

#[test]
fn a_panic_before_the_new_index_is_published() {
    strike("before-publish", 1);
    strike("before-publish", 2);
}

#[test]
fn a_panic_between_the_publication_and_the_barriers() {
    strike("after-publish", 1);
    strike("after-publish", 2);
}

/// While no Router runs at all, messages flow.
#[test]
fn publishers_do_not_need_the_router() {
    let server = InProcess::start();
    let (mut listener, mut publisher, mut late) = (server.join(), server.join(), server.join());
    listener.flush("SUB news 1\r\n");
    let gate = Gate::default();
    // The instance dies and its successor hangs in its start.
    server.inject("router:before-apply", Fault::Panic);
    let started = server.inject("router:start", Fault::StallUntil(gate.clone()));
    late.send("SUB news 1\r\nPING\r\n");
    eventually("the successor hangs", || (started.num_strikes() == 1).then_some(()));
    for number in 0..100 {
        publisher.flush(publish("news", &number.to_string()));
    }
    listener.flush("");
    let wanted: Vec<String> = (0..100).map(|number| number.to_string()).collect();
    assert_eq!(payloads(&listener, "1"), wanted);
    assert_eq!(late.count("PONG"), 1, "the barrier is closed");
    gate.open();
    expect_pong(&mut late, 1, "the barrier opens");
    publisher.flush(publish("news", "late"));
    late.flush("");
    assert_eq!(payloads(&late, "1"), ["late"]);
}

/// A Router told to stop is brought back like one that panicked.
#[test]
fn a_router_that_stops_comes_back() {
    let server = InProcess::start();
    let mut client = server.join();
    server.inject("router:mid-apply", Fault::Stop);
    client.flush("SUB a 1\r\n");
    server.wait_restarts("router", 1);
    client.flush("SUB b 2\r\n");
    client.flush(publish("a", "1") + &publish("b", "2"));
    assert_eq!((payloads(&client, "1"), payloads(&client, "2")), (vec!["1".to_owned()], vec!["2".to_owned()]));
}
