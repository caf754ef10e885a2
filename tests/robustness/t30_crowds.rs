//! Many subscriptions, many connections.

use troupe_tests::{Server, on_both};

use crate::memory::{check_alive, resident};

const MEGABYTE: usize = 1024 * 1024;

#[test]
fn a_hundred_thousand_subscriptions_on_one_connection() {
    let server = Server::troupe("");
    check_alive(&server);
    let before = resident(&server);
    let mut client = server.connect();
    client.flush("CONNECT {\"verbose\":false}\r\n");
    for block in 0..100 {
        let lines: String = (0..1000).map(|n| format!("SUB crowd.{block}.{n} {block}x{n}\r\n")).collect();
        client.flush(lines);
    }
    client.flush("PUB crowd.99.999 2\r\nhi\r\n");
    assert_eq!(client.count("MSG crowd.99.999 99x999 2\r\nhi"), 1);
    let grown = resident(&server).saturating_sub(before);
    assert!(grown < 100 * MEGABYTE, "100,000 subscriptions took {grown} bytes");
    client.close();
    check_alive(&server);
}

#[test]
fn subscriptions_beyond_the_limit() {
    on_both("max_subscriptions: 100", |server| {
        let mut client = server.connect();
        let lines: String = (0..1000).map(|n| format!("SUB many.{n} {n}\r\n")).collect();
        client.flush(format!("CONNECT {{\"verbose\":false}}\r\n{lines}"));
        assert_eq!(client.count("-ERR 'maximum subscriptions exceeded'"), 900, "{}", server.name());
    });
}

#[test]
fn two_thousand_connections_come_and_go() {
    let server = Server::troupe("");
    let visit = |count: usize| {
        for number in 0..count {
            let mut client = server.connect();
            client.flush(format!("CONNECT {{\"verbose\":false}}\r\nSUB churn.{number} 1\r\nSUB churn.* q 2\r\n"));
            client.close();
        }
    };
    visit(400);
    let before = resident(&server);
    visit(1600);
    check_alive(&server);
    let grown = resident(&server).saturating_sub(before);
    assert!(grown < 16 * MEGABYTE, "1,600 connections left {grown} bytes behind");
}
