//! Stores of streams in directories.

use std::path::PathBuf;

use super::log::FileLog;
use super::meta;
use super::place::Place;
use crate::lease::Lease;
use crate::ledger::Ledger;
use crate::{StoreConfig, StoreError, StreamStore};

/// Makes the directory of a new stream and its store. `keys` are the files of its keys.
pub(crate) fn create(
    place: Place,
    mut keys: Vec<(PathBuf, Vec<u8>)>,
    json: &[u8],
    config: StoreConfig,
    lease: Lease,
) -> Result<Box<dyn StreamStore>, StoreError> {
    let cipher = match &place.keys {
        Some(stream_keys) => {
            let (cipher, key) = stream_keys.new_block_key(1)?;
            keys.push((place.key_path(1), key));
            Some(cipher)
        }
        None => None,
    };
    meta::make(&place, &place.directory, &place.name, json, &keys)?;
    let mut log = FileLog::empty(place, config.clone(), cipher);
    log.lease = Some(lease);
    Ok(Box::new(Ledger::new(log, config)))
}

/// Opens the store of a stream that is there.
pub(crate) fn open(place: Place, config: StoreConfig, lease: Lease) -> Result<Box<dyn StreamStore>, StoreError> {
    let mut recovered = FileLog::recover(place, config.clone())?;
    recovered.log.lease = Some(lease);
    Ok(Box::new(Ledger::recovered(recovered, config)?))
}
