//! Directories that are open: each once.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::StoreError;

/// Directories with an open store. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Leases(Arc<Mutex<HashSet<PathBuf>>>);

/// The right to a directory; ends with it.
#[derive(Debug)]
pub(crate) struct Lease {
    leases: Leases,
    path: PathBuf,
}

impl Leases {
    /// Takes a directory.
    ///
    /// # Errors
    ///
    /// `Unusable` while somebody has it.
    pub(crate) fn take(&self, path: &Path) -> Result<Lease, StoreError> {
        if !self.0.lock().insert(path.to_owned()) {
            return Err(StoreError::Unusable(format!("directory {} is still open", path.display())));
        }
        Ok(Lease { leases: self.clone(), path: path.to_owned() })
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.leases.0.lock().remove(&self.path);
    }
}
