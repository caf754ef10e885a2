//! As much of a client as these tests need.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// A connection that does one thing at a time.
pub(crate) struct Client {
    reader: BufReader<TcpStream>,
    writer: TcpStream,
    inboxes: u64,
}

impl Client {
    pub(crate) fn connect(port: u16) -> Self {
        let writer = TcpStream::connect(("127.0.0.1", port)).unwrap();
        writer.set_nodelay(true).unwrap();
        writer.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut client = Self { reader: BufReader::new(writer.try_clone().unwrap()), writer, inboxes: 0 };
        assert!(client.line().starts_with("INFO "));
        client.send(b"CONNECT {\"verbose\":false,\"headers\":true,\"no_responders\":true}\r\nSUB _I.> 1\r\n");
        client
    }

    /// Asks JetStream's API.
    pub(crate) fn api(&mut self, subject: &str, request: &Value) -> Value {
        let (_, body) = self.request(&format!("$JS.API.{subject}"), "", request.to_string().as_bytes());
        serde_json::from_slice(&body).unwrap()
    }

    /// Publishes a message into a stream.
    pub(crate) fn publish(&mut self, subject: &str, headers: &str, payload: &[u8]) {
        let (_, body) = self.request(subject, headers, payload);
        let answer: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(answer["error"], Value::Null, "{answer}");
    }

    /// Takes messages of a consumer and returns the subjects to acknowledge them at.
    pub(crate) fn pull(&mut self, stream: &str, consumer: &str, count: usize) -> Vec<String> {
        let inbox = self.inbox();
        let request = format!("{{\"batch\":{count}}}");
        let subject = format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}");
        self.send(format!("PUB {subject} {inbox} {}\r\n{request}\r\n", request.len()).as_bytes());
        (0..count).map(|_| self.message().0).collect()
    }

    pub(crate) fn request(&mut self, subject: &str, headers: &str, payload: &[u8]) -> (String, Vec<u8>) {
        let inbox = self.inbox();
        let head = if headers.is_empty() {
            format!("PUB {subject} {inbox} {}\r\n", payload.len())
        } else {
            format!("HPUB {subject} {inbox} {} {}\r\n{headers}", headers.len(), headers.len() + payload.len())
        };
        self.send(&[head.as_bytes(), payload, b"\r\n"].concat());
        self.message()
    }

    fn inbox(&mut self) -> String {
        self.inboxes += 1;
        format!("_I.{}", self.inboxes)
    }

    /// Reads the next message: its reply subject, and its payload.
    fn message(&mut self) -> (String, Vec<u8>) {
        loop {
            let line = self.line();
            let words: Vec<&str> = line.split_whitespace().collect();
            match words[..] {
                ["PING"] => self.send(b"PONG\r\n"),
                ["MSG", _, _, size] => return (String::new(), self.body(size)),
                ["MSG", _, _, reply, size] => return (reply.to_owned(), self.body(size)),
                ["HMSG", _, _, reply, headers, size] => {
                    let body = self.body(size);
                    return (reply.to_owned(), body[headers.parse::<usize>().unwrap()..].to_vec());
                }
                _ => panic!("unexpected {line:?}"),
            }
        }
    }

    fn body(&mut self, size: &str) -> Vec<u8> {
        let mut body = vec![0; size.parse::<usize>().unwrap() + 2];
        self.reader.read_exact(&mut body).unwrap();
        body.truncate(body.len() - 2);
        body
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.reader.read_line(&mut line).unwrap();
        line
    }

    fn send(&mut self, bytes: &[u8]) {
        self.writer.write_all(bytes).unwrap();
    }
}
