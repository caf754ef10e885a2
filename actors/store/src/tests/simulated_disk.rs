//! A disk that forgets what was not synced, tears what was not, and fails when told to.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::disk::{Disk, DiskFile};

const SECTOR: usize = 512;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    Directory,
    File(usize),
}

#[derive(Debug, Default, Clone)]
struct Content {
    /// What programs see.
    now: Vec<u8>,
    /// What a crash leaves for sure.
    safe: Vec<u8>,
}

#[derive(Debug, Default)]
struct State {
    files: Vec<Content>,
    names: BTreeMap<PathBuf, Node>,
    safe_names: BTreeMap<PathBuf, Node>,
    /// Handles of before the last crash are dead.
    epoch: u64,
    room: Option<usize>,
    fails_syncs: bool,
    /// Changes until the power goes.
    fuse: Option<usize>,
}

/// Clones share the disk.
#[derive(Clone, Debug, Default)]
pub(super) struct SimulatedDisk {
    state: Arc<Mutex<State>>,
    epoch: u64,
}

impl SimulatedDisk {
    /// Loses what was not synced, by the seed: sectors and names, each on its own. Returns the disk after it.
    pub(super) fn crash(&self, seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let mut state = self.state.lock();
        state.epoch += 1;
        state.room = None;
        state.fails_syncs = false;
        state.fuse = None;
        let State { names, safe_names, files, .. } = &mut *state;
        let changed: BTreeSet<PathBuf> = names.keys().chain(safe_names.keys()).cloned().collect();
        let mut left = BTreeMap::new();
        for path in changed {
            let keeps_new = names.get(&path) == safe_names.get(&path) || random.random_bool(0.5);
            let node = if keeps_new { names.get(&path) } else { safe_names.get(&path) };
            let is_reachable =
                path.parent().is_none_or(|parent| parent.as_os_str().is_empty() || left.contains_key(parent));
            if let Some(node) = node.filter(|_| is_reachable) {
                left.insert(path, *node);
            }
        }
        for file in files.iter_mut() {
            file.now = torn(&file.safe, &file.now, &mut random);
            file.safe = file.now.clone();
        }
        *names = left.clone();
        *safe_names = left;
        let epoch = state.epoch;
        drop(state);
        Self { state: self.state.clone(), epoch }
    }

    /// Leaves room for this many more bytes.
    pub(super) fn limit(&self, room: Option<usize>) {
        self.state.lock().room = room;
    }

    pub(super) fn fail_syncs(&self, fails: bool) {
        self.state.lock().fails_syncs = fails;
    }

    /// Cuts the power after this many more changes: from then on everything fails, until [`crash`](Self::crash).
    pub(super) fn light_fuse(&self, changes: usize) {
        self.state.lock().fuse = Some(changes);
    }

    /// Flips a bit of a file.
    pub(super) fn damage(&self, path: &Path, bit: usize) {
        let mut state = self.state.lock();
        let Some(Node::File(number)) = state.names.get(path).copied() else { panic!("no file {}", path.display()) };
        let file = &mut state.files[number];
        let at = bit % (file.now.len() * 8);
        file.now[at / 8] ^= 1 << (at % 8);
        file.safe = file.now.clone();
    }

    /// Gives a file another content.
    pub(super) fn put(&self, path: &Path, bytes: Vec<u8>) {
        let mut state = self.state.lock();
        let Some(Node::File(number)) = state.names.get(path).copied() else { panic!("no file {}", path.display()) };
        state.files[number] = Content { now: bytes.clone(), safe: bytes };
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.state.lock();
        if state.epoch != self.epoch {
            return Err(io::Error::other("crashed"));
        }
        if state.fuse == Some(0) {
            return Err(io::Error::other("no power"));
        }
        work(&mut state)
    }

    fn change<T>(&self, work: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        self.with(|state| {
            let done = work(state);
            state.fuse = state.fuse.map(|changes| changes - 1);
            done
        })
    }
}

/// Each sector is the old or the new one; so is the length.
fn torn(safe: &[u8], now: &[u8], random: &mut StdRng) -> Vec<u8> {
    if safe == now {
        return safe.to_vec();
    }
    let length = if random.random_bool(0.5) { safe.len() } else { now.len() };
    let mut left = vec![0; length];
    for (number, sector) in left.chunks_mut(SECTOR).enumerate() {
        let source = if random.random_bool(0.5) { safe } else { now };
        let source = source.get(number * SECTOR..).unwrap_or_default();
        let count = source.len().min(sector.len());
        sector[..count].copy_from_slice(&source[..count]);
    }
    left
}

fn not_found() -> io::Error {
    io::Error::from(io::ErrorKind::NotFound)
}

impl Disk for SimulatedDisk {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let number = self.with(|state| {
            match path.parent().and_then(|parent| state.names.get(parent)) {
                Some(Node::Directory) => {}
                _ => return Err(not_found()),
            }
            match state.names.get(path) {
                Some(Node::File(number)) => Ok(*number),
                Some(Node::Directory) => Err(io::Error::from(io::ErrorKind::IsADirectory)),
                None => {
                    state.files.push(Content::default());
                    let number = state.files.len() - 1;
                    state.names.insert(path.to_owned(), Node::File(number));
                    Ok(number)
                }
            }
        })?;
        Ok(Arc::new(SimulatedFile { disk: self.clone(), number }))
    }

    fn open_existing(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.with(|state| match state.names.get(path) {
            Some(Node::File(number)) => {
                Ok(Arc::new(SimulatedFile { disk: self.clone(), number: *number }) as Arc<dyn DiskFile>)
            }
            _ => Err(not_found()),
        })
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.with(|state| match state.names.get(path) {
            Some(Node::File(number)) => Ok(state.files[*number].now.clone()),
            _ => Err(not_found()),
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change(|state| {
            if !state.names.contains_key(from) {
                return Err(not_found());
            }
            // What was in a directory that is gone is not in the one that gets its name.
            let State { names, safe_names, .. } = &mut *state;
            safe_names.retain(|path, _| path == to || !path.starts_with(to) || names.contains_key(path));
            // A directory moves with all in it, durable or not: its entries are the directory's own.
            for names in [&mut state.names, &mut state.safe_names] {
                let moved: Vec<PathBuf> = names.keys().filter(|path| path.starts_with(from)).cloned().collect();
                let is_directory = names.get(from) == Some(&Node::Directory);
                for path in moved.iter().filter(|path| is_directory && **path != *from) {
                    if let (Some(node), Ok(rest)) = (names.remove(path), path.strip_prefix(from)) {
                        names.insert(to.join(rest), node);
                    }
                }
            }
            if let Some(node) = state.names.remove(from) {
                state.names.insert(to.to_owned(), node);
            }
            Ok(())
        })
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.change(|state| match state.names.get(path) {
            Some(Node::File(_)) => {
                state.names.remove(path);
                Ok(())
            }
            _ => Err(not_found()),
        })
    }

    fn create_directory(&self, path: &Path) -> io::Result<()> {
        self.change(|state| {
            for ancestor in path.ancestors().filter(|ancestor| !ancestor.as_os_str().is_empty()) {
                state.names.entry(ancestor.to_owned()).or_insert(Node::Directory);
                if ancestor.parent().is_none_or(|parent| parent.as_os_str().is_empty()) {
                    state.safe_names.insert(ancestor.to_owned(), Node::Directory);
                }
            }
            Ok(())
        })
    }

    fn remove_directory(&self, path: &Path) -> io::Result<()> {
        self.change(|state| {
            if !state.names.contains_key(path) {
                return Err(not_found());
            }
            state.names.retain(|known, _| !known.starts_with(path));
            Ok(())
        })
    }

    fn list(&self, path: &Path) -> io::Result<Vec<(String, bool)>> {
        self.with(|state| {
            if state.names.get(path) != Some(&Node::Directory) {
                return Err(not_found());
            }
            let children = state.names.iter().filter(|(known, _)| known.parent() == Some(path));
            let named = children
                .filter_map(|(known, node)| Some((known.file_name()?.to_str()?.to_owned(), *node == Node::Directory)));
            Ok(named.collect())
        })
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        self.change(|state| {
            if state.fails_syncs {
                return Err(io::Error::other("sync failed"));
            }
            state.safe_names.retain(|known, _| known.parent() != Some(path));
            let children = state.names.iter().filter(|(known, _)| known.parent() == Some(path));
            state.safe_names.extend(children.map(|(known, node)| (known.clone(), *node)));
            Ok(())
        })
    }
}

#[derive(Debug)]
struct SimulatedFile {
    disk: SimulatedDisk,
    number: usize,
}

impl DiskFile for SimulatedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.disk.with(|state| {
            let rest = state.files[self.number].now.get(offset as usize..).unwrap_or_default();
            let count = rest.len().min(buffer.len());
            buffer[..count].copy_from_slice(&rest[..count]);
            Ok(count)
        })
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.disk.change(|state| {
            let file = &mut state.files[self.number].now;
            let end = offset as usize + bytes.len();
            let growth = end.saturating_sub(file.len());
            if state.room.is_some_and(|room| room < growth) {
                return Err(io::Error::from(io::ErrorKind::StorageFull));
            }
            state.room = state.room.map(|room| room - growth);
            if file.len() < end {
                file.resize(end, 0);
            }
            file[offset as usize..end].copy_from_slice(bytes);
            Ok(())
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.change(|state| {
            if state.fails_syncs {
                return Err(io::Error::other("sync failed"));
            }
            let file = &mut state.files[self.number];
            file.safe = file.now.clone();
            Ok(())
        })
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.disk.change(|state| {
            state.files[self.number].now.resize(length as usize, 0);
            Ok(())
        })
    }

    fn len(&self) -> io::Result<u64> {
        self.disk.with(|state| Ok(state.files[self.number].now.len() as u64))
    }
}
