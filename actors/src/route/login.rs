//! Who another server says it is.

use subtle::ConstantTimeEq;
use troupe_engine::auth::CertificateNames;
use troupe_engine::options::{ClusterOptions, Secret};
use troupe_engine::route::admission::{is_admitted, is_by_certificate};

use crate::auth::Turn;

/// User, password and certificate that a server showed.
#[derive(Clone, Debug)]
pub(super) struct Login {
    user: String,
    password: Secret,
    names: CertificateNames,
}

impl Login {
    /// What stood in CONNECT, and in the certificate.
    pub(super) fn new(user: &str, password: &str, names: CertificateNames) -> Self {
        Self { user: user.to_owned(), password: Secret::new(password), names }
    }

    /// The user; empty where none was named.
    pub(super) fn user(&self) -> &str {
        &self.user
    }

    /// Whether it lets a server in. A hash is compared off the thread, in its `turn`; without one nobody is let in.
    pub(super) async fn fits(&self, cluster: &ClusterOptions, turn: impl Future<Output = Option<Turn>>) -> bool {
        if is_by_certificate(cluster) {
            return is_admitted(&self.names, cluster);
        }
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
