//! Header blocks: `NATS/1.0`, lines of `name: value`, an empty line. Read in place, written by copying.

use memchr::memmem;

/// How a block begins, without a status.
pub const VERSION: &[u8] = b"NATS/1.0\r\n";
const CRLF: &[u8] = b"\r\n";

/// The lines of a block behind its first, as name and value. Lines that are none end it.
pub fn lines(block: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = memmem::find(block, CRLF).map_or(&[][..], |end| &block[end + CRLF.len()..]);
    std::iter::from_fn(move || {
        let end = memmem::find(rest, CRLF).filter(|end| *end > 0)?;
        let line = &rest[..end];
        rest = &rest[end + CRLF.len()..];
        let colon = memchr::memchr(b':', line)?;
        Some((&line[..colon], trim(&line[colon + 1..])))
    })
}

/// The value of the first line of this name, spelled exactly so.
#[must_use]
pub fn get<'a>(block: &'a [u8], name: &str) -> Option<&'a [u8]> {
    if block.is_empty() {
        return None;
    }
    lines(block).find(|(key, _)| *key == name.as_bytes()).map(|(_, value)| value)
}

/// A block with one more line; made anew when `block` is empty.
#[must_use]
pub fn with(block: &[u8], name: &str, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(block.len() + name.len() + value.len() + 16);
    append(&mut out, block, &[(name, value)]);
    out
}

/// Writes a block with more lines behind its own; made anew when `block` is empty.
pub fn append(out: &mut Vec<u8>, block: &[u8], more: &[(&str, &[u8])]) {
    out.extend_from_slice(block.strip_suffix(CRLF).filter(|lines| !lines.is_empty()).unwrap_or(VERSION));
    for (name, value) in more {
        for part in [name.as_bytes(), b": ", value, CRLF] {
            out.extend_from_slice(part);
        }
    }
    out.extend_from_slice(CRLF);
}

/// A block without the lines whose names `is_unwanted`; empty when nothing is left of it.
#[must_use]
pub fn without(block: &[u8], is_unwanted: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let head = memmem::find(block, CRLF).map_or(0, |end| end + CRLF.len());
    let mut out = block[..head].to_vec();
    let mut is_empty = true;
    for (name, value) in lines(block).filter(|(name, _)| !is_unwanted(name)) {
        is_empty = false;
        for part in [name, b": ", value, CRLF] {
            out.extend_from_slice(part);
        }
    }
    if is_empty && (block.is_empty() || block.starts_with(VERSION)) {
        return Vec::new();
    }
    out.extend_from_slice(CRLF);
    out
}

/// A block that is only a status: `NATS/1.0 404 Message Not Found`.
#[must_use]
pub fn status(code: u16, text: &str) -> Vec<u8> {
    let space = if text.is_empty() { "" } else { " " };
    format!("NATS/1.0 {code}{space}{text}\r\n\r\n").into_bytes()
}

fn trim(value: &[u8]) -> &[u8] {
    let start = value.iter().position(|byte| *byte != b' ').unwrap_or(value.len());
    &value[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: &[u8] = b"NATS/1.0\r\nA: 1\r\nB:2\r\nNats-Msg-Id:  x y \r\n\r\n";

    #[test]
    fn values_are_found() {
        assert_eq!(get(BLOCK, "A"), Some(&b"1"[..]));
        assert_eq!(get(BLOCK, "B"), Some(&b"2"[..]));
        assert_eq!(get(BLOCK, "Nats-Msg-Id"), Some(&b"x y "[..]));
        assert_eq!((get(BLOCK, "a"), get(b"", "A"), get(b"junk", "A")), (None, None, None));
    }

    #[test]
    fn lines_are_added_and_removed() {
        assert_eq!(with(b"", "A", b"1"), b"NATS/1.0\r\nA: 1\r\n\r\n");
        let more = with(BLOCK, "C", b"3");
        assert!(more.ends_with(b"x y \r\nC: 3\r\n\r\n"));
        assert_eq!(without(&more, |name| name != b"C"), b"NATS/1.0\r\nC: 3\r\n\r\n");
        assert_eq!(without(&with(b"", "A", b"1"), |name| name == b"A"), b"");
        assert_eq!(status(404, "No Results"), b"NATS/1.0 404 No Results\r\n\r\n");
    }
}
