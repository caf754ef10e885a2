//! Rates of publishing and connections of a user: limits that nats-server does not have.

use std::time::{Duration, Instant};

use troupe_tests::{RawClient, Server};

const CONFIG: &str = r#"
http: "127.0.0.1:-1"
accounts {
  A {
    limits { bytes_per_second: 100K, bytes_burst: 20K }
    users [
      {user: fast, password: p}
      {user: slow, password: p, limits {messages_per_second: 100, messages_burst: 10}}
      {user: few, password: p, limits {max_connections: 2, max_subscriptions: 1}}
    ]
  }
  B { users [ {user: b, password: p} ] }
}
"#;

fn enter(server: &Server, user: &str) -> RawClient {
    let mut client = server.connect();
    client.flush(format!("CONNECT {{\"verbose\":false,\"user\":\"{user}\",\"pass\":\"p\"}}\r\n"));
    client
}

fn messages(client: &RawClient) -> usize {
    client.frames().iter().filter(|frame| frame.0.starts_with(b"MSG x 1 ")).count()
}

/// Time until `count` messages of `size` bytes have been taken.
fn publish(client: &mut RawClient, count: usize, size: usize) -> Duration {
    let start = Instant::now();
    let message = format!("PUB x {size}\r\n{}\r\n", "x".repeat(size));
    client.flush(message.repeat(count));
    start.elapsed()
}

#[test]
fn a_publisher_over_its_rate_waits_and_loses_nothing() {
    let server = Server::troupe(CONFIG);
    let mut reader = enter(&server, "fast");
    reader.flush("SUB x 1\r\n");
    let mut slow = enter(&server, "slow");
    let took = publish(&mut slow, 110, 1);
    assert!(took >= Duration::from_millis(950), "110 messages at 100 a second with a burst of 10 took {took:?}");
    reader.flush("");
    assert_eq!(messages(&reader), 110);

    let mut fast = enter(&server, "fast");
    let took = publish(&mut fast, 60, 1000);
    assert!(took >= Duration::from_millis(350), "60 KB at 100 KB a second with a burst of 20 KB took {took:?}");
    reader.flush("");
    assert_eq!(messages(&reader), 170);

    let mut other = enter(&server, "b");
    let took = publish(&mut other, 200, 1000);
    assert!(took < Duration::from_millis(350), "an account without limits waited {took:?}");
}

#[test]
fn all_connections_of_a_user_share_its_rate() {
    let server = Server::troupe(CONFIG);
    let mut clients = [enter(&server, "slow"), enter(&server, "slow")];
    let start = Instant::now();
    for client in &mut clients {
        client.send("PUB x 1\r\nx\r\n".repeat(60));
    }
    clients.iter_mut().for_each(|client| client.flush(""));
    assert!(start.elapsed() >= Duration::from_millis(1000), "took {:?}", start.elapsed());
}

#[test]
fn a_waiting_connection_can_be_closed() {
    let server = Server::troupe(CONFIG);
    let mut slow = enter(&server, "slow");
    slow.send("PUB x 1\r\nx\r\n".repeat(5000));
    slow.close();
    let mut again = enter(&server, "slow");
    again.flush("");
    let exit = server.stop();
    assert!(exit.success(), "{exit:?}");
}

#[test]
fn a_user_has_so_many_connections() {
    let server = Server::troupe(CONFIG);
    let mut first = enter(&server, "few");
    let _second = enter(&server, "few");
    let mut third = server.connect();
    third.send("CONNECT {\"verbose\":false,\"user\":\"few\",\"pass\":\"p\"}\r\n");
    third.wait_closed();
    assert!(third.text().contains("maximum user active connections exceeded"), "{}", third.text());
    server.wait_log("maximum user active connections exceeded");

    first.flush("SUB a 1\r\nSUB b 2\r\n");
    assert!(first.text().contains("maximum subscriptions exceeded"), "{}", first.text());
    first.close();
    // The server notices in its own time.
    let entered = (0..500).any(|_| {
        let mut client = server.connect();
        client.send("CONNECT {\"verbose\":false,\"user\":\"few\",\"pass\":\"p\"}\r\nPING\r\n");
        client.wait(|frames| frames.iter().any(|frame| frame.0.starts_with(b"PONG") || frame.0.starts_with(b"-ERR")));
        client.frames().iter().any(|frame| frame.0.starts_with(b"PONG"))
    });
    assert!(entered, "a place that became free was not given out");
}

#[test]
fn a_reload_changes_rates_of_connections_that_are_there() {
    let server = Server::troupe(CONFIG);
    let mut slow = enter(&server, "slow");
    server.reload(CONFIG.replace("messages_per_second: 100, messages_burst: 10", "messages_per_second: 100000"));
    slow.flush("");
    let took = publish(&mut slow, 1000, 1);
    assert!(took < Duration::from_secs(5), "took {took:?}");
}
