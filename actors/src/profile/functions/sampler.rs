//! Samples of threads, taken by the kernel.

use std::collections::{HashMap, HashSet};
use std::io;

use perf_event::data::Record;
use perf_event::events::Software;
use perf_event::{Builder, SampleFlag};

use crate::profile::cpu::PERIOD;
use crate::profile::threads;

/// Bytes of a stack that are taken.
const STACK_BYTES: u32 = 16 << 10;
/// Bytes that the kernel may be ahead, for each thread: more than a thread fills between two looks.
const RING_BYTES: usize = 128 << 10;
/// Threads that are sampled at most.
const MAX_THREADS: usize = 512;

#[cfg(target_arch = "x86_64")]
mod registers {
    /// Registers by number, in the order in which they come: frame, stack, instruction.
    pub(super) const MASK: u64 = 1 << 6 | 1 << 7 | 1 << 8;
    pub(super) const NUM: usize = 3;
}
#[cfg(target_arch = "aarch64")]
mod registers {
    /// Registers by number, in the order in which they come: frame, link, stack, instruction.
    pub(super) const MASK: u64 = 1 << 29 | 1 << 30 | 1 << 31 | 1 << 32;
    pub(super) const NUM: usize = 4;
}

/// Samples every thread of the process but the one that made it.
pub(super) struct Sampler {
    threads: HashMap<i32, perf_event::Sampler>,
    own: i32,
    /// Threads that cannot be sampled, and why not the last.
    refused: HashSet<i32>,
    refusal: Option<io::Error>,
    sees_kernel: bool,
    num_lost: u64,
}

/// Where a thread was.
#[derive(Debug)]
pub(super) struct Moment<'a> {
    pub(super) thread: i32,
    /// It was in the kernel; the registers are those it went there with.
    pub(super) is_in_kernel: bool,
    pub(super) registers: [u64; registers::NUM],
    /// What is at the stack register, and behind.
    pub(super) stack: &'a [u8],
}

impl Sampler {
    /// Starts to sample. Where time in the kernel may not be seen, the rest is.
    pub(super) fn start() -> io::Result<Self> {
        let own = nix::unistd::gettid().as_raw();
        let mut sampler = Self {
            threads: HashMap::new(),
            own,
            refused: HashSet::new(),
            refusal: None,
            sees_kernel: true,
            num_lost: 0,
        };
        let mut ids = threads::ids()?.into_iter().filter(|id| *id != own);
        let Some(first) = ids.next() else { return Ok(sampler) };
        if sampler.add(first).is_err() {
            sampler.sees_kernel = false;
            sampler.add(first)?;
        }
        sampler.follow();
        Ok(sampler)
    }

    /// Samples threads that are new, too, as far as the system lets it.
    pub(super) fn follow(&mut self) {
        for id in threads::ids().unwrap_or_default() {
            let is_known = id == self.own || self.threads.contains_key(&id) || self.refused.contains(&id);
            if is_known || self.threads.len() >= MAX_THREADS {
                continue;
            }
            match self.add(id) {
                Ok(()) => {}
                // It has ended meanwhile.
                Err(cause) if cause.raw_os_error() == Some(libc::ESRCH) => {}
                Err(cause) => {
                    self.refused.insert(id);
                    self.refusal = Some(cause);
                }
            }
        }
    }

    /// What people who read the profile have to know.
    pub(super) fn comments(&self) -> Vec<String> {
        let mut comments = Vec::new();
        if !self.sees_kernel {
            comments.push("without time in the kernel: it does not let this process see that".to_owned());
        }
        if let Some(cause) = &self.refusal {
            comments.push(format!("{} threads could not be sampled: {cause}", self.refused.len()));
        }
        if self.num_lost > 0 {
            comments.push(format!("{} samples were lost", self.num_lost));
        }
        comments
    }

    /// Hands over what was sampled since the last time.
    pub(super) fn take(&mut self, take: &mut dyn FnMut(&Moment<'_>)) {
        for (thread, sampler) in &mut self.threads {
            while let Some(record) = sampler.next_record() {
                match record.parse_record() {
                    Ok(Record::Sample(sample)) => {
                        let registers = sample.regs_user().and_then(|user| user.regs.as_ref().try_into().ok());
                        let (Some(registers), Some(ip)) = (registers, sample.ip()) else { continue };
                        let stack = sample.stack_user().unwrap_or_default();
                        // The upper half of the addresses is the kernel's.
                        take(&Moment { thread: *thread, is_in_kernel: ip >> 63 != 0, registers, stack });
                    }
                    Ok(Record::Lost(lost)) => self.num_lost += lost.lost,
                    Ok(_) | Err(_) => {}
                }
            }
        }
    }

    fn add(&mut self, id: i32) -> io::Result<()> {
        let mut event = Builder::new(Software::TASK_CLOCK);
        event.observe_pid(id).any_cpu().exclude_kernel(!self.sees_kernel);
        event.sample(SampleFlag::IP).sample(SampleFlag::REGS_USER).sample(SampleFlag::STACK_USER);
        event.sample_period(u64::try_from(PERIOD.as_nanos()).unwrap_or_default());
        event.sample_regs_user(registers::MASK).sample_stack_user(STACK_BYTES);
        let mut sampler = event.build()?.sampled(RING_BYTES)?;
        sampler.enable()?;
        self.threads.insert(id, sampler);
        Ok(())
    }
}
