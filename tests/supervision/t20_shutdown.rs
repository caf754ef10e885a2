//! The orderly end, with clients connected and busy, and with a Router that does not answer.

use std::time::{Duration, Instant};

use troupe::Phase;
use troupe::run::ServerEnd;
use troupe_actors::supervisor::{Fault, Gate};
use troupe_tests::RawClient;
use troupe_tests::in_process::InProcess;
use troupe_tests::raw::Waited;
use troupe_tests::wait::eventually;

use crate::received::{publish, received};

/// Size of each message: the socket buffers hold a few of them.
const PAYLOAD: usize = 64 * 1024;
/// Messages for the slow reader: more than the socket buffers hold, few enough to be sent within the write deadline although
/// their publisher is slowed down.
const NUM_QUEUED: usize = 120;

/// What was accepted for a client that reads late still reaches it.
#[test]
fn queued_messages_are_flushed() {
    let server = InProcess::start();
    let (mut slow, mut publisher) = (server.join(), server.join());
    slow.limit_receive_buffer(64 * 1024);
    slow.flush("SUB bulk 1\r\n");
    let payload = "x".repeat(PAYLOAD - 4);
    for number in 0..NUM_QUEUED {
        publisher.send(publish("bulk", &format!("{number:04}{payload}")));
    }
    publisher.flush("");
    let pending = || server.services().registry.all().iter().map(|entry| entry.sink.outbound().pending()).max();
    assert!(pending() > Some(PAYLOAD), "the reader is behind: {:?}", pending());
    server.begin_shutdown();
    server.wait_phase(Phase::Draining);
    assert_eq!(slow.wait_closed(), Waited::Met);
    let numbers: Vec<usize> =
        received(&slow).iter().map(|message| message.payload[..4].parse().expect("a number")).collect();
    assert_eq!(numbers, (0..NUM_QUEUED).collect::<Vec<_>>());
    assert!(slow.rest().is_empty(), "no torn message");
    assert_eq!(server.wait_end(), ServerEnd::Orderly);
}

/// Publishers in full swing: what arrives is whole, in order and without a gap.
#[test]
fn publishers_are_cut_off_between_messages() {
    let server = InProcess::start();
    let mut listener = server.join();
    listener.flush("SUB load 1\r\n");
    let publishers: Vec<_> = (0..3)
        .map(|publisher| {
            let mut client = server.join();
            std::thread::spawn(move || {
                for number in 0.. {
                    client.send(publish("load", &format!("{publisher} {number}")));
                    if number % 64 == 0 {
                        client.send("PING\r\n");
                        let pongs = client.count("PONG");
                        client.wait(|frames| frames.iter().filter(|frame| frame.is("PONG")).count() > pongs);
                    }
                    if client.is_closed() {
                        return;
                    }
                }
            })
        })
        .collect();
    listener.wait(|frames| frames.len() > 1000);
    let begun = Instant::now();
    server.begin_shutdown();
    listener.wait_closed();
    assert!(listener.is_closed() && listener.rest().is_empty(), "no torn message: {:?}", listener.rest());
    for publisher in publishers {
        publisher.join().expect("a publisher ends when it is closed");
    }
    let mut next = [0_u64; 3];
    for message in received(&listener) {
        let (publisher, number) = message.payload.split_once(' ').expect("two numbers");
        let publisher: usize = publisher.parse().expect("a number");
        assert_eq!(number, next[publisher].to_string(), "from publisher {publisher}");
        next[publisher] += 1;
    }
    assert_eq!(server.wait_end(), ServerEnd::Orderly);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

/// A stuck Router, with a connection waiting for it, does not hold the end up for long.
#[test]
fn a_stalled_router_delays_the_end_by_a_bounded_time() {
    let server = InProcess::start();
    let (mut waiting, mut idle) = (server.join(), server.join());
    let gate = Gate::default();
    let held = server.inject("router:before-apply", Fault::StallUntil(gate.clone()));
    waiting.send("SUB a 1\r\nPING\r\n");
    eventually("the router is stuck", || (held.num_strikes() == 1).then_some(()));
    let begun = Instant::now();
    server.begin_shutdown();
    for client in [&mut waiting, &mut idle] {
        client.wait_closed();
        assert!(client.is_closed());
    }
    eventually("the waiting connection is gone", || server.services().registry.is_empty().then_some(()));
    assert!(begun.elapsed() < Duration::from_millis(1500), "it waited for the router: {:?}", begun.elapsed());
    assert_eq!(waiting.count("PONG"), 1, "the waiting PING is not answered");
    assert_eq!(server.wait_end(), ServerEnd::Orderly);
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    gate.open();
}

/// Nobody gets in any more, and the port is free.
#[test]
fn the_port_is_free_afterwards() {
    let server = InProcess::start();
    let address = server.address();
    let client = server.join();
    assert_eq!(server.shutdown(), ServerEnd::Orderly);
    drop(client);
    let refused = std::net::TcpStream::connect(address).expect_err("nobody listens");
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    let listener = std::net::TcpListener::bind(address);
    assert!(listener.is_ok() || RawClient::connect(address).is_closed(), "{listener:?}");
}
