//! The one table of differences from nats-server's documents, each with its reason.

/// Endpoint (or `*`), path in the document (`-` is an item of a list, `*` at the end is the rest), reason.
pub(crate) const DIFFERENCES: &[(&str, &str, &str)] = &[
    ("/varz", "/git_commit", "only builds that were told their commit have one"),
    ("/varz", "/subscriptions", "nats-server counts subscriptions of its own services; Troupe has others"),
    ("/varz", "/http_req_stats*", "Troupe has paths of its own"),
    ("/varz", "/gomaxprocs", "threads that run connections: the same number on most machines only"),
    ("/subsz", "/num_subscriptions", "counts the server's own subscriptions"),
    ("/subsz", "/num_cache", "each thread remembers matches for itself"),
    ("/subsz", "/num_inserts", "counts the server's own subscriptions"),
    ("/subsz", "/num_removes", "counts the server's own subscriptions"),
    ("/subsz", "/num_matches", "each thread remembers matches for itself"),
    ("/subsz", "/cache_hit_rate", "each thread remembers matches for itself"),
    ("/subsz", "/max_fanout", "each thread remembers matches for itself"),
    ("/subsz", "/avg_fanout", "each thread remembers matches for itself"),
    ("/subsz", "/total", "counts the server's own subscriptions"),
    ("/accountz", "/account_detail/subscriptions", "counts the server's own subscriptions"),
    ("/accountz", "/account_detail/sublist_stats*", "as in /subsz"),
    ("/accstatz", "/account_statz/-/num_subscriptions", "counts the server's own subscriptions"),
    ("/ipqueuesz", "*", "the queues are others"),
    ("/debug/vars", "/cmdline*", "another binary"),
    ("/debug/vars", "/memstats*", "only what has a meaning without Go's collector"),
];
