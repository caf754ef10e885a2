//! What a crash left in the journal, written to the files again.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Component, Path, PathBuf};

use super::block::{self, Outcome};
use super::entry::Entry;
use super::foreign::{Foreign, SUM};
use super::lengths::Lengths;
use super::segment::{START, checksum_of, number_of};
use crate::StoreError;
use crate::disk::{self, Disk};

/// Where segments are kept that could not be applied whole, in the journal's directory.
const DISPUTED: &str = "disputed";

/// Reads all segments and applies their entries in order. Returns the highest number of a use, and what was left as
/// another server made it.
pub(super) fn replay(
    disk: &dyn Disk,
    root: &Path,
    directory: &Path,
    lengths: &mut Lengths,
) -> Result<(u64, Vec<String>), StoreError> {
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
    let mut used: Vec<(u64, &[u8])> = Vec::new();
    for (number, bytes) in &segments {
        let (mut at, checksum) = (START as usize, checksum_of(*number));
        while let Some((entry, length)) = bytes.get(at..).and_then(|rest| Entry::decode(rest, &checksum)) {
            entries.push(entry);
            at += length;
        }
        used.push((*number, &bytes[..at]));
    }
    for entry in &entries {
        match *entry {
            Entry::Write { path, offset, bytes } => lengths.raise(path, offset + bytes.len() as u64),
            Entry::Forget { path } | Entry::Remove { path } => lengths.forget(path),
            Entry::Length { path, length } => lengths.set(path, length),
            Entry::Replace { .. } | Entry::Meta { .. } | Entry::Create { .. } | Entry::Known { .. } => {}
        }
    }
    let mut foreign = apply(disk, root, &entries)?;
    foreign.diverged.iter().for_each(|(path, length)| lengths.set(path, *length));
    if !foreign.notes.is_empty() {
        foreign.notes.push(keep_aside(disk, directory, &used));
    }
    if let Some(bytes) = lengths.take_changed() {
        Lengths::save(disk, directory, &bytes).map_err(|error| StoreError::io("write", directory, error))?;
    }
    Ok((segments.last().map_or(0, |segment| segment.0), foreign.notes))
}

/// Keeps segments that were not applied whole, beside those of earlier starts. Returns what there is to say of it.
fn keep_aside(disk: &dyn Disk, directory: &Path, segments: &[(u64, &[u8])]) -> String {
    let all = directory.join(DISPUTED);
    let number = disk.list(&all).map_or(0, |names| names.len()) + 1;
    let aside = all.join(number.to_string());
    let keep =
        |(number, bytes): &(u64, &[u8])| disk::replace(disk, &aside.join(format!("{number}.journal")), bytes, true);
    let mut written = segments.iter().filter(|(_, bytes)| bytes.len() as u64 > START);
    let made = disk.create_directory(&aside).and_then(|()| written.try_for_each(keep));
    match made.and_then(|()| disk.sync_directory(&all)).and_then(|()| disk.sync_directory(directory)) {
        Ok(()) => format!("what the journal had is kept in {}", aside.display()),
        Err(error) => format!("what the journal had is not kept: {error}"),
    }
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
        if is_void(&forgotten, path) || matches!(entry, Entry::Length { .. } | Entry::Known { .. }) {
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

fn apply<'a>(disk: &dyn Disk, root: &Path, entries: &'a [Entry<'a>]) -> Result<Foreign<'a>, StoreError> {
    let mut directories: BTreeSet<PathBuf> = BTreeSet::new();
    let mut foreign = Foreign::new(entries);
    let Live { entries, removed } = live(entries);
    // Before anything is written.
    let metas = entries.iter().filter_map(|(path, entries)| Some((*path, meta_of(entries)?)));
    let metas: BTreeMap<&str, Option<&[u8]>> =
        removed.iter().map(|path| (*path, None)).chain(metas.map(|(path, meta)| (path, Some(meta)))).collect();
    for (path, meta) in metas {
        let Some(directory) = below(root, path) else { continue };
        let looked = foreign.look_at(disk, root, path, meta, || block::go_on(disk, root, path, &entries));
        looked.map_err(|error| StoreError::io("read", &directory, error))?;
    }
    for path in removed.into_iter().filter(|path| !foreign.has_directory(path)) {
        let Some(path) = below(root, path) else { continue };
        match disk.remove_directory(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            other => other.map_err(|error| StoreError::io("remove", &path, error))?,
        }
        directories.extend(path.parent().map(Path::to_owned));
    }
    for (name, entries) in entries {
        let Some(path) = below(root, name) else { continue };
        if foreign.has_directory(name) || foreign.is_remade(name) {
            continue;
        }
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
            Some(Entry::Replace { bytes, .. }) => match foreign.keeps_state(disk, &path, name, bytes) {
                Ok(false) => disk::replace_all(disk, &[(&path, bytes)], true).map(|()| true),
                kept => kept.and_then(|_| sync(disk, &path)),
            },
            _ => block::write(disk, &path, &entries).map(|outcome| {
                if let Outcome::Diverged(length) = outcome {
                    foreign.add_block(name, length);
                }
                outcome != Outcome::Absent
            }),
        };
        if is_written.map_err(|error| StoreError::io("write", &path, error))? {
            directories.insert(parent.to_owned());
        }
    }
    for directory in directories {
        disk.sync_directory(&directory).map_err(|error| StoreError::io("sync", &directory, error))?;
    }
    Ok(foreign)
}

/// Makes a file durable, if there is one, and returns whether there is.
fn sync(disk: &dyn Disk, path: &Path) -> std::io::Result<bool> {
    match disk.open_existing(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        file => file.and_then(|file| file.sync()).map(|()| true),
    }
}

/// The JSON of the configuration that entries about a directory end with.
fn meta_of<'a>(entries: &[&'a Entry<'a>]) -> Option<&'a [u8]> {
    match entries.last()? {
        Entry::Meta { bytes, .. } | Entry::Create { bytes, .. } => bytes.get(SUM..),
        _ => None,
    }
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
