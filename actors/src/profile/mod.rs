//! Profiles of the process, in pprof's format.
//!
//! ```text
//!            thread "profile"
//! kernel ──> Sampler ── registers, bytes of the stack ──> Unwinder ── addresses ──> Stacks ── names ──> Profile
//!            one event a thread                           Images                    Images
//! ```
//!
//! Threads are sampled by the kernel (`perf_event_open`), each after so much of its own processor time: no signal interrupts them,
//! and nothing of this exists while no profile is taken. Where the kernel does not allow that, there is the time of each thread.
//!
//! - [`cpu`]: what takes processor time. [`threads`]: which threads there are. `functions`: the way drawn above.

pub mod cpu;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod functions;
pub mod threads;

/// Where stacks cannot be taken.
#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
mod functions {
    use std::io::{Error, ErrorKind};
    use std::time::Duration;

    use super::cpu::Taken;

    pub(super) fn take(_: Duration, _: &dyn Fn() -> bool) -> std::io::Result<Taken> {
        Err(Error::new(ErrorKind::Unsupported, "stacks are taken on Linux, on x86-64 and AArch64"))
    }
}

pub use cpu::CpuProfiler;
