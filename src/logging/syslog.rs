//! Lines as syslog messages.
//!
//! Written here because neither facility, tag, time nor framing of nats-server's messages can be had from the
//! syslog crates: it sends Go's `log/syslog` layout, with facility daemon locally and kernel (zero) remotely.

use std::io::{self, Write as _};
use std::net::{TcpStream, ToSocketAddrs, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;
use std::time::Duration;

use super::clock;
use super::error::LogError;
use super::severity::Severity;
use super::sink::{Batch, Sink};
use super::syslog_address::SyslogAddress;
use crate::text::{called_name, system_error};

/// Sockets a local syslog may listen on.
const LOCAL_PATHS: [&str; 3] = ["/dev/log", "/var/run/syslog", "/var/run/log"];
/// Facility number of daemons, in place.
const FACILITY_DAEMON: u8 = 3 << 3;
/// Facility number nats-server gives to a remote syslog, in place.
const FACILITY_REMOTE: u8 = 0;
/// Longest time to connect, and to write one message.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Sends each line as one message.
pub struct SyslogSink {
    place: Place,
    connection: Option<Connection>,
    tag: String,
    hostname: String,
    message: Vec<u8>,
}

enum Place {
    Local(Vec<String>),
    Remote(SyslogAddress),
}

enum Connection {
    UnixDatagram(UnixDatagram),
    UnixStream(UnixStream),
    Udp(UdpSocket),
    Tcp(TcpStream),
}

impl SyslogSink {
    /// Connects to the local syslog.
    ///
    /// # Errors
    /// None listens.
    pub fn local() -> Result<Self, LogError> {
        Self::connect(Place::Local(LOCAL_PATHS.map(str::to_owned).to_vec()))
    }

    /// Connects to the syslog that listens on one Unix socket, with the messages of a local one.
    ///
    /// # Errors
    /// None listens.
    pub fn local_at(path: &str) -> Result<Self, LogError> {
        Self::connect(Place::Local(vec![path.to_owned()]))
    }

    /// Connects to a remote syslog.
    ///
    /// # Errors
    /// It cannot be reached.
    pub fn remote(address: SyslogAddress) -> Result<Self, LogError> {
        Self::connect(Place::Remote(address))
    }

    fn connect(place: Place) -> Result<Self, LogError> {
        let connection = Some(place.connect().map_err(LogError::SyslogConnect)?);
        let hostname = nix::unistd::gethostname()
            .map_or_else(|_| "localhost".to_owned(), |name| name.to_string_lossy().into_owned());
        Ok(Self { place, connection, tag: called_name(), hostname, message: Vec::new() })
    }

    /// Sends the message, connecting again once if that fails.
    fn send(&mut self) -> io::Result<()> {
        if let Some(connection) = &mut self.connection
            && connection.send(&self.message).is_ok()
        {
            return Ok(());
        }
        let mut connection = self.place.connect().map_err(io::Error::other)?;
        let result = connection.send(&self.message);
        self.connection = Some(connection);
        result
    }

    /// `<priority>time [host ]tag[pid]: text`; the host is told to remote servers only.
    fn format(&mut self, severity: Severity, line: &[u8]) {
        let (tag, pid, number) = (&self.tag, std::process::id(), severity.syslog_number());
        self.message.clear();
        let out = &mut self.message;
        let _ = match &self.place {
            Place::Local(_) => {
                write!(out, "<{}>{} {tag}[{pid}]: ", FACILITY_DAEMON | number, clock::syslog_local())
            }
            Place::Remote(SyslogAddress::Unix(_)) => {
                write!(out, "<{}>{} {tag}[{pid}]: ", FACILITY_REMOTE | number, clock::syslog_local())
            }
            Place::Remote(_) => {
                let (time, host) = (clock::syslog_remote(), &self.hostname);
                write!(out, "<{}>{time} {host} {tag}[{pid}]: ", FACILITY_REMOTE | number)
            }
        };
        out.extend_from_slice(line);
    }
}

impl Sink for SyslogSink {
    fn write(&mut self, batch: &Batch) -> io::Result<()> {
        let mut outcome = Ok(());
        for (severity, line) in batch.lines() {
            self.format(severity, line);
            outcome = outcome.and(self.send());
        }
        outcome
    }
}

impl Place {
    /// The error is Go's text.
    fn connect(&self) -> Result<Connection, String> {
        match self {
            Self::Local(paths) => paths
                .iter()
                .find_map(|path| connect_local(Path::new(path)).ok())
                .ok_or_else(|| "Unix syslog delivery error".to_owned()),
            Self::Remote(address) => connect_remote(address),
        }
    }
}

fn connect_local(path: &Path) -> io::Result<Connection> {
    let datagram = UnixDatagram::unbound()?;
    if datagram.connect(path).is_ok() {
        datagram.set_write_timeout(Some(TIMEOUT))?;
        return Ok(Connection::UnixDatagram(datagram));
    }
    connect_unix_stream(path)
}

fn connect_unix_stream(path: &Path) -> io::Result<Connection> {
    let stream = UnixStream::connect(path)?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    Ok(Connection::UnixStream(stream))
}

fn connect_remote(address: &SyslogAddress) -> Result<Connection, String> {
    let network = address.network();
    match address {
        SyslogAddress::Unix(path) => connect_unix_stream(path)
            .map_err(|error| format!("dial unix {}: connect: {}", path.display(), system_error(&error))),
        SyslogAddress::Udp(host) | SyslogAddress::Tcp(host) => {
            if !has_port(host) {
                return Err(format!("dial {network}: address {host}: missing port in address"));
            }
            let addresses = host
                .to_socket_addrs()
                .map_err(|error| format!("dial {network}: lookup {host}: {}", system_error(&error)))?;
            let mut failure = format!("dial {network}: lookup {host}: no such host");
            for target in addresses {
                match connect_inet(address, target) {
                    Ok(connection) => return Ok(connection),
                    Err(error) => failure = format!("dial {network} {target}: connect: {}", system_error(&error)),
                }
            }
            Err(failure)
        }
    }
}

fn connect_inet(address: &SyslogAddress, target: std::net::SocketAddr) -> io::Result<Connection> {
    if matches!(address, SyslogAddress::Tcp(_)) {
        let stream = TcpStream::connect_timeout(&target, TIMEOUT)?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        stream.set_nodelay(true)?;
        return Ok(Connection::Tcp(stream));
    }
    let any = if target.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any)?;
    socket.connect(target)?;
    Ok(Connection::Udp(socket))
}

fn has_port(host: &str) -> bool {
    host.rsplit_once(':')
        .is_some_and(|(name, port)| !port.contains(']') && (!name.contains(':') || name.ends_with(']')))
}

impl Connection {
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        match self {
            Self::UnixDatagram(socket) => socket.send(message).map(drop),
            Self::Udp(socket) => socket.send(message).map(drop),
            Self::UnixStream(stream) => stream.write_all(message),
            Self::Tcp(stream) => stream.write_all(message),
        }
    }
}

#[cfg(test)]
mod tests;
