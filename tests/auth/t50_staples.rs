//! The server's certificate, shown with what its authority says of it.

use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use troupe_codecs::ocsp::{OcspAnswer, OcspStatus, parse_ocsp_response};
use troupe_tests::authority::{Authority, Says, Signer};
use troupe_tests::process::{ServerProcess, troupe_binary};
use troupe_tests::wait::eventually;
use troupe_tests::{Config, Server, on_both, reference};

use crate::visitor::visit;

const SERIAL: u64 = 0x1001;

/// What a client sees of the authority's word; nothing without a staple.
fn staple(server: &Server) -> Option<OcspAnswer> {
    let visit = visit(server, None);
    assert!(visit.was_let_in, "{}:\n{}", server.name(), server.log().join("\n"));
    let answer = || parse_ocsp_response(&visit.staple, &SERIAL.to_be_bytes()[6..]).expect("an answer");
    (!visit.staple.is_empty()).then(answer)
}

fn status(server: &Server) -> Option<OcspStatus> {
    staple(server).map(|answer| answer.status)
}

/// Starts each server, which must end by itself, and yields what it logged.
fn refused_starts(config: &str) -> Vec<String> {
    let binaries = std::iter::once(troupe_binary()).chain(reference::binary());
    let end = |binary: &Path| {
        let mut server = ServerProcess::spawn(binary, &Config::new(config));
        assert!(!server.wait_exit().success(), "{}:\n{}", binary.display(), server.log().join("\n"));
        // The last lines come after the end.
        server.wait_log("OCSP").to_owned() + &server.log().join("\n")
    };
    binaries.map(|binary| end(&binary)).collect()
}

#[test]
fn modes() {
    let authority = Authority::start();
    authority.issue("plain", SERIAL);
    authority.issue_to_staple("must", SERIAL);
    authority.issue_plain("silent", SERIAL);
    let url = format!("ocsp {{ mode: always, url: \"{}/\" }}\n", authority.url());
    let good = Some(OcspStatus::Good);
    let cases = [
        ("plain", "", None),
        ("must", "", good),
        ("plain", "ocsp: true\n", None),
        ("must", "ocsp: true\n", good),
        ("must", "ocsp: false\n", None),
        ("must", "ocsp { mode: NEVER }\n", None),
        ("plain", "ocsp { mode: always }\n", good),
        ("plain", "ocsp { mode: must }\n", None),
        ("must", "ocsp { mode: must }\n", good),
        ("silent", &url, good),
    ];
    for (server, setting, expected) in cases {
        on_both(authority.tls_block(server, "") + setting, |running| {
            assert_eq!(status(running), expected, "{} with {server} and {setting:?}", running.name());
        });
    }
}

#[test]
fn a_server_without_a_good_word_does_not_start() {
    let authority = Authority::start();
    authority.issue("server", SERIAL);
    authority.issue_plain("silent", SERIAL);
    let config = |server: &str| authority.tls_block(server, "") + "ocsp { mode: always }\n";
    let check = |server: &str, text: &str| {
        for log in refused_starts(&config(server)) {
            assert!(log.contains(text), "{text:?} is not in\n{log}");
        }
    };
    authority.say(SERIAL, Says::Revoked);
    check("server", "found existing OCSP status for certificate at");
    authority.say(SERIAL, Says::Nothing);
    check("server", "bad OCSP status update for certificate at");
    authority.say(SERIAL, Says::Garbage);
    check("server", "failed to get remote status");
    authority.say(SERIAL, Says::Good);
    authority.sign_by(Signer::Stranger);
    check("server", "bad OCSP signature");
    authority.sign_by(Signer::Itself);
    authority.last_for(None);
    authority.age(Duration::ZERO);
    check("silent", "no available ocsp servers");
}

#[test]
fn an_answer_may_be_signed_by_whom_the_authority_authorized() {
    let authority = Authority::start();
    authority.issue_to_staple("server", SERIAL);
    authority.sign_by(Signer::Delegate);
    on_both(authority.tls_block("server", ""), |server| assert_eq!(status(server), Some(OcspStatus::Good)));
    // nats-server takes any certificate of the authority for one that may sign.
    authority.sign_by(Signer::Unauthorized);
    let mut server = ServerProcess::spawn(&troupe_binary(), &Config::new(authority.tls_block("server", "")));
    assert!(!server.wait_exit().success());
    server.wait_log("the signer is not authorized");
}

#[test]
fn a_revoked_certificate_is_shown_as_one() {
    let authority = Authority::start();
    authority.issue_to_staple("server", SERIAL);
    authority.say(SERIAL, Says::Revoked);
    on_both(authority.tls_block("server", "") + "ocsp: true\n", |server| {
        assert_eq!(status(server), Some(OcspStatus::Revoked), "{}", server.name());
    });
}

#[test]
fn answers_are_renewed() {
    let authority = Authority::start();
    authority.issue_to_staple("server", SERIAL);
    authority.last_for(Some(Duration::from_secs(4)));
    on_both(authority.tls_block("server", "") + "ocsp { mode: must }\n", |server| {
        let first = staple(server).expect("a staple");
        eventually("a newer staple", || staple(server).filter(|staple| staple.this_update > first.this_update));
        authority.say(SERIAL, Says::Revoked);
        server.wait_exit();
        let told = |line: &String| {
            line.contains("Received OCSP status for Client certificate '") && line.contains("': revoked")
        };
        assert!(server.log().iter().any(told), "{}", server.log().join("\n"));
        authority.say(SERIAL, Says::Good);
    });
}

#[test]
fn answers_are_kept() {
    let authority = Authority::start();
    authority.issue_to_staple("server", SERIAL);
    let dirs = [tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory")];
    let config = |place: usize| format!("{}store_dir: {:?}\n", authority.tls_block("server", ""), dirs[place].path());
    let troupe = Server::troupe(config(0));
    let shown = visit(&troupe, None).staple;
    let files = std::fs::read_dir(dirs[0].path().join("ocsp")).expect("a directory").flatten().collect::<Vec<_>>();
    let [file] = &files[..] else { panic!("one file") };
    assert_eq!(std::fs::read(file.path()).expect("a file"), shown);
    troupe.stop();
    // Both read what the other kept, and do not ask.
    let Some(reference) = Server::reference(config(1)) else { return };
    let kept = visit(&reference, None).staple;
    reference.stop();
    authority.say(SERIAL, Says::Nothing);
    let asked = authority.num_asked();
    assert_eq!(visit(&Server::troupe(config(1)), None).staple, kept);
    assert_eq!(visit(&Server::reference(config(0)).expect("it was there"), None).staple, shown);
    assert_eq!(authority.num_asked(), asked);
}

#[test]
fn a_reload_that_gets_no_answer_is_refused() {
    let authority = Authority::start();
    authority.issue_plain("plain", SERIAL);
    authority.issue_to_staple("must", SERIAL);
    let server = Server::troupe(authority.tls_block("plain", ""));
    assert_eq!(status(&server), None);
    server.reload(authority.tls_block("must", ""));
    assert_eq!(status(&server), Some(OcspStatus::Good));
    server.reload(authority.tls_block("plain", ""));
    authority.say(SERIAL, Says::Nothing);
    let config = Config::new(authority.tls_block("must", "")).port(server.address().port());
    std::fs::write(server.dir().join("server.conf"), config.text()).expect("it is written");
    server.signal(Signal::SIGHUP);
    server.wait_log("Failed to reload server configuration: bad OCSP status update for certificate at");
    assert_eq!(status(&server), None);
}

#[test]
fn connections_between_servers_have_none() {
    let authority = Authority::start();
    authority.issue_to_staple("server", SERIAL);
    let cluster = format!("cluster {{ name: x, listen: \"127.0.0.1:-1\"\n {} }}\n", authority.tls_block("server", ""));
    let mut server = ServerProcess::spawn(&troupe_binary(), &Config::new(cluster.clone()));
    assert!(!server.wait_exit().success());
    server.wait_log("staples of connections between servers are not supported");
    Server::troupe(cluster + "ocsp: false\n");
}

#[test]
fn a_responder_that_does_not_answer_is_nothing_to_who_gets_another_certificate() {
    let authority = Authority::start();
    authority.issue_plain("first", 1);
    authority.issue_to_staple("second", SERIAL);
    let pair = |name: &str| {
        let file = |extension: &str| authority.path(&format!("{name}.{extension}"));
        format!("{{ cert_file: {:?}, key_file: {:?} }}", file("pem"), file("key"))
    };
    let life = Duration::from_secs(3);
    authority.last_for(Some(life));
    let certs = [pair("first"), pair("second")].join(", ");
    let server = Server::troupe(format!("tls {{ certs: [ {certs} ], ca_file: {:?}, timeout: 20 }}\n", authority.ca()));
    authority.say(SERIAL, Says::Later);
    let asked = authority.num_asked();
    eventually("a question about the second certificate", || (authority.num_asked() > asked).then_some(()));
    let asked_at = Instant::now();
    eventually("the end of the last answer", || (asked_at.elapsed() > life).then_some(()));
    assert!(visit(&server, None).was_let_in);
}
