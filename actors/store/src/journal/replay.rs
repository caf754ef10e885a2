//! What a crash left in the journal, written to the files again.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use super::entry::Entry;
use super::segment::{START, checksum_of, number_of};
use crate::StoreError;
use crate::disk::{self, Disk};
use crate::format::{Checksum, Record};

/// Reads all segments and applies their entries in order. Returns the highest number of a use.
pub(super) fn replay(disk: &dyn Disk, root: &Path, directory: &Path) -> Result<u64, StoreError> {
    let mut segments: Vec<(u64, Vec<u8>)> = Vec::new();
    let names = disk.list(directory).map_err(|error| StoreError::io("list", directory, error))?;
    for (name, _) in names.into_iter().filter(|(name, _)| name.ends_with(".journal")) {
        let path = directory.join(name);
        let bytes = disk.read(&path).map_err(|error| StoreError::io("read", &path, error))?;
        if let Some(number) = number_of(&bytes) {
            segments.push((number, bytes));
        }
    }
    segments.sort_unstable_by_key(|segment| segment.0);
    let mut entries: Vec<Entry<'_>> = Vec::new();
    for (number, bytes) in &segments {
        let (mut at, checksum) = (START as usize, checksum_of(*number));
        while let Some((entry, length)) = bytes.get(at..).and_then(|rest| Entry::decode(rest, &checksum)) {
            entries.push(entry);
            at += length;
        }
    }
    apply(disk, root, &entries)?;
    Ok(segments.last().map_or(0, |segment| segment.0))
}

fn apply(disk: &dyn Disk, root: &Path, entries: &[Entry<'_>]) -> Result<(), StoreError> {
    let mut forgotten: Vec<&str> = Vec::new();
    let mut live: Vec<&Entry<'_>> = Vec::new();
    let is_below =
        |path: &str, top: &str| path.strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    for entry in entries.iter().rev() {
        match entry {
            Entry::Forget { path } => forgotten.push(path),
            Entry::Write { path, .. } | Entry::Replace { path, .. } => {
                if !forgotten.iter().any(|top| is_below(path, top)) {
                    live.push(entry);
                }
            }
        }
    }
    let mut changed: BTreeSet<PathBuf> = BTreeSet::new();
    for entry in live.into_iter().rev() {
        let path = match entry {
            Entry::Write { path, .. } | Entry::Replace { path, .. } | Entry::Forget { path } => path,
        };
        let Some(path) = below(root, path) else { continue };
        let parent = path.parent().unwrap_or(root);
        if disk.list(parent).is_err() {
            continue;
        }
        let done = match entry {
            Entry::Write { offset, bytes, .. } => write(disk, &path, *offset, bytes),
            Entry::Replace { bytes, .. } => disk::replace(disk, &path, bytes, false).map(|()| true),
            Entry::Forget { .. } => Ok(false),
        };
        if done.map_err(|error| StoreError::io("write", &path, error))? {
            changed.insert(path);
        }
    }
    let parents: BTreeSet<&Path> = changed.iter().filter_map(|path| path.parent()).collect();
    for path in &changed {
        let synced = disk.open(path).and_then(|file| file.sync());
        synced.map_err(|error| StoreError::io("sync", path, error))?;
    }
    for parent in parents {
        disk.sync_directory(parent).map_err(|error| StoreError::io("sync", parent, error))?;
    }
    Ok(())
}

/// Joins a path of the journal to the root; None if it would lead out of it.
fn below(root: &Path, path: &str) -> Option<PathBuf> {
    let is_plain = Path::new(path).components().all(|component| matches!(component, Component::Normal(_)));
    is_plain.then(|| root.join(path))
}

/// Writes bytes unless the file does not reach up to them, or another server wrote there meanwhile.
fn write(disk: &dyn Disk, path: &Path, offset: u64, bytes: &[u8]) -> std::io::Result<bool> {
    let known = disk::read_opt(disk, path)?.unwrap_or_default();
    let Some(there) = known.get(offset as usize..) else { return Ok(false) };
    let shared = there.len().min(bytes.len());
    if there.len() >= bytes.len() && there[..shared] == bytes[..shared] {
        return Ok(true);
    }
    if there[..shared] != bytes[..shared] && is_foreign(path, there, bytes) {
        return Ok(false);
    }
    disk.open(path)?.write_all_at(bytes, offset)?;
    Ok(true)
}

/// Tells whether a block goes on with a good record other than the journal's: somebody else wrote it.
fn is_foreign(path: &Path, there: &[u8], bytes: &[u8]) -> bool {
    let Some(index) = path.file_stem().and_then(|stem| stem.to_str()?.parse::<u32>().ok()) else { return false };
    let stream = path.parent().and_then(Path::parent).and_then(Path::file_name).and_then(|name| name.to_str());
    let Some(stream) = stream else { return false };
    let checksum = Checksum::of_block(stream, index);
    match (Record::decode(there, &checksum), Record::parse(bytes)) {
        (Ok((there, _)), Ok((ours, _))) => there != ours,
        _ => false,
    }
}
