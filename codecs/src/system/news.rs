//! Events of other servers, as far as they are looked at.

use serde::{Deserialize, Serialize};

use super::ServerStamp;

/// An event of another server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ServerNews {
    /// Who tells.
    pub server: Teller,
    /// The account that it is about; empty where it is about none.
    pub acc: String,
    /// Connections of clients that the server has in the account.
    pub conns: i64,
}

/// The server that tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Teller {
    /// Its id.
    pub id: String,
}

/// Asks other servers for the connections they have in an account.
#[derive(Clone, Debug, Serialize)]
pub struct ConnectionsRequest<'a> {
    /// Who asks.
    pub server: ServerStamp,
    /// The account.
    pub acc: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_looked_at_may_be_anything() {
        let text =
            r#"{"type":"t","server":{"name":"n","id":"NAA","seq":3},"acc":"A","conns":2,"leafnodes":1,"sent":{}}"#;
        let news: ServerNews = serde_json::from_str(text).unwrap();
        assert_eq!((news.server.id.as_str(), news.acc.as_str(), news.conns), ("NAA", "A", 2));
        let statsz: ServerNews = serde_json::from_str(r#"{"server":{"id":"NAA"},"statsz":{}}"#).unwrap();
        assert_eq!((statsz.acc.as_str(), statsz.conns), ("", 0));
        assert!(serde_json::from_str::<ServerNews>(r#"{"server":1}"#).is_err());
    }
}
