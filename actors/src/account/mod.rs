//! Accounts and what they let each other have.
//!
//! - [`linker`]: puts exports, imports and mappings in force. [`importers`]: who takes what from whom.

pub mod importers;
pub mod linker;

pub use linker::{Linked, Linker};
