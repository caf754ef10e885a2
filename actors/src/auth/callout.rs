//! Asks services who may enter.
//!
//! ```text
//! login ── CalloutDesk::ask ──> request in the service's account ──> service
//!   ^                                                                   │ reply
//!   └──────────── oneshot <── Callouts (actor) <── Inbox <──────────────┘
//! ```

use std::sync::Arc;

use ahash::AHashMap;
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{OnceCell, Semaphore, oneshot};
use troupe_codecs::jwt::request::{SUBJECT, XKEY_HEADER};
use troupe_engine::auth::CalloutRequest;
use troupe_engine::id::{ServerIdentity, nuid};

use crate::router::{
    AccountView, Accounts, ArbiterLocal, Content, Inbox, InboxMessage, RouterHandle, ServerMessage, Subscription,
};

/// Most requests that wait for an answer. Logins beyond it wait for their turn, no longer than for an answer.
const MAX_IN_FLIGHT: usize = 4096;
/// Bytes of answers that may wait.
const INBOX_BYTES: usize = 16 << 20;
const HASH_LEN: usize = 8;

/// Where logins ask, and wait for the answers.
#[derive(Debug)]
pub struct CalloutDesk {
    identity: Arc<ServerIdentity>,
    accounts: Arc<Accounts>,
    router: RouterHandle,
    pub(super) inbox: Arc<Inbox>,
    /// Subject of answers without its last token.
    prefix: String,
    waiting: Mutex<AHashMap<Bytes, oneshot::Sender<Bytes>>>,
    /// Accounts in which answers are listened for.
    listening: Mutex<AHashMap<u32, Arc<OnceCell<()>>>>,
    in_flight: Semaphore,
}

/// A login's place among those that wait.
struct Waiting<'a> {
    desk: &'a CalloutDesk,
    token: Bytes,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.desk.waiting.lock().remove(&self.token);
    }
}

impl CalloutDesk {
    /// A desk of the server with these keys.
    #[must_use]
    pub fn new(identity: Arc<ServerIdentity>, accounts: Arc<Accounts>, router: RouterHandle) -> Arc<Self> {
        let inbox = Inbox::new(
            INBOX_BYTES,
            Box::new(|batch| tracing::warn!("{} answers of authorization services were dropped", batch.len())),
        );
        let hash: String = nuid().chars().take(HASH_LEN).collect();
        Arc::new(Self {
            identity,
            accounts,
            router,
            inbox,
            prefix: format!("$SYS._INBOX.{hash}."),
            waiting: Mutex::default(),
            listening: Mutex::default(),
            in_flight: Semaphore::new(MAX_IN_FLIGHT),
        })
    }

    /// Keys of the server.
    #[must_use]
    pub fn identity(&self) -> &ServerIdentity {
        &self.identity
    }

    /// Sends a request in `account` from the arbiter of `local` and waits for the answer, without end: the caller limits the time. `None`
    /// when it cannot be asked.
    pub async fn ask(&self, local: &ArbiterLocal, account: &str, request: &CalloutRequest) -> Option<Bytes> {
        let _turn = self.in_flight.acquire().await.ok()?;
        let account = self.accounts.get(account)?;
        self.listen(&account).await;
        let (answered, answer) = oneshot::channel();
        let token = Bytes::from(nuid());
        self.waiting.lock().insert(token.clone(), answered);
        let waiting = Waiting { desk: self, token };
        let reply = [self.prefix.as_bytes(), &waiting.token].concat();
        let headers = request.xkey.as_ref().map(|key| format!("NATS/1.0\r\n{XKEY_HEADER}: {key}\r\n\r\n"));
        let content = Content::Parts(headers.as_deref().unwrap_or_default().as_bytes(), &request.body);
        let message = ServerMessage { to: SUBJECT.as_bytes(), shown_subject: None, reply: &reply, content };
        let mut batch = local.server_batch(&account);
        batch.publish(&message);
        batch.finish();
        answer.await.ok()
    }

    /// Makes sure that answers in `account` come here.
    async fn listen(&self, account: &Arc<AccountView>) {
        let ready = Arc::clone(self.listening.lock().entry(account.id()).or_default());
        let subscribe = async || {
            let subject = format!("{}*", self.prefix);
            let entry = Arc::new(Subscription::inside(Arc::clone(&self.inbox), subject.as_bytes(), b"", 0));
            match self.router.subscribe_inside(account, vec![entry]) {
                Ok(ticket) => ticket.wait().await,
                Err(cause) => tracing::error!("{cause}"),
            }
        };
        ready.get_or_init(subscribe).await;
    }

    /// Hands an answer to the login that waits for it. Nobody waits for late ones, and for those after the first.
    pub(super) fn take(&self, message: &InboxMessage) {
        let token = message.subject().get(self.prefix.len()..).unwrap_or_default();
        if let Some(login) = self.waiting.lock().remove(token) {
            login.send(message.shared_payload()).ok();
        }
    }
}
