//! bcrypt comparisons, few at a time and never on a connection's thread.

use std::sync::Arc;

use tokio::sync::Semaphore;
use troupe_engine::options::Secret;

/// Most comparisons that may wait for their turn; the connections beyond it are refused at once.
pub const MAX_WAITING_COMPARISONS: usize = 4096;

/// Runs bcrypt comparisons on tokio's blocking pool with a bounded number in flight and in line, so that a flood of
/// logins takes neither all processors nor all memory.
#[derive(Clone, Debug)]
pub struct PasswordComparer {
    running: Arc<Semaphore>,
    in_line: Arc<Semaphore>,
}

impl Default for PasswordComparer {
    /// Half the processors may compare, at least one.
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self::new(processors.div_ceil(2), MAX_WAITING_COMPARISONS)
    }
}

impl PasswordComparer {
    /// At most `running` comparisons at a time and `in_line` unfinished ones altogether.
    #[must_use]
    pub fn new(running: usize, in_line: usize) -> Self {
        Self { running: Arc::new(Semaphore::new(running)), in_line: Arc::new(Semaphore::new(in_line)) }
    }

    /// Whether `password` is the one of the bcrypt `hash`. `false` as well when the line is full or `hash` is none.
    ///
    /// Dropping the future gives up the place in line; a comparison that runs keeps its place until it ends.
    pub async fn compare(&self, password: Secret, hash: Secret) -> bool {
        let Ok(place) = Arc::clone(&self.in_line).try_acquire_owned() else { return false };
        let Ok(permit) = Arc::clone(&self.running).acquire_owned().await else { return false };
        let comparison = tokio::task::spawn_blocking(move || {
            let is_match = bcrypt::verify(password.expose(), hash.expose()).unwrap_or(false);
            drop((place, permit));
            is_match
        });
        comparison.await.unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Poll;

    use futures_util::future::join_all;

    use super::*;

    const HASH: &str = "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW";

    fn compare(comparer: &PasswordComparer, password: &str) -> impl Future<Output = bool> {
        let (comparer, password) = (comparer.clone(), Secret::new(password));
        async move { comparer.compare(password, Secret::new(HASH)).await }
    }

    #[tokio::test]
    async fn compares() {
        let comparer = PasswordComparer::default();
        assert!(compare(&comparer, "secret").await);
        assert!(!compare(&comparer, "Secret").await);
        assert!(!compare(&comparer, "").await);
        assert!(!comparer.compare(Secret::new("secret"), Secret::new("$2b$04$short")).await);
    }

    #[tokio::test]
    async fn a_flood_is_bounded() {
        let comparer = PasswordComparer::new(1, 3);
        let turn = Arc::clone(&comparer.running).acquire_owned().await.expect("open");
        let mut flood = Box::pin(join_all((0..10).map(|_| compare(&comparer, "secret"))));
        assert!(poll_fn(|cx| Poll::Ready(flood.as_mut().poll(cx).is_pending())).await);
        drop(turn);
        let answers = flood.await;
        assert_eq!(answers.iter().filter(|answer| **answer).count(), 3, "the others found the line full");
        assert!(compare(&comparer, "secret").await, "places come back");
    }

    #[tokio::test]
    async fn giving_up_frees_the_place() {
        let comparer = PasswordComparer::new(0, 1);
        let mut waiting = Box::pin(compare(&comparer, "secret"));
        assert!(poll_fn(|cx| Poll::Ready(waiting.as_mut().poll(cx).is_pending())).await);
        assert_eq!(comparer.in_line.available_permits(), 0);
        drop(waiting);
        assert_eq!(comparer.in_line.available_permits(), 1);
    }
}
