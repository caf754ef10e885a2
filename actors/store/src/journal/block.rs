//! A block's records from the journal, into its file.

use std::collections::BTreeMap;
use std::path::Path;

use super::entry::Entry;
use crate::disk::{self, Disk};
use crate::format::{BlockReader, Checksum, Record, is_compressed};

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// All is in the file.
    Written,
    /// There is no file, and it is none to be made.
    Absent,
    /// The file is so long, and part of it another server's: that is left so.
    Diverged(u64),
}

/// How bytes of the journal go with what is in the file.
enum Meeting {
    /// They are there.
    Same,
    /// They are not there, or torn.
    Lacking,
    /// The file does not reach up to them.
    Apart,
    /// Another server wrote there.
    Foreign,
}

/// Writes bytes that a file lacks, up to where another server went on with it. An encrypted block shows nothing of that.
pub(super) fn write(disk: &dyn Disk, path: &Path, entries: &[&Entry<'_>]) -> std::io::Result<Outcome> {
    let found = disk::read_opt(disk, path)?;
    let checksum = checksum_of(path).filter(|_| found.is_some());
    let is_sealed = disk::read_opt(disk, &path.with_extension("key"))?.is_some();
    let checksum = checksum.filter(|_| !is_sealed);
    let mut content = found.unwrap_or_default();
    // The part that differs from the file.
    let mut changed: Option<(usize, usize)> = None;
    let mut is_foreign = false;
    // Where a record of the journal ended: another one begins there.
    let mut boundary = None;
    for entry in entries {
        let Entry::Write { offset, bytes, .. } = entry else { continue };
        let start = *offset as usize;
        let is_at_boundary = boundary == Some(start);
        boundary = Some(start + bytes.len());
        match meet(&content, (start, is_at_boundary), bytes, checksum.as_ref()) {
            Meeting::Same | Meeting::Apart => {}
            Meeting::Foreign => {
                is_foreign = true;
                break;
            }
            Meeting::Lacking => {
                let end = start + bytes.len();
                content.resize(content.len().max(end), 0);
                content[start..end].copy_from_slice(bytes);
                changed = Some(changed.map_or((start, end), |(first, last)| (first.min(start), last.max(end))));
            }
        }
    }
    let file = match changed {
        Some((start, end)) => {
            let file = disk.open(path)?;
            file.write_all_at(&content[start..end], start as u64)?;
            file
        }
        None => match disk.open_existing(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Outcome::Absent),
            other => other?,
        },
    };
    file.sync()?;
    Ok(if is_foreign { Outcome::Diverged(content.len() as u64) } else { Outcome::Written })
}

/// Whether the blocks of a stream have something that the journal has, too, or the journal has nothing of them.
pub(super) fn go_on(
    disk: &dyn Disk,
    root: &Path,
    stream: &str,
    entries: &BTreeMap<&str, Vec<&Entry<'_>>>,
) -> std::io::Result<bool> {
    let mut has_writes = false;
    for (path, entries) in entries {
        if !path.strip_prefix(stream).is_some_and(|rest| rest.starts_with("/msgs/")) {
            continue;
        }
        let content = disk::read_opt(disk, &root.join(path))?.unwrap_or_default();
        for entry in entries {
            let Entry::Write { offset, bytes, .. } = entry else { continue };
            has_writes = true;
            if content.get(*offset as usize..).is_some_and(|there| there.starts_with(bytes)) {
                return Ok(true);
            }
        }
    }
    Ok(!has_writes)
}

/// The checksum under which a block's records are.
fn checksum_of(path: &Path) -> Option<Checksum> {
    let index = path.file_stem()?.to_str()?.parse::<u32>().ok()?;
    let stream = path.parent()?.parent()?.file_name()?.to_str()?;
    Some(Checksum::of_block(stream, index))
}

/// Compares bytes of the journal with what is in the file; only good records are taken for another server's.
/// `start` comes with whether a record of the journal is known to end there.
fn meet(content: &[u8], (start, is_at_boundary): (usize, bool), bytes: &[u8], checksum: Option<&Checksum>) -> Meeting {
    let Some(there) = content.get(start..) else {
        // What came before was durable: a file that ends earlier, and in order, was ended so.
        let is_whole = |checksum| !content.is_empty() && BlockReader::new(content, checksum).all(|item| item.is_ok());
        return if checksum.is_some_and(is_whole) { Meeting::Foreign } else { Meeting::Apart };
    };
    let shared = there.len().min(bytes.len());
    if there[..shared] == bytes[..shared] {
        return if shared == bytes.len() { Meeting::Same } else { Meeting::Lacking };
    }
    let Some(checksum) = checksum else { return Meeting::Lacking };
    let mut at = 0;
    while let Ok((theirs, size)) = Record::decode(&there[at..], checksum) {
        if bytes.get(at..at + size) != Some(&there[at..at + size]) {
            // Damage that a checksum does not show leaves its sequence and time to a record.
            let ours = Record::parse(bytes.get(at..).unwrap_or_default());
            let is_damaged = ours.is_ok_and(|(ours, _)| (ours.seq, ours.time_ns) == (theirs.seq, theirs.time_ns));
            return if is_damaged { Meeting::Lacking } else { Meeting::Foreign };
        }
        at += size;
    }
    let is_laid_out_otherwise =
        at == 0 && !is_at_boundary && (is_packed(content, checksum) || is_amid_record(content, start, checksum));
    if is_laid_out_otherwise { Meeting::Foreign } else { Meeting::Lacking }
}

fn is_packed(content: &[u8], checksum: &Checksum) -> bool {
    is_compressed(content) && Record::decode(content, checksum).is_err()
}

/// Whether a good record begins before an offset and ends behind it.
fn is_amid_record(content: &[u8], offset: usize, checksum: &Checksum) -> bool {
    let records = BlockReader::new(content, checksum).flatten().take_while(|(at, _)| *at < offset);
    records.last().is_some_and(|(at, record)| record.size().is_some_and(|size| at + size > offset))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Kind;

    fn records(payloads: &[&str], checksum: &Checksum) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (number, payload) in payloads.iter().enumerate() {
            let (subject, headers, payload) = (&b"s"[..], &b""[..], payload.as_bytes());
            let time_ns = payload.len() as i64;
            let record = Record { kind: Kind::Message, seq: number as u64 + 1, time_ns, subject, headers, payload };
            record.encode(checksum, &mut bytes);
        }
        bytes
    }

    #[test]
    fn only_good_records_are_another_servers() {
        let checksum = Checksum::of_block("S", 1);
        let ours = records(&["one", "two", "three"], &checksum);
        let second = records(&["one"], &checksum).len();
        let (start, bytes) = (second, &ours[second..]);
        let damaged = |at: usize| {
            let mut bytes = ours.clone();
            bytes[at] ^= 1;
            bytes
        };
        let cases: [(&str, Vec<u8>, &str); 11] = [
            ("all there", ours.clone(), "Same"),
            ("and more", records(&["one", "two", "three", "four"], &checksum), "Same"),
            ("nothing of it", ours[..start].to_vec(), "Lacking"),
            ("a part", ours[..start + 30].to_vec(), "Lacking"),
            ("torn", damaged(start + 30), "Lacking"),
            ("damaged where the checksum does not look", damaged(start + 20), "Lacking"),
            ("torn behind a good one", damaged(ours.len() - 3), "Lacking"),
            ("another one", records(&["one", "others"], &checksum), "Foreign"),
            ("another one behind a good one", records(&["one", "two", "others"], &checksum), "Foreign"),
            ("laid out otherwise", records(&["one, and a long one, so that it ends elsewhere"], &checksum), "Foreign"),
            ("torn before", ours[..start - 2].to_vec(), "Apart"),
        ];
        for (name, content, expected) in cases {
            let met = match meet(&content, (start, false), bytes, Some(&checksum)) {
                Meeting::Same => "Same",
                Meeting::Lacking => "Lacking",
                Meeting::Apart => "Apart",
                Meeting::Foreign => "Foreign",
            };
            assert_eq!(met, expected, "{name}");
        }
        let other = records(&["one", "others"], &checksum);
        assert!(
            matches!(meet(&other, (start, false), bytes, None), Meeting::Lacking),
            "what is encrypted shows nothing"
        );
        let at_end = meet(&ours, (ours.len() + 9, false), b"x", Some(&checksum));
        assert!(matches!(at_end, Meeting::Foreign), "it was ended in order, and earlier");
    }
}
