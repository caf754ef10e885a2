//! Finds the Go server that side-by-side tests compare with.

use std::path::PathBuf;

/// The environment variable that names the Go server's binary.
pub const REFERENCE_VARIABLE: &str = "NATS_SERVER_REF";

/// Returns the path of the reference binary, or `None` (with a note on stderr) when it is not installed.
///
/// # Panics
/// Panics when the variable is unset while `CI` is set, and when it names no file: there a silent skip would hide
/// a broken set-up.
pub fn binary() -> Option<PathBuf> {
    let Some(value) = std::env::var_os(REFERENCE_VARIABLE).filter(|value| !value.is_empty()) else {
        assert!(
            std::env::var_os("CI").is_none(),
            "{REFERENCE_VARIABLE} is not set: CI must run the side-by-side tests, install nats-server 2.15.1 and set it"
        );
        eprintln!("SKIPPED: {REFERENCE_VARIABLE} is not set, so there is no nats-server to compare with");
        return None;
    };
    let path = PathBuf::from(value);
    assert!(path.is_file(), "{REFERENCE_VARIABLE} names {}, which is not a file", path.display());
    Some(path)
}
