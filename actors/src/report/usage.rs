//! Memory and processor time of the process.

use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use parking_lot::Mutex;

/// Shortest time over which processor use is measured.
const SPAN: Duration = Duration::from_secs(1);

/// What the process uses.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// Resident memory in bytes.
    pub memory: u64,
    /// Processor time in percent of one core, over the last second or longer.
    pub cpu: f64,
}

/// Measures processor use from one question to the next.
#[derive(Debug, Default)]
pub struct UsageMeter {
    last: Mutex<Option<Sample>>,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Instant,
    used: Duration,
    cpu: f64,
}

impl UsageMeter {
    /// What the process uses now.
    #[must_use]
    pub fn read(&self, now: Instant) -> Usage {
        Usage { memory: resident_memory(), cpu: self.cpu(now, processor_time()) }
    }

    fn cpu(&self, now: Instant, used: Duration) -> f64 {
        let mut last = self.last.lock();
        let Some(before) = *last else {
            *last = Some(Sample { at: now, used, cpu: 0.0 });
            return 0.0;
        };
        let span = now.saturating_duration_since(before.at);
        if span < SPAN {
            return before.cpu;
        }
        let share = used.saturating_sub(before.used).as_secs_f64() / span.as_secs_f64();
        // In tenths of a percent.
        let cpu = (share * 1000.0).round() / 10.0;
        *last = Some(Sample { at: now, used, cpu });
        cpu
    }
}

/// Time on the processor, of the program and of the system for it.
fn processor_time() -> Duration {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) else { return Duration::ZERO };
    let microseconds = |time: nix::sys::time::TimeVal| {
        let whole = i128::from(time.tv_sec()) * 1_000_000 + i128::from(time.tv_usec());
        Duration::from_micros(u64::try_from(whole).unwrap_or(0))
    };
    microseconds(usage.user_time()) + microseconds(usage.system_time())
}

/// Resident memory as the kernel counts it; where it does not tell, the most there has been.
fn resident_memory() -> u64 {
    let from_kernel = std::fs::read_to_string("/proc/self/status").ok().and_then(|text| resident_in(&text));
    from_kernel.unwrap_or_else(|| {
        let most = getrusage(UsageWho::RUSAGE_SELF).map_or(0, |usage| usage.max_rss());
        u64::try_from(most).unwrap_or(0)
    })
}

/// Mapped memory, where the kernel tells.
pub(super) fn mapped_memory() -> Option<u64> {
    field_in(&std::fs::read_to_string("/proc/self/status").ok()?, "VmSize:")
}

fn resident_in(status: &str) -> Option<u64> {
    field_in(status, "VmRSS:")
}

fn field_in(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_use_is_measured_over_a_second_at_least() {
        let meter = UsageMeter::default();
        let start = Instant::now();
        let ask =
            |milliseconds, used| meter.cpu(start + Duration::from_millis(milliseconds), Duration::from_millis(used));
        assert_eq!([ask(0, 10), ask(500, 400), ask(2_000, 1_010), ask(2_100, 2_000)], [0.0, 0.0, 50.0, 50.0]);
        assert_eq!(ask(4_000, 1_012), 0.1);
    }

    #[test]
    fn resident_memory_is_read_from_the_kernels_text() {
        assert_eq!(resident_in("VmPeak:\t  99 kB\nVmRSS:\t    1234 kB\n"), Some(1234 * 1024));
        assert_eq!(resident_in("VmRSS: lots\n"), None);
        assert!(resident_memory() > 0);
    }
}
