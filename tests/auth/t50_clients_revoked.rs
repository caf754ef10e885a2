//! Clients whose certificates were revoked.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use troupe_tests::authority::{Authority, Says, Signer};
use troupe_tests::{Config, RawClient, Server, on_both, reference};

use crate::visitor::{ask_monitor, visit};

const SERIAL: u64 = 0x2002;
const MIDDLE: u64 = 0x3003;
const NO_CACHE: &str = "ocsp_cache: false\n";

struct Scene {
    authority: Authority,
}

impl Scene {
    fn new() -> Self {
        let authority = Authority::start();
        authority.issue_plain("server", 1);
        authority.issue("client", SERIAL);
        authority.issue_plain("plain", 3);
        authority.issue_below("below", MIDDLE);
        Self { authority }
    }

    fn config(&self, peer: &str, more: &str) -> String {
        self.authority.tls_block("server", &format!("verify: true, ocsp_peer: {peer}")) + more
    }

    /// Whether a server lets somebody in.
    fn admits(&self, server: &Server, name: &str) -> bool {
        let file = |extension: &str| self.authority.path(&format!("{name}.{extension}"));
        let (certificate, key): (PathBuf, PathBuf) = (file("pem"), file("key"));
        visit(server, Some((&certificate, &key))).was_let_in
    }

    /// Whether a monitor answers: to the client, or to nobody.
    fn is_shown_by(&self, address: SocketAddr, is_client: bool) -> bool {
        let [certificate, key] = ["client.pem", "client.key"].map(|name| self.authority.path(name));
        let own = is_client.then_some((&*certificate, &*key));
        ask_monitor(address, own).is_some_and(|text| text.contains("server_id"))
    }
}

#[test]
fn who_is_let_in() {
    use Says::{Garbage, Good, Nothing, Revoked, Unknown};

    let scene = Scene::new();
    let settings: [(&str, &[Says]); 6] = [
        ("true", &[Good]),
        ("false", &[Good, Revoked, Unknown, Nothing, Garbage]),
        ("{ verify: true, unknown_is_good: true }", &[Good, Unknown]),
        ("{ verify: true, allow_when_ca_unreachable: true }", &[Good, Nothing]),
        ("{ verify: true, warn_only: true }", &[Good, Revoked, Unknown, Nothing, Garbage]),
        (
            "{ verify: true, ca_timeout: 5, allowed_clockskew: \"10s\", cache_ttl_when_next_update_unset: 60.5 }",
            &[Good],
        ),
    ];
    for (setting, admitted) in settings {
        on_both(scene.config(setting, NO_CACHE), |server| {
            for says in [Good, Revoked, Unknown, Nothing, Garbage] {
                scene.authority.say(SERIAL, says);
                let is_in = scene.admits(server, "client");
                assert_eq!(is_in, admitted.contains(&says), "{} with {setting} and {says:?}", server.name());
            }
            // Nobody is asked about a certificate that does not say whom.
            assert!(scene.admits(server, "plain"), "{} with {setting}", server.name());
        });
    }
}

#[test]
fn what_is_told() {
    let scene = Scene::new();
    on_both(scene.config("true", NO_CACHE), |server| {
        scene.authority.say(SERIAL, Says::Revoked);
        assert!(!scene.admits(server, "client"));
        server.wait_log("OCSP verify fail for [CN=client] with CA status [revoked]");
        server.wait_log("TLS handshake error: client not OCSP valid");
        scene.authority.say(SERIAL, Says::Nothing);
        assert!(!scene.admits(server, "client"));
        server.wait_log(
            "Attempt to obtain OCSP response from CA responder for [CN=client] failed: exhausted OCSP responders:",
        );
        scene.authority.say(SERIAL, Says::Garbage);
        assert!(!scene.admits(server, "client"));
        server.wait_log("Could not parse OCSP CA response for [CN=client]: ");
    });
}

#[test]
fn authorities_in_between_are_asked_about_too() {
    let scene = Scene::new();
    on_both(scene.config("true", NO_CACHE), |server| {
        scene.authority.say(MIDDLE, Says::Good);
        assert!(scene.admits(server, "below"), "{}", server.name());
        scene.authority.say(MIDDLE, Says::Revoked);
        assert!(!scene.admits(server, "below"), "{}", server.name());
    });
}

#[test]
fn answers_must_be_signed_and_of_today() {
    let scene = Scene::new();
    on_both(scene.config("true", NO_CACHE), |server| {
        for (signer, admitted) in
            [(Signer::Itself, true), (Signer::Delegate, true), (Signer::Unauthorized, false), (Signer::Stranger, false)]
        {
            scene.authority.sign_by(signer);
            assert_eq!(scene.admits(server, "client"), admitted, "{} with {signer:?}", server.name());
        }
        scene.authority.sign_by(Signer::Itself);
        scene.authority.last_for(None);
        for (hours, admitted) in [(0, true), (2, false)] {
            scene.authority.age(Duration::from_secs(hours * 3600));
            assert_eq!(scene.admits(server, "client"), admitted, "{} after {hours} h", server.name());
        }
        scene.authority.last_for(Some(Duration::from_secs(3600)));
        scene.authority.age(Duration::from_secs(1));
    });
}

#[test]
fn events() {
    const SYSTEM: &str =
        "accounts { $SYS { users: [ { user: s, password: p } ] }, A { users: [ { user: a, password: p } ] } }
no_auth_user: a
";
    let scene = Scene::new();
    scene.authority.say(SERIAL, Says::Revoked);
    let mut seen: Vec<Vec<Value>> = Vec::new();
    let more = format!("{NO_CACHE}{SYSTEM}allow_non_tls: true\n");
    let listen = |server: &mut Server| {
        let mut system: RawClient = server.connect();
        system.expect("INFO {");
        let login = "CONNECT {\"verbose\":false,\"user\":\"s\",\"pass\":\"p\"}\r\nSUB $SYS.SERVER.*.OCSP.PEER.> 1\r\n";
        system.flush(login);
        assert!(!scene.admits(server, "client"));
        let told = ["LINK.INVALID 1", "CONN.REJECT 1"].map(|subject| system.expect(subject).json());
        told.to_vec()
    };
    let mut servers = vec![Server::troupe(scene.config("true", &more))];
    servers.extend(Server::reference(scene.config("true", &more)));
    for server in &mut servers {
        seen.push(listen(server).into_iter().map(masked).collect());
    }
    if let [troupe, reference] = &seen[..] {
        assert_eq!(troupe, reference);
    }
    assert_eq!(seen[0][0]["reason"], "Invalid OCSP response status: revoked");
    assert_eq!(seen[0][1]["reason"], "client not OCSP valid");
}

/// An event without what differs from server to server.
fn masked(mut event: Value) -> Value {
    for field in ["id", "timestamp"] {
        assert!(event[field].is_string(), "{event}");
        event[field] = Value::Null;
    }
    event["server"] = Value::Bool(event["server"].is_object());
    event
}

#[test]
fn answers_are_kept() {
    let scene = Scene::new();
    let dirs = [tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory")];
    let config = |place: usize, more: &str| {
        let cache =
            format!("ocsp_cache {{ type: local, local_store: {:?}, save_interval: 1 {more} }}\n", dirs[place].path());
        scene.config("true", &(cache + "http: \"127.0.0.1:-1\"\n"))
    };
    let use_twice = |server: &Server| {
        let asked = scene.authority.num_asked();
        assert!(scene.admits(server, "client") && scene.admits(server, "client"), "{}", server.name());
        assert_eq!(scene.authority.num_asked(), asked + 1, "{}", server.name());
        varz(server)["ocsp_peer_cache"].clone()
    };
    let troupe = Server::troupe(config(0, ""));
    let counts = use_twice(&troupe);
    assert_eq!(varz(&troupe)["tls_ocsp_peer_verify"], true);
    troupe.stop();
    let Some(reference) = Server::reference(config(1, "")) else { return };
    assert_eq!(use_twice(&reference), counts);
    reference.stop();
    // Both read what the other kept: nobody has to be asked.
    scene.authority.say(SERIAL, Says::Nothing);
    assert!(scene.admits(&Server::troupe(config(1, "")), "client"));
    let other = reference::binary().map(|_| Server::reference(config(0, "")).expect("it was there"));
    assert!(other.is_none_or(|other| scene.admits(&other, "client")));
}

#[test]
fn that_a_certificate_is_revoked_may_be_kept_for_good() {
    let scene = Scene::new();
    for preserve in [false, true] {
        let cache = format!("ocsp_cache {{ preserve_revoked: {preserve} }}\n");
        let peer = "{ verify: true, allow_when_ca_unreachable: true, cache_ttl_when_next_update_unset: 1, allowed_clockskew: 1 }";
        on_both(scene.config(peer, &cache), |server| {
            scene.authority.last_for(None);
            scene.authority.age(Duration::ZERO);
            scene.authority.say(SERIAL, Says::Revoked);
            assert!(!scene.admits(server, "client"), "{}", server.name());
            scene.authority.say(SERIAL, Says::Nothing);
            // Once the answer is too old, nobody can be asked. The first look after it still knows.
            server_forgets(server, &scene);
            assert_eq!(scene.admits(server, "client"), !preserve, "{} with {preserve}", server.name());
        });
    }
}

/// Waits until the answer in the cache is too old, at a server that has refused one client.
fn server_forgets(server: &Server, scene: &Scene) {
    let mut refused = 1;
    troupe_tests::wait::eventually("an answer that is too old", || {
        assert!(!scene.admits(server, "client"), "{}", server.name());
        refused += 1;
        // The log is written behind: its last word about this client comes after the reason.
        let lines = troupe_tests::wait::eventually("the log of a refusal", || {
            let lines = server.log();
            let ends = lines.iter().filter(|line| line.contains("TLS handshake error: client not OCSP valid"));
            (ends.count() == refused).then_some(lines)
        });
        lines.iter().any(|line| line.contains("cached revocation exists so rejecting")).then_some(())
    });
}

#[test]
fn clients_of_the_monitor_are_asked_about_too() {
    let scene = Scene::new();
    on_both(scene.config("true", &format!("{NO_CACHE}https: \"127.0.0.1:-1\"\n")), |server| {
        let address = server.wait_address("Starting https monitor on ");
        let is_shown = |own: bool| scene.is_shown_by(address, own);
        scene.authority.say(SERIAL, Says::Good);
        assert!(is_shown(true), "{}", server.name());
        assert!(!is_shown(false), "{}", server.name());
        scene.authority.say(SERIAL, Says::Revoked);
        assert!(!is_shown(true), "{}", server.name());
    });
}

#[test]
fn the_monitor_follows_reloads() {
    let scene = Scene::new();
    let config = |peer: &str| scene.config(peer, &format!("{NO_CACHE}https: \"127.0.0.1:-1\"\n"));
    let server = Server::troupe(config("false"));
    let address = server.wait_address("Starting https monitor on ");
    let is_shown = |own: bool| scene.is_shown_by(address, own);
    scene.authority.say(SERIAL, Says::Revoked);
    assert!(is_shown(false));
    server.reload(config("true"));
    assert!(!is_shown(false) && !is_shown(true));
    scene.authority.say(SERIAL, Says::Good);
    assert!(is_shown(true));
    server.reload(config("false"));
    assert!(is_shown(false));
}

#[test]
fn what_was_revoked_stays_so_when_the_signer_of_the_answer_has_ended() {
    let scene = Scene::new();
    let peer = "{ verify: true, allow_when_ca_unreachable: true }";
    let server = Server::troupe(scene.config(peer, "ocsp_cache { preserve_revoked: true }\n"));
    scene.authority.say(SERIAL, Says::Revoked);
    // On a busy machine the signer may have ended before its answer is there: the next one lives longer.
    let lives = [3, 8, 20].into_iter();
    let end = lives.map(|life| now() + life).find(|end| {
        scene.authority.sign_by(Signer::DelegateUntil(*end));
        assert!(!scene.admits(&server, "client"));
        server.log().iter().any(|line| line.contains("OCSP verify fail for [CN=client] with CA status [revoked]"))
    });
    let end = end.expect("an answer in time");
    scene.authority.say(SERIAL, Says::Nothing);
    troupe_tests::wait::eventually("the end of the signer", || (now() > end + 1).then_some(()));
    for _ in 0..2 {
        assert!(!scene.admits(&server, "client"));
    }
    server.wait_log("cached revocation exists so rejecting");
}

/// Seconds since 1970.
fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.expect("after 1970").as_secs()
}

#[test]
fn where_it_cannot_be() {
    let authority = Authority::start();
    authority.issue_plain("server", 1);
    let config = authority.tls_block("server", "ocsp_peer: true");
    let binaries = std::iter::once(troupe_tests::process::troupe_binary()).chain(reference::binary());
    for binary in binaries {
        let mut server = troupe_tests::process::ServerProcess::spawn(&binary, &Config::new(config.clone()));
        assert!(!server.wait_exit().success());
        let log = server.wait_log("requires TLS verify (mTLS) to be enabled");
        assert!(log.contains("OCSP peer verification for client connections"), "{}: {log}", display(&binary));
    }
}

fn display(path: &Path) -> String {
    path.display().to_string()
}

/// What the monitor says of the server.
fn varz(server: &Server) -> Value {
    use std::io::{Read, Write};
    let address = server.wait_address("Starting http monitor on ");
    let mut stream = std::net::TcpStream::connect(address).expect("a monitor");
    stream.write_all(b"GET /varz HTTP/1.0\r\nHost: localhost\r\n\r\n").expect("it is asked");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("it answers");
    let body = text.split_once("\r\n\r\n").expect("a body").1;
    serde_json::from_str(&body[body.find('{').expect("JSON")..=body.rfind('}').expect("JSON")]).expect("JSON")
}
