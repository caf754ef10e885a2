//! Sockets: listeners that hand out connections, and the byte transports that protocol rooms speak over.

pub mod address;
pub mod bind;
pub mod listener;
pub mod transport;

pub use address::RemoteAddress;
pub use bind::{BindError, BoundListener, LocalAddress, bind};
pub use listener::{ConnectionFactory, Listener, ListenerSettings, StopListening};
pub use transport::{AcceptedSocket, PlainSocket, ReadHalf, Transport, WriteHalf};
