//! Go's `%q`: how nats-server shows names and subjects in errors and log lines.

use std::fmt::Write;

/// `text` between double quotes, escaped as Go's `strconv.Quote` does; bytes that are not UTF-8 become `\xNN`.
#[must_use]
pub fn quote(text: &[u8]) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for chunk in text.utf8_chunks() {
        chunk.valid().chars().for_each(|c| push_char(&mut quoted, c));
        for byte in chunk.invalid() {
            let _ = write!(quoted, "\\x{byte:02x}");
        }
    }
    quoted.push('"');
    quoted
}

fn push_char(quoted: &mut String, c: char) {
    let _ = match c {
        '"' | '\\' => write!(quoted, "\\{c}"),
        '\x07' => quoted.write_str("\\a"),
        '\x08' => quoted.write_str("\\b"),
        '\x0c' => quoted.write_str("\\f"),
        '\n' => quoted.write_str("\\n"),
        '\r' => quoted.write_str("\\r"),
        '\t' => quoted.write_str("\\t"),
        '\x0b' => quoted.write_str("\\v"),
        c if is_printable(c) => quoted.write_char(c),
        c if c <= '\x7f' => write!(quoted, "\\x{:02x}", u32::from(c)),
        c if u32::from(c) < 0x1_0000 => write!(quoted, "\\u{:04x}", u32::from(c)),
        c => write!(quoted, "\\U{:08x}", u32::from(c)),
    };
}

fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        return matches!(c, ' '..='~');
    }
    // In front of a string `escape_debug` also escapes combining marks, which Go prints; hence the leading letter.
    let mut text = String::from("a");
    text.push(c);
    text.escape_debug().count() == 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_like_go() {
        for (text, expected) in [
            (&b"foo.bar"[..], r#""foo.bar""#),
            (b"ba\"r\\x", r#""ba\"r\\x""#),
            (b"\xff\x00\x7f\x0b\x07", r#""\xff\x00\x7f\v\a""#),
            ("é世\u{301}".as_bytes(), "\"é世\u{301}\""),
            ("\u{a0}\u{200b}\u{e0001}".as_bytes(), r#""\u00a0\u200b\U000e0001""#),
            (b"", r#""""#),
            (b"\x00\x01\x1f\x7f", r#""\x00\x01\x1f\x7f""#),
            (b"\x07\x08\x0c\n\r\t\x0b", r#""\a\b\f\n\r\t\v""#),
            (b"\xff\xc3", r#""\xff\xc3""#),
            (b"a\xe2\x82b", r#""a\xe2\x82b""#),
            ("\u{85} \u{a0}\u{3000}".as_bytes(), r#""\u0085 \u00a0\u3000""#),
            ("\u{200b}\u{202e}\u{feff}".as_bytes(), r#""\u200b\u202e\ufeff""#),
            (b"'", r#""'""#),
        ] {
            assert_eq!(quote(text), expected);
        }
    }
}
