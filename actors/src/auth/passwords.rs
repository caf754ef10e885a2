//! bcrypt comparisons, few at a time and never on a connection's thread.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use troupe_engine::options::Secret;

/// Most comparisons that may wait for their turn; the connections beyond it are refused at once.
pub const MAX_WAITING_COMPARISONS: usize = 4096;

/// Runs bcrypt comparisons on tokio's blocking pool with a bounded number in flight and in line, so that a flood of
/// logins takes neither all processors nor all memory.
#[derive(Clone, Debug)]
pub struct PasswordComparer {
    running: Arc<Semaphore>,
    in_line: Arc<Semaphore>,
    /// Few, so that a login never has more of the comparisons after a reload before it than that.
    repeating: Arc<Semaphore>,
}

/// The right to compare now.
#[derive(Debug)]
pub struct Turn {
    _place: OwnedSemaphorePermit,
    _running: OwnedSemaphorePermit,
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
        Self {
            running: Arc::new(Semaphore::new(running)),
            in_line: Arc::new(Semaphore::new(in_line)),
            repeating: Arc::new(Semaphore::new(running)),
        }
    }

    /// Waits for a turn. `None` at once when the line is full.
    ///
    /// Dropping the future gives up the place in line.
    pub async fn turn(&self) -> Option<Turn> {
        self.turn_after(Arc::clone(&self.in_line).try_acquire_owned().ok()?).await
    }

    /// Waits for a turn however many wait: for connections that are in already and must not be refused for want of a
    /// place. They leave the line to the logins.
    pub async fn patient_turn(&self) -> Option<Turn> {
        self.turn_after(Arc::clone(&self.repeating).acquire_owned().await.ok()?).await
    }

    async fn turn_after(&self, place: OwnedSemaphorePermit) -> Option<Turn> {
        let running = Arc::clone(&self.running).acquire_owned().await.ok()?;
        Some(Turn { _place: place, _running: running })
    }
}

impl Turn {
    /// Whether `password` is the one of the bcrypt `hash`. `false` as well when `hash` is none.
    ///
    /// Dropping the future does not stop the comparison: the turn ends with it.
    pub async fn compare(self, password: Secret, hash: Secret) -> bool {
        let comparison = tokio::task::spawn_blocking(move || {
            let is_match = bcrypt::verify(password.expose(), hash.expose()).unwrap_or(false);
            drop(self);
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

    async fn compare(comparer: &PasswordComparer, password: &str) -> bool {
        let Some(turn) = comparer.turn().await else { return false };
        turn.compare(Secret::new(password), Secret::new(HASH)).await
    }

    async fn patient_compare(comparer: &PasswordComparer, password: &str) -> bool {
        let turn = comparer.patient_turn().await.expect("open");
        turn.compare(Secret::new(password), Secret::new(HASH)).await
    }

    #[tokio::test]
    async fn compares() {
        let comparer = PasswordComparer::default();
        assert!(compare(&comparer, "secret").await);
        assert!(!compare(&comparer, "Secret").await);
        assert!(!compare(&comparer, "").await);
        let turn = comparer.turn().await.expect("free");
        assert!(!turn.compare(Secret::new("secret"), Secret::new("$2b$04$short")).await);
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

    #[tokio::test]
    async fn patient_comparisons_need_no_place_and_take_none() {
        let comparer = PasswordComparer::new(1, 3);
        let turn = Arc::clone(&comparer.running).acquire_owned().await.expect("open");
        let mut crowd = Box::pin(join_all((0..10).map(|_| patient_compare(&comparer, "secret"))));
        assert!(poll_fn(|cx| Poll::Ready(crowd.as_mut().poll(cx).is_pending())).await);
        assert_eq!(comparer.in_line.available_permits(), 3, "logins find the line free");
        drop(turn);
        assert!(crowd.await.into_iter().all(|is_match| is_match));
    }

    #[tokio::test]
    async fn logins_go_between_patient_comparisons() {
        let comparer = PasswordComparer::new(1, 1);
        let turn = Arc::clone(&comparer.running).acquire_owned().await.expect("open");
        let mut crowd: Vec<_> = (0..10).map(|_| Box::pin(comparer.patient_turn())).collect();
        let mut login = Box::pin(comparer.turn());
        poll_fn(|cx| {
            crowd.iter_mut().for_each(|waiting| assert!(waiting.as_mut().poll(cx).is_pending()));
            assert!(login.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        drop(turn);
        drop(crowd.swap_remove(0).await);
        assert!(poll_fn(|cx| Poll::Ready(login.as_mut().poll(cx).is_ready())).await, "second of eleven");
    }
}
