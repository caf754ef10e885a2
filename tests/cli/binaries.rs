//! Runs the server and the reference server to their end.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// What a finished process left.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs the server with the arguments, in a directory.
pub(crate) fn troupe(directory: &Path, arguments: &[&str]) -> Outcome {
    run(&troupe_path(), directory, arguments)
}

/// Runs the reference server, if there is one.
pub(crate) fn reference(directory: &Path, arguments: &[&str]) -> Option<Outcome> {
    let path = std::env::var_os("NATS_SERVER_REF").filter(|path| !path.is_empty())?;
    Some(run(Path::new(&path), directory, arguments))
}

/// Any directory, for cases that read no file.
pub(crate) fn anywhere() -> PathBuf {
    std::env::temp_dir()
}

fn troupe_path() -> PathBuf {
    if let Some(path) = std::env::var_os("TROUPE_BIN") {
        return path.into();
    }
    let test = std::env::current_exe().expect("the test knows its own path");
    let path = test.ancestors().nth(2).expect("tests are built two levels deep").join("troupe");
    assert!(path.exists(), "{} is missing: run `cargo build` first, or set TROUPE_BIN", path.display());
    path
}

/// A process that does not end by itself was taken for a server and started to listen.
const LONGEST_RUN: Duration = Duration::from_secs(20);

fn run(program: &Path, directory: &Path, arguments: &[&str]) -> Outcome {
    let child = Command::new(program)
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a process id"));
    let (ended, has_ended) = mpsc::channel();
    let watchdog = std::thread::spawn(move || {
        let is_late = has_ended.recv_timeout(LONGEST_RUN).is_err();
        if is_late {
            // It may end at this very moment.
            let _ = kill(pid, Signal::SIGKILL);
        }
        is_late
    });
    let output = child.wait_with_output().expect("the process ends");
    // The watchdog may have given up waiting.
    let _ = ended.send(());
    assert!(!watchdog.join().expect("the watchdog ends"), "{} {arguments:?} did not end", program.display());
    Outcome {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("text"),
        stderr: String::from_utf8(output.stderr).expect("text"),
    }
}
