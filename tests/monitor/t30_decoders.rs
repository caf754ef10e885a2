//! What fixed structures of other programs read: nats-top and the Prometheus exporter of NATS, field by field.

use serde_json::Value;
use troupe_tests::Server;

use crate::stage::{MONITOR, document, join};

/// A field and the JSON type it is decoded into.
type Field = (&'static str, fn(&Value) -> bool);

const NUMBER: fn(&Value) -> bool = |value| value.is_number();
const WHOLE: fn(&Value) -> bool = |value| value.is_i64() || value.is_u64();
const TEXT: fn(&Value) -> bool = |value| value.is_string();
const LIST: fn(&Value) -> bool = |value| value.is_array();
const MAP: fn(&Value) -> bool = |value| value.is_object();
/// Go's `time.Time`.
const TIME: fn(&Value) -> bool = |value| value.as_str().is_some_and(|text| text.ends_with('Z') && text.contains('T'));

/// nats-top decodes `/varz` into these.
const TOP_VARZ: &[Field] = &[
    ("server_id", TEXT),
    ("server_name", TEXT),
    ("version", TEXT),
    ("uptime", TEXT),
    ("now", TIME),
    ("start", TIME),
    ("mem", WHOLE),
    ("cpu", NUMBER),
    ("cores", WHOLE),
    ("connections", WHOLE),
    ("total_connections", WHOLE),
    ("in_msgs", WHOLE),
    ("out_msgs", WHOLE),
    ("in_bytes", WHOLE),
    ("out_bytes", WHOLE),
    ("slow_consumers", WHOLE),
    ("subscriptions", WHOLE),
];

/// nats-top's table of connections.
const TOP_CONNECTION: &[Field] = &[
    ("cid", WHOLE),
    ("ip", TEXT),
    ("port", WHOLE),
    ("start", TIME),
    ("last_activity", TIME),
    ("rtt", TEXT),
    ("uptime", TEXT),
    ("idle", TEXT),
    ("pending_bytes", WHOLE),
    ("in_msgs", WHOLE),
    ("out_msgs", WHOLE),
    ("in_bytes", WHOLE),
    ("out_bytes", WHOLE),
    ("subscriptions", WHOLE),
    ("name", TEXT),
    ("lang", TEXT),
    ("version", TEXT),
];

/// What the exporter and its dashboards read of `/varz`.
const EXPORTER_VARZ: &[Field] = &[
    ("auth_timeout", NUMBER),
    ("connections", WHOLE),
    ("cores", WHOLE),
    ("cpu", NUMBER),
    ("gomaxprocs", WHOLE),
    ("http_port", WHOLE),
    ("https_port", WHOLE),
    ("http_req_stats", MAP),
    ("in_bytes", WHOLE),
    ("in_msgs", WHOLE),
    ("jetstream", MAP),
    ("leaf", MAP),
    ("leafnodes", WHOLE),
    ("max_connections", WHOLE),
    ("max_control_line", WHOLE),
    ("max_payload", WHOLE),
    ("max_pending", WHOLE),
    ("mem", WHOLE),
    ("out_bytes", WHOLE),
    ("out_msgs", WHOLE),
    ("ping_interval", WHOLE),
    ("ping_max", WHOLE),
    ("port", WHOLE),
    ("proto", WHOLE),
    ("remotes", WHOLE),
    ("routes", WHOLE),
    ("slow_consumer_stats", MAP),
    ("slow_consumers", WHOLE),
    ("stale_connections", WHOLE),
    ("start", TIME),
    ("config_load_time", TIME),
    ("subscriptions", WHOLE),
    ("tls_timeout", NUMBER),
    ("total_connections", WHOLE),
    ("write_deadline", WHOLE),
];

const EXPORTER_SUBSZ: &[Field] = &[
    ("num_subscriptions", WHOLE),
    ("num_cache", WHOLE),
    ("num_inserts", WHOLE),
    ("num_removes", WHOLE),
    ("num_matches", WHOLE),
    ("cache_hit_rate", NUMBER),
    ("max_fanout", WHOLE),
    ("avg_fanout", NUMBER),
];

const EXPORTER_ACCOUNT: &[Field] = &[
    ("acc", TEXT),
    ("name", TEXT),
    ("conns", WHOLE),
    ("leafnodes", WHOLE),
    ("total_conns", WHOLE),
    ("num_subscriptions", WHOLE),
    ("sent", MAP),
    ("received", MAP),
    ("slow_consumers", WHOLE),
];

const LISTS: &[(&str, Field)] = &[
    ("/connz", ("connections", LIST)),
    ("/routez", ("routes", LIST)),
    ("/leafz", ("leafs", LIST)),
    ("/gatewayz", ("outbound_gateways", MAP)),
    ("/gatewayz", ("inbound_gateways", MAP)),
    ("/jsz", ("config", MAP)),
    ("/jsz", ("api", MAP)),
    ("/accstatz", ("account_statz", LIST)),
];

#[track_caller]
fn assert_decodes(what: &str, document: &Value, fields: &[Field]) {
    let wrong: Vec<&str> =
        fields.iter().filter(|(name, is_right)| !is_right(&document[*name])).map(|field| field.0).collect();
    assert!(wrong.is_empty(), "{what}: {wrong:?} cannot be decoded from {document}");
}

#[test]
fn every_field_is_there_and_has_its_type() {
    let server = Server::troupe(MONITOR);
    let _client = join(&server, "\"name\":\"top\"");
    let varz = document(&server, "/varz");
    assert_decodes("nats-top", &varz, TOP_VARZ);
    assert_decodes("exporter", &varz, EXPORTER_VARZ);
    assert_decodes("nats-top", &document(&server, "/connz?limit=1024&sort=cid")["connections"][0], TOP_CONNECTION);
    assert_decodes("exporter", &document(&server, "/subsz"), EXPORTER_SUBSZ);
    assert_decodes("exporter", &document(&server, "/accstatz?unused=1")["account_statz"][0], EXPORTER_ACCOUNT);
    for (path, field) in LISTS {
        assert_decodes(path, &document(&server, path), &[*field]);
    }
}
