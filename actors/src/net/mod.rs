//! Sockets: listeners that hand out connections, and the byte transports that protocol rooms speak over.

pub mod address;
pub mod bind;
pub mod compress;
pub mod http;
pub mod listener;
pub mod machine;
pub mod proxy;
pub mod sniff;
pub mod socket;
pub mod tls;
pub mod transport;

pub use address::RemoteAddress;
pub use bind::{BindError, BoundListener, LocalAddress, bind};
pub use compress::CompressionLevel;
pub use http::{HttpError, HttpFetcher};
pub use listener::{ConnectionFactory, Listener, ListenerSettings, StopListening};
pub use machine::own_addresses;
pub use proxy::{PROXY_TIMEOUT, ProxyPreamble, ProxyReadError, read_proxy_preamble};
pub use sniff::{FirstByte, first_byte};
pub use socket::{AcceptedSocket, PlainSocket};
pub use transport::{ReadHalf, Transport, WriteHalf};

/// Error text without Rust's `(os error N)`, in lower case, as Go prints it.
pub(crate) fn os_text(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}
