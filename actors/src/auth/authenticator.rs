//! The authenticator that connections share.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::time::timeout;
use troupe_engine::auth::{
    self, Decision, Delegation, Grant, MissingAccount, PasswordCheck, Presented, Reconsidered, Refusal, Reviewed,
};
use troupe_engine::options::Options;

use super::passwords::{PasswordComparer, Turn};

/// Judges connections with the configuration of the moment. Clones share it.
#[derive(Clone, Debug)]
pub struct Authenticator {
    current: Arc<ArcSwap<auth::Authenticator>>,
    comparer: PasswordComparer,
}

/// What [`Authenticator::try_authenticate`] found without waiting.
#[derive(Debug)]
pub enum Answer {
    /// Decided.
    Ready(Result<Grant, Refusal>),
    /// A bcrypt comparison decides.
    Pending(PendingLogin),
    /// A service decides.
    Delegated(Box<Delegation>),
    /// Refused, unless the account is found.
    Unknown(Box<MissingAccount>),
}

/// A login that waits for a bcrypt comparison.
#[derive(Debug)]
pub struct PendingLogin {
    check: Box<PasswordCheck>,
    comparer: PasswordComparer,
}

impl PendingLogin {
    /// Compares and decides if the turn comes within `patience`, else gives up the place in line: `None`. A comparison
    /// that began is not cut short, so that an idle server takes a login whatever its hash costs.
    pub async fn finish_within(self, patience: Duration) -> Option<Result<Grant, Refusal>> {
        let turn = timeout(patience, self.comparer.turn()).await.ok()?;
        Some(self.decide(turn).await)
    }

    /// [`Self::finish`] for a connection that is in already: it waits however many others wait.
    async fn finish_patiently(self) -> Result<Grant, Refusal> {
        let turn = self.comparer.patient_turn().await;
        self.decide(turn).await
    }

    async fn decide(self, turn: Option<Turn>) -> Result<Grant, Refusal> {
        let is_match = match turn {
            Some(turn) => turn.compare(self.check.password.clone(), self.check.hash.clone()).await,
            None => false,
        };
        self.check.resolve(is_match)
    }
}

impl Authenticator {
    /// Reads the users of `options`.
    #[must_use]
    pub fn new(options: &Options) -> Self {
        let current = Arc::new(ArcSwap::from_pointee(auth::Authenticator::new(options)));
        Self { current, comparer: PasswordComparer::default() }
    }

    /// The rules of the moment, for INFO and for decisions that belong together.
    #[must_use]
    pub fn current(&self) -> Arc<auth::Authenticator> {
        self.current.load_full()
    }

    /// Takes the users of changed options. Connections that are in must then be reconsidered.
    pub fn reload(&self, options: &Options) {
        self.current.rcu(|current| current.reload(options));
    }

    /// Judges a connection as far as that goes without waiting.
    #[must_use]
    pub fn try_authenticate(&self, presented: &Presented) -> Answer {
        match self.current.load().decide(presented) {
            Decision::Accept(grant) => self.review(presented, Ok(grant)),
            Decision::Refuse(refusal) => self.review(presented, Err(refusal)),
            Decision::FindAccount(missing) => Answer::Unknown(missing),
            Decision::CheckPassword(check) => Answer::Pending(PendingLogin { check, comparer: self.comparer.clone() }),
        }
    }

    /// What becomes of a decision: it stands, or a service decides. Nothing else.
    #[must_use]
    pub fn review(&self, presented: &Presented, outcome: Result<Grant, Refusal>) -> Answer {
        match self.current.load().review(presented, outcome) {
            Reviewed::Final(outcome) => Answer::Ready(*outcome),
            Reviewed::Ask(delegation) => Answer::Delegated(delegation),
        }
    }

    /// Judges a connection that is in with `previous` again, after a reload.
    ///
    /// Never answers [`Reconsidered::CheckPassword`].
    pub async fn reconsider(&self, presented: &Presented, previous: &Grant) -> Reconsidered {
        match self.current().reconsider(presented, previous) {
            Reconsidered::CheckPassword(check) => {
                let login = PendingLogin { check, comparer: self.comparer.clone() };
                let outcome = login.finish_patiently().await;
                self.current().settle(presented, previous, outcome)
            }
            decided => decided,
        }
    }
}

#[cfg(test)]
mod tests {
    use troupe_engine::options::{ConnectionType, Secret};

    use super::*;

    fn options(password: &str) -> Options {
        let mut options = Options::default();
        options.auth.username = Some("u".into());
        options.auth.password = Some(Secret::new(password));
        options
    }

    fn login(password: &str) -> Presented {
        let password = Some(Secret::new(password));
        Presented { user: Some("u".into()), password, ..Presented::new(ConnectionType::Standard) }
    }

    impl Authenticator {
        async fn authenticate(&self, presented: &Presented) -> Result<Grant, Refusal> {
            match self.try_authenticate(presented) {
                Answer::Ready(answer) => answer,
                Answer::Pending(login) => login.finish_within(Duration::from_secs(60)).await.expect("in time"),
                Answer::Delegated(_) | Answer::Unknown(_) => panic!("no service, no tokens"),
            }
        }
    }

    #[tokio::test]
    async fn plain_passwords_need_no_waiting() {
        let authenticator = Authenticator::new(&options("p"));
        assert!(matches!(authenticator.try_authenticate(&login("p")), Answer::Ready(Ok(_))));
        assert!(matches!(authenticator.try_authenticate(&login("x")), Answer::Ready(Err(_))));
        let refusal = authenticator.authenticate(&login("x")).await.expect_err("wrong password");
        assert_eq!(refusal.to_string(), "authentication error - User \"u\"");
    }

    #[tokio::test]
    async fn hashed_passwords_and_reload() {
        let hash = |password| bcrypt::hash(password, 4).expect("hashes");
        let authenticator = Authenticator::new(&options(&hash("p")));
        assert!(matches!(authenticator.try_authenticate(&login("p")), Answer::Pending(_)));
        assert!(authenticator.authenticate(&login("x")).await.is_err());
        let grant = authenticator.authenticate(&login("p")).await.expect("right password");

        let clone = authenticator.clone();
        authenticator.reload(&options(&hash("p")));
        assert!(matches!(clone.reconsider(&login("p"), &grant).await, Reconsidered::Unchanged(_)));
        authenticator.reload(&options(&hash("other")));
        assert!(matches!(clone.reconsider(&login("p"), &grant).await, Reconsidered::Refused(_)));
    }

    #[tokio::test]
    async fn a_login_that_waits_too_long_gives_up_its_place() {
        let mut authenticator = Authenticator::new(&options(&bcrypt::hash("p", 4).expect("hashes")));
        authenticator.comparer = PasswordComparer::new(0, 1);
        for _ in 0..2 {
            let Answer::Pending(login) = authenticator.try_authenticate(&login("p")) else { panic!("decided") };
            assert!(login.finish_within(Duration::from_millis(1)).await.is_none(), "a place but no turn");
        }
        authenticator.comparer = PasswordComparer::new(1, 1);
        let Answer::Pending(login) = authenticator.try_authenticate(&login("p")) else { panic!("decided") };
        assert!(login.finish_within(Duration::ZERO).await.is_some_and(|answer| answer.is_ok()), "begun in time");
    }

    #[tokio::test]
    async fn a_full_line_refuses_logins_but_nobody_who_is_in() {
        let hash = || bcrypt::hash("p", 4).expect("hashes");
        let mut authenticator = Authenticator::new(&options(&hash()));
        let grant = authenticator.authenticate(&login("p")).await.expect("right password");
        authenticator.comparer = PasswordComparer::new(1, 0);
        assert!(authenticator.authenticate(&login("p")).await.is_err());
        authenticator.reload(&options(&hash()));
        assert!(matches!(authenticator.reconsider(&login("p"), &grant).await, Reconsidered::Unchanged(_)));
    }
}
