//! Tokens of accounts in a directory, and those that come while the server runs.
//!
//! - [`store`]: the files. [`clock`]: activation tokens that end. [`serve`](mod@serve): what the system account's services ask for.

mod clock;
mod serve;
pub(crate) mod store;

pub(crate) use clock::LinkClock;
pub(crate) use serve::serve;

use troupe_engine::options::Options;

/// Puts the tokens of the configuration into the directory.
pub(crate) fn prepare(options: &Options) -> std::io::Result<()> {
    let Some(trust) = &options.trust else { return Ok(()) };
    trust.resolver.full().map_or(Ok(()), |resolver| store::fill(resolver, &trust.accounts))
}
