use std::io::Read as _;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;

use super::*;

const LINES: [(Severity, &str); 3] =
    [(Severity::Info, "hello\n"), (Severity::Error, "bad\n"), (Severity::Trace, "<<- [PING]\n")];

fn batch() -> Batch {
    let mut batch = Batch::default();
    for (severity, line) in LINES {
        batch.push(severity, line.as_bytes());
    }
    batch
}

fn tail(text: &str) -> String {
    format!(" {}[{}]: {text}", called_name(), std::process::id())
}

/// `<n>` then `Jan _2 15:04:05`.
fn assert_local(message: &str, priority: u8, text: &str) {
    let rest = message.strip_prefix(&format!("<{priority}>")).unwrap_or_else(|| panic!("priority of {message}"));
    let (time, rest) = rest.split_at("Jan  2 15:04:05".len());
    assert!(time.as_bytes()[3] == b' ' && time.as_bytes()[9] == b':', "{time}");
    assert_eq!(rest, tail(text));
}

/// `<n>` then `2006-01-02T15:04:05Z host`.
fn assert_remote(message: &str, priority: u8, text: &str) {
    let rest = message.strip_prefix(&format!("<{priority}>")).unwrap_or_else(|| panic!("priority of {message}"));
    let (time, rest) = rest.split_once(' ').expect("time");
    chrono::DateTime::parse_from_rfc3339(time).expect("a time");
    let host = nix::unistd::gethostname().expect("name").to_string_lossy().into_owned();
    assert_eq!(rest.strip_prefix(&host).expect("host"), tail(text));
}

#[test]
fn a_local_syslog_gets_one_datagram_per_line_from_facility_daemon() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let path = directory.path().join("log");
    let socket = UnixDatagram::bind(&path).expect("bound");
    let mut sink = SyslogSink::local_at(path.to_str().expect("text")).expect("connects");
    sink.write(&batch()).expect("sent");
    for (priority, text) in [(29, "hello\n"), (27, "bad\n"), (29, "<<- [PING]\n")] {
        let mut buffer = [0; 1024];
        let length = socket.recv(&mut buffer).expect("received");
        assert_local(std::str::from_utf8(&buffer[..length]).expect("text"), priority, text);
    }
}

#[test]
fn a_local_syslog_may_listen_on_a_stream() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let path = directory.path().join("log");
    let listener = UnixListener::bind(&path).expect("bound");
    let mut sink = SyslogSink::local_at(path.to_str().expect("text")).expect("connects");
    sink.write(&batch()).expect("sent");
    drop(sink);
    let mut text = String::new();
    listener.accept().expect("accepted").0.read_to_string(&mut text).expect("read");
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    assert_eq!(lines.len(), 3);
    assert_local(lines[0], 29, "hello\n");
}

#[test]
fn a_remote_syslog_gets_datagrams_with_the_host() {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("bound");
    let address = SyslogAddress::Udp(socket.local_addr().expect("address").to_string());
    SyslogSink::remote(address).expect("connects").write(&batch()).expect("sent");
    for (priority, text) in [(5, "hello\n"), (3, "bad\n"), (5, "<<- [PING]\n")] {
        let mut buffer = [0; 1024];
        let length = socket.recv(&mut buffer).expect("received");
        assert_remote(std::str::from_utf8(&buffer[..length]).expect("text"), priority, text);
    }
}

#[test]
fn a_remote_syslog_may_be_a_stream() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = SyslogAddress::Tcp(listener.local_addr().expect("address").to_string());
    let mut sink = SyslogSink::remote(address).expect("connects");
    sink.write(&batch()).expect("sent");
    drop(sink);
    let mut text = String::new();
    listener.accept().expect("accepted").0.read_to_string(&mut text).expect("read");
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    assert_eq!(lines.len(), 3);
    assert_remote(lines[1], 3, "bad\n");
}

#[test]
fn a_remote_unix_socket_gets_no_host() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let path = directory.path().join("log");
    let listener = UnixListener::bind(&path).expect("bound");
    let mut sink = SyslogSink::remote(SyslogAddress::Unix(path)).expect("connects");
    sink.write(&batch()).expect("sent");
    drop(sink);
    let mut text = String::new();
    listener.accept().expect("accepted").0.read_to_string(&mut text).expect("read");
    assert_local(text.split_inclusive('\n').next().expect("a line"), 5, "hello\n");
}

#[test]
fn a_syslog_that_went_away_is_connected_to_again() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = SyslogAddress::Tcp(listener.local_addr().expect("address").to_string());
    let mut sink = SyslogSink::remote(address).expect("connects");
    drop(listener.accept().expect("first connection"));
    let accepting = std::thread::spawn(move || listener.accept().expect("second connection").0);
    // The first write after a close can still succeed locally.
    while !accepting.is_finished() {
        sink.write(&batch()).expect("sent");
        std::thread::yield_now();
    }
    accepting.join().expect("accepted");
}

#[test]
fn a_syslog_that_cannot_be_reached_is_told_as_nats_server_does() {
    let refused = TcpListener::bind("127.0.0.1:0").expect("bound").local_addr().expect("address");
    let cases = [
        (SyslogAddress::Udp("localhost".into()), { "dial udp: address localhost: missing port in address".to_owned() }),
        (SyslogAddress::Tcp(refused.to_string()), format!("dial tcp {refused}: connect: connection refused")),
        (SyslogAddress::Unix("/nonexist".into()), {
            "dial unix /nonexist: connect: no such file or directory".to_owned()
        }),
    ];
    for (address, reason) in cases {
        let error = SyslogSink::remote(address).err().expect("refused").to_string();
        assert_eq!(error, format!("error connecting to syslog: \"{reason}\""));
    }
    let error = SyslogSink::local_at("/nonexist").err().expect("refused").to_string();
    assert_eq!(error, "error connecting to syslog: \"Unix syslog delivery error\"");
}
