//! JSON web tokens of operators, accounts and users, as `nsc` makes them.
//!
//! - [`decode()`]: takes a token apart and checks its signature. [`claims`]: what stands in it. `old`: tokens of the first version.

pub mod claims;
pub mod decode;
mod old;

pub use claims::{AccountClaims, ActivationClaims, Claims, OperatorClaims, UserClaims};
pub use decode::{JwtError, claims_json, decode, undecorated};
