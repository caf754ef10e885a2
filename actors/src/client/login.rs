//! Logins that wait: for a password comparison, for the word of a service, for an account.

use std::time::Duration;

use tracing::debug;
use troupe_engine::auth::{Delegation, Grant, MissingAccount, Presented, Refusal};

use super::ClientActor;
use super::callout::{Asker, Verdict};
use crate::auth::{Answer, Authenticator, PendingLogin};
use crate::connection::CloseReason;
use crate::connection::reader::while_open;
use crate::router::ClientSink;

/// What a login waits for.
#[derive(Debug)]
pub(super) enum Wait {
    /// A password comparison.
    Password(PendingLogin),
    /// The word of a service.
    Service(Box<Delegation>),
    /// An account.
    Account(Box<MissingAccount>),
}

/// How the wait ended.
#[derive(Debug)]
pub(super) enum LoginEnd {
    /// Compared, or refused because too many wait.
    Decided(Box<Result<Grant, Refusal>>),
    /// A service has spoken, or did not.
    Told(Box<Verdict>),
    /// The turn to compare did not come in time.
    TimedOut,
    /// The connection was closed meanwhile.
    Closed,
}

/// A login that waits.
pub(super) struct Login {
    pub(super) wait: Wait,
    pub(super) authenticator: Authenticator,
    pub(super) asker: Asker,
    pub(super) presented: Presented,
}

impl Login {
    /// Waits up to `patience` for each of what it waits for, and no longer than the connection is open.
    pub(super) async fn end(self, patience: Duration, sink: &ClientSink) -> LoginEnd {
        while_open(self.decide(patience), sink).await.unwrap_or(LoginEnd::Closed)
    }

    async fn decide(self, patience: Duration) -> LoginEnd {
        let answer = match self.wait {
            Wait::Service(delegation) => Answer::Delegated(delegation),
            Wait::Password(login) => {
                let Some(outcome) = login.finish_within(patience).await else { return LoginEnd::TimedOut };
                self.authenticator.review(&self.presented, outcome)
            }
            Wait::Account(missing) => {
                if tokio::time::timeout(patience, self.asker.find_account(&missing.account)).await.is_err() {
                    return LoginEnd::TimedOut;
                }
                self.authenticator.try_authenticate(&self.presented)
            }
        };
        match answer {
            Answer::Ready(outcome) => LoginEnd::Decided(Box::new(outcome)),
            Answer::Unknown(missing) => LoginEnd::Decided(Box::new(Err(missing.refusal))),
            Answer::Delegated(delegation) => {
                LoginEnd::Told(Box::new(self.asker.ask(*delegation, &self.presented, patience).await))
            }
            Answer::Pending(_) => LoginEnd::TimedOut,
        }
    }
}

impl ClientActor {
    /// Goes on with what became of a login that had to wait.
    pub(super) fn finish_login(&mut self, end: LoginEnd) {
        match end {
            LoginEnd::Decided(outcome) => self.finish_connect(*outcome, None),
            LoginEnd::Told(verdict) => self.finish_connect(verdict.outcome, verdict.told),
            LoginEnd::TimedOut => self.time_out_login(),
            LoginEnd::Closed => {}
        }
    }

    /// Closes a connection that did not get in in time.
    pub(super) fn time_out_login(&self) {
        self.send_error("Authentication Timeout");
        debug!(conn = %self.sink.label(), "Authentication Timeout");
        self.tell_refused(CloseReason::AuthenticationTimeout, None);
        self.end(CloseReason::AuthenticationTimeout);
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::os::unix::net::UnixStream;
    use std::pin::pin;
    use std::task::Poll;

    use super::*;
    use crate::connection::Outbound;
    use crate::net::{AcceptedSocket, RemoteAddress, Transport};

    fn sink() -> (ClientSink, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let socket = AcceptedSocket::unix(ours).and_then(AcceptedSocket::register).unwrap();
        let (_, write) = Transport::from(socket).split();
        (ClientSink::new(1, RemoteAddress::Unix, Outbound::new(write, 1 << 20), 1), theirs)
    }

    #[tokio::test]
    async fn a_closed_connection_waits_no_longer() {
        let (sink, _peer) = sink();
        let (held, waiting) = tokio::sync::oneshot::channel::<()>();
        let mut waiting = pin!(while_open(waiting, &sink));
        assert!(poll_fn(|cx| Poll::Ready(waiting.as_mut().poll(cx).is_pending())).await);
        sink.close(CloseReason::ServerShutdown);
        assert!(waiting.await.is_none());
        drop(held);
    }
}
