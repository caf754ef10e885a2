//! Makes tokens.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use data_encoding::BASE32_NOPAD;
use nkeys::KeyPair;
use serde::Serialize;
use sha2::{Digest, Sha512_256};

const HEADER: &str = r#"{"typ":"JWT","alg":"ed25519-nkey"}"#;

#[derive(Serialize)]
struct Signed<'a, B> {
    #[serde(skip_serializing_if = "str::is_empty")]
    aud: &'a str,
    #[serde(skip_serializing_if = "is_zero")]
    exp: i64,
    #[serde(skip_serializing_if = "str::is_empty")]
    jti: &'a str,
    iat: i64,
    iss: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    sub: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    nats: Option<B>,
}

fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// A token about `sub` for `aud`, issued at `iat` by `key`, that lives until `exp`. `None` when `key` cannot sign.
#[must_use]
pub fn encode<B: Serialize>(
    key: &KeyPair,
    (sub, aud): (&str, &str),
    (iat, exp): (i64, i64),
    body: &B,
) -> Option<String> {
    let iss = &key.public_key();
    let facts = Signed::<()> { aud, exp, jti: "", iat, iss, sub, nats: None };
    let jti = &BASE32_NOPAD.encode(&Sha512_256::digest(serde_json::to_vec(&facts).ok()?));
    let claims = Signed { aud, exp, jti, iat, iss, sub, nats: Some(body) };
    let part = |text: &[u8]| URL_SAFE_NO_PAD.encode(text);
    let text = format!("{}.{}", part(HEADER.as_bytes()), part(&serde_json::to_vec(&claims).ok()?));
    let signature = key.sign(text.as_bytes()).ok()?;
    Some(format!("{text}.{}", part(&signature)))
}
