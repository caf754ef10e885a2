//! The dashboard's table of connections.

use std::cmp::Reverse;
use std::net::IpAddr;
use std::time::SystemTime;

use troupe_codecs::report::Timestamp;
use troupe_codecs::report::table::{
    ConnectionTable, DEFAULT_ROWS, MOST_ROWS, TableOptions, TableOrder, TableRow, TableSort, TableState,
};

use super::Reporter;
use super::connz_rows::Row;
use super::eventsz::RatesByConnection;

/// What a row is sorted by. Within one order all rows have the same kind of key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Number(u64),
    Text(String),
    Address(Option<IpAddr>, u16),
    Moment(SystemTime),
}

impl Reporter {
    /// One page of the connections that match, in the asked order.
    #[must_use]
    pub fn connection_table(&self, options: &TableOptions, rates: &RatesByConnection) -> ConnectionTable {
        let now = SystemTime::now();
        let mut rows: Vec<Row> = match options.state {
            TableState::Open => self.services.registry.all().into_iter().map(Row::Open).collect(),
            TableState::Closed => self.services.closed.all().into_iter().map(Row::Closed).collect(),
        };
        if !options.acc.is_empty() {
            rows.retain(|row| row.is_of_account(&options.acc));
        }
        if !options.text.is_empty() {
            rows.retain(|row| matches(row, &options.text));
        }
        sort(&mut rows, options, rates, now);
        let limit = if options.limit == 0 { DEFAULT_ROWS } else { options.limit.min(MOST_ROWS) };
        let page = rows.iter().skip(options.offset).take(limit);
        let connections = page.map(|row| shown(row, rates, now)).collect();
        ConnectionTable { now: Timestamp(now), total: rows.len(), offset: options.offset, limit, connections }
    }
}

fn shown(row: &Row, rates: &RatesByConnection, now: SystemTime) -> TableRow {
    let mut info = row.info(now);
    row.add_identity(&mut info);
    let rates = matches!(row, Row::Open(_)).then(|| rates.get(&row.cid()).copied()).flatten();
    TableRow { info, rates }
}

/// Sorts by the asked column; ties are in the order of connection ids.
fn sort(rows: &mut [Row], options: &TableOptions, rates: &RatesByConnection, now: SystemTime) {
    let key = |row: &Row| key(row, options.sort, rates, now);
    match options.order {
        TableOrder::Asc => rows.sort_by_cached_key(|row| (key(row), row.cid())),
        TableOrder::Desc if options.sort == TableSort::Cid => rows.sort_by_key(|row| Reverse(row.cid())),
        TableOrder::Desc => rows.sort_by_cached_key(|row| (Reverse(key(row)), row.cid())),
    }
}

fn key(row: &Row, sort: TableSort, rates: &RatesByConnection, now: SystemTime) -> Key {
    let status = row.status();
    let profile = || row.profile().unwrap_or_default();
    let rate = |row: &Row| rates.get(&row.cid()).copied().unwrap_or_default();
    // Rates have one decimal and are never negative.
    let tenths = |rate: f64| Key::Number((rate * 10.0).round() as u64);
    match sort {
        TableSort::Cid => Key::Number(row.cid()),
        TableSort::Name => Key::Text(profile().name.to_lowercase()),
        TableSort::Kind => Key::Text(row.kind().to_owned()),
        TableSort::Ip => Key::Address(row.remote().ip(), row.remote().port()),
        TableSort::Account => Key::Text(profile().account.as_deref().unwrap_or_default().to_owned()),
        TableSort::Subs => Key::Number(u64::from(row.num_subscriptions())),
        TableSort::Pending => Key::Number(row.pending()),
        TableSort::Rtt => Key::Number(u64::try_from(status.rtt().as_nanos()).unwrap_or(u64::MAX)),
        TableSort::RateFrom => tenths(rate(row).in_msgs),
        TableSort::RateTo => tenths(rate(row).out_msgs),
        TableSort::MsgsFrom => Key::Number(row.traffic().in_msgs),
        TableSort::MsgsTo => Key::Number(row.traffic().out_msgs),
        TableSort::Uptime => {
            let lasted = row.stop().unwrap_or(now).duration_since(status.start()).unwrap_or_default();
            Key::Number(u64::try_from(lasted.as_nanos()).unwrap_or(u64::MAX))
        }
        TableSort::Idle => {
            let idle = now.duration_since(status.last_activity()).unwrap_or_default();
            Key::Number(u64::try_from(idle.as_nanos()).unwrap_or(u64::MAX))
        }
        TableSort::Stop => Key::Moment(row.stop().unwrap_or(now)),
        TableSort::Reason => Key::Text(row.reason().to_owned()),
    }
}

/// Whether a text is in one of the columns that people look for.
fn matches(row: &Row, text: &str) -> bool {
    let profile = row.profile().unwrap_or_default();
    let words = [
        &*profile.name,
        profile.account.as_deref().unwrap_or_default(),
        profile.user.as_deref().unwrap_or_default(),
        &*profile.lang,
        row.reason(),
    ];
    words.into_iter().any(|word| contains(word, text))
        || contains(&row.remote().to_string(), text)
        || row.cid().to_string() == text.trim_start_matches('#')
}

/// Whether `text` is in `word`, whatever the case of its ASCII letters.
fn contains(word: &str, text: &str) -> bool {
    word.len() >= text.len()
        && word.as_bytes().windows(text.len().max(1)).any(|part| part.eq_ignore_ascii_case(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_found_whatever_its_case() {
        let cases = [
            ("Checkout-7", "out-7", true),
            ("Checkout-7", "CHECK", true),
            ("Checkout-7", "checkout-77", false),
            ("Größe", "größe", true),
            ("", "a", false),
        ];
        for (word, text, expected) in cases {
            assert_eq!(contains(word, text), expected, "{text} in {word}");
        }
    }

    #[test]
    fn keys_of_an_order_compare() {
        assert!(Key::Number(2) < Key::Number(10));
        assert!(Key::Address(Some([10, 0, 0, 2].into()), 1) < Key::Address(Some([10, 0, 0, 10].into()), 1));
        assert!(Key::Address(None, 0) < Key::Address(Some([10, 0, 0, 2].into()), 1));
    }
}
