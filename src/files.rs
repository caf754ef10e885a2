//! Files that tell other programs about the running server: process id, ports.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use thiserror::Error;
use troupe_actors::net::own_addresses;

use crate::text::{called_name, system_error};

/// Permissions of a new pid file.
const PID_FILE_MODE: u32 = 0o600;

/// Why a file could not be written or removed. The texts are nats-server's.
#[derive(Debug, Error)]
pub enum FileError {
    /// The pid file; nats-server does not start without it.
    #[error("Could not write pidfile: open {}: {}", path.display(), system_error(source))]
    WritePid {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The ports file; the server runs without it.
    #[error("Error writing ports file ({0}): open {0}: {reason}", path.display(), reason = system_error(source))]
    WritePorts {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The ports file at exit.
    #[error("Error cleaning up ports file {0}: remove {0}: {reason}", path.display(), reason = system_error(source))]
    RemovePorts {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Writes the process id, without a line feed. The file stays when the process ends.
///
/// # Errors
/// The file cannot be written.
pub fn write_pid_file(path: &Path) -> Result<(), FileError> {
    let open = OpenOptions::new().write(true).create(true).truncate(true).mode(PID_FILE_MODE).open(path);
    open.and_then(|mut file| write!(file, "{}", std::process::id()))
        .map_err(|source| FileError::WritePid { path: path.to_owned(), source })
}

/// URLs of all listeners, by kind. Kinds without a listener do not appear.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Ports {
    /// Clients.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nats: Vec<String>,
    /// HTTP monitor.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub monitoring: Vec<String>,
    /// Routes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cluster: Vec<String>,
    /// Profiler.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub profile: Vec<String>,
    /// WebSocket clients.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub websocket: Vec<String>,
    /// Leaf nodes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub leafnodes: Vec<String>,
}

/// The ports file: `<name the binary was called by>_<pid>.ports`.
#[derive(Debug)]
pub struct PortsFile {
    path: PathBuf,
}

impl PortsFile {
    /// Name of this process's ports file in a directory.
    #[must_use]
    pub fn path_in(directory: &Path) -> PathBuf {
        directory.join(format!("{}_{}.ports", called_name(), std::process::id()))
    }

    /// Writes the file. It appears under its name when it is complete.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(directory: &Path, ports: &Ports) -> Result<Self, FileError> {
        let path = Self::path_in(directory);
        let partial = path.with_extension("ports.partial");
        let result = serde_json::to_vec(ports)
            .map_err(io::Error::other)
            .and_then(|json| fs::write(&partial, json))
            .and_then(|()| fs::rename(&partial, &path));
        match result {
            Ok(()) => Ok(Self { path }),
            Err(source) => {
                // Best effort: there may be nothing to remove.
                let _ = fs::remove_file(&partial);
                Err(FileError::WritePorts { path, source })
            }
        }
    }

    /// Removes the file.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn remove(self) -> Result<(), FileError> {
        fs::remove_file(&self.path).map_err(|source| FileError::RemovePorts { path: self.path, source })
    }
}

/// URLs under which a listener can be reached: one, or one per address of the machine if it listens on all.
#[must_use]
pub fn listener_urls(scheme: &str, address: SocketAddr) -> Vec<String> {
    let url = |ip: IpAddr| format!("{scheme}://{}", SocketAddr::new(ip, address.port()));
    if !address.ip().is_unspecified() {
        return vec![url(address.ip())];
    }
    let own = own_addresses().into_iter().filter(|ip| address.is_ipv6() || ip.is_ipv4());
    let urls: Vec<String> = own.map(url).collect();
    if urls.is_empty() { vec![url(address.ip())] } else { urls }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pid_file_holds_the_bare_number_and_only_the_owner_may_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().expect("temporary directory");
        let path = directory.path().join("pid");
        fs::write(&path, "longer than any number").expect("written");
        fs::remove_file(&path).expect("removed");
        write_pid_file(&path).expect("written");
        write_pid_file(&path).expect("written again");
        assert_eq!(fs::read_to_string(&path).expect("readable"), std::process::id().to_string());
        assert_eq!(fs::metadata(&path).expect("exists").permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn refused_files_are_told_as_nats_server_does() {
        let error = write_pid_file(Path::new("/nonexist/x.pid")).expect_err("refused");
        assert_eq!(error.to_string(), "Could not write pidfile: open /nonexist/x.pid: no such file or directory");
        let path = PortsFile::path_in(Path::new("/nonexist")).display().to_string();
        let error = PortsFile::write(Path::new("/nonexist"), &Ports::default()).expect_err("refused");
        let expected = format!("Error writing ports file ({path}): open {path}: no such file or directory");
        assert_eq!(error.to_string(), expected);
        let error = PortsFile { path: path.clone().into() }.remove().expect_err("refused");
        let expected = format!("Error cleaning up ports file {path}: remove {path}: no such file or directory");
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn the_ports_file_lists_listeners_and_goes_away() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let ports = Ports {
            nats: vec!["nats://127.0.0.1:1".into()],
            websocket: vec!["ws://127.0.0.1:2".into()],
            ..Ports::default()
        };
        let file = PortsFile::write(directory.path(), &ports).expect("written");
        let path = PortsFile::path_in(directory.path());
        let name = format!("{}_{}.ports", called_name(), std::process::id());
        assert_eq!(path.file_name().expect("name").to_string_lossy(), name);
        let text = fs::read_to_string(&path).expect("readable");
        assert_eq!(text, r#"{"nats":["nats://127.0.0.1:1"],"websocket":["ws://127.0.0.1:2"]}"#);
        assert_eq!(fs::read_dir(directory.path()).expect("readable").count(), 1);
        file.remove().expect("removed");
        assert_eq!(fs::read_dir(directory.path()).expect("readable").count(), 0);
    }

    #[test]
    fn a_listener_on_all_addresses_is_listed_under_each() {
        let one = listener_urls("nats", "127.0.0.1:4222".parse().expect("address"));
        assert_eq!(one, ["nats://127.0.0.1:4222"]);
        let all = listener_urls("tls", "0.0.0.0:4222".parse().expect("address"));
        assert!(all.contains(&"tls://127.0.0.1:4222".to_owned()), "{all:?}");
        assert!(all.iter().all(|url| !url.contains("0.0.0.0") && !url.contains('[')), "{all:?}");
    }
}
