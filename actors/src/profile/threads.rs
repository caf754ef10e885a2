//! The threads of the process.

use std::io;
use std::path::Path;
use std::time::Duration;

const TASKS: &str = "/proc/self/task";
/// Clock ticks of the kernel in a second, in what it tells of processes: the same on all of Linux.
const TICKS: u64 = 100;

/// A thread of this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thread {
    /// Its number.
    pub id: i32,
    /// Its name, as far as the kernel keeps it.
    pub name: String,
    /// Time it has spent in the code of the process.
    pub in_user: Duration,
    /// Time it has spent in the kernel.
    pub in_kernel: Duration,
}

/// Numbers of the threads that there are.
///
/// # Errors
/// The system does not tell.
pub fn ids() -> io::Result<Vec<i32>> {
    let entries = std::fs::read_dir(TASKS)?;
    Ok(entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect())
}

/// The threads that there are.
///
/// # Errors
/// The system does not tell.
pub fn all() -> io::Result<Vec<Thread>> {
    let read = |id| parse(id, &std::fs::read_to_string(Path::new(TASKS).join(id.to_string()).join("stat")).ok()?);
    Ok(ids()?.into_iter().filter_map(read).collect())
}

/// Reads what the kernel tells of a thread: `id (name) state ...`, where the name may contain anything.
fn parse(id: i32, stat: &str) -> Option<Thread> {
    let (head, rest) = stat.rsplit_once(") ")?;
    let (_, name) = head.split_once(" (")?;
    let mut fields = rest.split(' ').skip(11);
    let mut time = || fields.next()?.parse().ok().map(|ticks: u64| Duration::from_millis(ticks * 1000 / TICKS));
    Some(Thread { id, name: name.to_owned(), in_user: time()?, in_kernel: time()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_times() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194304 1 0 0 0 250 13 0 0 20 0 1 0";
        let read = parse(7, stat).expect("a line of the kernel");
        assert_eq!((read.name.as_str(), read.in_user.as_millis(), read.in_kernel.as_millis()), ("a) b (c", 2500, 130));
        assert_eq!(parse(7, "7 (a) S 1"), None);
        assert_eq!(parse(7, ""), None);
    }

    #[test]
    fn there_is_at_least_one() {
        assert!(all().expect("read").iter().any(|thread| !thread.name.is_empty()));
    }
}
