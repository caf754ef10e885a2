//! Tokens made for a test, and the configuration around them.

use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nkeys::KeyPair;
use serde_json::{Value, json};

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()).expect("fits")
}

/// When tokens that say nothing else were issued: the same moment in all of a run, so that a token made again is the same.
static ISSUED: LazyLock<i64> = LazyLock::new(|| now() - 60);

/// A token about `sub`, signed by `issuer`. `extra` are claims beside the usual ones.
pub(crate) fn token(issuer: &KeyPair, sub: &str, name: &str, nats: Value, extra: Value) -> String {
    let mut claims = json!({"jti": format!("{name}-{sub}"), "iat": *ISSUED, "iss": issuer.public_key(), "name": name, "sub": sub, "nats": nats});
    if let (Some(claims), Some(extra)) = (claims.as_object_mut(), extra.as_object()) {
        claims.extend(extra.clone());
    }
    signed(issuer, &json!({"typ": "JWT", "alg": "ed25519-nkey"}), &claims)
}

/// A token of the first version: its kind stands outside, and only the claims are signed.
pub(crate) fn old_token(issuer: &KeyPair, sub: &str, kind: &str, nats: Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({"jti": "x", "iat": *ISSUED, "iss": issuer.public_key(), "name": kind, "sub": sub, "type": kind, "nats": nats});
    let claims = part(&claims);
    let signature = URL_SAFE_NO_PAD.encode(issuer.sign(claims.as_bytes()).expect("a seed signs"));
    format!("{}.{claims}.{signature}", part(&json!({"typ": "jwt", "alg": "ed25519"})))
}

/// A token with any header and claims, signed by `issuer`.
pub(crate) fn signed(issuer: &KeyPair, header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(header), part(claims));
    let signature = issuer.sign(text.as_bytes()).expect("a seed signs");
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// An operator with a system account and two tenants.
pub(crate) struct World {
    pub(crate) operator: KeyPair,
    pub(crate) system: KeyPair,
    pub(crate) one: KeyPair,
    pub(crate) two: KeyPair,
    pub(crate) signer: KeyPair,
    pub(crate) scoped: KeyPair,
}

/// Limits as `nsc` writes them.
pub(crate) fn limits() -> Value {
    json!({"subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1, "leaf": -1})
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            operator: KeyPair::new_operator(),
            system: KeyPair::new_account(),
            one: KeyPair::new_account(),
            two: KeyPair::new_account(),
            signer: KeyPair::new_account(),
            scoped: KeyPair::new_account(),
        }
    }

    /// The token of the operator, which names the system account.
    pub(crate) fn operator_token(&self) -> String {
        let nats = json!({"system_account": self.system.public_key(), "type": "operator", "version": 2});
        token(&self.operator, &self.operator.public_key(), "O", nats, json!({}))
    }

    /// The token of an account with more claims than limits.
    pub(crate) fn account(&self, key: &KeyPair, name: &str, more: Value) -> String {
        let mut nats =
            json!({"limits": limits(), "default_permissions": {"pub": {}, "sub": {}}, "type": "account", "version": 2});
        if let (Some(nats), Some(more)) = (nats.as_object_mut(), more.as_object()) {
            nats.extend(more.clone());
        }
        token(&self.operator, &key.public_key(), name, nats, json!({}))
    }

    /// A configuration with the accounts `one` and `two`, whose tokens have these further claims.
    pub(crate) fn config(&self, one: Value, two: Value) -> String {
        let operator = self.operator_token();
        let accounts = [
            (&self.system, self.account(&self.system, "SYS", json!({}))),
            (&self.one, self.account(&self.one, "ONE", one)),
            (&self.two, self.account(&self.two, "TWO", two)),
        ];
        let preload: String =
            accounts.iter().map(|(key, token)| format!("  {}: {token}\n", key.public_key())).collect();
        format!("operator: {operator}\nresolver: MEMORY\nresolver_preload {{\n{preload}}}\n")
    }

    /// The token of a user, with more claims than limits.
    pub(crate) fn user(&self, issuer: &KeyPair, user: &KeyPair, more: Value, extra: Value) -> String {
        let mut nats =
            json!({"pub": {}, "sub": {}, "subs": -1, "data": -1, "payload": -1, "type": "user", "version": 2});
        if let (Some(nats), Some(more)) = (nats.as_object_mut(), more.as_object()) {
            nats.extend(more.clone());
        }
        token(issuer, &user.public_key(), "joe", nats, extra)
    }
}

/// The options of CONNECT for a user with this token.
pub(crate) fn showing(token: &str, user: &KeyPair) -> String {
    format!(r#""jwt":"{token}","sig":"<sig:{}>""#, user.seed().expect("a seed"))
}
