//! `/debug/vars` and `/stacksz`: the process as the system sees it.

use std::fmt::Write as _;
use std::time::Instant;

use serde::Serialize;

use super::Reporter;

/// Variables of the process, in the form of Go's `expvar`.
#[derive(Clone, Debug, Serialize)]
pub struct Variables {
    /// Name of the binary and its arguments.
    pub cmdline: Vec<String>,
    /// Memory.
    pub memstats: MemoryVariables,
}

/// Memory in bytes, under the names Go has for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct MemoryVariables {
    /// Resident.
    pub alloc: u64,
    /// Mapped.
    pub sys: u64,
    /// Resident.
    pub heap_alloc: u64,
    /// Mapped.
    pub heap_sys: u64,
    /// Resident.
    pub heap_inuse: u64,
}

impl Reporter {
    /// Arguments and memory of the process.
    #[must_use]
    pub fn variables(&self) -> Variables {
        let resident = self.usage.read(Instant::now()).memory;
        let mapped = super::usage::mapped_memory().unwrap_or(resident);
        Variables {
            cmdline: std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect(),
            memstats: MemoryVariables {
                alloc: resident,
                sys: mapped,
                heap_alloc: resident,
                heap_sys: mapped,
                heap_inuse: resident,
            },
        }
    }

    /// Threads of the process and supervised actors, one line each: what stands for a dump of goroutines.
    #[must_use]
    pub fn stacks(&self) -> String {
        let mut text = String::new();
        for thread in threads() {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "thread {} [{}]: {}", thread.id, thread.state, thread.name);
        }
        for actor in self.actorz().actors {
            let name = actor.id.map_or_else(|| actor.kind.to_owned(), |id| format!("{}:{id}", actor.kind));
            let (state, epoch, progress) = (actor.state, actor.epoch, actor.progress);
            let _ = writeln!(text, "actor {name} [{state}]: instance {epoch}, progress {progress}");
        }
        text
    }
}

struct Thread {
    id: u32,
    name: String,
    state: String,
}

/// The threads as the kernel lists them; none where it does not.
fn threads() -> Vec<Thread> {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return Vec::new() };
    let mut threads: Vec<Thread> = tasks
        .filter_map(|task| {
            let status = std::fs::read_to_string(task.ok()?.path().join("status")).ok()?;
            let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
            let state = field("State:")?.split_once(['(', ')']).map_or("", |(_, word)| word).trim_end_matches(')');
            Some(Thread { id: field("Pid:")?.parse().ok()?, name: field("Name:")?.to_owned(), state: state.to_owned() })
        })
        .collect();
    threads.sort_by_key(|thread| thread.id);
    threads
}
