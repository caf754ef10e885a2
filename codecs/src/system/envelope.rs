//! Requests to the server, and its answers.

use serde::{Deserialize, Serialize};

use super::ServerStamp;

/// Which servers a request is for; those it is not for stay silent. Empty fields admit every server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Filter {
    /// Name, or a part of it.
    pub server_name: String,
    /// Cluster, or a part of it.
    pub cluster: String,
    /// Host, or a part of it.
    pub host: String,
    /// Whole names are asked for.
    pub exact_match: bool,
    /// Tags the server must have.
    pub tags: Option<Vec<String>>,
    /// JetStream domain.
    pub domain: String,
}

impl Filter {
    /// Whether the request is for this server.
    #[must_use]
    pub fn admits(&self, server: &ServerStamp) -> bool {
        let fits = |wanted: &str, own: &str| {
            wanted.is_empty() || if self.exact_match { wanted == own } else { own.contains(wanted) }
        };
        let has_tags = self.tags.iter().flatten().all(|tag| server.tags.contains(&tag.to_lowercase()));
        fits(&self.server_name, &server.name)
            && fits(&self.host, &server.host)
            && fits(&self.cluster, &server.cluster)
            && has_tags
            && (self.domain.is_empty() || self.domain == server.domain)
    }
}

/// What went wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ApiError {
    /// As in HTTP.
    pub code: u16,
    /// In words.
    pub description: String,
}

/// An answer.
#[derive(Clone, Debug, Serialize)]
pub struct Answer<T> {
    /// Who answers.
    pub server: ServerStamp,
    /// The answer. `None` within stands for JSON's `null`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Option<T>>,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ApiError>,
}
