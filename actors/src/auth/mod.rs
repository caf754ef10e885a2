//! Who may enter: the engine's decisions with bcrypt off the connection threads and a live swap on reload.
//!
//! [`callout`]: services that decide. [`actor`]: takes their answers. [`accounts`]: logins into accounts not known yet.

pub mod accounts;
pub mod actor;
mod authenticator;
pub mod callout;
mod gate;
mod passwords;

pub use accounts::{AccountDesk, Wish};
pub use actor::Callouts;
pub use authenticator::{Answer, Authenticator, PendingLogin};
pub use callout::CalloutDesk;
pub use gate::MonitorGate;
pub use passwords::{MAX_WAITING_COMPARISONS, PasswordComparer, Turn};
