//! `/metrics`: the server's figures for Prometheus. Labels are few: kinds, reasons, paths, and a bounded number of accounts.

use std::fmt;
use std::sync::Arc;

use actix_web::http::header::{ACCEPT, CONTENT_TYPE};
use actix_web::{HttpRequest, HttpResponse, web};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet, prometheus_text, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use troupe_actors::metrics::{ConnectionKind, LatencySnapshot, latency::BOUNDS};
use troupe_actors::report::{Reporter, Totals};
use troupe_codecs::report::accountz::AccountStat;
use troupe_codecs::report::actorz::Actorz;

use super::MonitorState;

/// Accounts with a label of their own; the others are added up.
const MOST_ACCOUNTS: usize = 100;
const OPEN_METRICS: &str = "application/openmetrics-text";

/// Answers a scrape, in OpenMetrics where the scraper takes it, else in the older text format.
pub(super) async fn metrics(state: web::Data<MonitorState>, request: HttpRequest) -> HttpResponse {
    state.reporter.count_request("/metrics");
    let accepted = request.headers().get(ACCEPT).and_then(|accepted| accepted.to_str().ok()).unwrap_or_default();
    let mut registry = Registry::with_prefix("troupe");
    registry.register_collector(Box::new(Figures(Arc::clone(&state.reporter))));
    let mut body = String::with_capacity(16 * 1024);
    let (content_type, outcome) = if accepted.contains(OPEN_METRICS) {
        ("application/openmetrics-text; version=1.0.0; charset=utf-8", text::encode(&mut body, &registry))
    } else {
        ("text/plain; version=0.0.4; charset=utf-8", prometheus_text::encode(&mut body, &registry))
    };
    match outcome {
        Ok(()) => HttpResponse::Ok().insert_header((CONTENT_TYPE, content_type)).body(body),
        Err(fmt::Error) => HttpResponse::InternalServerError().finish(),
    }
}

/// Reads the figures at each scrape.
#[derive(Debug)]
struct Figures(Arc<Reporter>);

type Labels = Vec<(&'static str, String)>;

impl Collector for Figures {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page { encoder };
        let reporter = &self.0;
        server(&mut page, reporter, &reporter.totals())?;
        trouble(&mut page, reporter)?;
        accounts(&mut page, &reporter.account_figures(MOST_ACCOUNTS))?;
        actors(&mut page, reporter, &reporter.actorz())
    }
}

/// One scrape being written.
struct Page<'a> {
    encoder: DescriptorEncoder<'a>,
}

impl Page<'_> {
    fn counters(&mut self, name: &str, help: &str, rows: impl IntoIterator<Item = (Labels, u64)>) -> fmt::Result {
        self.family(name, help, MetricType::Counter, rows, |count, encoder| ConstCounter::new(count).encode(encoder))
    }

    fn gauges(&mut self, name: &str, help: &str, rows: impl IntoIterator<Item = (Labels, f64)>) -> fmt::Result {
        self.family(name, help, MetricType::Gauge, rows, |value, encoder| ConstGauge::new(value).encode(encoder))
    }

    fn histograms(
        &mut self,
        name: &str,
        help: &str,
        rows: impl IntoIterator<Item = (Labels, LatencySnapshot)>,
    ) -> fmt::Result {
        self.family(name, help, MetricType::Histogram, rows, |latency, mut encoder| {
            let bounds = BOUNDS.iter().map(|bound| *bound as f64 / 1e9).chain([f64::MAX]);
            let buckets: Vec<(f64, u64)> = bounds.zip(latency.buckets).collect();
            encoder.encode_histogram::<NoLabelSet>(latency.sum.as_secs_f64(), latency.count(), &buckets, None)
        })
    }

    fn family<T>(
        &mut self,
        name: &str,
        help: &str,
        kind: MetricType,
        rows: impl IntoIterator<Item = (Labels, T)>,
        write: impl Fn(T, MetricEncoder<'_>) -> fmt::Result,
    ) -> fmt::Result {
        let mut rows = rows.into_iter().peekable();
        // A family without a member would be a description of nothing.
        if rows.peek().is_none() {
            return Ok(());
        }
        let mut family = self.encoder.encode_descriptor(name, help, None, kind)?;
        for (labels, value) in rows {
            write(value, family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

fn one<T>(value: T) -> [(Labels, T); 1] {
    [(Labels::new(), value)]
}

fn label(name: &'static str, value: impl Into<String>) -> Labels {
    vec![(name, value.into())]
}

fn server(page: &mut Page<'_>, reporter: &Reporter, totals: &Totals) -> fmt::Result {
    let info = reporter.services().info();
    let names = [("server_id", &info.server_id), ("server_name", &info.server_name), ("version", &info.version)];
    let mut labels: Labels = names.iter().map(|(name, value)| (*name, (*value).clone())).collect();
    labels.push(("troupe_version", crate::TROUPE_VERSION.to_owned()));
    page.gauges("server", "Who the server is", [(labels, 1.0)])?;
    page.gauges("start_time_seconds", "When the server started, in seconds since 1970", one(reporter.start_seconds()))?;
    page.gauges("memory_bytes", "Resident memory", one(totals.memory as f64))?;
    page.gauges("cpu_percent", "Processor time used lately, in percent of one core", one(totals.cpu))?;
    let kinds = [
        (ConnectionKind::Client, totals.connections, totals.clients),
        (ConnectionKind::Route, totals.routes.connections, totals.routes.traffic),
        (ConnectionKind::Gateway, totals.gateways.connections, totals.gateways.traffic),
        (ConnectionKind::Leaf, totals.leafs.connections, totals.leafs.traffic),
    ];
    let by_kind = |kind: ConnectionKind| label("kind", kind.label());
    page.gauges("connections", "Open connections", kinds.map(|(kind, count, _)| (by_kind(kind), count as f64)))?;
    page.counters("connections_accepted", "Client connections accepted", one(totals.total_connections))?;
    page.gauges("subscriptions", "Subscriptions", one(totals.subscriptions as f64))?;
    let rows = kinds.map(|(kind, _, traffic)| (by_kind(kind), traffic.in_msgs));
    page.counters("received_messages", "Messages received", rows)?;
    let rows = kinds.map(|(kind, _, traffic)| (by_kind(kind), traffic.in_bytes));
    page.counters("received_bytes", "Payload bytes received", rows)?;
    let rows = kinds.map(|(kind, _, traffic)| (by_kind(kind), traffic.out_msgs));
    page.counters("sent_messages", "Messages sent", rows)?;
    let rows = kinds.map(|(kind, _, traffic)| (by_kind(kind), traffic.out_bytes));
    page.counters("sent_bytes", "Payload bytes sent", rows)
}

fn trouble(page: &mut Page<'_>, reporter: &Reporter) -> fmt::Result {
    let services = reporter.services();
    let counters = &services.counters;
    let by_kind =
        |of: &dyn Fn(ConnectionKind) -> u64| ConnectionKind::ALL.map(|kind| (label("kind", kind.label()), of(kind)));
    let rows = by_kind(&|kind| counters.slow_consumers.of(kind));
    page.counters("slow_consumers", "Connections closed because they read too slowly", rows)?;
    let rows = by_kind(&|kind| counters.stale_connections.of(kind));
    page.counters("stale_connections", "Connections closed because they did not answer pings", rows)?;
    page.counters("publisher_stalls", "Times a publisher had to wait for a slow reader", one(counters.num_stalls()))?;
    let of_accounts = services.accounts.all().into_iter().filter_map(|account| account.rate_limiter());
    let waits =
        [("user", services.users.num_waits()), ("account", of_accounts.map(|limiter| limiter.num_waits()).sum())];
    let rows = waits.map(|(limit, count)| (label("limit", limit), count));
    page.counters("rate_limit_waits", "Times a publisher had to wait because it was over its rate", rows)?;
    let closed = services.closed.counts().into_iter().map(|(reason, count)| (label("reason", reason.text()), count));
    page.counters("connections_closed", "Connections closed, by reason", closed)?;
    let requests = reporter.requests().into_iter().map(|(path, count)| (label("path", path), count));
    page.counters("monitor_requests", "Requests to the monitor", requests)?;
    let publish = one(counters.publish_latency.read());
    page.histograms("publish_seconds", "From a read to its messages handed over, sampled", publish)
}

fn accounts(page: &mut Page<'_>, stats: &[AccountStat]) -> fmt::Result {
    let by_account =
        |of: fn(&AccountStat) -> u64| stats.iter().map(move |stat| (label("account", &*stat.acc), of(stat)));
    let gauge = |of: fn(&AccountStat) -> u64| by_account(of).map(|(labels, value)| (labels, value as f64));
    page.gauges("account_connections", "Client connections", gauge(|stat| stat.conns))?;
    page.gauges("account_subscriptions", "Subscriptions", gauge(|stat| stat.num_subscriptions))?;
    page.counters("account_received_messages", "Messages published", by_account(|stat| stat.received.all.msgs))?;
    page.counters("account_received_bytes", "Payload bytes published", by_account(|stat| stat.received.all.bytes))?;
    page.counters("account_sent_messages", "Messages delivered", by_account(|stat| stat.sent.all.msgs))?;
    page.counters("account_sent_bytes", "Payload bytes delivered", by_account(|stat| stat.sent.all.bytes))?;
    page.counters("account_slow_consumers", "Connections closed for being slow", by_account(|stat| stat.slow_consumers))
}

fn actors(page: &mut Page<'_>, reporter: &Reporter, board: &Actorz) -> fmt::Result {
    let mut kinds: std::collections::BTreeMap<&str, [u64; 3]> = std::collections::BTreeMap::new();
    for actor in &board.actors {
        let [running, restarts, stalls] = kinds.entry(actor.kind).or_default();
        *running += u64::from(actor.state == "running");
        *restarts += actor.restarts;
        *stalls += actor.stalls;
    }
    for group in &board.groups {
        kinds.entry(group.kind).or_default()[0] += group.running;
    }
    let by_kind = |number: usize| kinds.iter().map(move |(kind, counts)| (label("kind", *kind), counts[number]));
    page.gauges("actors_running", "Running actors", by_kind(0).map(|(labels, count)| (labels, count as f64)))?;
    page.counters("actor_restarts", "Restarts of supervised actors", by_kind(1))?;
    page.counters("actor_stalls", "Times a supervised actor was found stuck", by_kind(2))?;
    let panics = board.groups.iter().map(|group| (label("kind", group.kind), group.failed));
    page.counters("connection_panics", "Connections ended by a panic", panics)?;
    let queues = board.queues.iter().map(|(name, queue)| (label("queue", &**name), queue.pending as f64));
    page.gauges("queue_pending", "Items waiting in queues between actors", queues)?;
    let latencies = reporter.mailbox_latencies().into_iter().map(|(kind, latency)| (label("kind", kind), latency));
    page.histograms("mailbox_seconds", "From the supervisor's ping to the actor's answer, once a second", latencies)
}
