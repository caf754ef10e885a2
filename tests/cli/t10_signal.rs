//! `--signal`. Only processes of the test itself are addressed.

use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command};

use troupe_tests::wait::eventually;

use crate::binaries::{Outcome, anywhere, reference, troupe};

/// Ends the process when the test ends, however it ends.
struct Target(Child);

impl Target {
    /// A process that any signal ends, also where the test itself was started with signals ignored, as `nohup` does. Nobody
    /// waits for it for long: without a signal it ends by itself.
    fn start() -> Self {
        let child = Command::new("env").args(["--default-signal", "sleep", "30"]).spawn().expect("sleep starts");
        let name = format!("/proc/{}/comm", child.id());
        eventually("the process has its signals", || {
            std::fs::read_to_string(&name).is_ok_and(|name| name.trim() == "sleep").then_some(())
        });
        Self(child)
    }

    fn argument(&self, command: &str) -> String {
        format!("{command}={}", self.0.id())
    }

    fn wait_for_signal(mut self) -> Option<i32> {
        self.0.wait().expect("ends").signal()
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn silent_success() -> Outcome {
    Outcome { code: Some(0), stdout: String::new(), stderr: String::new() }
}

#[test]
fn each_command_is_its_signal() {
    let cases = [("stop", 9), ("quit", 2), ("term", 15), ("reopen", 10), ("reload", 1), ("ldm", 12)];
    for (command, number) in cases {
        let target = Target::start();
        assert_eq!(troupe(&anywhere(), &["-sl", &target.argument(command)]), silent_success(), "{command}");
        assert_eq!(target.wait_for_signal(), Some(number), "{command}");

        let target = Target::start();
        if let Some(outcome) = reference(&anywhere(), &["-sl", &target.argument(command)]) {
            assert_eq!(outcome, silent_success(), "{command}");
            assert_eq!(target.wait_for_signal(), Some(number), "{command}");
        }
    }
}

#[test]
fn the_process_may_be_named_by_its_pid_file() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let target = Target::start();
    std::fs::write(directory.path().join("a.pid"), target.0.id().to_string()).expect("written");
    assert_eq!(troupe(directory.path(), &["--signal=term=a.pid"]), silent_success());
    assert_eq!(target.wait_for_signal(), Some(15));
}

#[test]
fn refusals_are_told_alike() {
    let target = Target::start();
    let ended = {
        let mut child = Command::new("true").spawn().expect("starts");
        child.wait().expect("ends");
        child.id()
    };
    let cases = [
        (target.argument("bogus"), "unknown signal \"bogus\"".to_owned()),
        (target.argument(""), "unknown signal \"\"".to_owned()),
        (target.argument("RELOAD"), "unknown signal \"RELOAD\"".to_owned()),
        ("reload=abc".to_owned(), "invalid pid: abc".to_owned()),
        ("reload=/nonexist".to_owned(), "invalid pid: /nonexist".to_owned()),
        ("reload=a*b".to_owned(), "invalid pid: a*b".to_owned()),
        ("reload=1=2".to_owned(), "invalid signal parameters: [2]".to_owned()),
        (format!("reload={ended}"), format!("\nsignal \"reload\" {ended}: no such process")),
    ];
    for (argument, text) in &cases {
        let expected = Outcome { code: Some(1), stdout: String::new(), stderr: format!("nats-server: {text}\n") };
        assert_eq!(troupe(&anywhere(), &["-sl", argument]), expected, "{argument}");
        if let Some(outcome) = reference(&anywhere(), &["-sl", argument]) {
            assert_eq!(outcome, expected, "{argument}");
        }
    }
}

#[test]
fn groups_of_processes_are_not_addressed() {
    for argument in ["stop=0", "stop=-1", "stop=-5"] {
        let outcome = troupe(&anywhere(), &["-sl", argument]);
        let pid = argument.split_once('=').expect("both parts").1;
        assert_eq!((outcome.code, outcome.stderr), (Some(1), format!("nats-server: invalid pid: {pid}\n")));
    }
}
