//! Recognises the verb at the start of a line, byte by byte as nats-server does.

/// Verbs between servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Message,
    HeaderMessage,
    LeafMessage,
    Interest,
    NoInterest,
    LeafInterest,
    LeafNoInterest,
    Account,
    /// `SUB`, which only clients say.
    ClientInterest,
    /// `PUB`, the same.
    ClientMessage,
    /// `HPUB`, the same.
    ClientHeaderMessage,
    Ping,
    Pong,
    Connect,
    Info,
    Ok,
    Err,
}

/// What stands at the start of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recognised {
    /// A verb and the offset of the first byte behind it.
    Verb(Verb, usize),
    /// A right prefix.
    Incomplete,
    /// No verb of a server.
    Unknown,
}

const TABLE: [(&[u8], Verb); 25] = [
    (b"RMSG ", Verb::Message),
    (b"HMSG ", Verb::HeaderMessage),
    (b"RS+ ", Verb::Interest),
    (b"RS- ", Verb::NoInterest),
    (b"PING", Verb::Ping),
    (b"PONG", Verb::Pong),
    (b"LMSG ", Verb::LeafMessage),
    (b"LS+ ", Verb::LeafInterest),
    (b"LS- ", Verb::LeafNoInterest),
    (b"INFO", Verb::Info),
    (b"CONNECT", Verb::Connect),
    (b"+OK", Verb::Ok),
    (b"-ERR ", Verb::Err),
    (b"-ERR\t", Verb::Err),
    (b"A+ ", Verb::Account),
    (b"A- ", Verb::Account),
    (b"RMSG\t", Verb::Message),
    (b"UNSUB ", Verb::NoInterest),
    (b"UNSUB\t", Verb::NoInterest),
    (b"SUB ", Verb::ClientInterest),
    (b"SUB\t", Verb::ClientInterest),
    (b"PUB ", Verb::ClientMessage),
    (b"PUB\t", Verb::ClientMessage),
    (b"HPUB ", Verb::ClientHeaderMessage),
    (b"HPUB\t", Verb::ClientHeaderMessage),
];

/// Recognises the verb `bytes` begin with. `bytes` is not empty.
pub(super) fn recognise(bytes: &[u8]) -> Recognised {
    let mut is_prefix = false;
    for (name, verb) in TABLE {
        let common =
            bytes.iter().zip(name).take_while(|(byte, expected)| byte.to_ascii_uppercase() == **expected).count();
        if common == name.len() {
            return Recognised::Verb(verb, common);
        }
        is_prefix |= common == bytes.len();
    }
    if is_prefix { Recognised::Incomplete } else { Recognised::Unknown }
}
