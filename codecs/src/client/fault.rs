//! What stood in bytes that cannot be read, for the log lines of nats-server.

use memchr::memchr;

use super::args::{Args, parse_size};
use super::verb::{Recognised, Verb, recognise};

/// Bytes shown of what nats-server's parser stumbled over.
const SNIPPET: usize = 32;
/// Numbers of the parser's states in nats-server, by what was read of a verb. A state's number grows by one per byte.
const STATES: [(&[u8], usize); 10] = [
    (b"+OK", 0),
    (b"-ERR", 3),
    (b"CONNECT", 9),
    (b"HPUB", 17),
    (b"PUB", 28),
    (b"PING", 28),
    (b"PONG", 28),
    (b"SUB", 42),
    (b"UNSUB", 58),
    (b"INFO", 70),
];
/// `PING` and `PONG` share their first state with `PUB` and have their own from the second byte on.
const PING_STATES: usize = 32;
const PONG_STATES: usize = 35;
/// Waiting for the carriage return behind a payload, and for its line feed.
const PAYLOAD_END: usize = 41;

/// Where nats-server's parser stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    /// Number of its state.
    pub state: usize,
    /// Offset of the byte it does not take.
    pub at: usize,
}

/// The operation with a fault, read as far as that goes.
#[derive(Clone, Copy, Debug)]
pub struct Unreadable<'a> {
    bytes: &'a [u8],
}

impl<'a> Unreadable<'a> {
    /// `bytes` begin with the operation.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// Name of the verb and the text of its arguments, where the line is complete.
    #[must_use]
    pub fn line(&self) -> Option<(&'static str, &'a [u8])> {
        let (verb, start, end) = self.arguments()?;
        Some((name(verb), &self.bytes[start..end]))
    }

    /// Whether it is an `HPUB`.
    #[must_use]
    pub fn is_header_publish(&self) -> bool {
        matches!(self.arguments(), Some((Verb::HeaderPublish, ..)))
    }

    /// What nats-server writes in front of wrong arguments.
    #[must_use]
    pub fn complaint(&self) -> &'static str {
        let Some((verb, start, end)) = self.arguments() else { return "Parse Error" };
        let args = Args::split(self.bytes, start, end, true);
        let size = |number: usize| args.get(number).and_then(|span| parse_size(span.of(self.bytes)));
        match (verb, args.len()) {
            (Verb::Subscribe, _) => "processSub Parse Error",
            (Verb::Unsubscribe, _) => "processUnsub Parse Error",
            (Verb::Publish, 2 | 3) => "processPub Bad or Missing Size",
            (Verb::Publish, _) => "processPub Parse Error",
            (Verb::HeaderPublish, count @ (3 | 4)) => match (size(count - 2), size(count - 1)) {
                (None, _) => "processHeaderPub Bad or Missing Header Size",
                (_, None) => "processHeaderPub Bad or Missing Total Size",
                _ => "processHeaderPub Header Size larger then TotalSize",
            },
            (Verb::HeaderPublish, _) => "processHeaderPub Parse Error",
            _ => "Parse Error",
        }
    }

    /// Where nats-server's parser stops for an unknown operation.
    #[must_use]
    pub fn stop(&self) -> Stop {
        if let Some(end) = self.payload_end() {
            let missing = usize::from(self.bytes.get(end) == Some(&b'\r'));
            return Stop { state: PAYLOAD_END + missing, at: end + missing };
        }
        let common = |name: &[u8]| {
            self.bytes.iter().zip(name).take_while(|(byte, expected)| byte.eq_ignore_ascii_case(expected)).count()
        };
        let (read, verb, base) = STATES
            .into_iter()
            .map(|(verb, base)| (common(verb), verb, base))
            .max_by_key(|(read, ..)| *read)
            .unwrap_or((0, b"", 0));
        let base = match (read, verb) {
            (0, _) => return Stop { state: 0, at: 0 },
            (2.., b"PING") => PING_STATES,
            (2.., b"PONG") => PONG_STATES,
            _ => base,
        };
        Stop { state: base + read, at: read }
    }

    /// The bytes nats-server shows of where it stopped.
    #[must_use]
    pub fn snippet(&self, at: usize) -> &'a [u8] {
        if at >= self.bytes.len() {
            return b"";
        }
        let end = if at + SNIPPET > self.bytes.len() { self.bytes.len() - 1 } else { at + SNIPPET };
        &self.bytes[at..end]
    }

    fn arguments(&self) -> Option<(Verb, usize, usize)> {
        let Recognised::Verb(verb, mut start) = recognise(self.bytes) else { return None };
        while matches!(self.bytes.get(start), Some(b' ' | b'\t')) {
            start += 1;
        }
        let end = start + memchr(b'\n', self.bytes.get(start..)?)?;
        Some((verb, start, end - usize::from(end > start && self.bytes[end - 1] == b'\r')))
    }

    /// End of the payload of a publish whose line is right.
    fn payload_end(&self) -> Option<usize> {
        let (verb, start, end) = self.arguments()?;
        if !matches!(verb, Verb::Publish | Verb::HeaderPublish) {
            return None;
        }
        let args = Args::split(self.bytes, start, end, true);
        let total = parse_size(args.get(args.len().checked_sub(1)?)?.of(self.bytes))?;
        let line_end = end + memchr(b'\n', &self.bytes[end..])? + 1;
        Some(line_end + total as usize)
    }
}

fn name(verb: Verb) -> &'static str {
    match verb {
        Verb::Connect => "CONNECT",
        Verb::Publish => "PUB",
        Verb::HeaderPublish => "HPUB",
        Verb::Subscribe => "SUB",
        Verb::Unsubscribe => "UNSUB",
        Verb::Ping => "PING",
        Verb::Pong => "PONG",
        Verb::Info => "INFO",
        Verb::Ok => "+OK",
        Verb::Err => "-ERR",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stops_where_nats_server_does() {
        // Observed in the log of nats-server 2.15.1.
        let cases: [(&[u8], usize, usize, &[u8]); 8] = [
            (b"BLAH hello world\r\n", 0, 0, b"BLAH hello world\r"),
            (b"SUB\r\n", 45, 3, b"\r"),
            (b"UNSUB\r\n", 63, 5, b"\r"),
            (b"PUB foo 2\r\nabcdef\r\n", 41, 13, b"cdef\r"),
            (b"PINX\r\n", 35, 3, b"X\r"),
            (b"PUX\r\n", 30, 2, b"X\r"),
            (b"CONNECX\r\n", 15, 6, b"X\r"),
            (b"+ON\r\n", 2, 2, b"N\r"),
        ];
        for (bytes, state, at, snippet) in cases {
            let unreadable = Unreadable::new(bytes);
            let text = String::from_utf8_lossy(bytes);
            assert_eq!(unreadable.stop(), Stop { state, at }, "{text}");
            assert_eq!(unreadable.snippet(at), snippet, "{text}");
        }
    }

    #[test]
    fn complaints_are_those_of_nats_server() {
        for (bytes, line, complaint) in [
            ("PUB foo 99999999999\r\n", "foo 99999999999", "processPub Bad or Missing Size"),
            ("PUB foo\r\n", "foo", "processPub Parse Error"),
            ("SUB  foo\r\n", "foo", "processSub Parse Error"),
            ("UNSUB a b c\r\n", "a b c", "processUnsub Parse Error"),
            ("HPUB foo x 10\r\n", "foo x 10", "processHeaderPub Bad or Missing Header Size"),
            ("HPUB foo 1 x\r\n", "foo 1 x", "processHeaderPub Bad or Missing Total Size"),
            ("HPUB foo 12 10\r\n", "foo 12 10", "processHeaderPub Header Size larger then TotalSize"),
            ("HPUB foo 1\r\n", "foo 1", "processHeaderPub Parse Error"),
        ] {
            let unreadable = Unreadable::new(bytes.as_bytes());
            assert_eq!(unreadable.complaint(), complaint, "{bytes}");
            assert_eq!(unreadable.line().map(|(_, line)| line), Some(line.as_bytes()), "{bytes}");
        }
    }
}
