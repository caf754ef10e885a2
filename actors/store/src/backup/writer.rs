//! A stream on its way into an archive, piece by piece.

use std::io::Write;

use super::{CONSUMERS, MAGIC, STATE_NAME};
use crate::format::varint;
use crate::{StoreError, StreamStore, SubjectFilter};

/// Writes an archive of the messages that were there when it began. The owner of the store asks for a piece at a
/// time, and may do other things in between: what is removed meanwhile is missing, what is added is not in it.
pub struct BackupWriter {
    packer: minlz::s2::Writer<Vec<u8>>,
    next_seq: u64,
    last_seq: u64,
    has_ended: bool,
}

impl std::fmt::Debug for BackupWriter {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("BackupWriter").field("next_seq", &self.next_seq).finish_non_exhaustive()
    }
}

impl BackupWriter {
    /// Begins with the JSON of the stream's state, and name and JSON (`config` and `state`) of each consumer.
    ///
    /// # Errors
    ///
    /// None known: it writes to memory.
    pub fn begin(
        store: &dyn StreamStore,
        state: &[u8],
        consumers: &[(String, Vec<u8>)],
        now_ns: i64,
    ) -> Result<Self, StoreError> {
        let last_seq = store.state().last_seq;
        let packer = minlz::s2::Writer::new(Vec::new());
        let mut writer = Self { packer, next_seq: store.state().first_seq, last_seq, has_ended: false };
        writer.write(MAGIC)?;
        writer.entry(STATE_NAME.as_bytes(), now_ns, 0, b"", state)?;
        for (name, json) in consumers {
            writer.entry(format!("{CONSUMERS}{name}").as_bytes(), now_ns, 0, b"", json)?;
        }
        Ok(writer)
    }

    /// Returns the next piece: of exactly `size` bytes, but for the last, which may be smaller; None behind it.
    ///
    /// # Errors
    ///
    /// `Corrupt`; I/O errors.
    pub fn next_piece(&mut self, store: &mut dyn StreamStore, size: usize) -> Result<Option<Vec<u8>>, StoreError> {
        while !self.has_ended && self.packer.get_ref().len() < size {
            let next = store.next(&SubjectFilter::all(), self.next_seq)?;
            match next.filter(|message| message.seq <= self.last_seq) {
                Some(message) => {
                    self.next_seq = message.seq + 1;
                    let (seq, time_ns) = (message.seq, message.time_ns);
                    self.entry(message.subject(), time_ns, seq, message.headers(), message.payload())?;
                }
                None => {
                    self.entry(b"", 0, 0, b"", b"")?;
                    self.packer.flush().map_err(|error| unexpected(&error))?;
                    self.has_ended = true;
                }
            }
        }
        let packed = self.packer.get_mut();
        if packed.is_empty() {
            return Ok(None);
        }
        let rest = packed.split_off(size.min(packed.len()));
        Ok(Some(std::mem::replace(packed, rest)))
    }

    fn entry(&mut self, name: &[u8], time_ns: i64, seq: u64, headers: &[u8], payload: &[u8]) -> Result<(), StoreError> {
        let mut head = Vec::with_capacity(40 + name.len());
        varint::put(&mut head, name.len() as u64);
        varint::put_signed(&mut head, time_ns);
        varint::put(&mut head, seq);
        varint::put(&mut head, headers.len() as u64);
        varint::put(&mut head, payload.len() as u64);
        head.extend_from_slice(name);
        self.write(&head)?;
        self.write(headers)?;
        self.write(payload)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.packer.write_all(bytes).map_err(|error| unexpected(&error))
    }
}

fn unexpected(error: &std::io::Error) -> StoreError {
    StoreError::Unusable(format!("backup: {error}"))
}
