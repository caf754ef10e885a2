//! A disk that forgets what was not synced, tears what was not, and fails when told to.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::disk::{Disk, DiskFile};

const SECTOR: usize = 512;

/// What a name stands for, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    Directory(usize),
    File(usize),
}

/// What happens to names of a directory: each on its own may be forgotten.
#[derive(Clone, Debug)]
enum Change {
    Put(String, Node),
    Drop(String),
    Move(String, String),
}

/// A directory's entries belong to it, whatever its own name is.
#[derive(Clone, Debug, Default)]
struct Entries {
    now: BTreeMap<String, Node>,
    safe: BTreeMap<String, Node>,
    /// From the safe ones to those of now.
    changes: Vec<Change>,
}

fn apply(names: &mut BTreeMap<String, Node>, change: &Change) {
    match change {
        Change::Put(name, node) => drop(names.insert(name.clone(), *node)),
        Change::Drop(name) => drop(names.remove(name)),
        Change::Move(from, to) => {
            if let Some(node) = names.remove(from) {
                names.insert(to.clone(), node);
            }
        }
    }
}

impl Entries {
    fn change(&mut self, change: Change) {
        apply(&mut self.now, &change);
        self.changes.push(change);
    }

    fn sync(&mut self) {
        self.safe = self.now.clone();
        self.changes.clear();
    }
}

#[derive(Debug, Default, Clone)]
struct Content {
    /// What programs see.
    now: Vec<u8>,
    /// What a crash leaves for sure.
    safe: Vec<u8>,
}

#[derive(Debug)]
struct State {
    files: Vec<Content>,
    /// The first is the root, whose names are safe at once.
    directories: Vec<Entries>,
    /// Handles of before the last crash are dead.
    epoch: u64,
    room: Option<usize>,
    fails_syncs: bool,
    /// Changes until the power goes.
    fuse: Option<usize>,
}

impl Default for State {
    fn default() -> Self {
        let directories = vec![Entries::default()];
        Self { files: Vec::new(), directories, epoch: 0, room: None, fails_syncs: false, fuse: None }
    }
}

impl State {
    fn find(&self, path: &Path) -> Option<Node> {
        let mut names = path.iter().map(|name| name.to_str().unwrap_or_default());
        names.try_fold(Node::Directory(0), |above, name| match above {
            Node::Directory(number) => self.directories[number].now.get(name).copied(),
            Node::File(_) => None,
        })
    }

    fn directory(&mut self, path: &Path) -> io::Result<usize> {
        match self.find(path) {
            Some(Node::Directory(number)) => Ok(number),
            _ => Err(not_found()),
        }
    }

    /// The directory that a path's last name is in, and that name.
    fn place(&mut self, path: &Path) -> io::Result<(usize, String)> {
        let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(not_found)?;
        Ok((self.directory(path.parent().unwrap_or(Path::new("")))?, name.to_owned()))
    }

    fn file(&self, path: &Path) -> io::Result<usize> {
        match self.find(path) {
            Some(Node::File(number)) => Ok(number),
            Some(Node::Directory(_)) => Err(io::Error::from(io::ErrorKind::IsADirectory)),
            None => Err(not_found()),
        }
    }

    fn empty(&mut self, number: usize) {
        for (name, node) in self.directories[number].now.clone() {
            if let Node::Directory(below) = node {
                self.empty(below);
            }
            self.directories[number].change(Change::Drop(name));
        }
    }
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
        let State { directories, files, .. } = &mut *state;
        for entries in directories.iter_mut() {
            for change in std::mem::take(&mut entries.changes) {
                if random.random_bool(0.5) {
                    apply(&mut entries.safe, &change);
                }
            }
            entries.now = entries.safe.clone();
        }
        for file in files.iter_mut() {
            file.now = torn(&file.safe, &file.now, &mut random);
            file.safe = file.now.clone();
        }
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
        let number = state.file(path).expect("a file");
        let file = &mut state.files[number];
        let at = bit % (file.now.len() * 8);
        file.now[at / 8] ^= 1 << (at % 8);
        file.safe = file.now.clone();
    }

    /// Gives a file another content.
    pub(super) fn put(&self, path: &Path, bytes: Vec<u8>) {
        let mut state = self.state.lock();
        let number = state.file(path).expect("a file");
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
            let (directory, name) = state.place(path)?;
            match state.file(path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    state.files.push(Content::default());
                    let number = state.files.len() - 1;
                    state.directories[directory].change(Change::Put(name, Node::File(number)));
                    Ok(number)
                }
                found => found,
            }
        })?;
        Ok(Arc::new(SimulatedFile { disk: self.clone(), number }))
    }

    fn open_existing(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let number = self.with(|state| state.file(path))?;
        Ok(Arc::new(SimulatedFile { disk: self.clone(), number }))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.with(|state| state.file(path).map(|number| state.files[number].now.clone()))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change(|state| {
            let node = state.find(from).ok_or_else(not_found)?;
            let ((from, old), (to, new)) = (state.place(from)?, state.place(to)?);
            if from == to {
                state.directories[from].change(Change::Move(old, new));
            } else {
                state.directories[to].change(Change::Put(new, node));
                state.directories[from].change(Change::Drop(old));
            }
            Ok(())
        })
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.change(|state| {
            state.file(path)?;
            let (directory, name) = state.place(path)?;
            state.directories[directory].change(Change::Drop(name));
            Ok(())
        })
    }

    fn create_directory(&self, path: &Path) -> io::Result<()> {
        self.change(|state| {
            let mut above = 0;
            for name in path.iter().map(|name| name.to_str().unwrap_or_default()) {
                above = match state.directories[above].now.get(name) {
                    Some(Node::Directory(number)) => *number,
                    Some(Node::File(_)) => return Err(io::Error::from(io::ErrorKind::NotADirectory)),
                    None => {
                        state.directories.push(Entries::default());
                        let number = state.directories.len() - 1;
                        state.directories[above].change(Change::Put(name.to_owned(), Node::Directory(number)));
                        number
                    }
                };
                state.directories[0].sync();
            }
            Ok(())
        })
    }

    fn remove_directory(&self, path: &Path) -> io::Result<()> {
        self.change(|state| {
            let number = state.directory(path)?;
            state.empty(number);
            let (above, name) = state.place(path)?;
            state.directories[above].change(Change::Drop(name));
            Ok(())
        })
    }

    fn list(&self, path: &Path) -> io::Result<Vec<(String, bool)>> {
        self.with(|state| {
            let number = state.directory(path)?;
            let names = state.directories[number].now.iter();
            Ok(names.map(|(name, node)| (name.clone(), matches!(node, Node::Directory(_)))).collect())
        })
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        self.change(|state| {
            if state.fails_syncs {
                return Err(io::Error::other("sync failed"));
            }
            let number = state.directory(path)?;
            state.directories[number].sync();
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
