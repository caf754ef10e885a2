//! An archive on its way into a stream.

use std::io::{BufReader, Read};

use bytes::Bytes;

use super::{CONSUMERS, LARGEST_BODY, LONGEST_NAME, MAGIC, STATE_NAME};
use crate::{NewMessage, StoreError, StoredMessage, StreamStore, ttl};

/// An archive of either version.
pub enum Archive<R: Read> {
    /// Version 2: messages.
    Messages(MessageArchive<R>),
    /// Version 1: files, as a plain tar stream.
    Files(Box<dyn Read + Send>),
}

impl<R: Read> std::fmt::Debug for Archive<R> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Messages(_) => "Messages",
            Self::Files(_) => "Files",
        })
    }
}

/// A part of a version 2 archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArchiveEntry {
    /// The JSON of the stream's state.
    State(Vec<u8>),
    /// A consumer's name, and the JSON of its configuration and state.
    Consumer(String, Vec<u8>),
    /// A message.
    Message(StoredMessage),
}

/// Reads a version 2 archive entry by entry.
pub struct MessageArchive<R: Read> {
    reader: BufReader<minlz::s2::Reader<R>>,
    has_ended: bool,
}

impl<R: Read> std::fmt::Debug for MessageArchive<R> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("MessageArchive").field("has_ended", &self.has_ended).finish_non_exhaustive()
    }
}

/// Opens an archive and tells its version.
///
/// # Errors
///
/// `Unusable` for what is no S2 stream.
pub fn open_archive<R: Read + Send + 'static>(source: R) -> Result<Archive<R>, StoreError> {
    let mut reader = minlz::s2::Reader::new(source);
    let mut start = Vec::new();
    (&mut reader).take(MAGIC.len() as u64).read_to_end(&mut start).map_err(|error| bad(&error.to_string()))?;
    if start == MAGIC {
        return Ok(Archive::Messages(MessageArchive { reader: BufReader::new(reader), has_ended: false }));
    }
    Ok(Archive::Files(Box::new(std::io::Cursor::new(start).chain(reader))))
}

impl<R: Read> MessageArchive<R> {
    /// Reads the next entry; None behind the last.
    ///
    /// # Errors
    ///
    /// `Unusable` for an archive that is truncated or no archive.
    pub fn next_entry(&mut self) -> Result<Option<ArchiveEntry>, StoreError> {
        if self.has_ended {
            return Ok(None);
        }
        let name_length = self.number()?;
        let time = self.number()?;
        let time_ns = (time >> 1) as i64 ^ -((time & 1) as i64);
        let (seq, headers, payload) = (self.number()?, self.number()?, self.number()?);
        if name_length > LONGEST_NAME || headers > LARGEST_BODY || payload > LARGEST_BODY {
            return Err(bad("backup has an entry that is too large"));
        }
        if name_length == 0 {
            self.has_ended = true;
            return Ok(None);
        }
        let entry = self.bytes(name_length + headers + payload)?;
        let name_end = name_length as usize;
        let payload_start = name_end + headers as usize;
        if seq > 0 {
            let places = (name_end, name_end, payload_start);
            return Ok(Some(ArchiveEntry::Message(StoredMessage::new((seq, time_ns), entry, places))));
        }
        let payload = entry.slice(payload_start..);
        let name =
            String::from_utf8(entry[..name_end].to_vec()).map_err(|_| bad("backup has an entry with a bad name"))?;
        if name == STATE_NAME {
            return Ok(Some(ArchiveEntry::State(payload.into())));
        }
        match name.strip_prefix(CONSUMERS).filter(|name| !name.is_empty() && !name.contains(['/', '\\'])) {
            Some(consumer) => Ok(Some(ArchiveEntry::Consumer(consumer.to_owned(), payload.into()))),
            None => Err(bad(&format!("unexpected content ({name:?})"))),
        }
    }

    /// Stores the archive's messages under their sequences in an empty store, and hands other entries to `other`.
    ///
    /// # Errors
    ///
    /// `Unusable` for a bad archive; those of the store.
    pub fn restore(
        &mut self,
        store: &mut dyn StreamStore,
        now_ns: i64,
        other: &mut dyn FnMut(ArchiveEntry) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        while let Some(entry) = self.next_entry()? {
            let ArchiveEntry::Message(message) = entry else {
                other(entry)?;
                continue;
            };
            let next = store.state().last_seq + 1;
            if message.seq < next {
                return Err(bad("backup has sequences out of order"));
            }
            let time_to_live = ttl::message_ttl(message.headers()).unwrap_or_default();
            let has_expired = ttl::expiry(message.time_ns, time_to_live).is_some_and(|at| at <= now_ns);
            let end = if has_expired { message.seq + 1 } else { message.seq };
            store.skip(next, end - next, message.time_ns)?;
            if !has_expired {
                let (subject, headers, payload) = (message.subject(), message.headers(), message.payload());
                let (time_ns, ttl) = (message.time_ns, time_to_live);
                store.append_at(message.seq, &NewMessage { subject, headers, payload, time_ns, ttl })?;
            }
        }
        Ok(())
    }

    fn number(&mut self) -> Result<u64, StoreError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let mut byte = [0];
            self.reader.read_exact(&mut byte).map_err(|_| bad("backup was truncated"))?;
            value |= u64::from(byte[0] & 0x7f) << shift;
            if byte[0] & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(bad("backup has a number that is too large"))
    }

    fn bytes(&mut self, length: u64) -> Result<Bytes, StoreError> {
        let mut bytes = Vec::new();
        (&mut self.reader).take(length).read_to_end(&mut bytes).map_err(|error| bad(&error.to_string()))?;
        if bytes.len() as u64 == length { Ok(bytes.into()) } else { Err(bad("backup was truncated")) }
    }
}

fn bad(reason: &str) -> StoreError {
    StoreError::Unusable(reason.to_owned())
}
