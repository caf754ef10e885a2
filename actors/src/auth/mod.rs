//! Who may enter: the engine's decisions with bcrypt off the connection threads and a live swap on reload.

mod authenticator;
mod gate;
mod passwords;

pub use authenticator::{Answer, Authenticator, PendingLogin};
pub use gate::MonitorGate;
pub use passwords::{MAX_WAITING_COMPARISONS, PasswordComparer, Turn};
