//! From the first log line to the end: start, reload, lame duck, shutdown, the ports file.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use troupe_tests::Server;
use troupe_tests::process::{ServerProcess, troupe_binary};
use troupe_tests::wait::eventually;

use crate::http::{get, get_unless_cut};
use crate::stage::{MONITOR, document, document_when, join, monitor};

#[test]
fn the_log_tells_the_port_before_clients_come() {
    let place = |server: &Server, text: &str| server.log().iter().position(|line| line.contains(text));
    for server in [Server::reference(MONITOR), Some(Server::troupe(MONITOR))].into_iter().flatten() {
        let (http, clients) =
            (place(&server, "Starting http monitor on 127.0.0.1:"), place(&server, "Listening for client"));
        assert!(http.is_some() && http < clients, "{}: {:#?}", server.name(), server.log());
    }
}

#[test]
fn the_ports_file_names_the_monitor() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = Server::troupe(format!("{MONITOR}ports_file_dir: {:?}\n", directory.path().display().to_string()));
    let file = eventually("a ports file", || {
        let mut files = std::fs::read_dir(directory.path()).expect("readable").flatten();
        files.find(|file| file.path().extension().is_some_and(|extension| extension == "ports"))
    });
    let ports: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(file.path()).expect("readable")).expect("JSON");
    assert_eq!(ports["monitoring"][0], format!("http://{}", monitor(&server)));
}

#[test]
fn a_reload_moves_limits_and_the_load_time_but_not_the_port() {
    let server = Server::troupe(MONITOR);
    let before = document(&server, "/varz");
    server.reload(format!("{MONITOR}max_payload: 1000\n"));
    let after = document(&server, "/varz");
    assert_eq!(after["max_payload"], 1000);
    assert_ne!(before["config_load_time"], after["config_load_time"]);
    assert_ne!(before["config_digest"], after["config_digest"]);
    assert_eq!(before["start"], after["start"]);
}

#[test]
fn lame_duck_keeps_the_monitor_and_the_end_closes_it() {
    for server in [Server::reference(MONITOR), Some(Server::troupe(MONITOR))].into_iter().flatten() {
        let mut server = server;
        let address = monitor(&server);
        let _client = join(&server, "");
        server.signal(Signal::SIGUSR2);
        server.wait_log("Entering lame duck mode");
        assert_eq!(get(address, "/varz").status, 200, "{}", server.name());
        server.signal(Signal::SIGINT);
        assert!(server.wait_exit().success() || server.name() == "reference");
        assert!(TcpStream::connect(address).is_err(), "{}", server.name());
    }
}

#[test]
fn slow_and_stale_connections_are_counted() {
    let config = format!("{MONITOR}ping_interval: \"100ms\"\nping_max: 1\n");
    for server in [Server::reference(&*config), Some(Server::troupe(&*config))].into_iter().flatten() {
        let _silent = server.connect();
        let stale =
            |varz: &serde_json::Value| varz["stale_connections"] == 1 && varz["stale_connection_stats"]["clients"] == 1;
        document_when(&server, "/varz", stale);
        let connz = document_when(&server, "/connz?state=closed", |connz| connz["total"] == 1);
        assert_eq!(connz["connections"][0]["reason"], "Stale Connection", "{}", server.name());
    }
    let config = format!("{MONITOR}max_pending: 1000000\nmax_payload: 900000\n");
    for server in [Server::reference(&*config), Some(Server::troupe(&*config))].into_iter().flatten() {
        let mut slow = join(&server, "");
        slow.limit_receive_buffer(4096);
        slow.flush("SUB big 1\r\n");
        let mut publisher = join(&server, "");
        let message = [b"PUB big 800000\r\n".as_slice(), &vec![b'x'; 800_000], b"\r\n"].concat();
        let counted =
            |varz: &serde_json::Value| varz["slow_consumers"] == 1 && varz["slow_consumer_stats"]["clients"] == 1;
        eventually("a slow consumer", || {
            publisher.flush(&message);
            Some(document(&server, "/varz")).filter(counted)
        });
        let accounts = document(&server, "/accstatz");
        assert_eq!(accounts["account_statz"][0]["slow_consumers"], 1, "{}", server.name());
    }
}

#[test]
fn connections_without_a_request_do_not_hold_up_the_end() {
    let end = || {
        let mut server = Server::troupe(MONITOR);
        let mut idle = TcpStream::connect(monitor(&server)).expect("connects");
        idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n").expect("writes");
        let mut answer = [0; 1024];
        assert!(idle.read(&mut answer).expect("an answer") > 0);
        let began = Instant::now();
        server.signal(Signal::SIGTERM);
        assert!(server.wait_exit().success());
        began.elapsed()
    };
    // The best of several: the machine may be busy.
    let least = (0..3).map(|_| end()).min().expect("a time");
    assert!(least < Duration::from_secs(1), "{least:?}");
}

/// The server with injected faults.
const WITH_FAULTS: &str = env!("CARGO_BIN_EXE_troupe-with-faults");

#[test]
fn a_monitor_that_panics_comes_back_and_nobody_is_turned_away() {
    let config = troupe_tests::Config::new(MONITOR).env("TROUPE_FAULTS", "monitor:ping=panic@2,monitor:ping=stop@3");
    let process = ServerProcess::start(std::path::Path::new(WITH_FAULTS), &config);
    let address = process.wait_address("Starting http monitor on ");
    eventually("two restarts of the monitor", || {
        // A request that it worked at when it ended gets no answer; a connection is never refused.
        let answer = get_unless_cut(address, "/actorz")?;
        assert_eq!(answer.status, 200);
        let actorz = answer.json();
        let actors = actorz["actors"].as_array().expect("a list");
        let monitor = actors.iter().find(|actor| actor["kind"] == "monitor").expect("the monitor is supervised");
        let causes = monitor["last_restarts"].as_array().expect("a list");
        (monitor["restarts"] == 2 && causes[0]["cause"].as_str()?.starts_with("panic: injected")).then_some(())
    });
}

#[test]
fn a_port_in_use_is_fatal() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let config = troupe_tests::Config::new(format!("http: \"127.0.0.1:{port}\"\n"));
    let mut process = ServerProcess::spawn(&troupe_binary(), &config);
    let line = process.wait_log("[FTL]");
    assert!(
        line.ends_with(&format!(
            "Can't start monitoring: can't listen to the monitor port: listen tcp 127.0.0.1:{port}: bind: address already in use"
        )),
        "{line}"
    );
    assert_eq!(process.wait_exit().code(), Some(1));
}
