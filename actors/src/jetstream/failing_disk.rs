//! A disk that makes nothing durable while a file is there, for tests.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use troupe_store::disk::{Disk, DiskFile, RealDisk};

/// Names the file.
const VARIABLE: &str = "TROUPE_FAILS_SYNCS";

/// The operating system's file system, but for what `sync` promises.
#[derive(Clone, Debug)]
pub(super) struct FailingDisk {
    switch: Arc<PathBuf>,
}

impl FailingDisk {
    /// One that fails while the file is there which the environment names; none where it names none.
    pub(super) fn from_environment() -> Option<Self> {
        let switch = std::env::var_os(VARIABLE)?;
        Some(Self { switch: Arc::new(switch.into()) })
    }

    fn check(&self) -> io::Result<()> {
        if self.switch.exists() { Err(io::Error::other("injected: sync failed")) } else { Ok(()) }
    }

    fn wrapped(&self, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        Arc::new(FailingFile { disk: self.clone(), file })
    }
}

impl Disk for FailingDisk {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        RealDisk.open(path).map(|file| self.wrapped(file))
    }

    fn open_existing(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        RealDisk.open_existing(path).map(|file| self.wrapped(file))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
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
