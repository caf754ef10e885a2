//! Messages of a connection, one by one, for loads that answer to what they get.

use std::io::{self, Read, Write};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::link::{Door, Link};

/// A message, in the buffer of its connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message<'a> {
    /// Subject.
    pub(crate) subject: &'a [u8],
    /// Reply subject; empty when there is none.
    pub(crate) reply: &'a [u8],
    /// Headers; empty when there are none.
    pub(crate) headers: &'a [u8],
    /// Payload.
    pub(crate) payload: &'a [u8],
}

/// A connection with an inbox, read message by message.
#[derive(Debug)]
pub(crate) struct Inlet {
    link: Link,
    inbox: String,
    buffer: Vec<u8>,
    /// Where what was not looked at yet starts in `buffer`.
    start: usize,
}

/// Where the parts of a message are in a buffer.
#[derive(Debug)]
struct Place {
    subject: Range<usize>,
    reply: Range<usize>,
    headers: Range<usize>,
    payload: Range<usize>,
}

impl Inlet {
    /// A new connection that listens to an inbox of its own.
    ///
    /// # Errors
    /// The socket's.
    pub(crate) fn open(door: &Door) -> io::Result<Self> {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let inbox = format!("_INBOX.{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let mut link = door.open()?;
        link.write_all(format!("SUB {inbox}.* 1\r\n").as_bytes())?;
        link.settle()?;
        Ok(Self { link, inbox, buffer: Vec::new(), start: 0 })
    }

    /// What its reply subjects begin with: a dot and one token follow.
    pub(crate) fn inbox(&self) -> &str {
        &self.inbox
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
    pub(crate) fn next(&mut self) -> io::Result<Message<'_>> {
        let place = loop {
            match self.find()? {
                Some(place) => break place,
                None => self.fill()?,
            }
        };
        Ok(self.at(place))
    }

    /// The next message, where it has arrived.
    ///
    /// # Errors
    /// `InvalidData` for what is no message.
    pub(crate) fn take(&mut self) -> io::Result<Option<Message<'_>>> {
        Ok(self.find()?.map(|place| self.at(place)))
    }

    fn at(&self, place: Place) -> Message<'_> {
        Message {
            subject: &self.buffer[place.subject],
            reply: &self.buffer[place.reply],
            headers: &self.buffer[place.headers],
            payload: &self.buffer[place.payload],
        }
    }

    /// Steps over the next message.
    fn find(&mut self) -> io::Result<Option<Place>> {
        loop {
            let Some(length) = self.buffer[self.start..].iter().position(|byte| *byte == b'\n') else {
                return Ok(None);
            };
            let (start, end) = (self.start, self.start + length + 1);
            let line = &self.buffer[start..end];
            let invalid = || io::Error::new(io::ErrorKind::InvalidData, String::from_utf8_lossy(line).into_owned());
            let words = words_of(line);
            let num_sizes = match words.first().map(|word| &line[word.clone()]) {
                Some(b"MSG") => 1,
                Some(b"HMSG") => 2,
                Some(b"PING" | b"PONG" | b"INFO" | b"+OK") => {
                    self.start = end;
                    continue;
                }
                _ => return Err(invalid()),
            };
            let size = |from_end: usize| {
                let word = words.len().checked_sub(from_end).and_then(|at| words.get(at))?;
                std::str::from_utf8(&line[word.clone()]).ok()?.parse::<usize>().ok()
            };
            let total = size(1).ok_or_else(invalid)?;
            let header_len = if num_sizes == 2 { size(2).ok_or_else(invalid)? } else { 0 };
            if self.buffer.len() < end + total + 2 {
                return Ok(None);
            }
            let subject = words.get(1).cloned().ok_or_else(invalid)?;
            let reply = if words.len() == 4 + num_sizes { words[3].clone() } else { 0..0 };
            let within = |word: Range<usize>| start + word.start..start + word.end;
            let place = Place {
                subject: within(subject),
                reply: within(reply),
                headers: end..end + header_len,
                payload: end + header_len..end + total,
            };
            self.start = end + total + 2;
            return Ok(Some(place));
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

/// Where the words of a line are.
fn words_of(line: &[u8]) -> Vec<Range<usize>> {
    let mut words = Vec::with_capacity(6);
    let mut start = 0;
    for word in line.split(|byte| byte.is_ascii_whitespace()) {
        if !word.is_empty() {
            words.push(start..start + word.len());
        }
        start += word.len() + 1;
    }
    words
}
