//! Tables of requests whose answers are those of nats-server.

use crate::exchange::compare_exchanges;

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
}
