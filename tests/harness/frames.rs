//! Cuts a server's byte stream into protocol frames, so that a payload is never mistaken for a control line.

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
}

/// Removes the first complete frame from `buffer`, or returns `None` while it is incomplete.
pub fn take_frame(buffer: &mut Vec<u8>) -> Option<Frame> {
    let line_end = buffer.windows(2).position(|window| window == b"\r\n")? + 2;
    let end = line_end + payload_len(&buffer[..line_end - 2]);
    if buffer.len() < end {
        return None;
    }
    Some(Frame(buffer.drain(..end).collect()))
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
}
