//! Requests as text, sent to both servers.
//!
//! ```text
//! # a comment
//! SUBJECT | Header: value; Other: value | body     expects one answer
//! SUBJECT || body                                  without headers
//! SUBJECT                                          with neither
//! !SUBJECT ...                                     nobody answers: the server says so
//! *SUBJECT ...                                     expects answers up to an empty one with a status
//! ~SUBJECT ...                                     expects one answer, and asks until both servers' are equal:
//!                                                  nats-server acknowledges a message before consumers count it
//! ```

use std::fmt::Write as _;
use std::time::Instant;

use async_nats::{Client, HeaderMap};
use futures_util::StreamExt;
use troupe_tests::wait::PATIENCE;
use troupe_tests::{Config, Server};

use crate::ask::connect;
use crate::masked::masked;

/// How many answers a request has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    One,
    NoResponders,
    UpToStatus,
    OnceEqual,
}

#[derive(Debug)]
struct Exchange<'a> {
    text: &'a str,
    wanted: Wanted,
    subject: &'a str,
    headers: Vec<(&'a str, &'a str)>,
    body: &'a str,
}

impl<'a> Exchange<'a> {
    fn parse(text: &'a str) -> Self {
        let (wanted, line) = match text.split_at(1) {
            ("!", line) => (Wanted::NoResponders, line),
            ("*", line) => (Wanted::UpToStatus, line),
            ("~", line) => (Wanted::OnceEqual, line),
            _ => (Wanted::One, text),
        };
        let mut parts = line.splitn(3, '|').map(str::trim);
        let subject = parts.next().unwrap_or_default();
        let headers = parts.next().unwrap_or_default();
        let headers = headers.split(';').filter_map(|header| header.split_once(':'));
        let headers = headers.map(|(name, value)| (name.trim(), value.trim())).collect();
        Self { text, wanted, subject, headers, body: parts.next().unwrap_or_default() }
    }
}

/// Sends every request of a text to both servers, in order, and compares the answers; says how many there were.
pub(crate) async fn compare_exchanges(config: &str, text: &str) -> usize {
    let config = Config::new(config.replace("{js}", "jetstream { store_dir: STORE, max_mem: 1G, max_file: 1G }"));
    let exchanges: Vec<Exchange<'_>> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(Exchange::parse)
        .collect();
    let Some((reference, _dir)) = start(&config, true) else { return 0 };
    let Some((troupe, _other)) = start(&config, false) else { return 0 };
    let (wanted, got) = (connect(&reference).await, connect(&troupe).await);
    let mut differences = String::new();
    for exchange in &exchanges {
        let (wanted, got) = play_on_both(&wanted, &got, exchange).await;
        if wanted != got {
            let _ = writeln!(differences, "{}\n  - {wanted}\n  + {got}", exchange.text);
        }
    }
    assert!(differences.is_empty(), "answers differ from nats-server (- wanted, + got):\n{differences}");
    exchanges.len()
}

/// Starts a server with a directory of its own in place of `STORE`; none where there is no reference.
pub(crate) fn start(config: &Config, is_reference: bool) -> Option<(Server, tempfile::TempDir)> {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let body = config.body().replace("STORE", &format!("\"{}\"", directory.path().display()));
    let config = Config::new(body);
    let server = if is_reference { Server::reference(config)? } else { Server::troupe(config) };
    Some((server, directory))
}

async fn play_on_both(reference: &Client, troupe: &Client, exchange: &Exchange<'_>) -> (String, String) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (wanted, got) = tokio::join!(play(reference, exchange), play(troupe, exchange));
        if exchange.wanted != Wanted::OnceEqual || wanted == got || Instant::now() >= deadline {
            return (wanted, got);
        }
    }
}

async fn play(client: &Client, exchange: &Exchange<'_>) -> String {
    let inbox = client.new_inbox();
    let mut answers = client.subscribe(inbox.clone()).await.expect("the client subscribes");
    let mut headers = HeaderMap::new();
    for (name, value) in &exchange.headers {
        headers.append(*name, *value);
    }
    let body = exchange.body.to_owned().into();
    let sent = client.publish_with_reply_and_headers(exchange.subject.to_owned(), inbox, headers, body).await;
    sent.expect("the client publishes");
    let mut text = String::new();
    loop {
        let Ok(Some(answer)) = tokio::time::timeout(PATIENCE, answers.next()).await else {
            return text + "(no answer)";
        };
        let is_status = answer.status.is_some();
        text.push_str(&masked(&answer));
        if exchange.wanted != Wanted::UpToStatus || is_status {
            return text;
        }
        text.push_str(" / ");
    }
}
