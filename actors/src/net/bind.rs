//! Binding of listening sockets.

use std::fs;
use std::io;
use std::net::{Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use socket2::{Domain, SockAddr, Socket, Type};
use thiserror::Error;
use troupe_engine::options::ListenAddress;

use super::os_text;

/// Connections the kernel may hold before they are accepted; it lowers this to its own limit (`somaxconn`).
const BACKLOG: i32 = 65_535;
/// Whoever may enter the directory may connect; who may do what is decided by authentication, as on TCP.
const UNIX_SOCKET_MODE: u32 = 0o777;

/// A socket that cannot be listened on. The texts are those of nats-server (Go's `net` package).
#[derive(Debug, Error)]
pub enum BindError {
    /// The host name does not resolve.
    #[error("listen tcp: lookup {host}: {source}")]
    Lookup {
        /// Configured host.
        host: String,
        /// Cause.
        source: io::Error,
    },
    /// The system refused a step of setting up the socket.
    #[error("listen {network} {address}: {step}: {}", os_text(.source))]
    Socket {
        /// `tcp` or `unix`.
        network: &'static str,
        /// Address as configured.
        address: String,
        /// System call that failed.
        step: &'static str,
        /// Cause.
        source: io::Error,
    },
}

/// A bound, listening socket. Clones share it; [`BoundListener::close`] ends it for all of them, and the file of a Unix
/// socket is removed then or when the last clone is dropped. The supervisor keeps a clone, so a restarted
/// listener goes on with the same socket and the same backlog.
#[derive(Clone, Debug)]
pub struct BoundListener {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    socket: Mutex<Option<Socket>>,
    local: LocalAddress,
}

/// Where a [`BoundListener`] listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LocalAddress {
    /// TCP address with the real port.
    Tcp(SocketAddr),
    /// Path of a Unix domain socket.
    Unix(PathBuf),
}

/// Binds and listens.
///
/// TCP: port 0 takes a free one. An unspecified host (`0.0.0.0` or `::`) takes IPv4 and IPv6, as Go does. Unix: a
/// left-over socket file is removed when nobody answers on it.
///
/// # Errors
/// The host does not resolve, or the system refuses the address.
pub fn bind(address: &ListenAddress) -> Result<BoundListener, BindError> {
    match address {
        ListenAddress::Tcp(host, port) => bind_tcp(host, *port),
        ListenAddress::Unix(path) => bind_unix(path),
    }
}

impl BoundListener {
    /// Where it listens.
    #[must_use]
    pub fn local(&self) -> &LocalAddress {
        &self.inner.local
    }

    /// Port of a TCP listener.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        match &self.inner.local {
            LocalAddress::Tcp(address) => Some(address.port()),
            LocalAddress::Unix(_) => None,
        }
    }

    /// Whether [`Self::close`] was called on any clone.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.inner.socket.lock().is_none()
    }

    /// Stops listening: new connections are refused, whoever still holds a clone.
    pub fn close(&self) {
        self.inner.close();
    }

    /// Another descriptor of a TCP listener, for a server that accepts by itself; `None` when closed.
    ///
    /// # Errors
    /// The system has no descriptor left.
    pub fn tcp_listener(&self) -> io::Result<Option<std::net::TcpListener>> {
        self.descriptor().map(|socket| socket.map(Into::into))
    }

    /// Another descriptor of the same socket; `None` when closed.
    pub(super) fn descriptor(&self) -> io::Result<Option<Socket>> {
        self.inner.socket.lock().as_ref().map(Socket::try_clone).transpose()
    }
}

impl Inner {
    fn close(&self) {
        let Some(socket) = self.socket.lock().take() else { return };
        // Duplicates keep the socket alive; shutting it down is what ends it for them too. It fails only where the
        // system does not know that (not Linux), and there dropping the descriptors does it.
        socket.shutdown(std::net::Shutdown::Both).ok();
        if let LocalAddress::Unix(path) = &self.local {
            fs::remove_file(path).ok();
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

fn bind_tcp(host: &str, port: u16) -> Result<BoundListener, BindError> {
    let address = resolve(host, port)?;
    let shown = || match host.contains(':') {
        true => format!("[{host}]:{port}"),
        false => format!("{host}:{port}"),
    };
    let dual_stack = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    let bound = match address.ip().is_unspecified() {
        // A machine without IPv6 has only the address that was asked for.
        true => listen_tcp(dual_stack, true).or_else(|(step, error)| match error.raw_os_error() {
            Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL) => listen_tcp(address, false),
            _ => Err((step, error)),
        }),
        false => listen_tcp(address, false),
    };
    let (socket, local) =
        bound.map_err(|(step, source)| BindError::Socket { network: "tcp", address: shown(), step, source })?;
    Ok(BoundListener::new(socket, LocalAddress::Tcp(local)))
}

fn listen_tcp(address: SocketAddr, dual_stack: bool) -> Result<(Socket, SocketAddr), (&'static str, io::Error)> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).map_err(|e| ("socket", e))?;
    if dual_stack {
        socket.set_only_v6(false).map_err(|e| ("setsockopt", e))?;
    }
    socket.set_reuse_address(true).map_err(|e| ("setsockopt", e))?;
    socket.set_nonblocking(true).map_err(|e| ("setnonblock", e))?;
    socket.bind(&address.into()).map_err(|e| ("bind", e))?;
    socket.listen(BACKLOG).map_err(|e| ("listen", e))?;
    let local = socket.local_addr().map_err(|e| ("getsockname", e))?;
    Ok((socket, local.as_socket().unwrap_or(address)))
}

/// First IPv4 address of the host, else its first address, as Go chooses.
fn resolve(host: &str, port: u16) -> Result<SocketAddr, BindError> {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let error = |source| BindError::Lookup { host: host.to_owned(), source };
    let found: Vec<SocketAddr> = (host, port).to_socket_addrs().map_err(error)?.collect();
    let first = found.iter().find(|a| a.is_ipv4()).or(found.first()).copied();
    first.ok_or_else(|| error(io::Error::new(io::ErrorKind::NotFound, "no such host")))
}

fn bind_unix(path: &Path) -> Result<BoundListener, BindError> {
    let error = |step, source| BindError::Socket { network: "unix", address: path.display().to_string(), step, source };
    remove_stale(path).map_err(|e| error("bind", e))?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None).map_err(|e| error("socket", e))?;
    socket.set_nonblocking(true).map_err(|e| error("setnonblock", e))?;
    let address = SockAddr::unix(path).map_err(|e| error("bind", e))?;
    socket.bind(&address).map_err(|e| error("bind", e))?;
    // From here the file is ours: dropping the listener removes it.
    let listener = BoundListener::new(socket, LocalAddress::Unix(path.to_owned()));
    fs::set_permissions(path, fs::Permissions::from_mode(UNIX_SOCKET_MODE)).map_err(|e| error("chmod", e))?;
    let listening = listener.inner.socket.lock().as_ref().map_or(Ok(()), |s| s.listen(BACKLOG));
    listening.map_err(|e| error("listen", e))?;
    Ok(listener)
}

/// Removes a socket file that nobody listens on; any other file is left, and `bind` will complain.
fn remove_stale(path: &Path) -> io::Result<()> {
    let Ok(metadata) = fs::symlink_metadata(path) else { return Ok(()) };
    if !metadata.file_type().is_socket() {
        return Ok(());
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        _ => Ok(()),
    }
}

impl BoundListener {
    fn new(socket: Socket, local: LocalAddress) -> Self {
        Self { inner: Arc::new(Inner { socket: Mutex::new(Some(socket)), local }) }
    }
}
