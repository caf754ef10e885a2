//! What the store asks of a file system, so that tests can put a failing one in its place.

mod real;

use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use real::RealDisk;

/// An open file. Calls may come from several threads.
pub trait DiskFile: Send + Sync + Debug {
    /// Reads up to `buffer.len()` bytes at an offset.
    ///
    /// # Errors
    ///
    /// The system's.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes all bytes at an offset.
    ///
    /// # Errors
    ///
    /// The system's.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Makes content and length durable.
    ///
    /// # Errors
    ///
    /// The system's; what was written since the last success may be lost then.
    fn sync(&self) -> io::Result<()>;

    /// Cuts or extends the file.
    ///
    /// # Errors
    ///
    /// The system's.
    fn set_len(&self, length: u64) -> io::Result<()>;

    /// Returns the file's length.
    ///
    /// # Errors
    ///
    /// The system's.
    fn len(&self) -> io::Result<u64>;

    /// Tells whether the file is empty.
    ///
    /// # Errors
    ///
    /// The system's.
    fn is_empty(&self) -> io::Result<bool> {
        self.len().map(|length| length == 0)
    }
}

/// A file system.
pub trait Disk: Send + Sync + Debug {
    /// Opens a file to read and write, made if it is not there.
    ///
    /// # Errors
    ///
    /// The system's.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;

    /// Opens a file that is there to read and write.
    ///
    /// # Errors
    ///
    /// The system's; `NotFound` if there is none.
    fn open_existing(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;

    /// Reads a whole file.
    ///
    /// # Errors
    ///
    /// The system's; `NotFound` if there is none.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// Renames a file or directory, replacing a file.
    ///
    /// # Errors
    ///
    /// The system's.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    ///
    /// The system's.
    fn remove_file(&self, path: &Path) -> io::Result<()>;

    /// Makes a directory and those above it.
    ///
    /// # Errors
    ///
    /// The system's.
    fn create_directory(&self, path: &Path) -> io::Result<()>;

    /// Removes a directory with all in it.
    ///
    /// # Errors
    ///
    /// The system's.
    fn remove_directory(&self, path: &Path) -> io::Result<()>;

    /// Lists names in a directory, and whether each is a directory, sorted.
    ///
    /// # Errors
    ///
    /// The system's; `NotFound` if there is none.
    fn list(&self, path: &Path) -> io::Result<Vec<(String, bool)>>;

    /// Makes names made, renamed and removed in a directory durable.
    ///
    /// # Errors
    ///
    /// The system's.
    fn sync_directory(&self, path: &Path) -> io::Result<()>;
}

/// Replaces a file so that a crash leaves the old or the new one, and with `sync` the new one.
pub(crate) fn replace(disk: &dyn Disk, path: &Path, bytes: &[u8], sync: bool) -> io::Result<()> {
    replace_all(disk, &[(path, bytes)], sync)?;
    match path.parent() {
        Some(parent) if sync => disk.sync_directory(parent),
        _ => Ok(()),
    }
}

/// Replaces files of one directory so that a crash leaves all the old ones, or some of them replaced and the others
/// beside them under the names that [`temporary_of`] gives. With `sync` none is torn; their names are
/// durable once the caller has synced the directory.
pub(crate) fn replace_all<P: AsRef<Path>>(disk: &dyn Disk, files: &[(P, &[u8])], sync: bool) -> io::Result<()> {
    for (path, bytes) in files {
        let file = disk.open(&temporary_of(path.as_ref()))?;
        file.set_len(0)?;
        file.write_all_at(bytes, 0)?;
        if sync {
            file.sync()?;
        }
    }
    files.iter().try_for_each(|(path, _)| disk.rename(&temporary_of(path.as_ref()), path.as_ref()))
}

/// The name under which a file is written before it takes its place.
pub(crate) fn temporary_of(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".tmp");
    path.with_file_name(name)
}

/// The name under which a stream's directory waits for its end; the next start removes what it finds under it.
pub(crate) fn hidden(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    path.with_file_name(name)
}

/// Returns a file's content, None if there is no such file.
pub(crate) fn read_opt(disk: &dyn Disk, path: &Path) -> io::Result<Option<Vec<u8>>> {
    match disk.read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Removes a file that may not be there.
pub(crate) fn remove_opt(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    match disk.remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
