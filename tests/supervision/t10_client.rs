//! A client actor that panics takes down its own connection and nothing else.

use troupe_actors::supervisor::{Fault, Injection};
use troupe_tests::RawClient;
use troupe_tests::in_process::InProcess;

use crate::received::{cid, payloads};

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

        let actors = server.client_actors();
        assert_eq!((actors.num_panicked, actors.num_alive()), (1, 2), "{point}");
        assert_eq!(server.account().num_subscriptions(), 3, "{point}");
        let index = server.account().snapshot();
        assert_eq!(index.len(), 3, "{point}");
        assert_eq!(server.child("router").num_restarts, 0, "{point}");
        assert_eq!(server.shutdown(), troupe::run::ServerEnd::Orderly, "{point}");
    }
}
