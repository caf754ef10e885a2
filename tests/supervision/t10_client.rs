//! A client actor that panics takes down its own connection and nothing else.

use troupe_actors::supervisor::{Fault, Injection};
use troupe_tests::RawClient;
use troupe_tests::in_process::InProcess;
use troupe_tests::wait::eventually;

use crate::received::{cid, payloads, publish};

fn inject_into(server: &InProcess, client: &mut RawClient, point: &str, nth: u32, fault: Fault) {
    let target = format!("client:{}:{point}", cid(client));
    server.faults().inject(Injection::new(&target, fault).at_checkpoint(nth));
}

/// Struck at each point of a batch, in the middle of messages for others on its arbiter.
#[test]
fn a_panic_closes_one_connection() {
    for point in ["op", "mid-publish", "mid-batch"] {
        let server = InProcess::start();
        let mut clients = server.join_on_one_arbiter(3);
        let [victim, listener, publisher] = &mut clients[..] else { panic!("three connections") };
        victim.flush("SUB victims.service 1\r\nSUB orders 2\r\n");
        listener.flush("SUB orders 1\r\nSUB replies 2\r\n");
        publisher.flush("SUB inbox 1\r\n");

        // The third operation of the batch: two messages for the listener are on their way.
        inject_into(&server, victim, point, if point == "mid-batch" { 1 } else { 2 }, Fault::Panic);
        victim.send("PUB orders 4\r\nlost\r\nPUB orders 4\r\nlost\r\nPUB orders 4\r\nlost\r\nPING\r\n");
        victim.wait_closed();
        assert!(victim.is_closed(), "{point}: {}", victim.text());
        server.wait_connections(2);

        publisher.flush("PUB orders 3\r\none\r\nPUB replies 5\r\nthere\r\nPUB victims.service inbox 2\r\nhi\r\n");
        assert_eq!(publisher.frames().iter().filter(|frame| frame.contains("NATS/1.0 503")).count(), 1, "{point}");
        listener.flush("PUB orders 3\r\ntwo\r\n");
        assert_eq!(payloads(listener, "1"), ["one", "two"], "{point}: what the dead connection sent is lost whole");
        assert_eq!(payloads(listener, "2"), ["there"], "{point}");

        eventually("the board counts the panic", || (server.client_actors().num_panicked == 1).then_some(()));
        assert_eq!(server.client_actors().num_alive(), 2, "{point}");
        assert_eq!(server.account().num_subscriptions(), 3, "{point}");
        let index_len = || server.num_indexed();
        eventually("the index forgets the dead subscriptions", || (index_len() == 3).then_some(()));
        assert_eq!(server.child("router").num_restarts, 0, "{point}");
        assert_eq!(server.shutdown(), troupe::run::ServerEnd::Orderly, "{point}");
    }
}

/// Messages lost with a connection that panicked do not count for subscriptions that end after a number of messages.
#[test]
fn lost_messages_are_not_counted() {
    let server = InProcess::start();
    let mut clients = server.join_on_one_arbiter(3);
    let [victim, listener, publisher] = &mut clients[..] else { panic!("three connections") };
    listener.flush("SUB orders 1\r\n");
    inject_into(&server, victim, "mid-batch", 1, Fault::Panic);
    victim.send(publish("orders", "lost") + &publish("orders", "lost"));
    victim.wait_closed();
    listener.flush("UNSUB 1 2\r\n");
    publisher.flush(publish("orders", "one") + &publish("orders", "two") + &publish("orders", "three"));
    listener.flush("");
    assert_eq!(payloads(listener, "1"), ["one", "two"]);
    assert_eq!(server.account().num_subscriptions(), 0);
}

/// Every connection panics once, at a random moment of its own batch, again and again: the arbiters and the rest live on.
#[test]
fn many_panics_leave_nothing_behind() {
    let server = InProcess::start();
    let mut steady = server.join_on_one_arbiter(2);
    let [listener, publisher] = &mut steady[..] else { panic!("two connections") };
    listener.flush("SUB orders 1\r\n");
    for round in 0..60 {
        let mut victim = server.join();
        let (point, nth) =
            [("op", 1 + round % 4), ("mid-publish", 1 + round % 2), ("mid-batch", 1)][round as usize % 3];
        inject_into(&server, &mut victim, point, nth, Fault::Panic);
        let sub = "SUB orders 7\r\nPUB orders 4\r\nlost\r\n";
        victim.send(format!("{sub}PUB orders 4\r\nlost\r\nUNSUB 7\r\nPING\r\n"));
        victim.wait_closed();
        assert!(victim.is_closed(), "round {round} at {point} {nth}");
        publisher.flush(publish("orders", &round.to_string()));
    }
    server.wait_connections(2);
    listener.flush("");
    let heard: Vec<String> = payloads(listener, "1").into_iter().filter(|payload| payload != "lost").collect();
    assert_eq!(heard, (0..60).map(|round| round.to_string()).collect::<Vec<_>>());
    assert_eq!(server.account().num_subscriptions(), 1);
    eventually("the index forgets the dead subscriptions", || (server.num_indexed() == 1).then_some(()));
    eventually("the board counts the panics", || (server.client_actors().num_panicked == 60).then_some(()));
    assert_eq!((server.child("router").num_restarts, server.services().num_writers()), (0, 2));
}

/// An injected stop in the middle of a batch closes the connection with its answers and messages sent.
#[test]
fn a_stopped_connection_is_flushed() {
    let server = InProcess::start();
    let mut clients = server.join_on_one_arbiter(2);
    let [victim, listener] = &mut clients[..] else { panic!("two connections") };
    listener.flush("SUB orders 1\r\n");
    inject_into(&server, victim, "op", 3, Fault::Stop);
    victim.send(publish("orders", "sent") + "PING\r\n" + &publish("orders", "unsent"));
    victim.wait_closed();
    assert_eq!(victim.count("PONG"), 2);
    server.wait_connections(1);
    listener.flush("");
    assert_eq!(payloads(listener, "1"), ["sent"]);
    assert_eq!(server.client_actors().num_panicked, 0);
}
