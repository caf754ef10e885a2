//! Who another server says it is.

use subtle::ConstantTimeEq;
use troupe_engine::options::{ClusterOptions, Secret};

use crate::auth::Turn;

/// User and password that a server showed.
#[derive(Clone, Debug)]
pub(super) struct Login {
    user: String,
    password: Secret,
}

impl Login {
    /// What stood in CONNECT.
    pub(super) fn new(user: &str, password: &str) -> Self {
        Self { user: user.to_owned(), password: Secret::new(password) }
    }

    /// The user; empty where none was named.
    pub(super) fn user(&self) -> &str {
        &self.user
    }

    /// Whether it lets a server in. A hash is compared off the thread, in its `turn`; without one nobody is let in.
    pub(super) async fn fits(&self, cluster: &ClusterOptions, turn: impl Future<Output = Option<Turn>>) -> bool {
        let Some(user) = &cluster.username else { return true };
        let is_user = is_same(user, &self.user);
        let is_password = match &cluster.password {
            Some(hash) if hash.is_bcrypt() => match turn.await {
                Some(turn) => turn.compare(self.password.clone(), hash.clone()).await,
                None => false,
            },
            plain => is_same(plain.as_ref().map_or("", Secret::expose), self.password.expose()),
        };
        is_user & is_password
    }
}

fn is_same(expected: &str, shown: &str) -> bool {
    expected.as_bytes().ct_eq(shown.as_bytes()).into()
}
