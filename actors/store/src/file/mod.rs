//! Streams in files of nats-server's format.

mod block;
mod consumer;
mod content;
mod doomed;
mod gathered;
mod index;
mod indexed;
mod log;
mod meta;
mod place;
mod progress;
mod recover;
mod remove;
mod rewrite;
mod rewriting;
mod scan;
mod seal;
mod selection;
mod sizes;
mod store;
mod write;

pub(crate) use meta::read as read_meta;
pub(crate) use place::Place;
pub(crate) use seal::Keys;
pub use seal::{Cipher, EncryptionKey};
pub(crate) use store::{create, open};
