//! Cuts a server's byte stream into protocol frames, so that a payload is never mistaken for a control line.

use std::borrow::Cow;

use serde_json::Value;

/// One frame from the server, terminator included: a control line, or a message with its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame(pub Vec<u8>);

impl Frame {
    /// Tells whether the frame is this control line, given without its terminator.
    pub fn is(&self, line: &str) -> bool {
        self.0.strip_suffix(b"\r\n") == Some(line.as_bytes())
    }

    /// Tells whether the frame contains `text`.
    pub fn contains(&self, text: &str) -> bool {
        self.0.windows(text.len().max(1)).any(|window| window == text.as_bytes())
    }

    /// Tells whether the frame starts with `text`.
    pub fn starts_with(&self, text: &str) -> bool {
        self.0.starts_with(text.as_bytes())
    }

    /// Returns the control line without its terminator.
    ///
    /// # Panics
    /// Panics when there is none.
    pub fn line(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.parts().0)
    }

    /// Returns what a message carries, without the line end behind it. In an HMSG the headers come first.
    ///
    /// # Panics
    /// Panics when the frame is no message, or a torn one.
    pub fn payload(&self) -> &[u8] {
        self.parts().1.strip_suffix(b"\r\n").expect("a message ends with a line end")
    }

    /// Returns the payload of a message without headers as JSON.
    ///
    /// # Panics
    /// Panics with the frame when the payload is something else.
    pub fn json(&self) -> Value {
        serde_json::from_slice(self.payload()).unwrap_or_else(|error| panic!("{error}: {}", self.0.escape_ascii()))
    }

    /// The control line, and everything behind its terminator.
    fn parts(&self) -> (&[u8], &[u8]) {
        let end = line_end(&self.0).expect("a frame has a control line");
        (&self.0[..end], &self.0[end + 2..])
    }
}

/// Removes the first complete frame from `buffer`, or returns `None` while it is incomplete.
pub fn take_frame(buffer: &mut Vec<u8>) -> Option<Frame> {
    let line_end = line_end(buffer)?;
    let end = line_end + 2 + payload_len(&buffer[..line_end]);
    if buffer.len() < end {
        return None;
    }
    Some(Frame(buffer.drain(..end).collect()))
}

/// Returns where the first line ends.
fn line_end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(2).position(|window| window == b"\r\n")
}

/// Returns the bytes that follow a control line, payload terminator included: the last argument of MSG and HMSG.
fn payload_len(line: &[u8]) -> usize {
    if !line.starts_with(b"MSG ") && !line.starts_with(b"HMSG ") {
        return 0;
    }
    let size = line.rsplit(|byte| *byte == b' ').next().and_then(|text| std::str::from_utf8(text).ok());
    size.and_then(|text| text.parse::<usize>().ok()).map_or(0, |size| size + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payload_that_looks_like_a_control_line_stays_in_its_frame() {
        let mut buffer = b"+OK\r\nMSG foo 1 6\r\nPONG\r\n\r\nPONG\r\nPI".to_vec();
        assert!(take_frame(&mut buffer).unwrap().is("+OK"));
        assert_eq!(take_frame(&mut buffer).unwrap(), Frame(b"MSG foo 1 6\r\nPONG\r\n\r\n".to_vec()));
        assert!(take_frame(&mut buffer).unwrap().is("PONG"));
        assert_eq!(take_frame(&mut buffer), None);
        assert_eq!(buffer, b"PI");
    }

    #[test]
    fn a_payload_is_all_between_the_control_line_and_the_last_line_end() {
        let frame = |text: &str| Frame(text.as_bytes().to_vec());
        let message = frame("MSG foo 1 6\r\nPONG\r\n\r\n");
        assert_eq!((&*message.line(), message.payload()), ("MSG foo 1 6", b"PONG\r\n".as_slice()));
        assert_eq!(frame("MSG foo 1 0\r\n\r\n").payload(), b"");
        assert_eq!(frame("HMSG foo 1 12 14\r\nNATS/1.0\r\n\r\nhi\r\n").payload(), b"NATS/1.0\r\n\r\nhi");
        assert_eq!(frame("MSG foo 1 7\r\n{\"a\":1}\r\n").json(), serde_json::json!({"a": 1}));
    }

    #[test]
    #[should_panic(expected = "a message ends with a line end")]
    fn a_control_line_alone_has_no_payload() {
        Frame(b"PONG\r\n".to_vec()).payload();
    }
}
