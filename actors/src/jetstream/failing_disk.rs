//! A disk that makes nothing durable, or cannot be read, while a file is there, for tests.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use troupe_store::disk::{Disk, DiskFile, RealDisk};

/// Names the file that stops syncs.
const SYNCS: &str = "TROUPE_FAILS_SYNCS";
/// Names the file that stops reads.
const READS: &str = "TROUPE_FAILS_READS";

/// The operating system's file system, but for syncs, or reads.
#[derive(Clone, Debug)]
pub(super) struct FailingDisk {
    syncs: Arc<Option<PathBuf>>,
    reads: Arc<Option<PathBuf>>,
}

impl FailingDisk {
    /// One that fails while a file is there which the environment names; none where it names none.
    pub(super) fn from_environment() -> Option<Self> {
        let [syncs, reads] = [SYNCS, READS].map(|name| std::env::var_os(name).map(PathBuf::from));
        let is_wanted = syncs.is_some() || reads.is_some();
        is_wanted.then(|| Self { syncs: Arc::new(syncs), reads: Arc::new(reads) })
    }

    fn check(&self) -> io::Result<()> {
        fail_while(&self.syncs, "injected: sync failed")
    }

    fn check_read(&self) -> io::Result<()> {
        fail_while(&self.reads, "injected: read failed")
    }

    fn wrapped(&self, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        Arc::new(FailingFile { disk: self.clone(), file })
    }
}

/// Fails while the file that is the switch is there.
fn fail_while(switch: &Option<PathBuf>, text: &str) -> io::Result<()> {
    let is_off = switch.as_ref().is_some_and(|switch| switch.exists());
    if is_off { Err(io::Error::other(text)) } else { Ok(()) }
}

impl Disk for FailingDisk {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        RealDisk.open(path).map(|file| self.wrapped(file))
    }

    fn open_existing(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        RealDisk.open_existing(path).map(|file| self.wrapped(file))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.check_read()?;
        RealDisk.read(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove_file(path)
    }

    fn create_directory(&self, path: &Path) -> io::Result<()> {
        RealDisk.create_directory(path)
    }

    fn remove_directory(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove_directory(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<(String, bool)>> {
        RealDisk.list(path)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        self.check()?;
        RealDisk.sync_directory(path)
    }
}

#[derive(Debug)]
struct FailingFile {
    disk: FailingDisk,
    file: Arc<dyn DiskFile>,
}

impl DiskFile for FailingFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.disk.check_read()?;
        self.file.read_at(buffer, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.check()?;
        self.file.sync()
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.file.set_len(length)
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
}
