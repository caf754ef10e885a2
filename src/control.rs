//! What the system account's services can make the server do.

use tokio::sync::{mpsc, oneshot};
use troupe_actors::system::ServerControl;
use troupe_actors::system::services::Reloaded;

/// Reloads that may wait: each is the same as the one before it.
const MAX_WAITING: usize = 16;

/// Where the outcome of a reload goes.
pub(crate) type ReloadAnswer = oneshot::Sender<Result<(), String>>;
/// Reloads that are asked for.
pub(crate) type ReloadRequests = mpsc::Receiver<ReloadAnswer>;

/// Hands reloads over to the server.
pub(crate) struct ReloadControl {
    requests: mpsc::Sender<ReloadAnswer>,
}

impl ReloadControl {
    pub(crate) fn new() -> (Self, ReloadRequests) {
        let (requests, received) = mpsc::channel(MAX_WAITING);
        (Self { requests }, received)
    }
}

impl ServerControl for ReloadControl {
    fn reload(&self) -> Reloaded {
        let (answer, outcome) = oneshot::channel();
        let is_asked = self.requests.try_send(answer).is_ok();
        Box::pin(async move {
            if !is_asked {
                return Err("too many reloads are asked for".to_owned());
            }
            outcome.await.unwrap_or_else(|_| Err("the server ends".to_owned()))
        })
    }
}
