//! What connections notice when the configuration is read again.

use std::time::Duration;

use troupe_tests::on_both;
use troupe_tests::wait::eventually;

#[test]
fn a_new_payload_limit_holds_for_old_and_new_connections() {
    on_both("max_payload: 1000", |server| {
        let mut client = server.connect();
        client.flush("CONNECT {\"verbose\":false,\"protocol\":1}\r\n");
        client.flush("");
        server.reload("max_payload: 10");
        server.connect().expect("\"max_payload\":10,");
        client.send("PUB foo 11\r\n");
        client.expect("-ERR 'Maximum Payload Violation'");
        client.wait_closed();
        assert!(client.is_closed(), "{}", server.name());
    });
}

#[test]
fn a_removed_user_is_closed() {
    let both = "authorization { users: [ {user: a, password: p}, {user: b, password: p} ] }";
    on_both(both, |server| {
        let mut leaving = server.connect();
        leaving.flush("CONNECT {\"verbose\":false,\"user\":\"a\",\"pass\":\"p\"}\r\n");
        let mut staying = server.connect();
        staying.flush("CONNECT {\"verbose\":false,\"user\":\"b\",\"pass\":\"p\"}\r\nSUB foo 1\r\n");
        server.reload("authorization { users: [ {user: b, password: p} ] }");
        leaving.wait_closed();
        assert!(leaving.is_closed(), "{}", server.name());
        staying.flush("PUB foo 2\r\nhi\r\n");
        assert!(staying.text().contains("MSG foo 1 2"), "{}: {}", server.name(), staying.text());
    });
}

#[test]
fn a_subscription_that_is_no_longer_allowed_is_removed() {
    let allowing = |subjects: &str| {
        format!("authorization {{ users: [ {{user: a, password: p, permissions: {{subscribe: [{subjects}]}}}} ] }}")
    };
    on_both(allowing("\"foo\", \"bar\""), |server| {
        let mut client = server.connect();
        client.flush(
            "CONNECT {\"verbose\":false,\"user\":\"a\",\"pass\":\"p\"}\r\nSUB foo 1\r\nSUB bar 2\r\nSUB bar q 3\r\n",
        );
        server.reload(allowing("\"foo\""));
        client.expect("-ERR 'Permissions Violation for Subscription to \"bar\" (sid \"2\")'");
        client.expect("-ERR 'Permissions Violation for Subscription to \"bar\" using queue \"q\" (sid \"3\")'");
        client.flush("PUB bar 1\r\nb\r\nPUB foo 1\r\nf\r\n");
        assert!(client.text().contains("MSG foo 1 1"), "{}: {}", server.name(), client.text());
        assert!(!client.text().contains("MSG bar"), "{}: {}", server.name(), client.text());
    });
}

#[test]
fn a_broken_file_changes_nothing() {
    use nix::sys::signal::Signal;
    on_both("max_payload: 1000", |server| {
        std::fs::write(server.dir().join("server.conf"), "max_payload: {\n").unwrap();
        server.signal(Signal::SIGHUP);
        server.wait_log("Failed to reload server configuration");
        let mut client = server.connect();
        client.expect("\"max_payload\":1000,");
    });
}

#[test]
fn a_lower_connection_limit_closes_the_surplus() {
    for (limit, num_left) in [("2", 2), ("0", 0), ("-1", 0), ("3", 3)] {
        on_both("max_connections: 10", |server| {
            let mut clients: Vec<_> = (0..3).map(|_| server.connect()).collect();
            clients.iter_mut().for_each(|client| client.flush("CONNECT {\"verbose\":false}\r\n"));
            server.reload(format!("max_connections: {limit}"));
            if num_left < 3 {
                let num_closed = 3 - num_left;
                server.wait_log(&format!("Closed {num_closed} connections to fall within max_connections"));
            }
            clients.iter_mut().for_each(|client| client.set_patience(Duration::from_millis(20)));
            troupe_tests::wait::eventually("the surplus to be refused", || {
                let refused = clients.iter_mut().map(|client| {
                    client.wait_closed();
                    client.is_closed() && client.text().contains("maximum connections exceeded")
                });
                (refused.filter(|is_refused| *is_refused).count() == 3 - num_left).then_some(())
            });
            for client in clients.iter_mut().filter(|client| !client.is_closed()) {
                client.set_patience(Duration::from_secs(5));
                client.flush("");
            }
            let num_open = clients.iter().filter(|client| !client.is_closed()).count();
            assert_eq!(num_open, num_left, "{}, limit {limit}", server.name());
        });
    }
}

#[test]
fn lower_limits_of_an_account_close_what_is_too_much() {
    let config = |connections: u32, subscriptions: u32| {
        format!(
            "accounts {{ A {{ limits {{max_connections: {connections}, max_subscriptions: {subscriptions}}}, users: [{{user: a, password: p}}] }} }}"
        )
    };
    const CONNECT: &str = "CONNECT {\"verbose\":false,\"user\":\"a\",\"pass\":\"p\"}\r\n";
    on_both(config(5, 5), |server| {
        let mut clients: Vec<_> = (0..3).map(|_| server.connect()).collect();
        clients.iter_mut().for_each(|client| client.flush(CONNECT));
        server.reload(config(1, 5));
        eventually("one connection", || {
            for client in &mut clients {
                client.set_patience(Duration::from_millis(50));
                client.wait_closed();
            }
            (clients.iter().filter(|client| client.is_closed()).count() == 2).then_some(())
        });
        let told =
            clients.iter().filter(|client| client.text().contains("maximum account active connections exceeded"));
        assert_eq!(told.count(), 2, "{}", server.name());
    });
    on_both(config(5, 5), |server| {
        let (mut many, mut few) = (server.connect(), server.connect());
        many.flush(format!("{CONNECT}SUB a 1\r\nSUB b 2\r\nSUB c 3\r\n"));
        few.flush(format!("{CONNECT}SUB a 1\r\n"));
        server.reload(config(5, 2));
        many.wait_closed();
        assert!(many.is_closed() && many.text().contains("maximum subscriptions exceeded"), "{}", many.text());
        few.flush("SUB b 2\r\nSUB c 3\r\n");
        assert!(few.text().contains("maximum subscriptions exceeded"), "{}: {}", server.name(), few.text());
    });
}
