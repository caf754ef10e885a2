//! Tokens of accounts: where they are kept and found, and those that come while the server runs.
//!
//! - [`store`]: files in a directory. `cache`: a directory with those that are used.
//! - [`serve`](mod@serve): what the system account's services ask for. `update`: tokens that are pushed. `merge`: what other
//!   servers show.
//! - `find`: accounts that logins need. `force`: puts changed tokens in force. `clock`: activation tokens that end.
//! - `start`: before the server runs.

mod cache;
mod clock;
mod find;
mod force;
mod merge;
mod serve;
mod start;
pub(crate) mod store;
mod update;

pub(crate) use clock::{activation_ends, drop_ended, until};
pub(crate) use find::Finder;
pub(crate) use serve::serve;
pub(crate) use start::ClaimsError;
pub(crate) use start::{carry_over, prepare};
