//! What the system account's services can make the server do.

use tokio::sync::{mpsc, oneshot};
use troupe_actors::auth::Wish;
use troupe_actors::system::claims::Claims;
use troupe_actors::system::services::Reloaded;
use troupe_actors::system::{ClaimsAnswer, ClaimsRequest, ServerControl};

/// Reloads that may wait: each is the same as the one before it.
const MAX_WAITING: usize = 16;

/// Requests about tokens that may wait.
const MAX_CLAIMS: usize = 1024;

/// Where the outcome of a reload goes.
pub(crate) type ReloadAnswer = oneshot::Sender<Result<(), String>>;
/// Where the answer to a request about tokens goes.
pub(crate) type ClaimsSender = oneshot::Sender<ClaimsAnswer>;

/// What is asked for.
pub(crate) struct ReloadRequests {
    /// Reloads.
    pub(crate) reloads: mpsc::Receiver<ReloadAnswer>,
    /// Requests about tokens of accounts.
    pub(crate) claims: mpsc::Receiver<(ClaimsRequest, ClaimsSender)>,
    /// Accounts that logins need.
    pub(crate) wishes: mpsc::Receiver<Wish>,
}

/// Hands reloads over to the server.
pub(crate) struct ReloadControl {
    requests: mpsc::Sender<ReloadAnswer>,
    claims: mpsc::Sender<(ClaimsRequest, ClaimsSender)>,
}

impl ReloadControl {
    /// The control, and what is asked for there and in `wishes`.
    pub(crate) fn new(wishes: mpsc::Receiver<Wish>) -> (Self, ReloadRequests) {
        let (requests, reloads) = mpsc::channel(MAX_WAITING);
        let (asked, claims) = mpsc::channel(MAX_CLAIMS);
        (Self { requests, claims: asked }, ReloadRequests { reloads, claims, wishes })
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

    fn claims(&self, request: ClaimsRequest) -> Claims {
        let (sender, answer) = oneshot::channel();
        if self.claims.try_send((request, sender)).is_err() {
            tracing::warn!("too many requests about account JWTs are waiting");
        }
        Box::pin(async move { answer.await.unwrap_or(ClaimsAnswer::Nothing) })
    }
}
