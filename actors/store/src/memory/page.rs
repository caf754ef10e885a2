//! A run of messages in one buffer.

use bytes::Bytes;

use crate::log::Head;
use crate::{NewMessage, StoredMessage};

/// What a message counts for beside its parts, as in nats-server.
pub(super) const OVERHEAD: u64 = 16;

/// Where a message lies in its page.
#[derive(Clone, Copy, Debug)]
struct Entry {
    time_ns: i64,
    /// Sequence, from the page's first.
    delta: u32,
    offset: u32,
    headers: u32,
    payload: u32,
    subject: u16,
    is_removed: bool,
}

impl Entry {
    fn length(&self) -> usize {
        self.subject as usize + self.headers as usize + self.payload as usize
    }
}

/// Content of a page: growing, or complete and shared with readers.
#[derive(Debug)]
enum Content {
    Open(Vec<u8>),
    Closed(Bytes),
}

impl Content {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Open(bytes) => bytes,
            Self::Closed(bytes) => bytes,
        }
    }
}

/// Messages of ascending sequences. Removed ones leave a mark until the page is rewritten without them.
#[derive(Debug)]
pub(super) struct Page {
    first_seq: u64,
    entries: Vec<Entry>,
    content: Content,
    live: usize,
    live_bytes: usize,
}

impl Page {
    const MOST_ENTRIES: usize = 1024;
    const MOST_BYTES: usize = 64 * 1024;
    /// Two neighbours that together hold at most this become one.
    const SMALL: usize = 256;

    /// Makes an open page.
    pub(super) fn new(first_seq: u64) -> Self {
        Self { first_seq, entries: Vec::new(), content: Content::Open(Vec::new()), live: 0, live_bytes: 0 }
    }

    pub(super) fn first_seq(&self) -> u64 {
        self.first_seq
    }

    pub(super) fn live(&self) -> usize {
        self.live
    }

    pub(super) fn memory(&self) -> usize {
        let content = match &self.content {
            Content::Open(bytes) => bytes.capacity(),
            Content::Closed(bytes) => bytes.len(),
        };
        size_of::<Self>() + self.entries.capacity() * size_of::<Entry>() + content
    }

    /// Tells whether a message of this sequence and size fits.
    pub(super) fn has_room(&self, seq: u64, size: usize) -> bool {
        let Content::Open(bytes) = &self.content else { return false };
        let fits = self.entries.len() < Self::MOST_ENTRIES && bytes.len() + size <= Self::MOST_BYTES;
        (fits || self.entries.is_empty()) && u32::try_from(seq - self.first_seq).is_ok()
    }

    pub(super) fn push(&mut self, seq: u64, message: &NewMessage<'_>) {
        let Content::Open(bytes) = &mut self.content else { return };
        let size = message.subject.len() + message.headers.len() + message.payload.len();
        if bytes.is_empty() && size > Self::MOST_BYTES {
            bytes.reserve_exact(size);
        }
        self.entries.push(Entry {
            time_ns: message.time_ns,
            delta: (seq - self.first_seq) as u32,
            offset: bytes.len() as u32,
            headers: message.headers.len() as u32,
            payload: message.payload.len() as u32,
            subject: message.subject.len() as u16,
            is_removed: false,
        });
        bytes.extend_from_slice(message.subject);
        bytes.extend_from_slice(message.headers);
        bytes.extend_from_slice(message.payload);
        self.live += 1;
        self.live_bytes += size;
    }

    /// Ends the page: from now on readers share its buffer.
    pub(super) fn close(&mut self) {
        if let Content::Open(bytes) = &mut self.content {
            let mut bytes = std::mem::take(bytes);
            bytes.shrink_to_fit();
            self.entries.shrink_to_fit();
            self.content = Content::Closed(bytes.into());
        }
    }

    pub(super) fn read(&self, seq: u64) -> Option<StoredMessage> {
        let at = self.find(seq).ok()?;
        let entry = &self.entries[at];
        if entry.is_removed {
            return None;
        }
        let range = entry.offset as usize..entry.offset as usize + entry.length();
        let bytes = match &self.content {
            Content::Open(bytes) => Bytes::copy_from_slice(&bytes[range]),
            Content::Closed(bytes) => bytes.slice(range),
        };
        let subject_end = entry.subject as usize;
        let places = (subject_end, subject_end, subject_end + entry.headers as usize);
        Some(StoredMessage::new((seq, entry.time_ns), bytes, places))
    }

    /// Lists places of entries at or after a sequence.
    pub(super) fn places_from(&self, seq: u64) -> std::ops::Range<usize> {
        self.find(seq).unwrap_or_else(|at| at)..self.entries.len()
    }

    /// Lists places of entries at or before a sequence.
    pub(super) fn places_to(&self, seq: u64) -> std::ops::Range<usize> {
        0..self.find(seq).map_or_else(|at| at, |at| at + 1)
    }

    /// Returns the message at a place unless it was removed.
    pub(super) fn head(&self, place: usize) -> Option<Head<'_>> {
        let entry = &self.entries[place];
        if entry.is_removed {
            return None;
        }
        let content = &self.content.bytes()[entry.offset as usize..];
        let (subject, rest) = content.split_at(entry.subject as usize);
        Some(Head {
            seq: self.first_seq + u64::from(entry.delta),
            time_ns: entry.time_ns,
            size: entry.length() as u64 + OVERHEAD,
            subject,
            headers: &rest[..entry.headers as usize],
        })
    }

    /// Counts messages before a sequence.
    pub(super) fn count_before(&self, seq: u64) -> usize {
        let end = self.find(seq).unwrap_or_else(|at| at);
        self.entries[..end].iter().filter(|entry| !entry.is_removed).count()
    }

    /// Removes the message at a sequence; the caller looked at its head.
    pub(super) fn remove(&mut self, seq: u64) {
        let Ok(at) = self.find(seq) else { return };
        let entry = &mut self.entries[at];
        if entry.is_removed {
            return;
        }
        entry.is_removed = true;
        self.live -= 1;
        self.live_bytes -= entry.length();
        let is_sparse = self.live * 2 < self.entries.len() || self.live_bytes * 2 < self.content.bytes().len();
        if is_sparse && self.entries.len() > 16 && matches!(self.content, Content::Closed(_)) {
            self.rewrite();
        }
    }

    /// Finds the place of a sequence.
    pub(super) fn find(&self, seq: u64) -> Result<usize, usize> {
        let Some(delta) = seq.checked_sub(self.first_seq) else { return Err(0) };
        // Most pages have an entry for each sequence.
        if let Some(entry) = usize::try_from(delta).ok().and_then(|at| self.entries.get(at))
            && u64::from(entry.delta) == delta
        {
            return Ok(delta as usize);
        }
        self.entries.binary_search_by(|entry| u64::from(entry.delta).cmp(&delta))
    }

    /// Tells whether the page after this one should join it.
    pub(super) fn can_join(&self, next: &Self) -> bool {
        let are_closed = matches!((&self.content, &next.content), (Content::Closed(_), Content::Closed(_)));
        let delta = next.first_seq - self.first_seq + u64::from(next.entries.last().map_or(0, |entry| entry.delta));
        are_closed
            && self.live + next.live <= Self::SMALL
            && self.live_bytes + next.live_bytes <= Self::MOST_BYTES
            && u32::try_from(delta).is_ok()
    }

    /// Takes the messages of the page after this one.
    pub(super) fn join(&mut self, next: &Self) {
        self.rewrite();
        let Content::Closed(own) = &self.content else { return };
        let mut bytes = Vec::with_capacity(own.len() + next.live_bytes);
        bytes.extend_from_slice(own);
        let shift = (next.first_seq - self.first_seq) as u32;
        copy_live(&next.entries, next.content.bytes(), shift, &mut self.entries, &mut bytes);
        self.live += next.live;
        self.live_bytes += next.live_bytes;
        self.content = Content::Closed(bytes.into());
    }

    /// Writes the page anew without what was removed. Readers keep the old buffer as long as they need it.
    fn rewrite(&mut self) {
        let (mut entries, mut bytes) = (Vec::with_capacity(self.live), Vec::with_capacity(self.live_bytes));
        copy_live(&self.entries, self.content.bytes(), 0, &mut entries, &mut bytes);
        self.entries = entries;
        self.content = Content::Closed(bytes.into());
    }
}

fn copy_live(from: &[Entry], content: &[u8], shift: u32, entries: &mut Vec<Entry>, bytes: &mut Vec<u8>) {
    for entry in from.iter().filter(|entry| !entry.is_removed) {
        let start = entry.offset as usize;
        entries.push(Entry { delta: entry.delta + shift, offset: bytes.len() as u32, ..*entry });
        bytes.extend_from_slice(&content[start..start + entry.length()]);
    }
}
