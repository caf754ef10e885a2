//! `/subsz`: subscriptions and the index they are in.

use serde::{Deserialize, Serialize};

use super::is_zero;
use super::json::go_float;
use super::time::Timestamp;

/// Most subscriptions in one answer, where the request names no limit.
pub const DEFAULT_LIMIT: usize = 1024;

/// What `/subsz` and `$SYS.REQ.SERVER.*.SUBSZ` can be asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct SubszOptions {
    /// Subscriptions to leave out at the front. Negative is none.
    pub offset: i64,
    /// Most subscriptions listed. Zero or less is [`DEFAULT_LIMIT`].
    pub limit: i64,
    /// List subscriptions, not only their number.
    pub subscriptions: bool,
    /// Only this account.
    pub account: String,
    /// Only subscriptions that a message on this subject would reach.
    pub test: String,
}

/// The answer.
#[derive(Clone, Debug, Serialize)]
pub struct Subsz {
    /// Id of the server.
    pub server_id: String,
    /// When it was made.
    pub now: Timestamp,
    /// State of the indexes.
    #[serde(flatten)]
    pub stats: SublistStats,
    /// Subscriptions that passed the filters.
    pub total: usize,
    /// As asked for.
    pub offset: usize,
    /// As asked for.
    pub limit: usize,
    /// The subscriptions of this page.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subscriptions_list: Vec<SubDetail>,
}

/// State of the subscription index, of one account or of all.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SublistStats {
    /// Subscriptions.
    pub num_subscriptions: u64,
    /// Subjects whose matches are remembered.
    pub num_cache: u64,
    /// Subscriptions added so far.
    pub num_inserts: u64,
    /// Subscriptions removed so far.
    pub num_removes: u64,
    /// Look-ups so far.
    pub num_matches: u64,
    /// Look-ups that found their answer remembered, of one.
    #[serde(serialize_with = "go_float")]
    pub cache_hit_rate: f64,
    /// Most subscriptions that one remembered subject reaches.
    pub max_fanout: u64,
    /// Subscriptions that a remembered subject reaches, on average.
    #[serde(serialize_with = "go_float")]
    pub avg_fanout: f64,
}

/// One subscription.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SubDetail {
    /// Account; left out in lists of one connection.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub account: String,
    /// Readable name of the account.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub account_tag: String,
    /// Subject.
    pub subject: String,
    /// Queue group.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub qgroup: String,
    /// The client's id for it.
    pub sid: String,
    /// Messages delivered.
    pub msgs: u64,
    /// Messages after which it ends.
    #[serde(skip_serializing_if = "is_zero")]
    pub max: u64,
    /// Connection.
    pub cid: u64,
}
