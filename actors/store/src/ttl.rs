//! Headers a store reads itself, to know after a restart what it was told before.

use memchr::memmem;
use troupe_codecs::conf::parse_duration;

use crate::Ttl;

const SECOND_NS: i64 = 1_000_000_000;

/// Reads the `Nats-TTL` header: `never`, seconds, or a duration of at least a second. None if it is none of these.
#[must_use]
pub fn message_ttl(headers: &[u8]) -> Option<Ttl> {
    let Some(value) = header(headers, b"Nats-TTL") else { return Some(Ttl::Limits) };
    let text = std::str::from_utf8(value).ok()?;
    if text.is_empty() {
        return Some(Ttl::Limits);
    }
    if text.eq_ignore_ascii_case("never") {
        return Some(Ttl::Never);
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok().map(|seconds| if seconds == 0 { Ttl::Limits } else { Ttl::Seconds(seconds) });
    }
    let nanoseconds = parse_duration(text).ok()?;
    (nanoseconds >= SECOND_NS).then(|| Ttl::Seconds((nanoseconds / SECOND_NS).unsigned_abs()))
}

/// Tells whether the message is a delete marker: one that the server left for a subject, or a purge of a key-value store.
pub(crate) fn is_marker(headers: &[u8]) -> bool {
    header(headers, b"Nats-Marker-Reason").is_some_and(|value| !value.is_empty())
        || header(headers, b"KV-Operation") == Some(b"PURGE")
}

/// Tells whether the message replaces earlier ones.
pub(crate) fn is_rollup(headers: &[u8]) -> bool {
    header(headers, b"Nats-Rollup").is_some_and(|value| !value.is_empty())
}

/// Returns when a message stored at `time_ns` ends its life, if it does so by itself.
pub(crate) fn expiry(time_ns: i64, ttl: Ttl) -> Option<i64> {
    match ttl {
        Ttl::Seconds(seconds) => {
            let nanoseconds = i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(SECOND_NS);
            Some(time_ns.saturating_add(nanoseconds))
        }
        Ttl::Limits | Ttl::Never => None,
    }
}

/// Returns the value of a header in a header block.
pub(crate) fn header<'a>(headers: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    for at in memmem::find_iter(headers, name) {
        let is_line = headers[..at].ends_with(b"\r\n");
        let Some(rest) = headers[at + name.len()..].strip_prefix(b":") else { continue };
        if is_line {
            let end = memmem::find(rest, b"\r\n").unwrap_or(rest.len());
            return Some(rest[..end].trim_ascii());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_times_to_live() {
        for (value, expected) in [
            ("10", Some(Ttl::Seconds(10))),
            ("0", Some(Ttl::Limits)),
            ("never", Some(Ttl::Never)),
            ("NEVER", Some(Ttl::Never)),
            ("1m30s", Some(Ttl::Seconds(90))),
            ("10ms", None),
            ("-5", None),
            ("soon", None),
        ] {
            let block = format!("NATS/1.0\r\nA: b\r\nNats-TTL: {value}\r\n\r\n");
            assert_eq!(message_ttl(block.as_bytes()), expected, "{value}");
        }
        assert_eq!(message_ttl(b""), Some(Ttl::Limits));
        assert_eq!(message_ttl(b"NATS/1.0\r\nX-Nats-TTL: 5\r\n\r\n"), Some(Ttl::Limits));
    }
}
