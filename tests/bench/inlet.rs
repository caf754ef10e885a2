//! Messages of a connection, one by one, for loads that answer to what they get.

use std::io::{self, Read, Write};

use super::link::Link;

/// A message: its subject, its reply subject and what follows the headers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Message {
    /// Subject.
    pub(crate) subject: String,
    /// Reply subject; empty when there is none.
    pub(crate) reply: String,
    /// Headers; empty when there are none.
    pub(crate) headers: String,
    /// Payload.
    pub(crate) payload: Vec<u8>,
}

/// A connection that is read message by message.
#[derive(Debug)]
pub(crate) struct Inlet {
    link: Link,
    buffer: Vec<u8>,
    /// Where what was not looked at yet starts in `buffer`.
    start: usize,
}

impl Inlet {
    /// Reads `link` from now on.
    pub(crate) fn new(link: Link) -> Self {
        Self { link, buffer: Vec::new(), start: 0 }
    }

    /// Sends operations.
    ///
    /// # Errors
    /// The socket's.
    pub(crate) fn send(&mut self, ops: &[u8]) -> io::Result<()> {
        self.link.write_all(ops)?;
        self.link.flush()
    }

    /// Waits for the next message.
    ///
    /// # Errors
    /// The socket's; `InvalidData` for what is no message.
    pub(crate) fn next(&mut self) -> io::Result<Message> {
        loop {
            if let Some(message) = self.take()? {
                return Ok(message);
            }
            self.fill()?;
        }
    }

    /// The next message, where it has arrived.
    ///
    /// # Errors
    /// `InvalidData` for what is no message.
    pub(crate) fn take(&mut self) -> io::Result<Option<Message>> {
        loop {
            let rest = &self.buffer[self.start..];
            let Some(end) = rest.iter().position(|byte| *byte == b'\n') else { return Ok(None) };
            let line = String::from_utf8_lossy(&rest[..end]).trim_end().to_owned();
            let words: Vec<&str> = line.split(' ').collect();
            let number = |word: Option<&&str>| word.and_then(|word| word.parse::<usize>().ok());
            let (num_sizes, total) = match words[0] {
                "MSG" => (1, number(words.last())),
                "HMSG" => (2, number(words.last())),
                "PING" | "PONG" | "INFO" | "+OK" => {
                    self.start += end + 1;
                    continue;
                }
                _ => return Err(io::Error::new(io::ErrorKind::InvalidData, line)),
            };
            let Some(total) = total else { return Err(io::Error::new(io::ErrorKind::InvalidData, line)) };
            let Some(content) = rest.get(end + 1..end + 1 + total) else { return Ok(None) };
            if rest.len() < end + 1 + total + 2 {
                return Ok(None);
            }
            let header_len = if num_sizes == 2 { number(words.get(words.len() - 2)).unwrap_or(0) } else { 0 };
            let reply = if words.len() == 4 + num_sizes { words[3] } else { "" };
            let message = Message {
                subject: words[1].to_owned(),
                reply: reply.to_owned(),
                headers: String::from_utf8_lossy(&content[..header_len]).into_owned(),
                payload: content[header_len..].to_vec(),
            };
            self.start += end + 1 + total + 2;
            return Ok(Some(message));
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        self.buffer.drain(..self.start);
        self.start = 0;
        let mut piece = [0; 64 * 1024];
        let count = self.link.read(&mut piece)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.buffer.extend_from_slice(&piece[..count]);
        Ok(())
    }
}
