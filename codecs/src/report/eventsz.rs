//! `/eventsz`: what the server tells once a second. Troupe's own, its dashboard lives on it.
//!
//! Three kinds of events: [`History`] once, then each second a [`Tick`] and, where connections came or went, [`Changes`].

use serde::Serialize;

use super::is_zero;

/// Figures of one moment: totals since the start of the server, as in `/varz`, and levels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Sample {
    /// Milliseconds since the start of 1970.
    pub at: u64,
    /// Messages received.
    pub in_msgs: u64,
    /// Payload bytes received.
    pub in_bytes: u64,
    /// Messages sent.
    pub out_msgs: u64,
    /// Payload bytes sent.
    pub out_bytes: u64,
    /// Client connections.
    pub connections: u64,
    /// Client connections so far.
    pub total_connections: u64,
    /// Subscriptions.
    pub subscriptions: u64,
    /// Connections closed for being slow.
    pub slow_consumers: u64,
    /// Times a publisher had to wait for a full destination.
    pub stalled_clients: u64,
    /// Restarts of actors.
    pub restarts: u64,
    /// Resident memory in bytes.
    pub mem: u64,
    /// Processor time in percent of one core.
    pub cpu: f64,
}

/// A sample as an array: [`Sample::FIELDS`] names the places.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Row(u64, u64, u64, u64, u64, u64, u64, u64, u64, u64, u64, u64, f64);

impl Sample {
    /// Names of the places of a [`Row`].
    pub const FIELDS: [&'static str; 13] = [
        "at",
        "in_msgs",
        "in_bytes",
        "out_msgs",
        "out_bytes",
        "connections",
        "total_connections",
        "subscriptions",
        "slow_consumers",
        "stalled_clients",
        "restarts",
        "mem",
        "cpu",
    ];

    /// The sample without its names: a ring of them is a quarter as long.
    #[must_use]
    pub fn row(&self) -> Row {
        Row(
            self.at,
            self.in_msgs,
            self.in_bytes,
            self.out_msgs,
            self.out_bytes,
            self.connections,
            self.total_connections,
            self.subscriptions,
            self.slow_consumers,
            self.stalled_clients,
            self.restarts,
            self.mem,
            self.cpu,
        )
    }
}

/// The event `history`: what came before.
#[derive(Clone, Debug, Serialize)]
pub struct History {
    /// Id of the server. Samples of another one do not continue these.
    pub server_id: String,
    /// Version of the server.
    pub version: &'static str,
    /// Digest of the page it serves: a page of another one is out of date.
    pub page: String,
    /// Names of the places of a row.
    pub fields: [&'static str; 13],
    /// Samples, oldest first.
    pub rows: Vec<Row>,
}

/// The event `sample`: the present figures, and how fast the totals grew in the last second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Tick {
    /// The figures.
    #[serde(flatten)]
    pub sample: Sample,
    /// Messages received per second.
    pub in_msgs_rate: f64,
    /// Payload bytes received per second.
    pub in_bytes_rate: f64,
    /// Messages sent per second.
    pub out_msgs_rate: f64,
    /// Payload bytes sent per second.
    pub out_bytes_rate: f64,
}

impl Tick {
    /// The present figures after those of an earlier moment; without one nothing is known to move.
    #[must_use]
    pub fn new(sample: Sample, before: Option<&Sample>) -> Self {
        let Some(before) = before.filter(|before| before.at < sample.at) else {
            return Self { sample, ..Self::default() };
        };
        let seconds = (sample.at - before.at) as f64 / 1000.0;
        // Whole tenths: more is noise.
        let rate = |now: u64, then: u64| (now.saturating_sub(then) as f64 / seconds * 10.0).round() / 10.0;
        Self {
            sample,
            in_msgs_rate: rate(sample.in_msgs, before.in_msgs),
            in_bytes_rate: rate(sample.in_bytes, before.in_bytes),
            out_msgs_rate: rate(sample.out_msgs, before.out_msgs),
            out_bytes_rate: rate(sample.out_bytes, before.out_bytes),
        }
    }
}

/// The event `connections`: who came and who went since the last one.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Changes {
    /// Milliseconds since the start of 1970.
    pub at: u64,
    /// Connections that came, oldest first.
    pub connected: Vec<Peer>,
    /// Connections that went, oldest first.
    pub disconnected: Vec<Peer>,
    /// Connections that came or went and are not listed, because they were too many.
    #[serde(skip_serializing_if = "is_zero")]
    pub hidden: u64,
}

impl Changes {
    /// Whether there is nothing to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.connected.is_empty() && self.disconnected.is_empty() && self.hidden == 0
    }
}

/// A connection that came or went.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Peer {
    /// Id.
    pub cid: u64,
    /// Address; empty for a Unix socket.
    pub ip: String,
    /// Name from CONNECT.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Account, once it is let in.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub account: String,
    /// Why it went.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub reason: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_its_values_in_the_order_of_the_names() {
        let numbers: Vec<u64> = (1..).take(Sample::FIELDS.len()).collect();
        let named = Sample::FIELDS.iter().zip(&numbers).map(|(name, number)| ((*name).to_owned(), (*number).into()));
        let named: serde_json::Map<String, serde_json::Value> = named.collect();
        let text = |key: &str| named[key].as_u64().unwrap();
        let sample = Sample {
            at: text("at"),
            in_msgs: text("in_msgs"),
            in_bytes: text("in_bytes"),
            out_msgs: text("out_msgs"),
            out_bytes: text("out_bytes"),
            connections: text("connections"),
            total_connections: text("total_connections"),
            subscriptions: text("subscriptions"),
            slow_consumers: text("slow_consumers"),
            stalled_clients: text("stalled_clients"),
            restarts: text("restarts"),
            mem: text("mem"),
            cpu: text("cpu") as f64,
        };
        let row = serde_json::to_string(&sample.row()).unwrap();
        assert_eq!(row, "[1,2,3,4,5,6,7,8,9,10,11,12,13.0]");
        let object = serde_json::to_value(sample).unwrap();
        assert!(Sample::FIELDS.iter().all(|name| object.get(name).is_some()));
        assert_eq!(object.as_object().unwrap().len(), Sample::FIELDS.len());
    }

    #[test]
    fn rates_are_per_second_and_never_negative() {
        let before = Sample { at: 1_000, in_msgs: 10, out_bytes: 500, ..Sample::default() };
        let now = Sample { at: 3_000, in_msgs: 13, out_bytes: 400, ..Sample::default() };
        let tick = Tick::new(now, Some(&before));
        assert_eq!((tick.in_msgs_rate, tick.out_bytes_rate, tick.out_msgs_rate), (1.5, 0.0, 0.0));
        assert_eq!(Tick::new(now, None).in_msgs_rate, 0.0);
        assert_eq!(Tick::new(now, Some(&now)).in_msgs_rate, 0.0);
    }
}
