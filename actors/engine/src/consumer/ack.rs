//! What a client says of a message: the payload of an acknowledgement.

use serde::Deserialize;
use troupe_codecs::conf::parse_duration;

/// The word in an acknowledgement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AckWord<'a> {
    /// Done: `+ACK`, `+OK` or nothing.
    Ack,
    /// Done, and a pull request for more follows.
    Next(&'a [u8]),
    /// Not done: deliver it again, at once or later.
    Nak(NakDelay<'a>),
    /// Still at it: the time begins anew.
    Progress,
    /// Never deliver it again, for this reason.
    Term(&'a [u8]),
    /// None of these. It changes nothing, but is answered.
    Unknown,
}

/// How long a message that was not acknowledged waits for its redelivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NakDelay<'a> {
    /// Not at all.
    None,
    /// So many nanoseconds.
    Nanoseconds(i64),
    /// Not understood: it counts as none, and is worth a warning.
    Bad(&'a [u8]),
}

#[derive(Deserialize)]
struct NakOptions {
    #[serde(default, alias = "Delay", alias = "DELAY")]
    delay: Option<i64>,
}

/// Reads the payload of an acknowledgement.
#[must_use]
pub fn parse_ack(payload: &[u8]) -> AckWord<'_> {
    match payload {
        b"" | b"+ACK" | b"+OK" => AckWord::Ack,
        b"+WPI" => AckWord::Progress,
        _ => match payload.split_at_checked(4) {
            Some((b"+NXT", request)) => AckWord::Next(request),
            Some((b"-NAK", delay)) => AckWord::Nak(parse_delay(delay.trim_ascii())),
            Some((b"+TER", reason)) if reason.first() == Some(&b'M') => AckWord::Term(reason[1..].trim_ascii()),
            _ => AckWord::Unknown,
        },
    }
}

fn parse_delay(text: &[u8]) -> NakDelay<'_> {
    let parsed = match text.first() {
        None => return NakDelay::None,
        Some(b'{') => serde_json::from_slice::<NakOptions>(text).ok().map(|options| options.delay.unwrap_or(0)),
        Some(_) => std::str::from_utf8(text).ok().and_then(|text| parse_duration(text).ok()),
    };
    parsed.map_or(NakDelay::Bad(text), NakDelay::Nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_words() {
        for (payload, expected) in [
            ("", AckWord::Ack),
            ("+ACK", AckWord::Ack),
            ("+OK", AckWord::Ack),
            ("+ACK ", AckWord::Unknown),
            ("+ACKx", AckWord::Unknown),
            ("+WPI", AckWord::Progress),
            ("+WPI ", AckWord::Unknown),
            ("-NAK", AckWord::Nak(NakDelay::None)),
            ("-NAK  ", AckWord::Nak(NakDelay::None)),
            ("-NAK 5s", AckWord::Nak(NakDelay::Nanoseconds(5_000_000_000))),
            ("-NAK1.5ms", AckWord::Nak(NakDelay::Nanoseconds(1_500_000))),
            ("-NAK {\"delay\": 7}", AckWord::Nak(NakDelay::Nanoseconds(7))),
            ("-NAK {}", AckWord::Nak(NakDelay::Nanoseconds(0))),
            ("-NAK {\"delay\": null, \"other\": 1}", AckWord::Nak(NakDelay::Nanoseconds(0))),
            ("-NAK {\"delay\": \"5s\"}", AckWord::Nak(NakDelay::Bad(b"{\"delay\": \"5s\"}"))),
            ("-NAK {", AckWord::Nak(NakDelay::Bad(b"{"))),
            ("-NAK soon", AckWord::Nak(NakDelay::Bad(b"soon"))),
            ("+TERM", AckWord::Term(b"")),
            ("+TERM bad data ", AckWord::Term(b"bad data")),
            ("+TERMinal", AckWord::Term(b"inal")),
            ("+TER", AckWord::Unknown),
            ("+NXT", AckWord::Next(b"")),
            ("+NXT 5", AckWord::Next(b" 5")),
            ("+NXT{\"batch\":2}", AckWord::Next(b"{\"batch\":2}")),
            ("+", AckWord::Unknown),
            ("hello", AckWord::Unknown),
            ("-nak", AckWord::Unknown),
        ] {
            assert_eq!(parse_ack(payload.as_bytes()), expected, "{payload:?}");
        }
    }
}
