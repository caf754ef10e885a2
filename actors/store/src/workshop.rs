//! A thread for what would keep the owners of stores too long.

use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use parking_lot::Mutex;

use crate::StoreError;

/// Orders that may wait; who finds no room asks again later.
const MOST_WAITING: usize = 64;

/// Something to be done once. It keeps its outcome until somebody asks for it, and does not panic.
pub(crate) trait Work: Send + Sync + Debug {
    fn run(&self);
}

/// The thread that works for all stores of a directory; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Workshop {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// None once it is closed.
    orders: Mutex<Option<SyncSender<Arc<dyn Work>>>>,
    /// Held by the one who ends it.
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Workshop {
    /// Starts the thread. `root` is only named when that fails.
    pub(crate) fn open(root: &Path) -> Result<Self, StoreError> {
        let (orders, waiting) = sync_channel(MOST_WAITING);
        let thread = std::thread::Builder::new().name("workshop".to_owned());
        let thread =
            thread.spawn(move || run(&waiting)).map_err(|error| StoreError::io("start thread", root, error))?;
        Ok(Self { shared: Arc::new(Shared { orders: Mutex::new(Some(orders)), thread: Mutex::new(Some(thread)) }) })
    }

    /// Has work done in its turn. False if too much waits, or the workshop is closed.
    pub(crate) fn order(&self, work: Arc<dyn Work>) -> bool {
        self.shared.orders.lock().as_ref().is_some_and(|orders| orders.try_send(work).is_ok())
    }

    /// Ends after what was ordered; blocks.
    pub(crate) fn close(&self) {
        drop(self.shared.orders.lock().take());
        if let Some(thread) = self.shared.thread.lock().take() {
            // A panic of the thread was reported by the process's panic hook.
            drop(thread.join());
        }
    }
}

fn run(waiting: &Receiver<Arc<dyn Work>>) {
    while let Ok(work) = waiting.recv() {
        work.run();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::{Receiver, channel};

    use super::*;

    #[derive(Debug)]
    struct Count {
        done: Arc<AtomicUsize>,
        may_go_on: Mutex<Receiver<()>>,
    }

    impl Work for Count {
        fn run(&self) {
            let _ = self.may_go_on.lock().recv();
            self.done.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn it_takes_so_much_and_no_more_and_ends_after_it() {
        let workshop = Workshop::open(Path::new(".")).expect("a thread");
        let done = Arc::new(AtomicUsize::new(0));
        let (gate, closed) = channel();
        let first = Arc::new(Count { done: done.clone(), may_go_on: Mutex::new(closed) });
        let mut taken = 0;
        while workshop.order(first.clone()) {
            taken += 1;
        }
        assert!((MOST_WAITING..=MOST_WAITING + 1).contains(&taken), "{taken}");
        drop(gate);
        workshop.close();
        assert_eq!(done.load(Ordering::Relaxed), taken);
        assert!(!workshop.order(first), "it is closed");
    }
}
