//! Who another server says it is.

use std::fmt;

use subtle::ConstantTimeEq;
use troupe_engine::options::{ClusterOptions, Secret};

/// User and password that a server showed.
#[derive(Clone)]
pub(super) struct Login {
    user: String,
    password: Secret,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
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

    /// Whether it lets a server in.
    pub(super) fn fits(&self, cluster: &ClusterOptions) -> bool {
        let Some(user) = &cluster.username else { return true };
        let expected = cluster.password.as_ref().map_or("", |password| password.expose());
        is_same(user, &self.user) & is_same_password(expected, self.password.expose())
    }
}

fn is_same(expected: &str, shown: &str) -> bool {
    expected.as_bytes().ct_eq(shown.as_bytes()).into()
}

/// Compares a password with a plain one or with its bcrypt hash. Servers connect rarely, so the time it takes may be spent here.
fn is_same_password(expected: &str, shown: &str) -> bool {
    if Secret::new(expected).is_bcrypt() {
        return bcrypt::verify(shown, expected).unwrap_or(false);
    }
    is_same(expected, shown)
}
