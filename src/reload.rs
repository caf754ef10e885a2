//! Reload: other options in force, all or nothing.

use troupe_engine::options::Options;

use crate::logging::LogHandle;
use crate::server::Inner;

/// Puts other options in force.
pub(crate) fn apply(_inner: &Inner, _options: Options, _log: Option<&LogHandle>) -> Result<(), String> {
    Err("config reload is not supported yet".to_owned())
}
