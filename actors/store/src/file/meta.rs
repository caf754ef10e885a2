//! `meta.inf` and `meta.sum`: the configuration of a stream or consumer as JSON, and its checksum.

use std::path::{Path, PathBuf};

use super::place::Place;
use crate::StoreError;
use crate::disk::temporary_of;
use crate::format::Checksum;
use crate::journal::NewDirectory;

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
    let paths = (directory.join("meta.inf"), directory.join("meta.sum"));
    let Some(mut meta) = place.read_opt(&paths.0)? else { return Ok(Err(MetaError::Missing)) };
    let is_sum = |sum: &Option<Vec<u8>>, meta: &[u8]| {
        let right = hex(Checksum::named(name).of(&[meta]));
        sum.as_ref().is_some_and(|sum| sum.trim_ascii() == right.as_bytes())
    };
    let sum = place.read_opt(&paths.1)?;
    if !is_sum(&sum, &meta) {
        // A crash between the two renames left one of them to be done.
        let next = (temporary_of(&paths.0), temporary_of(&paths.1));
        let other = place.read_opt(&next.0)?.filter(|other| is_sum(&sum, other));
        if is_sum(&place.read_opt(&next.1)?, &meta) {
            place.rename(&next.1, &paths.1)?;
        } else if let Some(other) = other {
            place.rename(&next.0, &paths.0)?;
            meta = other;
        } else {
            return Ok(Err(MetaError::Checksum));
        }
    }
    // What is sealed may begin with any byte, a brace too.
    let is_plain = meta.first() == Some(&b'{') && std::str::from_utf8(&meta).is_ok();
    let opened = match &place.keys {
        None if is_plain => Ok(meta),
        None => Err(MetaError::Key("encrypted store encountered with no main key".to_owned())),
        Some(keys) => match keys.unseal(&meta) {
            Err(_) if is_plain => Ok(meta),
            opened => opened.map_err(|error| MetaError::Key(error.to_string())),
        },
    };
    Ok(opened)
}

/// Writes the JSON and its checksum.
pub(crate) fn write(place: &Place, directory: &Path, name: &str, json: &[u8]) -> Result<(), StoreError> {
    let (sum, sealed) = encode(place, name, json)?;
    place.replace_meta(directory, sum.as_bytes(), &sealed)
}

/// Makes a directory with the JSON, its checksum and other files.
pub(super) fn make(
    place: &Place,
    directory: &Path,
    name: &str,
    json: &[u8],
    files: &[(PathBuf, Vec<u8>)],
) -> Result<(), StoreError> {
    let (sum, sealed) = encode(place, name, json)?;
    let is_stream = *directory == place.directory;
    place.make(&NewDirectory { path: directory, is_stream, meta: (sum.as_bytes(), &sealed), files })
}

/// Returns the text of the checksum, and what it is of.
fn encode(place: &Place, name: &str, json: &[u8]) -> Result<(String, Vec<u8>), StoreError> {
    let sealed = match &place.keys {
        Some(keys) => keys.seal(json)?,
        None => json.to_vec(),
    };
    Ok((hex(Checksum::named(name).of(&[&sealed])), sealed))
}

fn hex(bytes: [u8; 8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
