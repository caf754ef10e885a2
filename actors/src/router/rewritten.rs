//! Messages that go on with other headers.

use super::Message;

/// Headers and payload of a message whose headers are replaced.
#[derive(Debug)]
pub struct Rewritten {
    content: Vec<u8>,
    header_len: usize,
    sizes: String,
}

impl Rewritten {
    /// The payload of `message` behind `headers`, from `NATS/1.0` to the blank line.
    #[must_use]
    pub fn new(message: &Message<'_>, headers: Vec<u8>) -> Self {
        let (header_len, mut content) = (headers.len(), headers);
        content.extend_from_slice(&message.content()[message.header_len..]);
        let sizes = format!("{header_len} {}", content.len());
        Self { content, header_len, sizes }
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &[u8] {
        &self.content[..self.header_len]
    }

    /// `message` with these headers and this payload.
    #[must_use]
    pub fn of<'a>(&'a self, message: &Message<'a>) -> Message<'a> {
        Message {
            sizes: self.sizes.as_bytes(),
            payload: &self.content,
            header_len: self.header_len,
            has_headers: true,
            has_crlf: false,
            verbatim_tail: None,
            buffer: None,
            ..*message
        }
    }
}
