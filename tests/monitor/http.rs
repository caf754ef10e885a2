//! The least of an HTTP client, plain or over TLS.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, ClientConnection, StreamOwned};

/// What the server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The value of a header; empty when absent.
    pub(crate) fn header(&self, name: &str) -> &str {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.into_iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value.trim())
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|cause| panic!("{cause}: {}", self.text()))
    }
}

/// Asks for a path and reads the whole answer.
pub(crate) fn get(address: SocketAddr, path: &str) -> Answer {
    ask(connect(address), "GET", path, &[])
}

/// As [`get`], with headers.
pub(crate) fn get_with(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Answer {
    ask(connect(address), "GET", path, headers)
}

/// As [`get`], with another method.
pub(crate) fn request(address: SocketAddr, method: &str, path: &str) -> Answer {
    ask(connect(address), method, path, &[])
}

/// As [`get`], over TLS; `None` when the handshake or the request fails.
pub(crate) fn get_tls(address: SocketAddr, path: &str, config: &Arc<ClientConfig>) -> Option<Answer> {
    let name = "localhost".try_into().expect("a name");
    let connection = ClientConnection::new(Arc::clone(config), name).expect("a connection");
    let mut stream = StreamOwned::new(connection, connect(address));
    send(&mut stream, "GET", path, &[]).ok()?;
    let mut bytes = Vec::new();
    // Servers may leave without a farewell.
    let _ = stream.read_to_end(&mut bytes);
    (!bytes.is_empty()).then(|| parse(&bytes))
}

fn connect(address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(address).expect("the monitor takes connections");
    socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a time limit can be set");
    socket
}

/// As [`get`]; `None` when the connection is cut off before the answer is there.
pub(crate) fn get_unless_cut(address: SocketAddr, path: &str) -> Option<Answer> {
    try_ask(connect(address), "GET", path, &[]).ok()
}

fn ask(stream: TcpStream, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    try_ask(stream, method, path, headers).expect("the answer can be read")
}

fn try_ask(mut stream: TcpStream, method: &str, path: &str, headers: &[(&str, &str)]) -> std::io::Result<Answer> {
    send(&mut stream, method, path, headers)?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    if bytes.is_empty() {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    Ok(parse(&bytes))
}

fn send(stream: &mut impl Write, method: &str, path: &str, headers: &[(&str, &str)]) -> std::io::Result<()> {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    // Version 1.0, so that no answer comes in chunks.
    let head = "Host: monitor\r\nConnection: close\r\nContent-Length: 0";
    let request = format!("{method} {path} HTTP/1.0\r\n{head}\r\n{headers}\r\n");
    stream.write_all(request.as_bytes())
}

fn parse(bytes: &[u8]) -> Answer {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    Answer { status, head, body: bytes[end + 4..].to_vec() }
}
