//! A server with its monitor.

use std::net::SocketAddr;

use serde_json::Value;
use troupe_tests::wait::eventually;
use troupe_tests::{RawClient, Server};

use crate::http;

/// The monitor on a free port.
pub(crate) const MONITOR: &str = "http: \"127.0.0.1:-1\"\nserver_name: stage\n";

/// Address of a server's monitor, as it says in its log.
pub(crate) fn monitor(server: &Server) -> SocketAddr {
    server.wait_address(" monitor on ")
}

/// A document.
pub(crate) fn document(server: &Server, path: &str) -> Value {
    let answer = http::get(monitor(server), path);
    assert_eq!(answer.status, 200, "{} {path}: {}", server.name(), answer.text());
    answer.json()
}

/// Waits until a document is as wanted.
pub(crate) fn document_when(server: &Server, path: &str, is_there: impl Fn(&Value) -> bool) -> Value {
    eventually(&format!("{} {path}", server.name()), || Some(document(server, path)).filter(&is_there))
}

/// Connects a client that says who it is, and flushes.
pub(crate) fn join(server: &Server, options: &str) -> RawClient {
    let mut client = server.connect();
    client.expect("INFO {");
    let options = if options.is_empty() { String::new() } else { format!(",{options}") };
    client.flush(format!(
        "CONNECT {{\"verbose\":false,\"pedantic\":false,\"headers\":true,\"no_responders\":true,\"protocol\":1,\
         \"lang\":\"raw\",\"version\":\"1.2.3\"{options}}}\r\n"
    ));
    client
}
