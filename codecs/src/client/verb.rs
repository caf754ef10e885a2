//! Recognises the verb at the start of a line, byte by byte as nats-server does: a wrong byte is an error even when the
//! line is not complete, a right prefix waits for more.

/// Verbs of the client protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Connect,
    Publish,
    HeaderPublish,
    Subscribe,
    Unsubscribe,
    Ping,
    Pong,
    Info,
    Ok,
    Err,
}

/// What stands at the start of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recognised {
    /// A verb and the offset of the first byte behind it.
    Verb(Verb, usize),
    /// A right prefix.
    Incomplete,
    /// No verb of a client.
    Unknown,
}

/// How a verb must be followed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Follow {
    /// A space or tab.
    Blank,
    /// Anything.
    Any,
}

const TABLE: [(&[u8], Verb, Follow); 10] = [
    (b"PUB", Verb::Publish, Follow::Blank),
    (b"PING", Verb::Ping, Follow::Any),
    (b"PONG", Verb::Pong, Follow::Any),
    (b"SUB", Verb::Subscribe, Follow::Blank),
    (b"HPUB", Verb::HeaderPublish, Follow::Blank),
    (b"UNSUB", Verb::Unsubscribe, Follow::Blank),
    (b"CONNECT", Verb::Connect, Follow::Any),
    (b"+OK", Verb::Ok, Follow::Any),
    (b"-ERR", Verb::Err, Follow::Blank),
    (b"INFO", Verb::Info, Follow::Any),
];

/// Recognises the verb `bytes` begin with. `bytes` is not empty.
pub(crate) fn recognise(bytes: &[u8]) -> Recognised {
    let mut is_prefix = false;
    for (name, verb, follow) in TABLE {
        let common =
            bytes.iter().zip(name).take_while(|(byte, expected)| byte.to_ascii_uppercase() == **expected).count();
        if common == name.len() {
            return followed(verb, follow, bytes.get(name.len()), name.len());
        }
        is_prefix |= common == bytes.len();
    }
    if is_prefix { Recognised::Incomplete } else { Recognised::Unknown }
}

fn followed(verb: Verb, follow: Follow, next: Option<&u8>, len: usize) -> Recognised {
    match (follow, next) {
        (Follow::Any, _) | (Follow::Blank, Some(b' ' | b'\t')) => Recognised::Verb(verb, len),
        (Follow::Blank, None) => Recognised::Incomplete,
        (Follow::Blank, Some(_)) => Recognised::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verb_is_found_in_any_case() {
        assert_eq!(recognise(b"pub a 1"), Recognised::Verb(Verb::Publish, 3));
        assert_eq!(recognise(b"PiNg\r\n"), Recognised::Verb(Verb::Ping, 4));
        assert_eq!(recognise(b"CONNECT{}"), Recognised::Verb(Verb::Connect, 7));
    }

    #[test]
    fn a_wrong_byte_is_seen_before_the_line_ends() {
        for bytes in [&b"PINX"[..], b"PUBX", b"SUBS", b"RS+", b"A+", b"MSG", b"\r\n", b"-ERRX", b"HMSG"] {
            assert_eq!(recognise(bytes), Recognised::Unknown, "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn a_prefix_waits() {
        for bytes in [&b"P"[..], b"PU", b"PUB", b"h", b"conn", b"+", b"-ERR", b"UNSUB"] {
            assert_eq!(recognise(bytes), Recognised::Incomplete, "{}", String::from_utf8_lossy(bytes));
        }
    }
}
