//! All streams of a server in files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::backup;
use crate::disk::{Disk, RealDisk};
use crate::file::{self, EncryptionKey, Keys, Place};
use crate::journal::{Journal, SyncPolicy};
use crate::lease::Leases;
use crate::workshop::Workshop;
use crate::{StoreConfig, StoreError, StreamStore};

/// Where a server keeps its streams, and how.
#[derive(Clone, Debug)]
pub struct DirectoryOptions {
    /// The store directory; streams are below `jetstream` in it, the journal in `journal`.
    pub path: PathBuf,
    /// When what is written becomes durable.
    pub sync: SyncPolicy,
    /// Encrypts what is made new, and opens what is encrypted.
    pub key: Option<EncryptionKey>,
    /// Opens what an earlier key encrypted.
    pub previous_key: Option<EncryptionKey>,
}

/// A stream's directory.
#[derive(Clone, Debug)]
pub struct FoundStream {
    /// The account's name, or public key.
    pub account: String,
    /// The stream's name.
    pub name: String,
    /// The JSON of its configuration, or why it cannot be opened. It is left as it is then.
    pub meta: Result<Vec<u8>, String>,
}

/// The streams below a store directory, and the journal they share. Clones share it.
#[derive(Clone, Debug)]
pub struct StoreDirectory {
    disk: Arc<dyn Disk>,
    journal: Journal,
    workshop: Workshop,
    options: DirectoryOptions,
    leases: Leases,
}

impl StoreDirectory {
    /// Opens a store directory, made if it is not there, and applies what a crash left in the journal.
    ///
    /// # Errors
    ///
    /// I/O errors.
    pub fn open(options: DirectoryOptions) -> Result<Self, StoreError> {
        Self::open_on(Arc::new(RealDisk), options)
    }

    /// Opens a store directory on a given disk.
    ///
    /// # Errors
    ///
    /// I/O errors.
    pub fn open_on(disk: Arc<dyn Disk>, options: DirectoryOptions) -> Result<Self, StoreError> {
        let streams = options.path.join("jetstream");
        disk.create_directory(&streams).map_err(|error| StoreError::io("create", &streams, error))?;
        if options.sync == SyncPolicy::Always {
            sync_above(&*disk, &streams)?;
        }
        let journal = Journal::open(disk.clone(), &options.path, options.sync)?;
        let workshop = Workshop::open(&options.path)?;
        Ok(Self { disk, journal, workshop, options, leases: Leases::default() })
    }

    /// Lists the streams there are, and removes what is left of streams whose removal a crash interrupted.
    ///
    /// # Errors
    ///
    /// I/O errors.
    pub fn streams(&self) -> Result<Vec<FoundStream>, StoreError> {
        let root = self.options.path.join("jetstream");
        let mut found = Vec::new();
        for (account, is_directory) in self.list(&root)? {
            if is_directory && !account.starts_with('.') {
                found.append(&mut self.streams_of(&account)?);
            }
        }
        Ok(found)
    }

    /// As [`Self::streams`], of one account.
    ///
    /// # Errors
    ///
    /// `Unusable` for an account that is no file name; I/O errors.
    pub fn streams_of(&self, account: &str) -> Result<Vec<FoundStream>, StoreError> {
        check_name(account)?;
        let root = self.options.path.join("jetstream");
        let mut found = Vec::new();
        let staging = root.join(account).join("__snapshots__");
        if !self.list(&staging)?.is_empty() {
            self.disk.remove_directory(&staging).map_err(|error| StoreError::io("remove", &staging, error))?;
        }
        let streams = root.join(account).join("streams");
        let directories = self.list(&streams)?.into_iter().filter(|(_, is_directory)| *is_directory);
        let (hidden, names): (Vec<_>, Vec<_>) = directories.partition(|(name, _)| name.starts_with('.'));
        for (name, _) in &hidden {
            let path = streams.join(name);
            self.disk.remove_directory(&path).map_err(|error| StoreError::io("remove", &path, error))?;
        }
        if !hidden.is_empty() && self.journal.is_always() {
            self.disk.sync_directory(&streams).map_err(|error| StoreError::io("sync", &streams, error))?;
        }
        for (name, _) in names {
            let meta = self.read_meta(account, &name)?;
            found.push(FoundStream { account: account.to_owned(), name, meta });
        }
        Ok(found)
    }

    /// Makes a new stream in files. `meta` is the JSON of its configuration.
    ///
    /// # Errors
    ///
    /// `Unusable` for a name that is no file name, or one that is taken; I/O errors.
    pub fn create_stream(
        &self,
        account: &str,
        meta: &[u8],
        config: StoreConfig,
    ) -> Result<Box<dyn StreamStore>, StoreError> {
        let mut place = self.place(account, &config.name)?;
        // What a crash left of a stream that was being made is no stream: nobody was told that it exists.
        let has_meta = |name| Ok::<_, StoreError>(place.read_opt(&place.directory.join(name))?.is_some());
        let has_blocks = place.list(&place.messages())?.iter().any(|(name, _)| name.ends_with(".blk"));
        if has_blocks || (has_meta("meta.inf")? && has_meta("meta.sum")?) {
            return Err(StoreError::Unusable(format!("directory of stream {:?} is not empty", config.name)));
        }
        place.free_name()?;
        let mut files = Vec::new();
        let directory = place.directory.clone();
        if let Some(key) = &self.options.key {
            let (keys, file) = Keys::new_of_stream(key, account, &config.name)?;
            files.push((place.directory.join("meta.key"), file));
            place.keys = Some(keys);
        }
        file::create(place, files, meta, config, self.leases.take(&directory)?)
    }

    /// Opens a stream that is there. Streams may be opened on several threads at once.
    ///
    /// # Errors
    ///
    /// `Unusable` for a wrong key, and while the stream is open; I/O errors. Nothing is removed then.
    pub fn open_stream(&self, account: &str, config: StoreConfig) -> Result<Box<dyn StreamStore>, StoreError> {
        let lease = self.leases.take(&self.stream_path(account, &config.name)?)?;
        let place = self.place_with_keys(account, &config.name)?;
        file::open(place, config, lease)
    }

    /// Makes a stream from a version 1 archive: its files are unpacked beside the streams, opened to see that they can
    /// be, and moved to their place. Returns the JSON in the archive. Open the stream then as any other.
    ///
    /// # Errors
    ///
    /// `Unusable` for an archive of another stream, a damaged one, or a name that is taken; I/O errors. No stream is
    /// touched then.
    pub fn restore_files(
        &self,
        account: &str,
        stream: &str,
        source: Box<dyn std::io::Read + Send>,
    ) -> Result<Vec<u8>, StoreError> {
        let mut place = self.place(account, stream)?;
        let target = place.directory.clone();
        if !place.list(&target)?.is_empty() {
            return Err(StoreError::Unusable(format!("directory of stream {stream:?} is not empty")));
        }
        if place.free_name()? {
            // What the journal knows of the removed one must not be done to this one.
            place.journal.forget(&target)?;
        }
        let staging = self.staging_path(account)?.join(format!("restore-{stream}"));
        place.remove_directory(&staging)?;
        place.create_directory(&staging)?;
        place.directory = staging.clone();
        let unpacked = backup::unpack(&*self.disk, source, &staging);
        let meta = unpacked.and_then(|()| match file::read_meta(&place, &staging, stream)? {
            Ok(meta) => Ok(meta),
            Err(error) => Err(StoreError::Unusable(error.to_string())),
        });
        let moved = meta.and_then(|meta| {
            if let Some(parent) = target.parent() {
                place.create_directory(parent)?;
            }
            place.remove_directory(&target)?;
            place.rename(&staging, &target)?;
            for parent in [target.parent(), staging.parent()].into_iter().flatten() {
                place.sync_directory(parent)?;
            }
            Ok(meta)
        });
        if moved.is_err() {
            place.remove_directory(&staging)?;
        }
        moved
    }

    /// Returns the directory for archives on their way in; emptied at start.
    ///
    /// # Errors
    ///
    /// `Unusable` for an account that is no file name.
    pub fn staging_path(&self, account: &str) -> Result<PathBuf, StoreError> {
        check_name(account)?;
        Ok(self.options.path.join("jetstream").join(account).join("__snapshots__"))
    }

    /// Returns the directory of a stream.
    ///
    /// # Errors
    ///
    /// `Unusable` for names that are no file names.
    pub fn stream_path(&self, account: &str, stream: &str) -> Result<PathBuf, StoreError> {
        check_name(account)?;
        check_name(stream)?;
        Ok(self.options.path.join("jetstream").join(account).join("streams").join(stream))
    }

    /// Removes a stream that was not opened, with its files.
    ///
    /// # Errors
    ///
    /// `Unusable` for names that are no file names; I/O errors.
    pub fn remove_stream(&self, account: &str, stream: &str) -> Result<(), StoreError> {
        let place = self.place(account, stream)?;
        if place.list(&place.directory)?.is_empty() { Ok(()) } else { place.remove_stream() }
    }

    /// Removes all that is kept of an account, none of whose streams is open.
    ///
    /// # Errors
    ///
    /// `Unusable` for names that are no file names; I/O errors.
    pub fn remove_account(&self, account: &str) -> Result<(), StoreError> {
        for found in self.streams_of(account)? {
            self.remove_stream(account, &found.name)?;
        }
        let root = self.options.path.join("jetstream").join(account);
        if self.list(&root)?.is_empty() {
            return Ok(());
        }
        self.disk.remove_directory(&root).map_err(|error| StoreError::io("remove", &root, error))
    }

    /// Moves a directory under a stream's name that has no configuration to the account's `lost`, and returns where it
    /// is now; None where there is no such directory.
    ///
    /// # Errors
    ///
    /// `Unusable` for names that are no file names; I/O errors.
    pub fn set_leftover_aside(&self, account: &str, stream: &str) -> Result<Option<PathBuf>, StoreError> {
        let place = self.place(account, stream)?;
        let content = place.list(&place.directory)?;
        if content.is_empty() || content.iter().any(|(name, _)| name == "meta.inf") {
            return Ok(None);
        }
        let lost = self.options.path.join("jetstream").join(account).join("lost");
        place.create_directory(&lost)?;
        let aside = (0..).map(|number| format!("{stream}.{number}"));
        let taken = place.list(&lost)?;
        let aside = aside.into_iter().find(|name| !taken.iter().any(|(other, _)| other == name)).unwrap_or_default();
        let aside = lost.join(aside);
        place.rename(&place.directory, &aside)?;
        for parent in [place.directory.parent(), Some(&*lost)].into_iter().flatten() {
            if place.journal.is_always() {
                place.sync_directory(parent)?;
            }
        }
        place.journal.forget(&place.directory)?;
        Ok(Some(aside))
    }

    /// Tells what another server did since this one was killed, where the journal has something else: it was left so.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        self.journal.notes()
    }

    /// Tells whether the disk takes writes, and if not, why.
    ///
    /// # Errors
    ///
    /// Why the last write failed.
    pub fn health(&self) -> Result<(), StoreError> {
        self.journal.check()
    }

    /// Makes everything durable and ends the journal; blocks. The streams must be closed before.
    pub fn close(&self) {
        self.workshop.close();
        self.journal.close();
    }

    fn read_meta(&self, account: &str, name: &str) -> Result<Result<Vec<u8>, String>, StoreError> {
        let place = match self.place_with_keys(account, name) {
            Ok(place) => place,
            Err(error) if error.is_io() => return Err(error),
            Err(error) => return Ok(Err(error.to_string())),
        };
        let meta = file::read_meta(&place, &place.directory, name)?;
        Ok(meta.map_err(|error| error.to_string()))
    }

    fn place(&self, account: &str, name: &str) -> Result<Place, StoreError> {
        let directory = self.stream_path(account, name)?;
        let (disk, journal, workshop) = (self.disk.clone(), self.journal.clone(), self.workshop.clone());
        Ok(Place { disk, journal, workshop, directory, name: name.to_owned(), keys: None })
    }

    /// Opens the keys of a stream with the key, or else with the previous one.
    fn place_with_keys(&self, account: &str, name: &str) -> Result<Place, StoreError> {
        let mut place = self.place(account, name)?;
        let mut refusal = None;
        for key in self.options.key.iter().chain(&self.options.previous_key) {
            match Keys::of_stream(key, &self.disk, &place.directory, account, name) {
                Ok(keys) => {
                    place.keys = keys;
                    return Ok(place);
                }
                Err(error) if error.is_io() => return Err(error),
                Err(error) => refusal = refusal.or(Some(error)),
            }
        }
        match refusal {
            Some(error) => Err(error),
            None => Ok(place),
        }
    }

    fn list(&self, path: &Path) -> Result<Vec<(String, bool)>, StoreError> {
        match self.disk.list(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            other => other.map_err(|error| StoreError::io("list", path, error)),
        }
    }
}

/// Makes the names of the directories that may be new durable, as far as those above them may be opened.
fn sync_above(disk: &dyn Disk, streams: &Path) -> Result<(), StoreError> {
    for parent in streams.ancestors().skip(1).take(2).filter(|parent| !parent.as_os_str().is_empty()) {
        match disk.sync_directory(parent) {
            Err(error) if error.kind() != std::io::ErrorKind::PermissionDenied => {
                return Err(StoreError::io("sync", parent, error));
            }
            _ => {}
        }
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), StoreError> {
    let is_bad = name.is_empty() || name.starts_with('.') || name.contains(['/', '\\', '\0']);
    if is_bad { Err(StoreError::Unusable(format!("invalid name {name:?}"))) } else { Ok(()) }
}
