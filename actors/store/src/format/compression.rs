//! Compressed blocks: a mark, the method, the original size, an S2 stream of all but the last checksum, and that.

use std::io::{Read, Write};

use super::varint::{self, Cursor};

const MARK: &[u8] = b"cmp";
const S2: u8 = 1;
const HASH: usize = 8;
/// No block is larger: what claims to be is not unpacked.
const LARGEST: u64 = 256 * 1024 * 1024;

/// Tells whether a block is compressed.
#[must_use]
pub fn is_compressed(block: &[u8]) -> bool {
    block.starts_with(MARK)
}

/// Compresses a block of at least one record; None if that makes it no smaller.
#[must_use]
pub fn compress_block(block: &[u8]) -> Option<Vec<u8>> {
    let (body, hash) = block.split_at(block.len().checked_sub(HASH)?);
    let mut out = MARK.to_vec();
    out.push(S2);
    varint::put(&mut out, block.len() as u64);
    let mut writer = minlz::s2::Writer::new(out);
    writer.write_all(body).ok()?;
    writer.flush().ok()?;
    let mut out = std::mem::take(writer.get_mut());
    out.extend_from_slice(hash);
    (out.len() < block.len()).then_some(out)
}

/// Returns how long a compressed block was, from its first bytes (16 are enough); None if they do not tell.
#[must_use]
pub fn unpacked_size(start: &[u8]) -> Option<u64> {
    let mut cursor = Cursor::new(start.strip_prefix(MARK)?);
    if cursor.byte()? != S2 {
        return None;
    }
    cursor.unsigned().filter(|size| (HASH as u64..=LARGEST).contains(size))
}

/// Gives back what [`compress_block`] was given; None if the bytes are damaged.
#[must_use]
pub fn decompress_block(block: &[u8]) -> Option<Vec<u8>> {
    let size = unpacked_size(block)?;
    let mut cursor = Cursor::new(block.get(MARK.len() + 1..)?);
    cursor.unsigned()?;
    let (body, hash) = cursor.rest().split_at_checked(cursor.rest().len().checked_sub(HASH)?)?;
    let mut out = Vec::with_capacity(size as usize);
    minlz::s2::Reader::new(body).take(size).read_to_end(&mut out).ok()?;
    out.extend_from_slice(hash);
    (out.len() as u64 == size).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_come_back() {
        let block: Vec<u8> = (0..200_000_u32).flat_map(|number| (number / 64).to_le_bytes()).collect();
        let packed = compress_block(&block).expect("it shrinks");
        assert!(is_compressed(&packed) && packed.len() < block.len());
        assert_eq!(decompress_block(&packed).as_deref(), Some(&block[..]));
        assert_eq!(packed[packed.len() - 8..], block[block.len() - 8..]);
        assert_eq!(unpacked_size(&packed[..16]), Some(block.len() as u64));
        assert_eq!(decompress_block(&packed[..packed.len() - 20]), None);
        assert_eq!(compress_block(b"tiny"), None);
    }
}
