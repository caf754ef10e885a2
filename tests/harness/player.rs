//! Plays a script on a server and records what it answers.

use std::collections::BTreeMap;

use crate::frames::Frame;
use crate::normalise::normalise;
use crate::raw::{RawClient, Waited};
use crate::script::{Conn, Script, Step};
use crate::server::Server;
use crate::transcript::{TIMED_OUT, Transcript};

/// Plays `script` on `server` and returns the masked transcript.
pub fn play(script: &Script, server: &Server) -> Transcript {
    let mut player = Player { server, players: BTreeMap::new() };
    for step in &script.steps {
        player.perform(step);
    }
    player.finish(script.keeps_pings)
}

struct Player<'server> {
    server: &'server Server,
    players: BTreeMap<Conn, Side>,
}

/// One connection of the script in play.
struct Side {
    client: RawClient,
    sent: Vec<u8>,
    events: Vec<String>,
    ended: bool,
}

impl Player<'_> {
    fn perform(&mut self, step: &Step) {
        match step {
            Step::Send(conn, bytes) => self.side(*conn).send(bytes),
            Step::Flush(conn, bytes) => self.side(*conn).flush(bytes),
            Step::UntilClosed(conn) => self.side(*conn).until_closed(),
            Step::Until(conn, text) => self.side(*conn).until(text),
            Step::Close(conn) => self.side(*conn).close(),
            Step::Signal(signal) => self.server.signal(*signal),
            Step::Log(text) => drop(self.server.wait_log(text)),
        }
    }

    fn side(&mut self, conn: Conn) -> &mut Side {
        let server = self.server;
        self.players.entry(conn).or_insert_with(|| Side::open(server))
    }

    fn finish(mut self, keeps_pings: bool) -> Transcript {
        for side in self.players.values_mut() {
            side.flush(b"");
        }
        let lines = self.players.iter_mut().map(|(conn, side)| (*conn, side.take_lines(keeps_pings))).collect();
        // What one script subscribed to must not answer the next one.
        for side in self.players.values_mut() {
            side.client.part();
        }
        Transcript { lines }
    }
}

impl Side {
    fn open(server: &Server) -> Self {
        let mut side = Self { client: server.connect(), sent: Vec::new(), events: Vec::new(), ended: false };
        let waited = side.client.wait(|frames| !frames.is_empty());
        side.note(waited, "an INFO");
        side
    }

    fn send(&mut self, bytes: &[u8]) {
        if self.ended {
            return;
        }
        if uses_reply(bytes) {
            // The message whose reply subject is meant has come by then.
            self.flush(b"");
        }
        let bytes = self.fill_in(bytes);
        self.sent.extend_from_slice(&bytes);
        self.client.send(bytes);
    }

    fn flush(&mut self, bytes: &[u8]) {
        let mut all = bytes.to_vec();
        all.extend_from_slice(b"PING\r\n");
        self.send(&all);
        if self.ended {
            return;
        }
        let pings = count_pings(&self.sent);
        let waited = self.client.wait(|frames| frames.iter().filter(|frame| frame.is("PONG")).count() >= pings);
        self.note(waited, "a PONG");
    }

    fn until(&mut self, text: &str) {
        let waited = self.client.wait(|frames| frames.iter().any(|frame| frame.contains(text)));
        self.note(waited, text);
    }

    fn until_closed(&mut self) {
        let waited = self.client.wait_closed();
        if waited == Waited::TimedOut {
            self.note(waited, "the close");
        }
        self.ended = true;
    }

    fn close(&mut self) {
        self.client.close();
        self.events.push("<closed by the client>".to_owned());
        self.ended = true;
    }

    /// Records a wait that was not met. Nothing more is sent or awaited on this connection then.
    fn note(&mut self, waited: Waited, awaited: &str) {
        if waited == Waited::TimedOut {
            self.events.push(format!("<{awaited}{TIMED_OUT}"));
        }
        self.ended |= waited != Waited::Met;
    }

    fn fill_in(&mut self, bytes: &[u8]) -> Vec<u8> {
        let Ok(text) = std::str::from_utf8(bytes) else { return bytes.to_vec() };
        let mut text = text.to_owned();
        if text.contains("<nonce>") {
            text = text.replace("<nonce>", &self.client.info_field("nonce"));
        }
        if text.contains("<reply>") {
            text = text.replace("<reply>", &self.last_reply());
        }
        while let Some(start) = text.find("<sig:") {
            let end = start + text[start..].find('>').expect("a signature mark is closed");
            let pair = nkeys::KeyPair::from_seed(&text[start + "<sig:".len()..end]).expect("a valid nkey seed");
            text.replace_range(start..=end, &self.client.signature(&pair));
        }
        text.into_bytes()
    }

    /// The reply subject of the last message that has one.
    fn last_reply(&self) -> String {
        let reply = |frame: &Frame| {
            let text = String::from_utf8_lossy(&frame.0).into_owned();
            let words: Vec<&str> = text.lines().next()?.split(' ').collect();
            match words[..] {
                ["MSG", _, _, reply, _] | ["HMSG", _, _, reply, _, _] => Some(reply.to_owned()),
                _ => None,
            }
        };
        self.client.frames().iter().rev().find_map(reply).expect("a message with a reply subject has come")
    }

    fn take_lines(&mut self, keeps_pings: bool) -> Vec<String> {
        let frames = self.client.frames().iter().filter(|frame| keeps_pings || !frame.is("PING"));
        let mut lines: Vec<String> = frames.map(|Frame(bytes)| escaped(&normalise(bytes))).collect();
        if !self.client.rest().is_empty() {
            lines.push(format!("<incomplete> {}", escaped(self.client.rest())));
        }
        lines.append(&mut self.events);
        if self.client.is_closed() {
            lines.push("<closed by the server>".to_owned());
        }
        lines
    }
}

fn uses_reply(bytes: &[u8]) -> bool {
    bytes.windows("<reply>".len()).any(|part| part == b"<reply>")
}

/// Escapes what is no printable ASCII; quotes stay readable.
fn escaped(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string().replace("\\\"", "\"").replace("\\'", "'")
}

/// Counts the PINGs the server will answer: lines that start with the verb. Scripts keep payload lines from looking like one.
fn count_pings(sent: &[u8]) -> usize {
    let verbs = sent.split(|byte| *byte == b'\n').filter_map(|line| line.trim_ascii_start().get(..4));
    verbs.filter(|verb| verb.eq_ignore_ascii_case(b"PING")).count()
}
