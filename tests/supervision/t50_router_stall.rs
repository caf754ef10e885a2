//! A Router that hangs is replaced on a new thread; what it does when it wakes up does not count.

use std::time::Duration;

use troupe_actors::supervisor::{Fault, Gate};
use troupe_tests::RawClient;
use troupe_tests::in_process::InProcess;
use troupe_tests::raw::Waited;
use troupe_tests::wait::eventually;

use crate::received::{payloads, publish};

/// The stall limit is ten seconds; the replacement comes with the next probe.
const REPLACED_WITHIN: Duration = Duration::from_secs(25);

/// Waits for the PONG of a PING sent before.
fn expect_pong(client: &mut RawClient, pongs_before: usize) {
    client.set_patience(REPLACED_WITHIN);
    let waited = client.wait(|frames| frames.iter().filter(|frame| frame.is("PONG")).count() > pongs_before);
    assert_eq!(waited, Waited::Met, "{}", client.text());
}

/// Hangs the Router at `point`, has it replaced, lets the old one go on, and looks at what became of the index.
fn hang_at(point: &str) {
    let server = InProcess::start();
    let (mut listener, mut publisher, mut waiting) = (server.join(), server.join(), server.join());
    listener.flush("SUB news 1\r\nSUB leaving 2\r\n");
    let gate = Gate::default();
    let held = server.inject(&format!("router:{point}"), Fault::StallUntil(gate.clone()));
    waiting.send("SUB news 1\r\nPING\r\n");
    eventually("the router hangs", || (held.num_strikes() == 1).then_some(()));

    for number in 0..10 {
        publisher.flush(publish("news", &number.to_string()));
    }
    listener.flush("");
    let wanted: Vec<String> = (0..10).map(|number| number.to_string()).collect();
    assert_eq!(payloads(&listener, "1"), wanted, "publishers go on with the last snapshot");
    assert_eq!(waiting.count("PONG"), 1, "the barrier is closed");
    assert_eq!(server.child("router").epoch.get(), 1);

    expect_pong(&mut waiting, 1);
    let status = server.wait_restarts("router", 1);
    assert_eq!((status.epoch.get(), status.num_stalls), (2, 1));

    // Changes the hanging instance knows nothing of.
    listener.flush("UNSUB 2\r\n");
    waiting.flush("SUB later 2\r\n");
    let before = server.account().generation();
    gate.open();
    // The old instance has had its turn once its thread is gone: its change sets are dropped with it.
    eventually("the old instance has let go of the queue", || {
        (server.services().router.depth().num_in_flight == 0).then_some(())
    });
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(server.account().generation(), before, "the fenced instance has published");
    publisher.flush(publish("news", "both") + &publish("later", "one") + &publish("leaving", "none"));
    listener.flush("");
    waiting.flush("");
    assert_eq!(payloads(&listener, "1").last().map(String::as_str), Some("both"));
    assert_eq!(payloads(&listener, "2"), [""; 0]);
    assert_eq!(payloads(&waiting, "1").last().map(String::as_str), Some("both"));
    assert_eq!(payloads(&waiting, "2"), ["one"]);
    assert_eq!(server.num_indexed(), 3);
    assert_eq!(server.child("router").num_restarts, 1);
}

#[test]
fn stuck_before_it_applies_changes() {
    hang_at("before-apply");
}

/// The worst moment: it has just made sure that it still counts.
#[test]
fn stuck_between_the_look_at_its_epoch_and_the_publication() {
    hang_at("before-publish");
}

#[test]
fn stuck_between_the_publication_and_the_barriers() {
    hang_at("after-publish");
}
