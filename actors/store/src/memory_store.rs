//! A stream in memory.

use crate::StreamStore;
use crate::config::StoreConfig;
use crate::ledger::Ledger;
use crate::memory::MemoryLog;

/// Opens stores that forget at the end of the process.
#[derive(Debug)]
pub struct MemoryStore;

impl MemoryStore {
    /// Makes an empty store.
    #[must_use]
    pub fn open(config: StoreConfig) -> Box<dyn StreamStore> {
        Box::new(Ledger::new(MemoryLog::default(), config))
    }
}
