//! The S2 stream format that servers compress the connections between them with.
//!
//! A stream is a row of chunks: type, length in three bytes, content. An identifier comes first and may come again. Data is in
//! compressed or plain chunks, each with a checksum of its own, so every chunk can be read as soon as it is complete.

use bytes::{Buf, BytesMut};
use minlz::crc::crc;
use minlz::s2;
use thiserror::Error;

/// The identifier chunk of S2.
const IDENTIFIER: &[u8] = b"\xff\x06\x00\x00S2sTwO";
/// Content of the identifier chunk of Snappy, a subset of S2.
const SNAPPY: &[u8] = b"sNaPpY";
const COMPRESSED: u8 = 0x00;
const PLAIN: u8 = 0x01;
const STREAM_IDENTIFIER: u8 = 0xff;
/// From here on chunks that a reader does not know may be skipped.
const FIRST_SKIPPABLE: u8 = 0x80;
const HEADER: usize = 4;
const CHECKSUM: usize = 4;
/// Most bytes in a chunk that is written.
const WRITTEN_BLOCK: usize = 256 * 1024;
/// Most bytes in a chunk of Snappy.
const SNAPPY_BLOCK: usize = 64 * 1024;
/// Most bytes a chunk that is read may hold, unpacked.
const MAX_BLOCK: usize = 4 << 20;
/// Shorter blocks are not worth the attempt.
const MIN_COMPRESSED: usize = 32;
/// Unpacked bytes after which [`S2Decoder::decode`] returns, so that a small input does not fill the memory.
const ENOUGH: usize = 256 * 1024;

/// How hard the writer tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum S2Level {
    /// Chunks without compression.
    Uncompressed,
    /// Fast.
    Fast,
    /// Smaller, slower.
    Better,
    /// Smallest, slowest.
    Best,
}

/// Bytes that are no S2 stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum S2Error {
    /// A chunk is damaged, or there is no identifier in front of it. The text is that of the Go library.
    #[error("s2: corrupt input")]
    Corrupt,
    /// A chunk that a reader must know and does not, or one that is too large.
    #[error("s2: unsupported input")]
    Unsupported,
    /// The checksum does not fit the content.
    #[error("s2: corrupt input, crc mismatch")]
    Checksum,
}

/// A whole stream that readers of Snappy, a subset of S2, understand.
#[must_use]
pub fn snappy(plain: &[u8]) -> Vec<u8> {
    let mut out = vec![STREAM_IDENTIFIER, SNAPPY.len() as u8, 0, 0];
    out.extend_from_slice(SNAPPY);
    for block in plain.chunks(SNAPPY_BLOCK) {
        let packed = s2::encode_snappy(block);
        write_chunk(&mut out, block, (packed.len() < block.len()).then_some(&packed[..]));
    }
    out
}

/// Appends the chunk of `block`, as it is or `packed`.
fn write_chunk(out: &mut Vec<u8>, block: &[u8], packed: Option<&[u8]>) {
    let (kind, content) = packed.map_or((PLAIN, block), |packed| (COMPRESSED, packed));
    let [low, middle, high, _] = ((content.len() + CHECKSUM) as u32).to_le_bytes();
    out.extend_from_slice(&[kind, low, middle, high]);
    out.extend_from_slice(&crc(block).to_le_bytes());
    out.extend_from_slice(content);
}

/// Writes a stream.
#[derive(Default)]
pub struct S2Encoder {
    encoder: s2::Encoder,
    is_begun: bool,
}

impl std::fmt::Debug for S2Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("S2Encoder").field("is_begun", &self.is_begun).finish_non_exhaustive()
    }
}

impl S2Encoder {
    /// Appends `plain` as complete chunks to `out`.
    pub fn encode(&mut self, plain: &[u8], level: S2Level, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.is_begun, true) {
            out.extend_from_slice(IDENTIFIER);
        }
        for block in plain.chunks(WRITTEN_BLOCK) {
            self.chunk(block, level, out);
        }
    }

    fn chunk(&mut self, block: &[u8], level: S2Level, out: &mut Vec<u8>) {
        let packed = match level {
            _ if block.len() < MIN_COMPRESSED => None,
            S2Level::Uncompressed => None,
            S2Level::Fast => Some(self.encoder.encode(block)),
            S2Level::Better => Some(self.encoder.encode_better(block)),
            S2Level::Best => Some(self.encoder.encode_best(block)),
        };
        let packed = packed.filter(|packed| packed.len() < block.len() - block.len() / 32);
        write_chunk(out, block, packed.as_deref());
    }
}

/// Reads a stream, however its bytes are cut.
#[derive(Debug, Default)]
pub struct S2Decoder {
    has_identifier: bool,
    /// Bytes of a chunk that is being skipped.
    to_skip: usize,
}

impl S2Decoder {
    /// Unpacks complete chunks from the front of `packed` onto `plain`, and stops once that holds plenty. True when it may be
    /// called again at once, because complete chunks may be left.
    ///
    /// # Errors
    /// The bytes are no S2 stream. Nothing more can be read then.
    pub fn decode(&mut self, packed: &mut BytesMut, plain: &mut BytesMut) -> Result<bool, S2Error> {
        let limit = plain.len() + ENOUGH;
        while plain.len() < limit {
            if !self.step(packed, plain)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Takes one chunk; false when it is not complete.
    fn step(&mut self, packed: &mut BytesMut, plain: &mut BytesMut) -> Result<bool, S2Error> {
        let skipped = self.to_skip.min(packed.len());
        packed.advance(skipped);
        self.to_skip -= skipped;
        let Some(&[kind, low, middle, high]) = packed.first_chunk::<HEADER>() else { return Ok(false) };
        let len = u32::from_le_bytes([low, middle, high, 0]) as usize;
        if !self.has_identifier && kind != STREAM_IDENTIFIER {
            return Err(S2Error::Corrupt);
        }
        match kind {
            COMPRESSED | PLAIN if !(CHECKSUM..=CHECKSUM + MAX_BLOCK + MAX_BLOCK / 6 + 64).contains(&len) => {
                return Err(S2Error::Corrupt);
            }
            COMPRESSED | PLAIN => {}
            STREAM_IDENTIFIER if len != SNAPPY.len() => return Err(S2Error::Corrupt),
            STREAM_IDENTIFIER => {}
            FIRST_SKIPPABLE.. => {
                packed.advance(HEADER);
                self.to_skip = len;
                return Ok(true);
            }
            _ => return Err(S2Error::Unsupported),
        }
        let Some(content) = packed.get(HEADER..HEADER + len) else { return Ok(false) };
        match kind {
            STREAM_IDENTIFIER if content == SNAPPY || content == &IDENTIFIER[HEADER..] => self.has_identifier = true,
            STREAM_IDENTIFIER => return Err(S2Error::Corrupt),
            _ => unpack(kind, content, plain)?,
        }
        packed.advance(HEADER + len);
        Ok(true)
    }
}

fn unpack(kind: u8, content: &[u8], plain: &mut BytesMut) -> Result<(), S2Error> {
    let (checksum, content) = content.split_first_chunk::<CHECKSUM>().ok_or(S2Error::Corrupt)?;
    let start = plain.len();
    if kind == PLAIN {
        if content.len() > MAX_BLOCK {
            return Err(S2Error::Unsupported);
        }
        plain.extend_from_slice(content);
    } else {
        let (len, _) = s2::decode_len(content).map_err(|_| S2Error::Corrupt)?;
        if len > MAX_BLOCK {
            return Err(S2Error::Unsupported);
        }
        plain.resize(start + len, 0);
        s2::decode_into(&mut plain[start..], content).map_err(|_| S2Error::Corrupt)?;
    }
    if crc(&plain[start..]).to_le_bytes() != *checksum {
        return Err(S2Error::Checksum);
    }
    Ok(())
}

#[cfg(test)]
#[path = "s2_test.rs"]
mod tests;
