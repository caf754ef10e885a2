//! What a service that says who may enter is asked.

use serde::Serialize;

/// Whom the token is for.
pub const AUDIENCE: &str = "nats-authorization-request";
/// Subject it is sent to.
pub const SUBJECT: &str = "$SYS.REQ.USER.AUTH";
/// Header with the server's curve key, where the request is sealed.
pub const XKEY_HEADER: &str = "Nats-Server-Xkey";

/// The server that asks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AskingServer {
    /// Name.
    pub name: String,
    /// Host of the client listener.
    pub host: String,
    /// Id.
    pub id: String,
    /// Version.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// Cluster.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cluster: String,
    /// Tags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Curve key, where the request is sealed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub xkey: String,
}

/// The connection that wants to enter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AskedClient {
    /// Its address.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub host: String,
    /// Connection id.
    pub id: u64,
    /// User as far as it is known.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// Name of the client.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Tags of its token.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Name in its token.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name_tag: String,
    /// Kind of connection.
    pub kind: String,
    /// Kind of client.
    #[serde(rename = "type")]
    pub client_type: String,
    /// Nonce it signed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub nonce: String,
}

/// What it showed in CONNECT.
#[derive(Clone, Default, PartialEq, Eq, Serialize)]
pub struct ShownOptions {
    /// User JWT.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub jwt: String,
    /// Public nkey.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub nkey: String,
    /// Signature of the nonce.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sig: String,
    /// Token.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub auth_token: String,
    /// User name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// Password.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pass: String,
    /// Name of the client.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Language of its library.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub lang: String,
    /// Version of its library.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// Version of the protocol.
    pub protocol: i64,
}

/// Shows no credentials.
impl std::fmt::Debug for ShownOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShownOptions").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Its TLS session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ShownTls {
    /// Version.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// Cipher suite.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cipher: String,
    /// Certificates in PEM, where they were not verified.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub certs: Vec<String>,
    /// Verified chains of certificates in PEM.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub verified_chains: Vec<Vec<String>>,
}

/// The request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AuthorizationRequest {
    /// Who asks.
    pub server_id: AskingServer,
    /// Public key of the user that the answer must be about.
    pub user_nkey: String,
    /// About whom.
    pub client_info: AskedClient,
    /// What it showed.
    pub connect_opts: ShownOptions,
    /// Its TLS session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_tls: Option<ShownTls>,
    /// Kind of token.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Version of the claims.
    pub version: u8,
}
