//! How much of a payload trace lines show.

use troupe_codecs::quote::quote;
use troupe_engine::options::Options;

/// Settings of payload trace lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PayloadTrace {
    /// Most bytes shown; zero is all.
    max_len: usize,
    /// Only headers are shown.
    is_headers_only: bool,
}

impl PayloadTrace {
    /// Settings of `options`.
    #[must_use]
    pub fn new(options: &Options) -> Self {
        Self { max_len: options.limits.max_traced_msg_len, is_headers_only: options.logging.trace_headers }
    }

    /// The line behind the arrow, as nats-server has it. `None` where nothing is to be shown.
    #[must_use]
    pub fn line(self, payload: &[u8], header_len: usize) -> Option<String> {
        // The blank line that ends the headers is not shown with them.
        let shown = if self.is_headers_only { &payload[..header_len.saturating_sub(4)] } else { payload };
        if shown.is_empty() {
            return None;
        }
        if self.max_len == 0 || shown.len() <= self.max_len {
            return Some(format!("MSG_PAYLOAD: [{}]", quote(shown)));
        }
        let cut = quote(&shown[..self.max_len]);
        Some(format!("MSG_PAYLOAD: [{}...\"]", cut.strip_suffix('"').unwrap_or(&cut)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_what_nats_server_shows() {
        let message = b"NATS/1.0\r\n\r\nhello";
        let style = |max_len, is_headers_only| PayloadTrace { max_len, is_headers_only };
        let cases: [(PayloadTrace, &[u8], usize, Option<&str>); 6] = [
            (style(0, false), b"a\"b", 0, Some(r#"MSG_PAYLOAD: ["a\"b"]"#)),
            (style(3, false), b"abcdef", 0, Some(r#"MSG_PAYLOAD: ["abc..."]"#)),
            (style(0, false), b"", 0, None),
            (style(0, true), message, 12, Some(r#"MSG_PAYLOAD: ["NATS/1.0"]"#)),
            (style(3, true), message, 12, Some(r#"MSG_PAYLOAD: ["NAT..."]"#)),
            (style(0, true), b"abc", 0, None),
        ];
        for (style, payload, header_len, line) in cases {
            assert_eq!(style.line(payload, header_len).as_deref(), line);
        }
    }
}
