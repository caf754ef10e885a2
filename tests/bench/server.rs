//! The measured process.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use troupe_tests::Config;
use troupe_tests::process::ServerProcess;

/// Length of one tick of `/proc/PID/stat` on Linux.
const TICK: Duration = Duration::from_millis(10);

/// A running server, stopped when dropped.
#[derive(Debug)]
pub(crate) struct MeasuredServer {
    process: ServerProcess,
    /// Another server that works on the same load: what both use is added up.
    other: Option<Box<MeasuredServer>>,
}

impl MeasuredServer {
    /// Starts `binary` with a configuration.
    ///
    /// # Panics
    /// Panics with the log when it does not start.
    pub(crate) fn start(binary: &Path, config: &str) -> Self {
        Self { process: ServerProcess::start(binary, &Config::new(config)), other: None }
    }

    /// Adds up what this server and another one use.
    pub(crate) fn beside(self, other: Self) -> Self {
        Self { other: Some(Box::new(other)), ..self }
    }

    /// Address of the route listener.
    ///
    /// # Panics
    /// Panics with the log when there is none.
    pub(crate) fn route(&self) -> SocketAddr {
        self.log_address("Listening for route connections on ")
    }

    /// The address that stands behind `text` in the log.
    ///
    /// # Panics
    /// Panics with the log when there is none.
    pub(crate) fn log_address(&self, text: &str) -> SocketAddr {
        self.process.wait_address(text)
    }

    /// Time since a log line with `text` was written, in a log that has the time of Greenwich.
    ///
    /// # Errors
    /// The line does not begin as it should.
    ///
    /// # Panics
    /// Panics with the log when there is no such line.
    pub(crate) fn since_logged(&self, text: &str) -> io::Result<Duration> {
        const DAY: f64 = 86_400.0;
        let line = self.process.wait_log(text);
        let clock: Vec<f64> = line.split(' ').nth(2).unwrap_or_default().split(':').flat_map(str::parse).collect();
        let [hours, minutes, seconds] = clock[..] else { return Err(io::Error::other(line)) };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(io::Error::other)?.as_secs_f64() % DAY;
        Ok(Duration::from_secs_f64((now - hours * 3600.0 - minutes * 60.0 - seconds).rem_euclid(DAY)))
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
        let others = self.other.as_ref().map_or(Ok(Duration::ZERO), |other| other.cpu())?;
        Ok(TICK * ticks + others)
    }

    /// Resident memory, KiB.
    ///
    /// # Errors
    /// The process is gone.
    pub(crate) fn rss_kib(&self) -> io::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.pid()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
        let own: f64 = line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(f64::NAN);
        Ok(own + self.other.as_ref().map_or(Ok(0.0), |other| other.rss_kib())?)
    }
}
