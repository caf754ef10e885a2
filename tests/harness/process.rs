//! A server binary running as a child process, as users run it.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::config::Config;
use crate::wait::{PATIENCE, patiently};

/// The environment variable that names the binary under test.
pub const BINARY_VARIABLE: &str = "TROUPE_BIN";

/// Returns the path of the binary under test: `TROUPE_BIN`, else the `troupe` beside the running test's target directory.
///
/// # Panics
/// Panics with what to do when there is no such file.
pub fn troupe_binary() -> PathBuf {
    let path = match std::env::var_os(BINARY_VARIABLE).filter(|value| !value.is_empty()) {
        Some(value) => PathBuf::from(value),
        None => beside_this_test(),
    };
    assert!(
        path.is_file(),
        "there is no server binary at {}: run `cargo build` first, or set {BINARY_VARIABLE}",
        path.display()
    );
    path
}

fn beside_this_test() -> PathBuf {
    let exe = std::env::current_exe().expect("the running test has a path");
    let dir = exe.parent().expect("a program is in a directory");
    // Tests live in TARGET/PROFILE/deps, programs beside the server.
    let profile_dir = if dir.ends_with("deps") { dir.parent().unwrap_or(dir) } else { dir };
    profile_dir.join("troupe")
}

/// A child process with its configuration file, its captured log and its client address. Killed when dropped.
#[derive(Debug)]
pub struct ServerProcess {
    child: Child,
    log: Arc<Log>,
    address: Option<SocketAddr>,
    binary: PathBuf,
    dir: tempfile::TempDir,
}

#[derive(Debug, Default)]
struct Log {
    state: Mutex<LogState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct LogState {
    lines: Vec<String>,
    ended: bool,
}

impl ServerProcess {
    /// Starts `binary` and waits until it says `Server is ready`.
    ///
    /// # Panics
    /// Panics with the log when it exits first or does not become ready in time.
    pub fn start(binary: &Path, config: &Config) -> Self {
        let mut process = Self::spawn(binary, config);
        process.wait_log("Server is ready");
        process.address = Some(process.wait_address("Listening for client connections on "));
        process
    }

    /// Starts `binary` without waiting for anything, for tests of start-up failures.
    pub fn spawn(binary: &Path, config: &Config) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        write_config(dir.path(), config);
        let mut command = match config.runner() {
            [] => Command::new(binary),
            [runner, words @ ..] => {
                let mut command = Command::new(runner);
                command.args(words).arg(binary);
                command
            }
        };
        let mut child = command
            .arg("-c")
            .arg(config_path(dir.path()))
            .args(config.args())
            .envs(config.variables())
            .current_dir(dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", binary.display()));
        let log = Arc::new(Log::default());
        let stderr = child.stderr.take().expect("stderr is piped");
        let writer = Arc::clone(&log);
        std::thread::spawn(move || writer.collect(BufReader::new(stderr)));
        Self { child, log, address: None, binary: binary.to_owned(), dir }
    }

    /// Returns the address of the client listener.
    ///
    /// # Panics
    /// Panics when the process was only spawned, not started.
    pub fn address(&self) -> SocketAddr {
        self.address.expect("the server was started and told its client address")
    }

    /// Returns the path of the running binary.
    pub fn binary(&self) -> &Path {
        &self.binary
    }

    /// Returns the temporary directory the server runs in; it holds the configuration file.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Returns the process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns every log line so far.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().lines.clone()
    }

    /// Waits for a log line that contains `text` and returns it.
    ///
    /// # Panics
    /// Panics with the whole log when the process ends or the time is over first.
    pub fn wait_log(&self, text: &str) -> String {
        self.wait_log_count(text, 1)
    }

    /// Waits until `count` log lines contain `text` and returns the last of them.
    ///
    /// # Panics
    /// As [`ServerProcess::wait_log`].
    pub fn wait_log_count(&self, text: &str, count: usize) -> String {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.log.lock();
        loop {
            if let Some(line) = state.lines.iter().filter(|line| line.contains(text)).nth(count - 1) {
                return line.clone();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !state.ended && !left.is_zero(),
                "{} never logged {text:?} ({count}x){}; its log:\n{}",
                self.binary.display(),
                if state.ended { " and has exited" } else { "" },
                state.lines.join("\n")
            );
            state = self.log.changed.wait_timeout(state, left).expect("no panic while logging").0;
        }
    }

    /// Waits for a log line that contains `text` and returns the address at its end.
    ///
    /// # Panics
    /// As [`ServerProcess::wait_log`], and when the line ends with something else.
    pub fn wait_address(&self, text: &str) -> SocketAddr {
        let line = self.wait_log(text);
        let address = line.rsplit(' ').next().unwrap_or_default();
        address.parse().unwrap_or_else(|error| panic!("no address in {line:?}: {error}"))
    }

    /// Replaces the configuration file, keeping the client port that is in use, and has the server read it again; returns
    /// when it says so.
    ///
    /// # Panics
    /// As [`ServerProcess::wait_log`] when the server does not log the reload.
    pub fn reload(&self, config: &Config) {
        const DONE: &str = "Reloaded server configuration";
        let before = self.log().iter().filter(|line| line.contains(DONE)).count();
        write_config(self.dir.path(), &config.clone().port(self.address().port()));
        self.signal(Signal::SIGHUP);
        self.wait_log_count(DONE, before + 1);
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("process ids fit"));
        kill(pid, signal).expect("the server process exists");
    }

    /// Waits until the process has exited and returns its status.
    ///
    /// # Panics
    /// Panics with the whole log when it does not exit in time.
    pub fn wait_exit(&mut self) -> ExitStatus {
        let child = &mut self.child;
        let status = patiently(|| child.try_wait().expect("the child can be waited for"));
        status.unwrap_or_else(|| panic!("the server does not end; its log:\n{}", self.log().join("\n")))
    }

    /// Stops the server with `SIGTERM` and waits for it.
    ///
    /// # Panics
    /// As [`ServerProcess::wait_exit`].
    pub fn stop(mut self) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        self.wait_exit()
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Log {
    fn lock(&self) -> std::sync::MutexGuard<'_, LogState> {
        self.state.lock().expect("no panic while logging")
    }

    fn collect(&self, mut stderr: impl BufRead) {
        let mut line = Vec::new();
        while stderr.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            self.lock().lines.push(text);
            self.changed.notify_all();
            line.clear();
        }
        self.lock().ended = true;
        self.changed.notify_all();
    }
}

fn config_path(dir: &Path) -> PathBuf {
    dir.join("server.conf")
}

fn write_config(dir: &Path, config: &Config) {
    let mut file = std::fs::File::create(config_path(dir)).expect("the configuration file can be written");
    file.write_all(config.text().as_bytes()).expect("the configuration file can be written");
}
