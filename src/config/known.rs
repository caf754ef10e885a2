//! The keys of everything nats-server serves and Troupe does not yet.

use Shape::{Any, Block, Integer, List, Listen};

/// What the value of a key looks like.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// Not looked into.
    Any,
    /// A map with known keys.
    Block(&'static [Known]),
    /// A number.
    Integer,
    /// A port, or a host and a port.
    Listen,
    /// An array of maps with known keys.
    List(&'static [Known]),
}

/// Spellings of a key and the shape of its value.
pub(super) type Known = (&'static [&'static str], Shape);

/// Keys of the top level. Aliases are resolved already.
pub(super) const TOP: &[(&str, Shape)] = &[
    ("prof_port", Integer),
    ("prof_block_rate", Integer),
    ("gateway", Block(GATEWAY)),
    ("leafnodes", Block(LEAFNODES)),
    ("default_js_domain", Any),
    ("websocket", Block(WEBSOCKET)),
    ("mqtt", Block(MQTT)),
];

const GATEWAY: &[Known] = &[
    (&["name"], Any),
    (&["listen"], Listen),
    (&["port"], Any),
    (&["host", "net"], Any),
    (&["authorization"], Any),
    (&["tls"], Any),
    (&["advertise"], Any),
    (&["connect_retries"], Any),
    (&["connect_backoff"], Any),
    (&["gateways"], List(&[(&["name"], Any), (&["tls"], Any), (&["url"], Any), (&["urls"], Any)])),
    (&["reject_unknown", "reject_unknown_cluster"], Any),
    (&["write_deadline"], Any),
    (&["write_timeout"], Any),
];

const LEAFNODES: &[Known] = &[
    (&["listen"], Listen),
    (&["port"], Any),
    (&["host", "net"], Any),
    (&["authorization"], Any),
    (&["remotes"], List(LEAFNODE_REMOTE)),
    (&["reconnect", "reconnect_delay", "reconnect_interval"], Any),
    (&["dial_timeout"], Any),
    (&["tls"], Any),
    (&["leafnode_advertise", "advertise"], Any),
    (&["no_advertise"], Any),
    (&["min_version", "minimum_version"], Any),
    (&["compression"], Any),
    (&["isolate_leafnode_interest", "isolate"], Any),
    (&["write_deadline"], Any),
    (&["write_timeout"], Any),
];

const LEAFNODE_REMOTE: &[Known] = &[
    (&["no_randomize", "dont_randomize"], Any),
    (&["url", "urls"], Any),
    (&["account", "local"], Any),
    (&["creds", "credentials"], Any),
    (&["nkey", "seed"], Any),
    (&["tls"], Any),
    (&["hub"], Any),
    (&["deny_imports", "deny_import"], Any),
    (&["deny_exports", "deny_export"], Any),
    (&["ws_compress", "ws_compression", "websocket_compress", "websocket_compression"], Any),
    (&["ws_no_masking", "websocket_no_masking"], Any),
    (&["jetstream_cluster_migrate", "js_cluster_migrate"], Any),
    (&["isolate_leafnode_interest", "isolate"], Any),
    (&["request_isolation"], Any),
    (&["compression"], Any),
    (&["first_info_timeout"], Any),
    (&["dial_timeout"], Any),
    (&["disabled"], Any),
    (&["proxy"], Block(&[(&["url"], Any), (&["username"], Any), (&["password"], Any), (&["timeout"], Any)])),
    (&["ignore_discovered_servers"], Any),
];

/// Keys of JetStream that are not served.
pub(super) const JETSTREAM: &[Known] = &[
    (&["extension_hint"], Any),
    (
        &["tpm"],
        Block(&[
            (&["keys_file"], Any),
            (&["encryption_password"], Any),
            (&["srk_password"], Any),
            (&["pcr"], Any),
            (&["cipher"], Any),
        ]),
    ),
    (&["max_outstanding_catchup"], Any),
    (&["max_buffered_size"], Any),
    (&["max_buffered_msgs"], Any),
    (&["request_queue_limit"], Any),
    (&["info_queue_limit"], Any),
    (&["meta_compact"], Any),
    (&["meta_compact_size"], Any),
    (&["meta_compact_sync"], Any),
    (&["max_concurrent_io"], Any),
];

/// Limits of JetStream that are not served.
pub(super) const JETSTREAM_LIMITS: &[Known] = &[(&["max_ha_assets"], Any)];

const WEBSOCKET: &[Known] = &[
    (&["listen"], Listen),
    (&["port"], Any),
    (&["host", "net"], Any),
    (&["advertise"], Any),
    (&["no_tls"], Any),
    (&["tls"], Any),
    (&["same_origin"], Any),
    (&["allowed_origins", "allowed_origin", "allow_origins", "allow_origin", "origins", "origin"], Any),
    (&["handshake_timeout"], Any),
    (&["compress", "compression"], Any),
    (&["authorization", "authentication"], Block(SIMPLE_AUTHORIZATION)),
    (&["jwt_cookie"], Any),
    (&["user_cookie"], Any),
    (&["pass_cookie"], Any),
    (&["token_cookie"], Any),
    (&["no_auth_user"], Any),
    (&["headers"], Any),
    (&["ping_interval"], Any),
];

const MQTT: &[Known] = &[
    (&["listen"], Listen),
    (&["port"], Any),
    (&["host", "net"], Any),
    (&["tls"], Any),
    (&["authorization", "authentication"], Block(SIMPLE_AUTHORIZATION)),
    (&["no_auth_user"], Any),
    (&["ack_wait", "ackwait"], Any),
    (&["js_api_timeout", "api_timeout"], Any),
    (&["max_ack_pending", "max_pending", "max_inflight"], Any),
    (&["js_domain"], Any),
    (&["stream_replicas"], Any),
    (&["consumer_replicas"], Any),
    (&["consumer_memory_storage"], Any),
    (&["consumer_inactive_threshold", "consumer_auto_cleanup"], Any),
    (&["reject_qos2_publish"], Any),
    (&["downgrade_qos2_subscribe"], Any),
];

const SIMPLE_AUTHORIZATION: &[Known] =
    &[(&["user", "username"], Any), (&["pass", "password"], Any), (&["token"], Any), (&["timeout"], Any)];
