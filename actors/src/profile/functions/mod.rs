//! Which functions take the time.

mod images;
mod sampler;
mod symbols;

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use troupe_codecs::pprof::Frame;

use super::cpu::{Taken, wait};
use super::threads;
use images::Images;
use sampler::{Moment, Sampler};

/// Where a sample in the kernel was taken.
const KERNEL: &str = "[kernel]";

/// Samples the threads of the process over `duration`.
///
/// # Errors
/// The kernel does not allow it, or the files of the process cannot be read.
pub(super) fn take(duration: Duration, is_wanted: &dyn Fn() -> bool) -> io::Result<Taken> {
    let images = Images::of_this_process()?;
    let mut unwinder = images.unwinder();
    let mut sampler = Sampler::start()?;
    let mut stacks: HashMap<Stack, u64> = HashMap::new();
    wait(duration, is_wanted, || {
        sampler.take(&mut |moment: &Moment<'_>| {
            let stack = Stack {
                thread: moment.thread,
                is_in_kernel: moment.is_in_kernel,
                addresses: unwinder.addresses(moment),
            };
            *stacks.entry(stack).or_default() += 1;
        });
        sampler.follow();
    });
    let comments = sampler.comments();
    drop(sampler);
    Ok(Taken { stacks: name(&images, stacks), images: images.list(), comments })
}

/// Where a thread was.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Stack {
    thread: i32,
    is_in_kernel: bool,
    /// From the innermost.
    addresses: Vec<u64>,
}

/// Gives names to threads and addresses.
fn name(images: &Images, stacks: HashMap<Stack, u64>) -> HashMap<(String, Vec<Frame>), u64> {
    let names = images.names(stacks.keys().flat_map(|stack| stack.addresses.iter().copied()));
    // Many stacks share them.
    let names: HashMap<u64, Arc<str>> = names.into_iter().map(|(address, name)| (address, name.into())).collect();
    let threads: HashMap<i32, String> =
        threads::all().unwrap_or_default().into_iter().map(|thread| (thread.id, thread.name)).collect();
    let mut named = HashMap::new();
    for (stack, count) in stacks {
        let kernel = stack.is_in_kernel.then(|| Frame::named(KERNEL));
        let frame =
            |address: &u64| Frame { function: names.get(address).cloned().unwrap_or_default(), address: *address };
        let frames = kernel.into_iter().chain(stack.addresses.iter().map(frame)).collect();
        // A thread that has ended has a number only.
        let thread = threads.get(&stack.thread).cloned().unwrap_or_else(|| stack.thread.to_string());
        *named.entry((thread, frames)).or_default() += count;
    }
    named
}
