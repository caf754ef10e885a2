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
