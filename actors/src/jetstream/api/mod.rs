//! Requests of the API by their subjects.
//!
//! - [`request`]: a request and its answer. [`mod@dispatch`]: who answers what. - `streams`: what concerns several streams.
//!   `restore`: streams made of copies. `system`: requests of the system account.

pub mod dispatch;
pub mod request;
mod restore;
pub(super) mod streams;
mod system;

pub use dispatch::{API_SUBJECTS, dispatch};
pub use request::ApiRequest;
