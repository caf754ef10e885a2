//! The least of an HTTP client: one request, one answer, byte by byte what the server sent.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// What the server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The value of a header; empty when absent.
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Asks for a path and reads the whole answer.
pub(crate) fn get(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut lines = open(address, path, headers);
    let (status, headers) = read_head(&mut lines);
    let mut body = Vec::new();
    lines.read_to_end(&mut body).expect("the body can be read");
    Answer { status, headers, body }
}

/// Asks for a stream of events and returns what is to be read line by line.
pub(crate) fn stream(address: SocketAddr, path: &str) -> (u16, Events) {
    let mut lines = open(address, path, &[]);
    let (status, _) = read_head(&mut lines);
    (status, Events { lines })
}

/// Server-sent events as they come.
#[derive(Debug)]
pub(crate) struct Events {
    lines: BufReader<TcpStream>,
}

impl Iterator for Events {
    type Item = (String, serde_json::Value);

    /// The next event's name and data; `None` when the server ends the stream.
    fn next(&mut self) -> Option<Self::Item> {
        let mut name = String::new();
        loop {
            let mut line = String::new();
            // The sizes of chunks are lines without a colon.
            if self.lines.read_line(&mut line).expect("the stream can be read") == 0 {
                return None;
            }
            if let Some(text) = line.strip_prefix("event: ") {
                text.trim_end().clone_into(&mut name);
            } else if let Some(text) = line.strip_prefix("data: ") {
                return Some((name, serde_json::from_str(text).expect("data is JSON")));
            }
        }
    }
}

fn open(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> BufReader<TcpStream> {
    let mut socket = TcpStream::connect(address).expect("the monitor takes connections");
    socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a time limit can be set");
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}\r\n");
    socket.write_all(request.as_bytes()).expect("the request can be sent");
    BufReader::new(socket)
}

fn read_head(lines: &mut impl BufRead) -> (u16, Vec<(String, String)>) {
    let mut read = || {
        let mut line = String::new();
        lines.read_line(&mut line).expect("the head can be read");
        line.trim_end().to_owned()
    };
    let status = read().split(' ').nth(1).and_then(|word| word.parse().ok()).expect("a status line");
    let mut headers = Vec::new();
    loop {
        let line = read();
        let Some((name, value)) = line.split_once(':') else { return (status, headers) };
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
}
