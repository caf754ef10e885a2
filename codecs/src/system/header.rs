//! One header of a message.

use memchr::memmem;

const VERSION: &[u8] = b"NATS/1.0\r\n";
const LINE_END: &[u8] = b"\r\n";

/// Where the line of `name` stands: at the first letter of the name, and behind the end of the line.
fn line(headers: &[u8], name: &str) -> Option<(usize, usize)> {
    let start = [LINE_END, name.as_bytes(), b":"].concat();
    let at = memmem::find(headers, &start)? + LINE_END.len();
    let end = memmem::find(&headers[at..], LINE_END)? + at + LINE_END.len();
    Some((at, end))
}

/// The value of `name`, spelled exactly so.
#[must_use]
pub fn get<'h>(headers: &'h [u8], name: &str) -> Option<&'h [u8]> {
    let (at, end) = line(headers, name)?;
    Some(headers[at + name.len() + 1..end].trim_ascii())
}

/// The headers with `name` set to `value`, in place of what it was; headers of their own when there were none.
#[must_use]
pub fn set(headers: &[u8], name: &str, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(headers.len() + name.len() + value.len() + 16);
    match line(headers, name) {
        Some((at, end)) => {
            out.extend_from_slice(&headers[..at]);
            out.extend_from_slice(&headers[end..]);
        }
        None => out.extend_from_slice(headers),
    }
    let kept = out.strip_suffix(LINE_END).map_or(0, <[u8]>::len);
    out.truncate(kept);
    if out.is_empty() {
        out.extend_from_slice(VERSION);
    }
    for part in [name.as_bytes(), b": ", value, LINE_END, LINE_END] {
        out.extend_from_slice(part);
    }
    out
}

/// The headers with `name` set to `value` where it stands, or else as [`set`] does.
#[must_use]
pub fn replace(headers: &[u8], name: &str, value: &[u8]) -> Vec<u8> {
    match line(headers, name) {
        Some((at, end)) => [&headers[..at], name.as_bytes(), b": ", value, LINE_END, &headers[end..]].concat(),
        None => set(headers, name, value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_found_and_set() {
        let headers = b"NATS/1.0\r\nA: 1\r\nB:2\r\n\r\n";
        assert_eq!(get(headers, "A"), Some(&b"1"[..]));
        assert_eq!(get(headers, "B"), Some(&b"2"[..]));
        assert_eq!(get(headers, "a"), None);
        assert_eq!(replace(headers, "A", b"3"), b"NATS/1.0\r\nA: 3\r\nB:2\r\n\r\n");
        assert_eq!(replace(b"", "A", b"3"), b"NATS/1.0\r\nA: 3\r\n\r\n");
        assert_eq!(set(headers, "A", b"3"), b"NATS/1.0\r\nB:2\r\nA: 3\r\n\r\n");
        assert_eq!(set(b"", "A", b"3"), b"NATS/1.0\r\nA: 3\r\n\r\n");
        assert_eq!(set(b"NATS/1.0\r\n\r\n", "A", b"3"), b"NATS/1.0\r\nA: 3\r\n\r\n");
        assert_eq!(set(b"NATS/1.0\r\nA: 1\r\n\r\n", "A", b"3"), b"NATS/1.0\r\nA: 3\r\n\r\n");
    }
}
