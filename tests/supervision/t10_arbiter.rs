//! A connection arbiter whose thread ends takes its own connections along and is replaced.

use troupe_actors::supervisor::Fault;
use troupe_tests::RawClient;
use troupe_tests::in_process::InProcess;
use troupe_tests::wait::eventually;

use crate::received::{cid, payloads, publish};

#[test]
fn a_lost_arbiter_is_replaced() {
    let server = InProcess::start();
    let num_arbiters = server.num_arbiters();
    let mut clients: Vec<RawClient> = (0..num_arbiters * 3).map(|_| server.join()).collect();
    for client in &mut clients {
        client.flush("SUB news 1\r\n");
    }
    let victim = cid(&mut clients[0]);
    server.inject(&format!("client:{victim}:op"), Fault::EndArbiter);
    clients[0].send("PING\r\n");

    for (number, client) in clients.iter_mut().enumerate() {
        if number % num_arbiters == 0 {
            client.wait_closed();
            assert!(client.is_closed(), "connection {number} lived on the arbiter");
        } else {
            client.flush("");
        }
    }
    server.wait_connections(num_arbiters * 3 - 3);
    eventually("the arbiter is replaced", || {
        (server.board().arbiters.iter().filter(|arbiter| arbiter.generation == 2).count() == 1).then_some(())
    });
    eventually("the index forgets the lost subscriptions", || {
        (server.num_indexed() == clients.len() - 3).then_some(())
    });

    // As many as there are arbiters: one of them lands on the new one.
    let mut fresh: Vec<RawClient> = (0..num_arbiters).map(|_| server.join()).collect();
    for client in &mut fresh {
        client.flush("SUB news 1\r\n");
    }
    fresh[0].flush(publish("news", "hello"));
    for client in fresh.iter_mut().chain(clients.iter_mut().filter(|client| !client.is_closed())) {
        client.flush("");
        assert_eq!(payloads(client, "1"), ["hello"]);
    }
    eventually("the board counts the lost actors", || {
        (server.client_actors().num_alive() as usize == num_arbiters * 4 - 3).then_some(())
    });
    assert_eq!(server.client_actors().num_panicked, 0);
}
