//! What a journal remembers.

use crate::format::Checksum;

const HEAD: usize = 4 + 8;

/// One change of a file below the store's directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry<'a> {
    /// Bytes at an offset.
    Write { path: &'a str, offset: u64, bytes: &'a [u8] },
    /// The whole content.
    Replace { path: &'a str, bytes: &'a [u8] },
    /// What was said before about this path, or paths below it, is void.
    Forget { path: &'a str },
    /// `meta.inf` and `meta.sum` of a directory: the checksum's text, then the other's content.
    Meta { path: &'a str, bytes: &'a [u8] },
    /// The file was on the disk up to here.
    Length { path: &'a str, length: u64 },
    /// As `Meta`, of a stream's directory that is new.
    Create { path: &'a str, bytes: &'a [u8] },
    /// As `Forget`, and the directory is to go.
    Remove { path: &'a str },
    /// A directory had a configuration with a checksum of this text before; empty if what is there was begun anew.
    Known { path: &'a str, sum: &'a [u8] },
}

impl<'a> Entry<'a> {
    fn kind(&self) -> u8 {
        match self {
            Self::Write { .. } => 1,
            Self::Replace { .. } => 2,
            Self::Forget { .. } => 3,
            Self::Meta { .. } => 4,
            Self::Length { .. } => 5,
            Self::Create { .. } => 6,
            Self::Remove { .. } => 7,
            Self::Known { .. } => 8,
        }
    }

    /// Appends the entry with room for its length and checksum, which [`seal`] fills in.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let (path, offset, bytes) = match *self {
            Self::Write { path, offset, bytes } => (path, offset, bytes),
            Self::Replace { path, bytes } | Self::Meta { path, bytes } | Self::Create { path, bytes } => {
                (path, 0, bytes)
            }
            Self::Known { path, sum } => (path, 0, sum),
            Self::Forget { path } | Self::Remove { path } => (path, 0, &[][..]),
            Self::Length { path, length } => (path, length, &[][..]),
        };
        let length = 1 + 2 + path.len() + 8 + bytes.len();
        out.reserve(HEAD + length);
        out.extend_from_slice(&(length as u32).to_le_bytes());
        out.extend_from_slice(&[0; 8]);
        out.push(self.kind());
        out.extend_from_slice(&(path.len() as u16).to_le_bytes());
        out.extend_from_slice(path.as_bytes());
        out.extend_from_slice(&offset.to_le_bytes());
        out.extend_from_slice(bytes);
    }

    /// Reads the entry at the start of `bytes` and returns its length with it; None at the end of what was written.
    pub(super) fn decode(bytes: &'a [u8], checksum: &Checksum) -> Option<(Self, usize)> {
        let length = u32::from_le_bytes(*bytes.first_chunk()?) as usize;
        let body = bytes.get(HEAD..HEAD.checked_add(length)?)?;
        if length == 0 || checksum.of(&[body]) != bytes[4..HEAD] {
            return None;
        }
        let (kind, rest) = body.split_first()?;
        let (path_length, rest) = rest.split_first_chunk::<2>()?;
        let (path, rest) = rest.split_at_checked(u16::from_le_bytes(*path_length).into())?;
        let path = std::str::from_utf8(path).ok()?;
        let (offset, bytes) = rest.split_first_chunk::<8>()?;
        let offset = u64::from_le_bytes(*offset);
        let entry = match kind {
            1 => Self::Write { path, offset, bytes },
            2 => Self::Replace { path, bytes },
            3 => Self::Forget { path },
            4 => Self::Meta { path, bytes },
            5 => Self::Length { path, length: offset },
            6 => Self::Create { path, bytes },
            7 => Self::Remove { path },
            8 => Self::Known { path, sum: bytes },
            _ => return None,
        };
        Some((entry, HEAD + length))
    }

    /// What it is about.
    pub(super) fn path(&self) -> &'a str {
        match *self {
            Self::Write { path, .. }
            | Self::Replace { path, .. }
            | Self::Forget { path }
            | Self::Meta { path, .. }
            | Self::Length { path, .. }
            | Self::Create { path, .. }
            | Self::Known { path, .. }
            | Self::Remove { path } => path,
        }
    }
}

/// Fills in the checksums of a row of encoded entries.
pub(super) fn seal(batch: &mut [u8], checksum: &Checksum) {
    let mut rest = batch;
    while rest.len() > HEAD {
        let length = u32::from_le_bytes([rest[0], rest[1], rest[2], rest[3]]) as usize;
        let (entry, behind) = rest.split_at_mut(HEAD + length);
        let hash = checksum.of(&[&entry[HEAD..]]);
        entry[4..HEAD].copy_from_slice(&hash);
        rest = behind;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back_until_the_end() {
        let entries = [
            Entry::Write { path: "a/b.blk", offset: 77, bytes: b"hello" },
            Entry::Replace { path: "a/o.dat", bytes: b"" },
            Entry::Meta { path: "a", bytes: b"0123456789abcdef{}" },
            Entry::Length { path: "a/b.blk", length: 82 },
            Entry::Forget { path: "a" },
            Entry::Create { path: "b", bytes: b"0123456789abcdef{}" },
            Entry::Remove { path: "b" },
            Entry::Known { path: "a", sum: b"0123456789abcdef" },
        ];
        let (mut batch, checksum) = (Vec::new(), Checksum::named("7"));
        entries.iter().for_each(|entry| entry.encode(&mut batch));
        seal(&mut batch, &checksum);
        batch.extend_from_slice(&[0; 100]);
        let (mut at, mut found) = (0, Vec::new());
        while let Some((entry, length)) = Entry::decode(&batch[at..], &checksum) {
            found.push(entry);
            at += length;
        }
        assert_eq!(found, entries);
        assert_eq!(Entry::decode(&batch, &Checksum::named("8")), None, "an entry of another use of the segment");
    }
}
