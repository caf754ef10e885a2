//! `thw.db`, `sched.db`, `sources.db`: deadlines, schedules and positions of sources.

use bytes::Bytes;

use super::varint::{self, Cursor};
use crate::{Schedule, SourcePosition};

const VERSION: u8 = 1;

fn start(count: usize, stamp: u64) -> Vec<u8> {
    let mut out = vec![VERSION];
    out.extend_from_slice(&(count as u64).to_le_bytes());
    out.extend_from_slice(&stamp.to_le_bytes());
    out
}

/// Reads the head all three have: number of entries, and the sequence from which on the stream must be read.
fn head(cursor: &mut Cursor<'_>, least: u64) -> Option<(u64, u64)> {
    if cursor.byte()? != VERSION {
        return None;
    }
    let (count, stamp) = (cursor.u64()?, cursor.u64()?);
    (count <= cursor.rest().len() as u64 / least).then_some((count, stamp))
}

/// Encodes deadlines and sequences.
pub fn encode_deadlines<'a>(deadlines: impl ExactSizeIterator<Item = &'a (i64, u64)>, stamp: u64) -> Vec<u8> {
    let mut out = start(deadlines.len(), stamp);
    for (expires_ns, seq) in deadlines {
        varint::put_signed(&mut out, *expires_ns);
        varint::put(&mut out, *seq);
    }
    out
}

/// Decodes deadlines and the sequence from which on the stream must be read.
#[must_use]
pub fn decode_deadlines(bytes: &[u8]) -> Option<(Vec<(i64, u64)>, u64)> {
    let mut cursor = Cursor::new(bytes);
    let (count, stamp) = head(&mut cursor, 2)?;
    let entries = (0..count).map(|_| Some((cursor.signed()?, cursor.unsigned()?)));
    Some((entries.collect::<Option<_>>()?, stamp))
}

/// Encodes schedules.
pub fn encode_schedules<'a>(schedules: impl ExactSizeIterator<Item = (&'a Bytes, i64, u64)>, stamp: u64) -> Vec<u8> {
    let mut out = start(schedules.len(), stamp);
    for (subject, due_ns, seq) in schedules {
        out.extend_from_slice(&(subject.len() as u16).to_le_bytes());
        out.extend_from_slice(subject);
        varint::put_signed(&mut out, due_ns);
        varint::put(&mut out, seq);
    }
    out
}

/// Decodes schedules and the sequence from which on the stream must be read.
#[must_use]
pub fn decode_schedules(bytes: &[u8]) -> Option<(Vec<Schedule>, u64)> {
    let mut cursor = Cursor::new(bytes);
    let (count, stamp) = head(&mut cursor, 4)?;
    let mut schedules = Vec::new();
    for _ in 0..count {
        let length = cursor.u16()?;
        let subject = Bytes::copy_from_slice(cursor.take(length.into())?);
        let (due_ns, seq) = (cursor.signed()?, cursor.unsigned()?);
        schedules.push(Schedule { seq, subject, due_ns });
    }
    Some((schedules, stamp))
}

/// Encodes positions of sources; None when there is none to write.
#[must_use]
pub fn encode_sources<'a>(
    sources: impl Iterator<Item = (&'a String, &'a SourcePosition)>,
    stamp: u64,
) -> Option<Vec<u8>> {
    let known: Vec<_> = sources.filter(|(_, position)| position.seq > 0).collect();
    if known.is_empty() {
        return None;
    }
    let mut out = start(known.len(), stamp);
    for (name, position) in known {
        varint::put(&mut out, name.len() as u64);
        out.extend_from_slice(name.as_bytes());
        varint::put(&mut out, position.seq);
        varint::put(&mut out, position.identity.len() as u64);
        out.extend_from_slice(position.identity.as_bytes());
    }
    Some(out)
}

/// Decodes positions of sources and the sequence from which on the stream must be read.
#[must_use]
pub fn decode_sources(bytes: &[u8]) -> Option<(Vec<(String, SourcePosition)>, u64)> {
    let mut cursor = Cursor::new(bytes);
    let (count, stamp) = head(&mut cursor, 3)?;
    let mut sources = Vec::new();
    for _ in 0..count {
        let name = String::from_utf8(cursor.prefixed()?.to_vec()).ok()?;
        let seq = cursor.unsigned()?;
        let identity = String::from_utf8(cursor.prefixed()?.to_vec()).ok()?;
        sources.push((name, SourcePosition { seq, identity }));
    }
    Some((sources, stamp))
}
