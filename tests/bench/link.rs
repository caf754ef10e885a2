//! A client connection of the generator: blocking, plain or under TLS.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// How connections are made.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    address: SocketAddr,
    tls: Option<Arc<ClientConfig>>,
    login: String,
}

impl Door {
    /// Plain connections without credentials.
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, tls: None, login: String::new() }
    }

    /// The same with a user and a password.
    pub(crate) fn login(self, user: &str, password: &str) -> Self {
        Self { login: format!(",\"user\":\"{user}\",\"pass\":\"{password}\""), ..self }
    }

    /// The same under TLS, trusting the authority in a PEM file.
    ///
    /// # Errors
    /// The file cannot be used.
    pub(crate) fn tls(self, authority: &Path) -> io::Result<Self> {
        let mut roots = RootCertStore::empty();
        let certificate = CertificateDer::from_pem_file(authority).map_err(io::Error::other)?;
        roots.add(certificate).map_err(io::Error::other)?;
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        Ok(Self { tls: Some(Arc::new(config)), ..self })
    }

    /// Connects, and returns once the server has answered a ping.
    ///
    /// # Errors
    /// The socket's, or `InvalidData` with the server's answer.
    pub(crate) fn open(&self) -> io::Result<Link> {
        let mut socket = TcpStream::connect(self.address)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let mut byte = [0];
        while byte != *b"\n" {
            socket.read_exact(&mut byte)?;
        }
        let control = socket.try_clone()?;
        let wire = match &self.tls {
            None => Wire::Plain(socket),
            Some(config) => {
                let name = ServerName::IpAddress(self.address.ip().into());
                let session = ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
                Wire::Tls(Box::new(StreamOwned::new(session, socket)))
            }
        };
        let mut link = Link { wire, control };
        let login = &self.login;
        let connect = format!("CONNECT {{\"verbose\":false,\"pedantic\":false,\"headers\":true{login}}}\r\n");
        link.write_all(connect.as_bytes())?;
        link.settle()?;
        Ok(link)
    }
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Link {
    wire: Wire,
    control: TcpStream,
}

#[derive(Debug)]
enum Wire {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Link {
    /// Waits until the server has handled everything sent. For connections no message is on its way to.
    ///
    /// # Errors
    /// The socket's, or `InvalidData` with what came instead of `PONG`.
    pub(crate) fn settle(&mut self) -> io::Result<()> {
        self.write_all(b"PING\r\n")?;
        self.flush()?;
        let mut answer = Vec::new();
        let mut buffer = [0; 4096];
        // A ping of the server may stand behind it.
        while !answer.windows(6).any(|part| part == b"PONG\r\n") {
            let count = self.read(&mut buffer)?;
            answer.extend_from_slice(&buffer[..count]);
            if count == 0 || answer.windows(4).any(|part| part == b"-ERR") {
                let text = String::from_utf8_lossy(&answer).into_owned();
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
        }
        Ok(())
    }

    /// A handle that ends the connection from another thread.
    ///
    /// # Errors
    /// The socket's.
    pub(crate) fn closer(&self) -> io::Result<Closer> {
        Ok(Closer(self.control.try_clone()?))
    }
}

impl Read for Link {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.wire {
            Wire::Plain(socket) => socket.read(buffer),
            Wire::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Link {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.wire {
            Wire::Plain(socket) => socket.write(bytes),
            Wire::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.wire {
            Wire::Plain(socket) => socket.flush(),
            Wire::Tls(stream) => stream.flush(),
        }
    }
}

/// Ends a connection when dropped: whoever reads or writes it stops.
#[derive(Debug)]
pub(crate) struct Closer(TcpStream);

impl Drop for Closer {
    fn drop(&mut self) {
        // Fails only where the server has closed it already.
        self.0.shutdown(Shutdown::Both).ok();
    }
}
