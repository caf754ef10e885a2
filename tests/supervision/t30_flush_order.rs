//! What a PONG promises: everything before it has been handed to those who get it.

use troupe_tests::RawClient;
use troupe_tests::in_process::InProcess;

use crate::received::{cid, publish};

const NUM_LISTENERS: usize = 60;

/// Publishes to itself and to many others, and looks at what the others have been sent as soon as the PONG is there.
fn publish_to_all(server: &InProcess, publisher: &mut RawClient) {
    let own = cid(publisher);
    let sent = || -> u64 {
        let others = server.services().registry.all().into_iter().filter(|entry| entry.sink.cid() != own);
        others.map(|entry| entry.sink.traffic().read().out_msgs).sum()
    };
    for round in 0..20 {
        let before = sent();
        publisher.flush(publish("all", "x"));
        assert_eq!(sent() - before, NUM_LISTENERS as u64, "messages handed over at the PONG of round {round}");
    }
}

fn start() -> (InProcess, Vec<RawClient>) {
    let server = InProcess::start();
    let mut listeners: Vec<RawClient> = (0..NUM_LISTENERS).map(|_| server.join()).collect();
    listeners.iter_mut().for_each(|listener| listener.flush("SUB all 1\r\n"));
    (server, listeners)
}

/// The publisher's own answers are queued before the messages for others.
#[test]
fn a_pong_comes_after_the_messages_of_others() {
    let (server, _listeners) = start();
    let mut publisher = server.join();
    publisher.flush("SUB all 1\r\n");
    publish_to_all(&server, &mut publisher);
}

/// The first PONG goes out in the middle of a read, because INFO follows.
#[test]
fn the_first_pong_does_too() {
    let (server, _listeners) = start();
    let mut publisher = server.connect();
    publisher.send("CONNECT {\"verbose\":false,\"protocol\":1}\r\nSUB all 1\r\n");
    publish_to_all(&server, &mut publisher);
}
