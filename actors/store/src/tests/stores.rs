//! Stores to try.

use std::path::Path;

use crate::{
    Cipher, DirectoryOptions, EncryptionKey, MemoryStore, StoreConfig, StoreDirectory, StreamStore, SyncPolicy, format,
};

pub(super) fn memory_size(subject: usize, headers: usize, payload: usize) -> u64 {
    (subject + headers + payload + 16) as u64
}

pub(super) fn file_size(subject: usize, headers: usize, payload: usize) -> u64 {
    format::record_size(subject, headers, payload) as u64
}

pub(super) fn options(path: &Path, sync: SyncPolicy, cipher: Option<Cipher>) -> DirectoryOptions {
    let key = cipher.map(|cipher| EncryptionKey { key: "s3cr3t".to_owned(), cipher });
    DirectoryOptions { path: path.to_owned(), sync, key, previous_key: None }
}

pub(super) fn memory(config: &StoreConfig) -> Box<dyn StreamStore> {
    MemoryStore::open(config.clone())
}

/// A file stream that can be closed or killed, and opened again.
pub(super) struct Files {
    options: DirectoryOptions,
    directory: Option<StoreDirectory>,
}

impl Files {
    pub(super) fn new(options: DirectoryOptions) -> Self {
        let directory = StoreDirectory::open(options.clone()).unwrap();
        Self { options, directory: Some(directory) }
    }

    pub(super) fn create(&self, config: &StoreConfig) -> Box<dyn StreamStore> {
        self.directory.as_ref().unwrap().create_stream("ACC", br#"{"name":"S"}"#, config.clone()).unwrap()
    }

    pub(super) fn reopen(
        &mut self,
        store: Box<dyn StreamStore>,
        is_clean: bool,
        config: &StoreConfig,
    ) -> Box<dyn StreamStore> {
        if is_clean {
            store.close().unwrap();
        } else {
            drop(store);
        }
        if let Some(directory) = self.directory.take() {
            directory.close();
        }
        let directory = StoreDirectory::open(self.options.clone()).unwrap();
        let found = directory.streams().unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].meta.as_deref(), Ok(&br#"{"name":"S"}"#[..]));
        let store = directory.open_stream("ACC", config.clone()).unwrap();
        self.directory = Some(directory);
        store
    }
}
