//! The dashboard's table of connections: `/connz` with rates, a filter, and every column sortable both ways.

use serde::{Deserialize, Serialize};

use super::connz::ConnInfo;
use super::time::Timestamp;

/// Most rows in one answer.
pub const MOST_ROWS: usize = 500;
/// Rows in an answer, where the request names no number.
pub const DEFAULT_ROWS: usize = 50;

/// What the table can be asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct TableOptions {
    /// Open or closed connections.
    pub state: TableState,
    /// Column the rows are sorted by.
    pub sort: TableSort,
    /// Which end comes first.
    pub order: TableOrder,
    /// Only connections with this text, in whatever case, in their name, address, account, user, language or reason, or
    /// with this id.
    #[serde(rename = "match")]
    pub text: String,
    /// Only connections of this account.
    pub acc: String,
    /// Rows to leave out at the front.
    pub offset: usize,
    /// Most rows; zero is [`DEFAULT_ROWS`], and never more than [`MOST_ROWS`].
    pub limit: usize,
}

/// Which connections are meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TableState {
    /// Those that are.
    #[default]
    Open,
    /// The last ones that were.
    Closed,
}

/// Columns to sort by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TableSort {
    /// Connection id.
    #[default]
    Cid,
    /// Name.
    Name,
    /// Client, leaf node, and what they speak.
    Kind,
    /// Address.
    Ip,
    /// Account.
    Account,
    /// Subscriptions.
    Subs,
    /// Bytes waiting to be sent.
    Pending,
    /// Round trip time.
    Rtt,
    /// Messages received per second.
    RateFrom,
    /// Messages sent per second.
    RateTo,
    /// Messages received.
    MsgsFrom,
    /// Messages sent.
    MsgsTo,
    /// Time since it was accepted, or until it was closed.
    Uptime,
    /// Time since it last did something.
    Idle,
    /// When it was closed.
    Stop,
    /// Why it was closed.
    Reason,
}

/// Which end comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TableOrder {
    /// Smallest first.
    #[default]
    Asc,
    /// Largest first.
    Desc,
}

/// The answer.
#[derive(Clone, Debug, Serialize)]
pub struct ConnectionTable {
    /// When it was made.
    pub now: Timestamp,
    /// Connections that match.
    pub total: usize,
    /// As asked for.
    pub offset: usize,
    /// Most rows on the page.
    pub limit: usize,
    /// The rows of this page.
    pub connections: Vec<TableRow>,
}

/// One row.
#[derive(Clone, Debug, Serialize)]
pub struct TableRow {
    /// As in `/connz?auth=true`.
    #[serde(flatten)]
    pub info: ConnInfo,
    /// How fast its counters grow; unknown in the first seconds of a look, and of what is closed.
    #[serde(flatten)]
    pub rates: Option<ConnectionRates>,
}

/// How fast the counters of a connection grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct ConnectionRates {
    /// Messages received per second.
    #[serde(rename = "in_msgs_rate")]
    pub in_msgs: f64,
    /// Payload bytes received per second.
    #[serde(rename = "in_bytes_rate")]
    pub in_bytes: f64,
    /// Messages sent per second.
    #[serde(rename = "out_msgs_rate")]
    pub out_msgs: f64,
    /// Payload bytes sent per second.
    #[serde(rename = "out_bytes_rate")]
    pub out_bytes: f64,
}
