//! Subjects that become other subjects.
//!
//! - [`transform`]: one rule from a source pattern to a destination, as mappings, imports and streams use it.
//! - [`function`]: what a token of a destination asks for.
//! - [`mapping`]: the weighted mappings of an account. [`domain`]: those of a JetStream domain.

pub mod domain;
pub mod function;
pub mod mapping;
#[cfg(test)]
mod mapping_test;
pub mod transform;
#[cfg(test)]
mod transform_test;

pub use domain::{DomainMappings, DomainSpellings};
pub use mapping::{Destination, Mapped, Mapping, MappingError, Mappings};
pub use transform::{Transform, TransformError};
