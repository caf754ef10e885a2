//! Stores of streams in directories.

use super::log::FileLog;
use super::meta;
use super::place::Place;
use crate::ledger::Ledger;
use crate::{StoreConfig, StoreError, StreamStore};

/// Makes the directory of a new stream and its store.
pub(crate) fn create(place: Place, json: &[u8], config: StoreConfig) -> Result<Box<dyn StreamStore>, StoreError> {
    place.create_directory(&place.messages())?;
    place.create_directory(&place.consumers())?;
    meta::write(&place, &place.directory, &place.name, json)?;
    let log = FileLog::create(place, config.clone())?;
    Ok(Box::new(Ledger::new(log, config)))
}

/// Opens the store of a stream that is there.
pub(crate) fn open(place: Place, config: StoreConfig) -> Result<Box<dyn StreamStore>, StoreError> {
    let recovered = FileLog::recover(place, config.clone())?;
    Ok(Box::new(Ledger::recovered(recovered, config)?))
}

/// Removes a stream's directory. A crash leaves it whole, or under a name that the next start removes.
pub(crate) fn destroy(place: &Place) -> Result<(), StoreError> {
    place.remove_opt(&place.directory.join("meta.inf"))?;
    let Some(parent) = place.directory.parent() else { return Ok(()) };
    let hidden = parent.join(format!(".{}", place.name));
    place.remove_directory(&hidden)?;
    place.rename(&place.directory, &hidden)?;
    if place.journal.is_always() {
        place.sync_directory(parent)?;
    }
    // Only now: a crash before leaves the stream, and all of it.
    place.journal.forget(&place.directory)?;
    place.remove_directory(&hidden)
}
