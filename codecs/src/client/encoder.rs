//! The lines a server sends to a client.

use super::info::ServerInfo;

/// `PING`.
pub const PING: &[u8] = b"PING\r\n";
/// `PONG`.
pub const PONG: &[u8] = b"PONG\r\n";
/// `+OK`.
pub const OK: &[u8] = b"+OK\r\n";

/// Appends `-ERR 'text'`.
pub fn error(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(b"-ERR '");
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(b"'\r\n");
}

/// Appends `INFO {json}`, with the blank before CRLF that nats-server writes.
pub fn info(out: &mut Vec<u8>, info: &ServerInfo) {
    out.extend_from_slice(b"INFO ");
    out.extend_from_slice(&info.to_json());
    out.extend_from_slice(b" \r\n");
}

/// Appends the answer to a request nobody takes: a header-only message with status 503 and the request's subject.
pub fn no_responders(out: &mut Vec<u8>, reply: &[u8], sid: &[u8], subject: &[u8]) {
    const STATUS: &[u8] = b"NATS/1.0 503\r\nNats-Subject: ";
    let size = (STATUS.len() + subject.len() + 4).to_string();
    for part in [b"HMSG ", reply, b" ", sid, b" ", size.as_bytes(), b" ", size.as_bytes(), b"\r\n"] {
        out.extend_from_slice(part);
    }
    out.extend_from_slice(STATUS);
    out.extend_from_slice(subject);
    out.extend_from_slice(b"\r\n\r\n\r\n");
}

/// Writes `bytes` as Go's `%q` does: double quotes, escapes for what cannot be printed.
#[must_use]
pub fn quoted(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + 2);
    out.push('"');
    for chunk in bytes.utf8_chunks() {
        chunk.valid().chars().for_each(|character| push_quoted(&mut out, character));
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out.push('"');
    out
}

fn push_quoted(out: &mut String, character: char) {
    match character {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\u{7}' => out.push_str("\\a"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\u{b}' => out.push_str("\\v"),
        c if (c as u32) < 0x20 || c as u32 == 0x7f => out.push_str(&format!("\\x{:02x}", c as u32)),
        ' ' => out.push(' '),
        c if c.is_control() || c.is_whitespace() || is_invisible(c) => out.push_str(&format!("\\u{:04x}", c as u32)),
        c => out.push(c),
    }
}

/// Whether Go takes a character of the basic plane for not printable although it is neither control nor white space: the
/// common ones, which hide or turn text.
fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_responders_counts_its_header() {
        let mut out = Vec::new();
        no_responders(&mut out, b"r", b"1", b"foo");
        assert_eq!(out, b"HMSG r 1 35 35\r\nNATS/1.0 503\r\nNats-Subject: foo\r\n\r\n\r\n");
    }

    #[test]
    fn lines_end_as_nats_server_s() {
        let mut out = Vec::new();
        error(&mut out, "Unknown Protocol Operation");
        assert_eq!(out, b"-ERR 'Unknown Protocol Operation'\r\n");
        out.clear();
        info(&mut out, &ServerInfo::default());
        assert!(out.starts_with(b"INFO {\"server_id\":") && out.ends_with(b"} \r\n"));
        assert_eq!((PING, PONG, OK), (&b"PING\r\n"[..], &b"PONG\r\n"[..], &b"+OK\r\n"[..]));
    }

    #[test]
    fn no_responders_are_appended() {
        let mut out = PONG.to_vec();
        no_responders(&mut out, b"_INBOX.a", b"sid", b"");
        assert_eq!(out, b"PONG\r\nHMSG _INBOX.a sid 32 32\r\nNATS/1.0 503\r\nNats-Subject: \r\n\r\n\r\n");
    }

    #[test]
    fn quoting_is_go_s() {
        let cases: [(&[u8], &str); 11] = [
            (b"", ""),
            (b"a.b", "a.b"),
            (b"a\"b\\c", r#"a\"b\\c"#),
            (b"\x00\x01\x1f\x7f", r"\x00\x01\x1f\x7f"),
            (b"\x07\x08\x0c\n\r\t\x0b", r"\a\b\f\n\r\t\v"),
            (b"\xff\xc3", r"\xff\xc3"),
            (b"a\xe2\x82b", r"a\xe2\x82b"),
            ("é漢".as_bytes(), "é漢"),
            ("\u{85} \u{a0}\u{3000}".as_bytes(), r"\u0085 \u00a0\u3000"),
            ("\u{200b}\u{202e}\u{feff}".as_bytes(), r"\u200b\u202e\ufeff"),
            (b"'", "'"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(quoted(bytes), format!("\"{expected}\""));
        }
    }
}
