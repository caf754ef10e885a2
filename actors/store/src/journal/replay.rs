//! What a crash left in the journal, written to the files again.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Component, Path, PathBuf};

use super::entry::Entry;
use super::lengths::Lengths;
use super::segment::{START, checksum_of, number_of};
use crate::StoreError;
use crate::disk::{self, Disk};
use crate::format::{Checksum, Record};

/// Length of the text of a checksum.
const SUM: usize = 16;

/// Reads all segments and applies their entries in order. Returns the highest number of a use.
pub(super) fn replay(disk: &dyn Disk, root: &Path, directory: &Path, lengths: &mut Lengths) -> Result<u64, StoreError> {
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
    for entry in &entries {
        match *entry {
            Entry::Write { path, offset, bytes } => lengths.raise(path, offset + bytes.len() as u64),
            Entry::Forget { path } | Entry::Remove { path } => lengths.forget(path),
            Entry::Length { path, length } => lengths.set(path, length),
            Entry::Replace { .. } | Entry::Meta { .. } | Entry::Create { .. } => {}
        }
    }
    apply(disk, root, &entries)?;
    if let Some(bytes) = lengths.take_changed() {
        Lengths::save(disk, directory, &bytes).map_err(|error| StoreError::io("write", directory, error))?;
    }
    Ok(segments.last().map_or(0, |segment| segment.0))
}

/// What is left of the journal's entries, each made void by a later one or not.
#[derive(Default)]
struct Live<'a> {
    /// In order, by path.
    entries: BTreeMap<&'a str, Vec<&'a Entry<'a>>>,
    /// Directories that are to go. A stream's is not if another one came after it: that was made once the name was free.
    removed: BTreeSet<&'a str>,
}

fn live<'a>(entries: &'a [Entry<'a>]) -> Live<'a> {
    let (mut forgotten, mut created): (HashSet<&str>, HashSet<&str>) = Default::default();
    let is_void = |forgotten: &HashSet<&str>, path: &str| {
        let ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
        ends.into_iter().any(|end| forgotten.contains(&path[..end]))
    };
    let mut live = Live::default();
    for entry in entries.iter().rev() {
        let path = entry.path();
        if is_void(&forgotten, path) || matches!(entry, Entry::Length { .. }) {
            continue;
        }
        match entry {
            Entry::Forget { .. } => drop(forgotten.insert(path)),
            Entry::Remove { .. } => {
                forgotten.insert(path);
                if !created.contains(path) {
                    live.removed.insert(path);
                }
            }
            _ => {
                if matches!(entry, Entry::Create { .. }) {
                    created.insert(path);
                }
                live.entries.entry(path).or_default().push(entry);
            }
        }
    }
    live.entries.values_mut().for_each(|entries| entries.reverse());
    live
}

fn apply(disk: &dyn Disk, root: &Path, entries: &[Entry<'_>]) -> Result<(), StoreError> {
    let mut directories: BTreeSet<PathBuf> = BTreeSet::new();
    let Live { entries, removed } = live(entries);
    for path in removed {
        let Some(path) = below(root, path) else { continue };
        match disk.remove_directory(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            other => other.map_err(|error| StoreError::io("remove", &path, error))?,
        }
        directories.extend(path.parent().map(Path::to_owned));
    }
    for (path, entries) in entries {
        let Some(path) = below(root, path) else { continue };
        let parent = path.parent().unwrap_or(root);
        if entries.iter().any(|entry| matches!(entry, Entry::Create { .. })) {
            let made = make_stream(disk, root, &path, &mut directories);
            made.map_err(|error| StoreError::io("create", &path, error))?;
        }
        if disk.list(parent).is_err() {
            continue;
        }
        let is_written = match entries.last() {
            Some(Entry::Meta { bytes, .. } | Entry::Create { bytes, .. }) => {
                write_meta(disk, &path, bytes, &mut directories)
            }
            Some(Entry::Replace { bytes, .. }) => disk::replace_all(disk, &[(&path, bytes)], true).map(|()| true),
            _ => write(disk, &path, &entries),
        };
        if is_written.map_err(|error| StoreError::io("write", &path, error))? {
            directories.insert(parent.to_owned());
        }
    }
    for directory in directories {
        disk.sync_directory(&directory).map_err(|error| StoreError::io("sync", &directory, error))?;
    }
    Ok(())
}

/// Makes the directories of a stream, unless it was about to go: then it is hidden, and nobody was told that it is there.
fn make_stream(disk: &dyn Disk, root: &Path, path: &Path, directories: &mut BTreeSet<PathBuf>) -> std::io::Result<()> {
    if disk.list(path).is_err() && disk.list(&disk::hidden(path)).is_ok() {
        return Ok(());
    }
    for name in ["msgs", "obs"] {
        disk.create_directory(&path.join(name))?;
    }
    directories.extend(path.ancestors().take_while(|above| above.starts_with(root)).map(Path::to_owned));
    Ok(())
}

/// Joins a path of the journal to the root; None if it would lead out of it.
fn below(root: &Path, path: &str) -> Option<PathBuf> {
    let is_plain = Path::new(path).components().all(|component| matches!(component, Component::Normal(_)));
    is_plain.then(|| root.join(path))
}

/// Writes `meta.inf` and `meta.sum`. A consumer's directory is made if its stream has it no more; a stream's is not.
fn write_meta(
    disk: &dyn Disk,
    directory: &Path,
    bytes: &[u8],
    directories: &mut BTreeSet<PathBuf>,
) -> std::io::Result<bool> {
    let Some((sum, meta)) = bytes.split_at_checked(SUM) else { return Ok(false) };
    if disk.list(directory).is_err() {
        if directory.parent().and_then(Path::file_name) != Some("obs".as_ref()) {
            return Ok(false);
        }
        disk.create_directory(directory)?;
    }
    disk::replace_all(disk, &[(directory.join("meta.inf"), meta), (directory.join("meta.sum"), sum)], true)?;
    directories.insert(directory.to_owned());
    Ok(true)
}

/// Writes bytes that a file lacks, unless it does not reach up to them, or another server wrote there meanwhile.
fn write(disk: &dyn Disk, path: &Path, entries: &[&Entry<'_>]) -> std::io::Result<bool> {
    let mut content = disk::read_opt(disk, path)?.unwrap_or_default();
    // The part that differs from the file.
    let mut changed: Option<(usize, usize)> = None;
    for entry in entries {
        let Entry::Write { offset, bytes, .. } = entry else { continue };
        let start = *offset as usize;
        let Some(there) = content.get(start..) else { continue };
        let shared = there.len().min(bytes.len());
        let is_same = there[..shared] == bytes[..shared];
        if (is_same && shared == bytes.len()) || (!is_same && is_foreign(path, there, bytes)) {
            continue;
        }
        let end = start + bytes.len();
        content.resize(content.len().max(end), 0);
        content[start..end].copy_from_slice(bytes);
        changed = Some(changed.map_or((start, end), |(first, last)| (first.min(start), last.max(end))));
    }
    let file = match changed {
        Some((start, end)) => {
            let file = disk.open(path)?;
            file.write_all_at(&content[start..end], start as u64)?;
            file
        }
        None => match disk.open_existing(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            other => other?,
        },
    };
    file.sync()?;
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
