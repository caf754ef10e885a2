//! `meta.inf` and `meta.sum`: the configuration of a stream or consumer as JSON, and its checksum.

use std::path::Path;

use super::place::Place;
use crate::StoreError;
use crate::format::Checksum;

/// Why a directory is not opened. It is left as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MetaError {
    /// It has no configuration.
    Missing,
    /// It has no checksum, or a wrong one.
    Checksum,
    /// It is encrypted and no key opens it.
    Key(String),
}

impl std::fmt::Display for MetaError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing => formatter.write_str("missing metafile"),
            Self::Checksum => formatter.write_str("metafile checksums do not match"),
            Self::Key(reason) => formatter.write_str(reason),
        }
    }
}

/// Reads the JSON in a directory. `name` is what its checksum depends on.
pub(crate) fn read(place: &Place, directory: &Path, name: &str) -> Result<Result<Vec<u8>, MetaError>, StoreError> {
    let Some(meta) = place.read_opt(&directory.join("meta.inf"))? else { return Ok(Err(MetaError::Missing)) };
    let Some(sum) = place.read_opt(&directory.join("meta.sum"))? else { return Ok(Err(MetaError::Checksum)) };
    if sum.trim_ascii() != hex(Checksum::named(name).of(&[&meta])).as_bytes() {
        return Ok(Err(MetaError::Checksum));
    }
    match &place.keys {
        None if meta.first() == Some(&b'{') => Ok(Ok(meta)),
        None => Ok(Err(MetaError::Key("encrypted store encountered with no main key".to_owned()))),
        Some(_) if meta.first() == Some(&b'{') => Ok(Ok(meta)),
        Some(keys) => Ok(keys.unseal(&meta).map_err(|error| MetaError::Key(error.to_string()))),
    }
}

/// Writes the JSON and its checksum.
pub(crate) fn write(place: &Place, directory: &Path, name: &str, json: &[u8]) -> Result<(), StoreError> {
    let sealed = match &place.keys {
        Some(keys) => keys.seal(json)?,
        None => json.to_vec(),
    };
    let sum = hex(Checksum::named(name).of(&[&sealed]));
    place.replace(&directory.join("meta.inf"), &sealed)?;
    place.replace(&directory.join("meta.sum"), sum.as_bytes())
}

fn hex(bytes: [u8; 8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
