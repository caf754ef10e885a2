//! Subscribers that do not read.

use troupe_tests::{RawClient, Server, on_both};

/// Opens a subscriber that will not read, and a publisher.
fn pair(server: &Server) -> (RawClient, RawClient) {
    let mut subscriber = server.connect();
    subscriber.flush("CONNECT {\"verbose\":false,\"pedantic\":false}\r\nSUB big 1\r\n");
    let mut publisher = server.connect();
    publisher.flush("CONNECT {\"verbose\":false,\"pedantic\":false}\r\n");
    (subscriber, publisher)
}

fn megabytes(count: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..count * 4 {
        bytes.extend_from_slice(b"PUB big 262144\r\n");
        bytes.resize(bytes.len() + 262_144, b'x');
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

#[test]
fn too_many_pending_bytes() {
    on_both("max_pending: 2MB", |server| {
        let (mut subscriber, mut publisher) = pair(server);
        let block = megabytes(4);
        for _ in 0..16 {
            publisher.flush(&block);
        }
        server.wait_log("Slow Consumer Detected: MaxPending of 2097152 Exceeded");
        subscriber.wait_closed();
        assert!(subscriber.is_closed(), "{}", server.name());
        assert!(!subscriber.frames().iter().any(|frame| frame.starts_with("-ERR")), "{}", server.name());
        publisher.flush("PUB other 2\r\nhi\r\n");
        assert!(!publisher.is_closed(), "{}", server.name());
    });
}

#[test]
fn a_write_that_takes_too_long() {
    on_both("write_deadline: \"300ms\"", |server| {
        let (mut subscriber, mut publisher) = pair(server);
        publisher.flush(megabytes(24));
        server.wait_log("Slow Consumer Detected: WriteDeadline of 300ms exceeded with");
        subscriber.wait_closed();
        assert!(subscriber.is_closed(), "{}", server.name());
        publisher.flush("PUB other 2\r\nhi\r\n");
    });
}

#[test]
fn a_slow_reader_within_the_limits_loses_nothing() {
    on_both("", |server| {
        let (mut subscriber, mut publisher) = pair(server);
        publisher.flush(megabytes(16));
        subscriber.flush("");
        let messages = subscriber.frames().iter().filter(|frame| frame.starts_with("MSG big 1 262144\r\n")).count();
        assert_eq!(messages, 64, "{}", server.name());
    });
}

#[test]
fn other_subscribers_are_served() {
    on_both("max_pending: 2MB", |server| {
        let (_slow, mut publisher) = pair(server);
        let mut quick = server.connect();
        quick.flush("CONNECT {\"verbose\":false,\"pedantic\":false}\r\nSUB big 5\r\n");
        let block = megabytes(1);
        for _ in 0..40 {
            publisher.flush(&block);
            quick.flush("");
        }
        let messages = quick.frames().iter().filter(|frame| frame.starts_with("MSG big 5 ")).count();
        assert_eq!(messages, 160, "{}", server.name());
    });
}
