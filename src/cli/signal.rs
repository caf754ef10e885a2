//! `--signal`: tells a running server something by its process id.

use std::io;
use std::path::Path;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::PROGRAM_NAME;
use crate::text::{lower_first_of, quoted};

/// What a running server can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignalCommand {
    /// Die at once.
    Stop,
    /// Shut down.
    Quit,
    /// Shut down, unless lame duck mode runs.
    Term,
    /// Open the log file again.
    Reopen,
    /// Read the configuration again.
    Reload,
    /// Enter lame duck mode.
    LameDuck,
}

/// A command and the processes it is for: `reload`, `reload=123`, `reload=/run/server.pid`, `reload=12*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignalRequest {
    command: String,
    target: String,
}

impl SignalRequest {
    /// Splits the flag's value. The command is not judged here: nats-server looks for processes first.
    ///
    /// # Errors
    /// More than one `=`.
    pub fn parse(value: &str) -> Result<Self, String> {
        let parts: Vec<&str> = value.split('=').collect();
        match parts.as_slice() {
            [command] => Ok(Self { command: (*command).to_owned(), target: String::new() }),
            [command, target] => Ok(Self { command: (*command).to_owned(), target: (*target).to_owned() }),
            _ => Err(format!("invalid signal parameters: [{}]", parts[2..].join(" "))),
        }
    }

    /// Sends the signal.
    ///
    /// # Errors
    /// The text for standard error: bad process id, no or several processes, unknown command, not permitted.
    pub fn send(&self) -> Result<(), String> {
        self.send_with(|| running_servers(Path::new("/proc")), |pid, signal| kill(Pid::from_raw(pid), signal))
    }

    fn send_with(
        &self,
        find_servers: impl Fn() -> io::Result<Vec<i32>>,
        mut kill: impl FnMut(i32, Signal) -> nix::Result<()>,
    ) -> Result<(), String> {
        let target = self.target_text();
        let (prefix, is_glob) = match target.strip_suffix('*') {
            Some(prefix) => (prefix, true),
            None => (target.as_str(), false),
        };
        let named = match prefix {
            "" => None,
            text => Some(positive_pid(text).ok_or_else(|| format!("invalid pid: {text}"))?),
        };
        let pids = match named {
            Some(pid) if !is_glob => vec![pid],
            _ => find_servers().map_err(|_| "unable to resolve pid, try providing one".to_owned())?,
        };
        if pids.len() > 1 && !is_glob {
            let list: String = pids.iter().map(|pid| format!("\n{pid}")).collect();
            return Err(format!("multiple {PROGRAM_NAME} processes running:{list}"));
        }
        if pids.is_empty() {
            return Err(format!("no {PROGRAM_NAME} processes running"));
        }
        let signal = SignalCommand::from_name(&self.command)
            .ok_or_else(|| format!("unknown signal {}", quoted(&self.command)))?
            .signal();
        let mut failures = String::new();
        for pid in pids.into_iter().filter(|pid| !is_glob || pid.to_string().starts_with(prefix)) {
            if let Err(errno) = kill(pid, signal) {
                let reason = lower_first_of(errno.desc());
                failures.push_str(&format!("\nsignal {} {pid}: {reason}", quoted(&self.command)));
            }
        }
        if failures.is_empty() { Ok(()) } else { Err(failures) }
    }

    /// The target, or what stands in the pid file it names.
    fn target_text(&self) -> String {
        match std::fs::read_to_string(&self.target) {
            Ok(content) => content.trim().to_owned(),
            Err(_) => self.target.clone(),
        }
    }
}

impl SignalCommand {
    fn from_name(name: &str) -> Option<Self> {
        match name {
            "stop" => Some(Self::Stop),
            "quit" => Some(Self::Quit),
            "term" => Some(Self::Term),
            "reopen" => Some(Self::Reopen),
            "reload" => Some(Self::Reload),
            "ldm" => Some(Self::LameDuck),
            _ => None,
        }
    }

    fn signal(self) -> Signal {
        match self {
            Self::Stop => Signal::SIGKILL,
            Self::Quit => Signal::SIGINT,
            Self::Term => Signal::SIGTERM,
            Self::Reopen => Signal::SIGUSR1,
            Self::Reload => Signal::SIGHUP,
            Self::LameDuck => Signal::SIGUSR2,
        }
    }
}

/// A process id. Zero and negative numbers, which address whole groups of processes, are refused.
fn positive_pid(text: &str) -> Option<i32> {
    text.parse().ok().filter(|pid| *pid > 0)
}

/// Processes that run this program, under whatever name, or any program called `nats-server`; this one not included.
fn running_servers(proc: &Path) -> io::Result<Vec<i32>> {
    let own_pid = i32::try_from(std::process::id()).unwrap_or(0);
    let own_program = std::fs::read_link(proc.join("self/exe")).ok();
    let mut pids = Vec::new();
    for entry in std::fs::read_dir(proc)? {
        let entry = entry?;
        let Some(pid) = entry.file_name().to_str().and_then(positive_pid).filter(|pid| *pid != own_pid) else {
            continue;
        };
        let called = std::fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
        let is_own_program = own_program.is_some() && std::fs::read_link(entry.path().join("exe")).ok() == own_program;
        if called.contains(PROGRAM_NAME) || is_own_program {
            pids.push(pid);
        }
    }
    pids.sort_unstable();
    Ok(pids)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(value: &str, running: &[i32]) -> (Result<(), String>, Vec<(i32, Signal)>) {
        let mut sent = Vec::new();
        let request = SignalRequest::parse(value).expect("splits");
        let result = request.send_with(
            || Ok(running.to_vec()),
            |pid, signal| {
                sent.push((pid, signal));
                if pid == 404 { Err(nix::errno::Errno::ESRCH) } else { Ok(()) }
            },
        );
        (result, sent)
    }

    #[test]
    fn signals_reach_the_processes_meant() {
        type Case = (&'static str, &'static [i32], &'static [(i32, Signal)]);
        let cases: &[Case] = &[
            ("reload", &[7], &[(7, Signal::SIGHUP)]),
            ("reload=", &[7], &[(7, Signal::SIGHUP)]),
            ("ldm=5", &[], &[(5, Signal::SIGUSR2)]),
            ("term=+5", &[], &[(5, Signal::SIGTERM)]),
            ("quit=*", &[7, 8], &[(7, Signal::SIGINT), (8, Signal::SIGINT)]),
            ("reopen=12*", &[12, 120, 99], &[(12, Signal::SIGUSR1), (120, Signal::SIGUSR1)]),
            ("stop=3*", &[12], &[]),
        ];
        for (value, running, expected) in cases {
            let (result, sent) = outcome(value, running);
            assert_eq!((result, sent.as_slice()), (Ok(()), *expected), "{value}");
        }
    }

    #[test]
    fn refusals_have_the_texts_of_nats_server() {
        let cases: &[(&str, &[i32], &str)] = &[
            ("reload", &[], "no nats-server processes running"),
            ("bogus", &[], "no nats-server processes running"),
            ("reload", &[2, 11], "multiple nats-server processes running:\n2\n11"),
            ("bogus=1", &[], "unknown signal \"bogus\""),
            ("=5", &[], "unknown signal \"\""),
            ("RELOAD=5", &[], "unknown signal \"RELOAD\""),
            ("reload=abc", &[], "invalid pid: abc"),
            ("reload=a*b", &[], "invalid pid: a*b"),
            ("reload=99*99*", &[], "invalid pid: 99*99"),
            ("reload=/nonexist", &[], "invalid pid: /nonexist"),
            ("reload=0", &[], "invalid pid: 0"),
            ("reload=-1", &[], "invalid pid: -1"),
            ("reload=404", &[], "\nsignal \"reload\" 404: no such process"),
        ];
        for (value, running, text) in cases {
            assert_eq!(outcome(value, running).0, Err((*text).to_owned()), "{value}");
        }
        assert_eq!(SignalRequest::parse("reload=1=2=3"), Err("invalid signal parameters: [2 3]".to_owned()));
    }

    #[test]
    fn a_pid_file_is_read() {
        let file = tempfile::NamedTempFile::new().expect("temporary file");
        std::fs::write(file.path(), "77\n").expect("written");
        let (result, sent) = outcome(&format!("reload={}", file.path().display()), &[]);
        assert_eq!((result, sent), (Ok(()), vec![(77, Signal::SIGHUP)]));
    }

    #[test]
    fn servers_are_found_by_name_or_by_program() {
        let proc = tempfile::tempdir().expect("temporary directory");
        let process = |pid: &str, comm: &str, program: &str| {
            let dir = proc.path().join(pid);
            std::fs::create_dir(&dir).expect("created");
            std::fs::write(dir.join("comm"), format!("{comm}\n")).expect("written");
            std::os::unix::fs::symlink(program, dir.join("exe")).expect("linked");
        };
        process("self", "test", "/bin/troupe");
        process("30", "my-nats-server", "/opt/other");
        process("4", "renamed", "/bin/troupe");
        process("5", "bash", "/bin/bash");
        process(&std::process::id().to_string(), "nats-server", "/bin/troupe");
        std::fs::write(proc.path().join("uptime"), "1").expect("written");
        assert_eq!(running_servers(proc.path()).expect("readable"), vec![4, 30]);
    }
}
