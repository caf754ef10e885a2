//! What takes processor time.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::oneshot;
use troupe_codecs::pprof::{Frame, Image, Kind, Profile};

use super::{functions, threads};

/// Processor time between two samples of a thread.
pub(super) const PERIOD: Duration = Duration::from_millis(10);
/// Time between two looks at what was sampled.
pub(super) const LOOK: Duration = Duration::from_millis(20);
const COLUMNS: [Kind; 2] = [("samples", "count"), CPU];
const CPU: Kind = ("cpu", "nanoseconds");

/// Takes profiles of processor time, one at a time.
#[derive(Clone, Debug, Default)]
pub struct CpuProfiler {
    is_taking: Arc<AtomicBool>,
}

/// Why there is no profile.
#[derive(Debug, thiserror::Error)]
pub enum CpuError {
    /// One at a time.
    #[error("cpu profiling already in use")]
    Busy,
    /// The system does not let it.
    #[error(transparent)]
    System(#[from] io::Error),
    /// The thread that took it has ended.
    #[error("the profiler has failed")]
    Failed,
}

/// Samples by the stack they were taken on.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// Thread, places from the innermost; how many.
    pub(super) stacks: HashMap<(String, Vec<Frame>), u64>,
    /// Files with code: first address, address behind, path.
    pub(super) images: Vec<(u64, u64, String)>,
    /// For people who read it.
    pub(super) comments: Vec<String>,
}

/// Frees the profiler, however a profile ends.
#[derive(Debug)]
struct Taking(Arc<AtomicBool>);

impl Drop for Taking {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl CpuProfiler {
    /// Takes a profile over `duration`, on a thread of its own; it ends early where nobody waits for it any more. Without leave
    /// of the kernel to take stacks there is the time of each thread, and a comment that says why.
    ///
    /// # Errors
    /// Another one is taken, or the system tells nothing.
    pub async fn take(&self, duration: Duration) -> Result<Vec<u8>, CpuError> {
        if self.is_taking.swap(true, Ordering::AcqRel) {
            return Err(CpuError::Busy);
        }
        let taking = Taking(Arc::clone(&self.is_taking));
        let (answer, answered) = oneshot::channel();
        let thread = std::thread::Builder::new().name("profile".to_owned());
        thread.spawn(move || {
            let taken = take(duration, &|| !answer.is_closed());
            drop(taking);
            // Who asked may be gone.
            let _ = answer.send(taken);
        })?;
        Ok(answered.await.map_err(|_| CpuError::Failed)??)
    }
}

fn take(duration: Duration, is_wanted: &dyn Fn() -> bool) -> io::Result<Vec<u8>> {
    let (started_at, started) = (SystemTime::now(), Instant::now());
    let taken = match functions::take(duration, is_wanted) {
        Ok(taken) => taken,
        Err(cause) => {
            tracing::warn!("Profile has threads only, the system does not let stacks be taken: {cause}");
            let mut taken = by_thread(duration.saturating_sub(started.elapsed()), is_wanted)?;
            taken.comments.push(format!("threads only: perf_event_open: {cause}"));
            taken
        }
    };
    profile(&taken, started_at, started.elapsed()).encode()
}

fn profile(taken: &Taken, at: SystemTime, took: Duration) -> Profile {
    let mut profile = Profile::new(&COLUMNS);
    profile.taken(at, took);
    let period = u64::try_from(PERIOD.as_nanos()).unwrap_or_default();
    profile.period(CPU, period);
    taken.comments.iter().for_each(|comment| profile.comment(comment));
    for (start, end, file) in &taken.images {
        profile.image(Image { start: *start, end: *end, file });
    }
    for ((thread, stack), count) in &taken.stacks {
        profile.sample(stack, &[*count, count * period], &[("thread", thread)]);
    }
    profile
}

/// The time that each thread takes, without functions.
fn by_thread(duration: Duration, is_wanted: &dyn Fn() -> bool) -> io::Result<Taken> {
    let before: HashMap<i32, threads::Thread> = threads::all()?.into_iter().map(|thread| (thread.id, thread)).collect();
    wait(duration, is_wanted, || {});
    let mut taken = Taken::default();
    for thread in threads::all()? {
        let old = before.get(&thread.id);
        let times = [
            ("[user]", thread.in_user, old.map(|old| old.in_user)),
            ("[kernel]", thread.in_kernel, old.map(|old| old.in_kernel)),
        ];
        for (place, now, then) in times {
            let spent = now.saturating_sub(then.unwrap_or_default()).as_nanos() / PERIOD.as_nanos();
            if spent > 0 {
                let stack = vec![Frame::named(place), Frame::named(thread.name.clone())];
                *taken.stacks.entry((thread.name.clone(), stack)).or_default() +=
                    u64::try_from(spent).unwrap_or_default();
            }
        }
    }
    Ok(taken)
}

/// Waits as long as a profile takes, and looks at what was sampled now and then.
pub(super) fn wait(duration: Duration, is_wanted: &dyn Fn() -> bool, mut look: impl FnMut()) {
    let end = Instant::now() + duration;
    while is_wanted() {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        std::thread::sleep(left.min(LOOK));
        look();
    }
}
