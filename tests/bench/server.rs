//! The measured process.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use troupe_tests::Config;
use troupe_tests::process::ServerProcess;

/// Length of one tick of `/proc/PID/stat` on Linux.
const TICK: Duration = Duration::from_millis(10);

/// A running server, stopped when dropped.
#[derive(Debug)]
pub(crate) struct MeasuredServer {
    process: ServerProcess,
}

impl MeasuredServer {
    /// Starts `binary` with a configuration.
    ///
    /// # Panics
    /// Panics with the log when it does not start.
    pub(crate) fn start(binary: &Path, config: &str) -> Self {
        Self { process: ServerProcess::start(binary, &Config::new(config)) }
    }

    /// Address of the client listener.
    pub(crate) fn address(&self) -> SocketAddr {
        self.process.address()
    }

    /// Processor time used so far, user and system.
    ///
    /// # Errors
    /// The process is gone.
    pub(crate) fn cpu(&self) -> io::Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.pid()))?;
        // The name in parentheses may hold anything: fields are counted from behind it.
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        let ticks: u32 = fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u32>().ok()).sum();
        Ok(TICK * ticks)
    }

    /// Resident memory, KiB.
    ///
    /// # Errors
    /// The process is gone.
    pub(crate) fn rss_kib(&self) -> io::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.pid()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
        Ok(line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(f64::NAN))
    }
}
