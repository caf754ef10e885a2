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
}
