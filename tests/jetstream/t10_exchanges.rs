//! Tables of requests whose answers are those of nats-server.

use crate::exchange::compare_exchanges;

/// A domain.
const DOMAIN: &str = "jetstream { store_dir: STORE, max_mem: 1G, max_file: 1G, domain: D }\n";
/// Requests may have any fields.
const LENIENT: &str = "jetstream { store_dir: STORE, max_mem: 1G, max_file: 1G, strict: false }\n";
/// An account with limits.
const LIMITED: &str = "{js}\nno_auth_user: u\naccounts { A { users: [{user: u, password: p}], jetstream: \
    { max_mem: 100K, max_file: 0, max_streams: 2, max_bytes_required: true, mem_max_stream_bytes: 64K } } }\n";
/// An account that has none.
const WITHOUT: &str = "jetstream { store_dir: STORE, max_mem: 1G, max_file: 1G, domain: D }\nno_auth_user: b\n\
    accounts { A { users: [{user: a, password: p}], jetstream: enabled }\n B { users: [{user: b, password: p}] } }\n";
/// A server with little room.
const SMALL: &str = "jetstream { store_dir: STORE, max_mem: 2K, max_file: 4K }\n";
/// Nothing but JetStream.
const JETSTREAM: &str = "{js}\n";

/// Makes a test of each table.
macro_rules! tables {
    ($($name:ident: $file:literal, $config:expr, $least:literal;)*) => {
        $(
            #[tokio::test]
            async fn $name() {
                let count = compare_exchanges($config, include_str!(concat!("exchanges/", $file))).await;
                assert!(count == 0 || count >= $least, "the table has shrunk to {count}");
            }
        )*
    };
}

tables! {
    configurations: "configurations.txt", JETSTREAM, 80;
    streams: "streams.txt", JETSTREAM, 40;
    publishing: "publishing.txt", JETSTREAM, 40;
    reading: "reading.txt", JETSTREAM, 30;
    updates: "updates.txt", JETSTREAM, 20;
    order: "order.txt", JETSTREAM, 45;
    consumers: "consumers.txt", JETSTREAM, 100;
    pulling: "pulling.txt", JETSTREAM, 80;
    purging: "purging.txt", JETSTREAM, 1200;
    batches: "batches.txt", JETSTREAM, 30;
    limits: "limits.txt", LIMITED, 8;
    capacity: "capacity.txt", SMALL, 28;
    domains: "domain.txt", DOMAIN, 25;
    without: "without.txt", WITHOUT, 28;
    leniency: "lenient.txt", LENIENT, 4;
}
