//! Who may use the monitor.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use troupe_engine::options::{MonitorAuth, Secret};

use super::passwords::PasswordComparer;

/// Judges the `Authorization` header of requests.
#[derive(Debug, Default)]
pub struct MonitorGate {
    comparer: PasswordComparer,
    /// Digest of the last name, password and bcrypt hash found to belong together: scrapers come every few seconds, and a
    /// comparison takes a tenth of one.
    accepted: Mutex<Option<[u8; 32]>>,
}

impl MonitorGate {
    /// Whether a request with this header may pass.
    pub async fn admits(&self, auth: &MonitorAuth, header: Option<&str>) -> bool {
        if !auth.asks_for_credentials() {
            return true;
        }
        let Some((scheme, value)) = header.and_then(|header| header.trim().split_once(' ')) else { return false };
        let value = value.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            return auth.token.as_ref().is_some_and(|token| is_same(token.expose(), value));
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return false;
        }
        let decoded = STANDARD.decode(value).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let Some((user, password)) = decoded.as_deref().and_then(|text| text.split_once(':')) else { return false };
        // Browsers ask for a name and a password only: there the token is the password.
        if auth.token.as_ref().is_some_and(|token| is_same(token.expose(), password)) {
            return true;
        }
        let (Some(own_user), Some(own_password)) = (&auth.user, &auth.password) else { return false };
        let is_user = is_same(own_user, user);
        // Compared even for a wrong name, so that the time does not tell which of the two was wrong.
        self.is_password(own_password, user, password).await && is_user
    }

    async fn is_password(&self, own: &Secret, user: &str, password: &str) -> bool {
        if !own.is_bcrypt() {
            return is_same(own.expose(), password);
        }
        let digest = digest(&[own.expose(), user, password]);
        if self.accepted.lock().is_some_and(|accepted| bool::from(accepted.ct_eq(&digest))) {
            return true;
        }
        let Some(turn) = self.comparer.turn().await else { return false };
        let is_match = turn.compare(Secret::new(password), own.clone()).await;
        if is_match {
            *self.accepted.lock() = Some(digest);
        }
        is_match
    }
}

fn is_same(own: &str, shown: &str) -> bool {
    digest(&[own]).ct_eq(&digest(&[shown])).into()
}

fn digest(parts: &[&str]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part.len().to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(text: &str) -> String {
        format!("Basic {}", STANDARD.encode(text))
    }

    async fn answers(auth: &MonitorAuth, headers: &[Option<&str>]) -> Vec<bool> {
        let gate = MonitorGate::default();
        let mut answers = Vec::new();
        for header in headers {
            answers.push(gate.admits(auth, *header).await);
        }
        answers
    }

    #[tokio::test]
    async fn without_credentials_everybody_passes() {
        assert_eq!(answers(&MonitorAuth::default(), &[None, Some("Basic x")]).await, [true, true]);
    }

    #[tokio::test]
    async fn passwords_and_tokens_open_the_gate() {
        let hash = bcrypt::hash("secret", 4).expect("hashes");
        for password in ["secret", &hash] {
            let auth = MonitorAuth {
                user: Some("u".into()),
                password: Some(Secret::new(password)),
                token: Some(Secret::new("t0k")),
                ..MonitorAuth::default()
            };
            let (right, wrong_password, wrong_user) = (basic("u:secret"), basic("u:Secret"), basic("v:secret"));
            let headers = [
                Some(&*right),
                Some(&*right),
                Some("bearer t0k"),
                None,
                Some(&*wrong_password),
                Some(&*wrong_user),
                Some("Bearer t0"),
                Some("Basic !"),
                Some("Digest x"),
                Some("Basic"),
            ];
            let as_password = basic("anybody:t0k");
            assert_eq!(answers(&auth, &[Some(&*as_password), Some(&*basic("t0k:"))]).await, [true, false]);
            let found = answers(&auth, &headers).await;
            assert_eq!(found, [true, true, true, false, false, false, false, false, false, false]);
        }
    }
}
