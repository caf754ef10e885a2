//! JSON web tokens of operators, accounts and users, as `nsc` makes them.
//!
//! - [`decode()`]: takes a token apart and checks its signature. [`claims`]: what stands in it. `old`: tokens of the first version.
//! - [`answers`]: what services and operators tell the server.
//! - [`request`]: what a service that says who may enter is asked. [`encode`](mod@encode): signs it.

pub mod answers;
pub mod claims;
pub mod decode;
pub mod encode;
pub mod limits;
mod old;
pub mod request;

pub use answers::{DeletionClaims, ExternalClaims, ResponseClaims};
pub use claims::{AccountClaims, ActivationClaims, Claims, OperatorClaims, UserClaims};
pub use decode::{JwtError, claims_json, decode, undecorated};
pub use encode::encode;
pub use request::AuthorizationRequest;
