//! The options of `CONNECT`.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// `CONNECT` options. What is absent has nats-server's default: `verbose`, `pedantic` and `echo` are true.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct ConnectOptions {
    /// `+OK` for each operation.
    pub verbose: bool,
    /// Strict subject checks.
    pub pedantic: bool,
    /// Own publishes are delivered to own subscriptions.
    pub echo: bool,
    /// The client takes headers.
    pub headers: bool,
    /// The client takes 503 for requests nobody answers.
    pub no_responders: bool,
    /// Client protocol version.
    pub protocol: i64,
    /// Name of the client.
    pub name: String,
    /// Language of the client library.
    pub lang: String,
    /// Version of the client library.
    pub version: String,
    /// User name.
    pub user: String,
    /// Password.
    pub pass: String,
    /// Token.
    pub auth_token: String,
    /// Public user nkey.
    pub nkey: String,
    /// Signature of the nonce.
    pub sig: String,
    /// User JWT.
    pub jwt: String,
    /// Signature by a trusted proxy.
    pub proxy_sig: String,
    /// Account asked for; nats-server refuses it.
    pub account: String,
    /// A new account is asked for; nats-server refuses it.
    pub new_account: bool,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            verbose: true,
            pedantic: true,
            echo: true,
            headers: false,
            no_responders: false,
            protocol: 0,
            name: String::new(),
            lang: String::new(),
            version: String::new(),
            user: String::new(),
            pass: String::new(),
            auth_token: String::new(),
            nkey: String::new(),
            sig: String::new(),
            jwt: String::new(),
            proxy_sig: String::new(),
            account: String::new(),
            new_account: false,
        }
    }
}

/// Shows no credentials.
impl fmt::Debug for ConnectOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { verbose, pedantic, echo, headers, no_responders, protocol, name, lang, version, .. } = self;
        f.debug_struct("ConnectOptions")
            .field("modes", &(verbose, pedantic, echo, headers, no_responders, protocol))
            .field("client", &(name, lang, version))
            .finish_non_exhaustive()
    }
}

impl ConnectOptions {
    /// Reads the JSON behind `CONNECT` as Go's decoder does: keys in any case, `null` changes nothing, unknown keys are
    /// ignored, a wrong type is an error. What is left out keeps its value in `previous`, the options of an earlier `CONNECT`
    /// of the connection, if there was one.
    ///
    /// # Errors
    /// The text is no JSON object or a field has a wrong type.
    pub fn parse(json: &[u8], previous: Option<&Self>) -> Result<Self, serde_json::Error> {
        let document: Option<Map<String, Value>> = serde_json::from_slice(json)?;
        let fields = document.unwrap_or_default().into_iter().filter(|(_, value)| !value.is_null());
        let fields = fields.map(|(key, value)| (key.to_ascii_lowercase(), value));
        let mut known = match previous.map(serde_json::to_value).transpose()? {
            Some(Value::Object(known)) => known,
            _ => Map::new(),
        };
        known.extend(fields);
        serde_json::from_value(Value::Object(known))
    }
}

/// Keys whose values are not shown.
const SECRET_KEYS: [&str; 6] = ["pass", "auth_token", "nkey", "sig", "proxy_sig", "jwt"];

/// The JSON of a `CONNECT` for the log: as it was sent, but for the secrets. Text that is no JSON and names a secret is not
/// shown at all.
#[must_use]
pub fn redacted(json: &[u8]) -> String {
    let text = String::from_utf8_lossy(json);
    if serde_json::from_str::<Map<String, Value>>(&text).is_err() {
        let lower = text.to_ascii_lowercase();
        let names_secret = SECRET_KEYS.iter().any(|key| lower.contains(key));
        return if names_secret { "[REDACTED]".to_owned() } else { text.into_owned() };
    }
    let mut shown = String::with_capacity(text.len());
    let (mut copied, mut at) = (0, 0);
    while let Some(start) = text[at..].find('"').map(|offset| at + offset) {
        let key_end = value_end(&text, start);
        let Some(colon) = text[key_end..].find(':') else { break };
        let gap = text[key_end + colon + 1..].len() - text[key_end + colon + 1..].trim_start().len();
        let value = key_end + colon + 1 + gap;
        at = value_end(&text, value);
        let key = serde_json::from_str::<String>(&text[start..key_end]).unwrap_or_default();
        if SECRET_KEYS.contains(&key.to_ascii_lowercase().as_str()) && &text[value..at] != "null" {
            shown.push_str(&text[copied..value]);
            shown.push_str("\"[REDACTED]\"");
            copied = at;
        }
    }
    shown.push_str(&text[copied..]);
    shown
}

/// End of the value that begins at `start` in valid JSON.
fn value_end(text: &str, start: usize) -> usize {
    let (mut depth, mut is_quoted, mut is_escaped) = (0_usize, false, false);
    for (offset, byte) in text.bytes().enumerate().skip(start) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => {
                is_quoted = !is_quoted;
                if !is_quoted && depth == 0 {
                    return offset + 1;
                }
            }
            _ if is_quoted => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' | b',' if depth == 0 => return offset,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_options_have_the_defaults_of_nats_server() {
        let options = ConnectOptions::parse(b"{}", None).unwrap();
        assert!(options.verbose && options.pedantic && options.echo && !options.headers);
    }

    #[test]
    fn keys_in_any_case_and_null_are_taken() {
        let options = ConnectOptions::parse(br#"{"VERBOSE":false,"echo":null,"x":1}"#, None).unwrap();
        assert!(!options.verbose && options.echo);
        assert!(ConnectOptions::parse(b"null", None).is_ok());
    }

    #[test]
    fn options_left_out_keep_their_value() {
        let first = ConnectOptions::parse(br#"{"verbose":false,"user":"u","pass":"p"}"#, None).unwrap();
        let second = ConnectOptions::parse(br#"{"User":"v","pedantic":false,"pass":null}"#, Some(&first)).unwrap();
        assert!(!second.verbose && !second.pedantic && second.echo);
        assert_eq!((second.user.as_str(), second.pass.as_str()), ("v", "p"));
    }

    #[test]
    fn a_wrong_type_is_an_error() {
        for json in [&br#"{"verbose":"x"}"#[..], b"x", b"", b"[]"] {
            assert!(ConnectOptions::parse(json, None).is_err());
        }
    }

    #[test]
    fn secrets_do_not_reach_the_log() {
        let text = redacted(br#"{"user":"u","Pass":"hidden","auth_token":"hidden"}"#);
        assert!(!text.contains("hidden") && text.contains("\"u\""));
        assert_eq!(redacted(br#"{"b": 1, "pass":5,"name":"n"}"#), r#"{"b": 1, "pass":"[REDACTED]","name":"n"}"#);
        let twice = redacted(br#"{"pass" : "hid\"den", "x":{"a":[1,"}"]},"p\u0061ss":["hidden"],"sig":null,"e":1 }"#);
        assert_eq!(twice, r#"{"pass" : "[REDACTED]", "x":{"a":[1,"}"]},"p\u0061ss":"[REDACTED]","sig":null,"e":1 }"#);
        assert!(!redacted(b"{broken pass: hidden").contains("hidden"));
        assert_eq!(redacted(b"{bad"), "{bad");
    }
}
