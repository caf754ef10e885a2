//! What connections notice when the configuration is read again.

use troupe_tests::on_both;

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
