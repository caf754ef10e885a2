//! Accounts and what they let each other have.
//!
//! - [`linker`]: puts exports, imports and mappings in force.

pub mod linker;

pub use linker::{Linked, link};
