//! The `INFO` document a server sends to clients.

use serde::{Deserialize, Serialize};

/// `INFO` fields, in the order nats-server writes them. Absent options are left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerInfo {
    /// Public nkey of the server, 56 characters.
    pub server_id: String,
    /// Configured name, or the id.
    pub server_name: String,
    /// Version clients gate features on.
    pub version: String,
    /// Client protocol version: 1.
    pub proto: u8,
    /// Short commit hash of the build.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub git_commit: Option<String>,
    /// Version of the language the server is built with.
    pub go: String,
    /// Host to connect to.
    pub host: String,
    /// Port to connect to.
    pub port: u16,
    /// Headers can be sent.
    pub headers: bool,
    /// CONNECT must carry credentials.
    #[serde(skip_serializing_if = "is_false")]
    pub auth_required: bool,
    /// The connection must be upgraded to TLS.
    #[serde(skip_serializing_if = "is_false")]
    pub tls_required: bool,
    /// The client must show a certificate.
    #[serde(skip_serializing_if = "is_false")]
    pub tls_verify: bool,
    /// The connection may be upgraded to TLS.
    #[serde(skip_serializing_if = "is_false")]
    pub tls_available: bool,
    /// Largest message in bytes, headers included.
    pub max_payload: usize,
    /// JetStream is served.
    #[serde(skip_serializing_if = "is_false")]
    pub jetstream: bool,
    /// Connection id.
    #[serde(skip_serializing_if = "is_zero")]
    pub client_id: u64,
    /// Address of the client as the server sees it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub client_ip: String,
    /// Text to sign with an nkey.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub nonce: String,
    /// Cluster name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// JetStream domain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// Addresses of this and the other servers of the cluster, `host:port`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub connect_urls: Vec<String>,
    /// The server is about to close its clients.
    #[serde(skip_serializing_if = "is_false")]
    pub ldm: bool,
    /// This document answers CONNECT.
    #[serde(skip_serializing_if = "is_false")]
    pub connect_info: bool,
    /// Account the connection is bound to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_account: Option<String>,
    /// That account is the system account.
    #[serde(skip_serializing_if = "is_false")]
    pub acc_is_sys: bool,
    /// JetStream API level.
    #[serde(skip_serializing_if = "is_zero_u8")]
    pub api_lvl: u8,
    /// Public curve key of the server.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub xkey: String,
}

impl ServerInfo {
    /// The document as JSON text, escaped as Go does.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        go_json(self)
    }
}

/// JSON text, escaped as Go does: `<`, `>`, `&` and the Unicode line separators as `\u` and four digits.
#[must_use]
pub fn go_json(document: &impl Serialize) -> Vec<u8> {
    let is_escaped = |character| matches!(character, '<' | '>' | '&' | '\u{2028}' | '\u{2029}');
    let plain = serde_json::to_string(document).unwrap_or_default();
    if !plain.contains(is_escaped) {
        return plain.into_bytes();
    }
    let mut escaped = String::with_capacity(plain.len() + 16);
    for character in plain.chars() {
        match is_escaped(character) {
            true => escaped.push_str(&format!("\\u{:04x}", character as u32)),
            false => escaped.push(character),
        }
    }
    escaped.into_bytes()
}

fn is_false(value: &bool) -> bool {
    !value
}

fn is_zero(value: &u64) -> bool {
    *value == 0
}

fn is_zero_u8(value: &u8) -> bool {
    *value == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(info: &ServerInfo) -> String {
        String::from_utf8(info.to_json()).unwrap()
    }

    #[test]
    fn absent_options_are_left_out() {
        let expected = r#"{"server_id":"","server_name":"","version":"","proto":0,"go":"","host":"","port":0,"headers":false,"max_payload":0}"#;
        assert_eq!(json(&ServerInfo::default()), expected);
    }

    #[test]
    fn present_options_come_in_the_order_of_nats_server() {
        let info = ServerInfo {
            git_commit: Some("abc1234".to_owned()),
            auth_required: true,
            tls_required: true,
            tls_verify: true,
            client_id: 5,
            client_ip: "::1".to_owned(),
            nonce: "n".to_owned(),
            cluster: Some("c".to_owned()),
            connect_urls: vec!["a:1".to_owned(), "b:2".to_owned()],
            ldm: true,
            connect_info: true,
            remote_account: Some("$G".to_owned()),
            api_lvl: 5,
            xkey: "X".to_owned(),
            ..ServerInfo::default()
        };
        let expected = concat!(
            r#"{"server_id":"","server_name":"","version":"","proto":0,"git_commit":"abc1234","go":"","host":"","port":0,"#,
            r#""headers":false,"auth_required":true,"tls_required":true,"tls_verify":true,"max_payload":0,"client_id":5,"#,
            r#""client_ip":"::1","nonce":"n","cluster":"c","connect_urls":["a:1","b:2"],"ldm":true,"connect_info":true,"#,
            r#""remote_account":"$G","api_lvl":5,"xkey":"X"}"#,
        );
        assert_eq!(json(&info), expected);
    }

    #[test]
    fn text_is_escaped_as_go_does() {
        let cases = [
            ("<a> & b", r"\u003ca\u003e \u0026 b"),
            ("\"q\" \\", r#"\"q\" \\"#),
            ("tab\tnew\nline\r", r"tab\tnew\nline\r"),
            ("\u{1}\u{1f}", r"\u0001\u001f"),
            ("\u{8}\u{c}", r"\b\f"),
            ("\u{2028}\u{2029}", r"\u2028\u2029"),
            ("\u{7f}é漢", "\u{7f}é漢"),
        ];
        for (name, expected) in cases {
            let info = ServerInfo { server_name: name.to_owned(), ..ServerInfo::default() };
            let text = json(&info);
            assert!(text.contains(&format!(r#""server_name":"{expected}","#)), "{name:?}: {text}");
            assert_eq!(serde_json::from_str::<ServerInfo>(&text).unwrap(), info, "{name:?} is not read back");
        }
    }
}
