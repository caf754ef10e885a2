//! The options of `CONNECT`.

use serde::Deserialize;
use serde_json::{Map, Value};

/// `CONNECT` options. What is absent has nats-server's default: `verbose`, `pedantic` and `echo` are true.
#[derive(Clone, PartialEq, Eq, Deserialize)]
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

impl ConnectOptions {
    /// Reads the JSON behind `CONNECT`, over the options of an earlier `CONNECT` of the connection, as Go's decoder does:
    /// keys in any case, `null` changes nothing, unknown keys are ignored, a wrong type is an error.
    ///
    /// # Errors
    /// The text is no JSON object or a field has a wrong type.
    pub fn parse(json: &[u8]) -> Result<Self, serde_json::Error> {
        let document: Option<Map<String, Value>> = serde_json::from_slice(json)?;
        let fields = document.unwrap_or_default().into_iter().filter(|(_, value)| !value.is_null());
        let fields: Map<String, Value> = fields.map(|(key, value)| (key.to_ascii_lowercase(), value)).collect();
        serde_json::from_value(Value::Object(fields))
    }
}

/// Replaces the secrets in the JSON of a `CONNECT` for the log.
#[must_use]
pub fn redacted(json: &[u8]) -> String {
    const SECRET_KEYS: [&str; 6] = ["pass", "auth_token", "nkey", "sig", "proxy_sig", "jwt"];
    let Ok(mut fields) = serde_json::from_slice::<Map<String, Value>>(json) else {
        return "[REDACTED]".to_owned();
    };
    for (key, value) in &mut fields {
        if SECRET_KEYS.contains(&key.to_ascii_lowercase().as_str()) {
            *value = Value::String("[REDACTED]".to_owned());
        }
    }
    Value::Object(fields).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_options_have_the_defaults_of_nats_server() {
        let options = ConnectOptions::parse(b"{}").unwrap();
        assert!(options.verbose && options.pedantic && options.echo && !options.headers);
    }

    #[test]
    fn keys_in_any_case_and_null_are_taken() {
        let options = ConnectOptions::parse(br#"{"VERBOSE":false,"echo":null,"x":1}"#).unwrap();
        assert!(!options.verbose && options.echo);
        assert!(ConnectOptions::parse(b"null").is_ok());
    }

    #[test]
    fn a_wrong_type_is_an_error() {
        for json in [&br#"{"verbose":"x"}"#[..], b"x", b"", b"[]"] {
            assert!(ConnectOptions::parse(json).is_err());
        }
    }

    #[test]
    fn secrets_do_not_reach_the_log() {
        let text = redacted(br#"{"user":"u","Pass":"hidden","auth_token":"hidden"}"#);
        assert!(!text.contains("hidden") && text.contains("\"u\""));
        assert!(!redacted(b"{broken hidden").contains("hidden"));
    }
}
