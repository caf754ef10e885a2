//! Links that a reload changes.

use troupe_tests::{Server, on_both};

const USERS: &str =
    "X { users: [ {user: x, password: p} ], EXPORTS }, I { users: [ {user: i, password: p} ], IMPORTS }";

fn config(exports: &str, imports: &str, rest: &str) -> String {
    let accounts = USERS.replace("EXPORTS", exports).replace("IMPORTS", imports);
    format!("accounts {{ {accounts} }}\n{rest}")
}

#[test]
fn imports_come_and_go() {
    let none = config("", "", "");
    on_both(none.clone(), |server: &mut Server| {
        let mut importer = server.connect();
        importer.flush("CONNECT {\"verbose\":false,\"user\":\"i\",\"pass\":\"p\"}\r\nSUB foo 1\r\nSUB bar 2\r\n");
        let mut exporter = server.connect();
        exporter.flush("CONNECT {\"verbose\":false,\"user\":\"x\",\"pass\":\"p\"}\r\nSUB svc 1\r\nPUB foo 1\r\na\r\n");
        server.reload(config(
            "exports: [ {stream: foo}, {service: svc} ]",
            "imports: [ {stream: {account: X, subject: foo}}, {service: {account: X, subject: svc}} ]",
            "",
        ));
        exporter.flush("PUB foo 1\r\nb\r\n");
        importer.expect("MSG foo 1 1\r\nb");
        importer.flush("PUB svc 1\r\nc\r\n");
        exporter.expect("MSG svc 1 1\r\nc");
        server.reload(config(
            "exports: [ {stream: foo} ]",
            "imports: [ {stream: {account: X, subject: foo}, to: bar} ]",
            "",
        ));
        exporter.flush("PUB foo 1\r\nd\r\n");
        importer.expect("MSG bar 2 1\r\nd");
        importer.flush("PUB svc 1\r\ne\r\n");
        server.reload(none.clone());
        exporter.flush("PUB foo 1\r\nf\r\n");
        importer.flush("");
        exporter.flush("");
        assert_eq!(importer.frames().iter().filter(|frame| frame.contains("MSG ")).count(), 2, "{}", importer.text());
        assert!(!exporter.text().contains("\r\ne\r\n"), "{}", exporter.text());
    });
}

#[test]
fn mappings_come_and_go() {
    on_both(config("", "", ""), |server: &mut Server| {
        let mut client = server.connect();
        client.flush("CONNECT {\"verbose\":false,\"user\":\"i\",\"pass\":\"p\"}\r\nSUB > 1\r\nPUB foo 1\r\na\r\n");
        server.reload(config("", "mappings: {foo: bar}", ""));
        client.flush("PUB foo 1\r\nb\r\n");
        client.expect("MSG bar 1 1\r\nb");
        server.reload(config("", "", ""));
        client.flush("PUB foo 1\r\nc\r\n");
        client.expect("MSG foo 1 1\r\nc");
    });
}
