//! Events.

use troupe_tests::{Server, on_both};

use super::shape::{CONFIG, enter, payload, shape};

#[test]
fn clients_come_and_go() {
    let Some(reference) = Server::reference(CONFIG) else { return };
    let troupe = Server::troupe(CONFIG);
    let told = |server: &Server| -> Vec<String> {
        let mut client = enter(server, "sys");
        client.flush(
            "SUB $SYS.ACCOUNT.A.CONNECT 1\r\nSUB $SYS.ACCOUNT.A.DISCONNECT 2\r\nSUB $SYS.SERVER.*.CLIENT.AUTH.ERR 3\r\nSUB $SYS.ACCOUNT.B.SERVER.CONNS 4\r\nSUB $SYS.SERVER.ACCOUNT.B.CONNS 5\r\nSUB $SYS.ACCOUNT.$G.DISCONNECT 6\r\nSUB $SYS.SERVER.*.STATSZ 7\r\n",
        );
        enter(server, "a").close();
        let _staying = enter(server, "b");
        let mut refused = server.connect();
        refused.send(
            "CONNECT {\"verbose\":false,\"lang\":\"raw\",\"version\":\"1\",\"user\":\"nobody\",\"pass\":\"p\"}\r\n",
        );
        refused.wait_closed();
        ["1", "2", "3", "4", "5", "6"].map(|sid| shape(&payload(&mut client, sid))).to_vec()
    };
    let (wanted, got) = (told(&reference), told(&troupe));
    // A client that goes at once may have no round trip time.
    let without_rtt = |shapes: Vec<String>| -> Vec<String> {
        shapes.into_iter().map(|shape| shape.replace("rtt: number, ", "")).collect()
    };
    assert_eq!(without_rtt(wanted), without_rtt(got));
}

#[test]
fn the_server_ends() {
    on_both(CONFIG, |server| {
        let mut client = enter(server, "sys");
        client.flush("SUB $SYS.SERVER.*.SHUTDOWN 1\r\n");
        server.signal(nix::sys::signal::Signal::SIGTERM);
        let told = String::from_utf8(payload(&mut client, "1")).expect("text");
        assert!(told.contains("\"name\":\"S\""), "{told}");
    });
}

#[test]
fn owners_of_accounts_learn_who_was_not_let_in() {
    const CONFIG: &str = r#"
server_name: S
accounts { SYS { users: [ {user: sys, password: p} ] } }
system_account: SYS
authorization { timeout: 1, users: [ {user: g, password: p} ] }
"#;
    let Some(reference) = Server::reference(CONFIG) else { return };
    let troupe = Server::troupe(CONFIG);
    let told = |server: &Server| -> Vec<String> {
        let mut system = enter(server, "sys");
        system.flush("SUB $SYS.ACCOUNT.$G.DISCONNECT 1\r\nSUB $SYS.SERVER.*.CLIENT.AUTH.ERR 2\r\n");
        system.flush("SUB $SYS.ACCOUNT.$G.CONNECT 3\r\n");
        let mut owner = enter(server, "g");
        let entered = shape(&payload(&mut system, "3"));
        owner.flush("SUB $SYS.ACCOUNT.CLIENT.AUTH.ERR 1\r\n");
        let mut late = server.connect();
        late.wait_closed();
        let late = shape(&payload(&mut system, "1"));
        let mut refused = server.connect();
        refused.send("CONNECT {\"verbose\":false,\"user\":\"nobody\",\"pass\":\"p\"}\r\n");
        refused.wait_closed();
        let of_owner = shape(&payload(&mut owner, "1"));
        let of_system = shape(&payload(&mut system, "2"));
        system.flush("");
        let count = system.frames().iter().filter(|frame| frame.contains("CLIENT.AUTH.ERR 2")).count();
        vec![entered, late, of_owner, of_system, count.to_string()]
    };
    assert_eq!(told(&reference), told(&troupe));
}
