//! Other servers and streams, as nats-server reports them.

use serde_json::{Value, json};

use crate::browser::{Browser, Look, in_browser};
use crate::stage::Stage;
use crate::stand_in::StandIn;

fn route(name: &str, rid: u64, rtt: &str) -> Value {
    json!({
        "rid": rid, "remote_id": format!("ID{name}"), "remote_name": name, "ip": "127.0.0.1", "port": 6222, "rtt": rtt,
        "pending_size": 0, "in_msgs": 10, "out_msgs": 20, "in_bytes": 100, "out_bytes": 200, "subscriptions": 3,
    })
}

fn consumer(name: &str, pending: u64) -> Value {
    json!({
        "stream_name": "ORDERS", "name": name, "config": { "durable_name": name, "max_ack_pending": 1000 },
        "delivered": { "consumer_seq": 5, "stream_seq": 5 }, "ack_floor": { "consumer_seq": 1, "stream_seq": 1 },
        "num_ack_pending": 4, "num_redelivered": 1, "num_waiting": 2, "num_pending": pending,
    })
}

fn jsz() -> Value {
    let stream = json!({
        "name": "ORDERS", "config": { "subjects": ["orders.>"], "storage": "file", "num_replicas": 1 },
        "state": { "messages": 1200, "bytes": 4096, "first_seq": 1, "last_seq": 1200, "consumer_count": 2 },
        "consumer_detail": [consumer("quick", 3), consumer("<b>lazy</b>", 900)],
    });
    json!({
        "now": "2026-01-01T00:00:00Z", "memory": 0, "storage": 4096, "config": { "max_storage": 1_073_741_824 },
        "api": { "total": 7, "errors": 1 }, "streams": 1, "consumers": 2, "messages": 1200, "bytes": 4096,
        "account_details": [{ "name": "A", "id": "A", "stream_detail": [stream] }],
    })
}

async fn open(browser: &Browser, stand_in: &StandIn, section: &str) {
    browser.go(&stand_in.url("dashboard")).await;
    browser.until("document.querySelector('#verdict').dataset.level === 'ok'").await;
    browser.run(&format!("document.getElementById('{section}').scrollIntoView({{ behavior: 'instant' }})")).await;
}

#[test]
fn streams_and_the_lag_of_their_consumers() {
    let stage = Stage::new("");
    let stand_in = StandIn::new(stage.monitor(), vec![("jsz", jsz())]);
    in_browser(Look::default(), async |browser| {
        open(&browser, &stand_in, "streams").await;
        browser.until("document.querySelectorAll('#streams tbody tr').length === 3").await;
        // The one that lags most comes first.
        assert_eq!(browser.texts("#streams tbody td.name").await, ["ORDERS", "<b>lazy</b>", "quick"]);
        assert_eq!(browser.value("document.querySelector('#streams meter').value").await, 900);
        assert_eq!(browser.texts("#streams .mini-facts dd").await[..2], ["1,200", "4.00 KiB of 1.00 GiB"]);
        browser.fill("#streams input[type=search]", "quick").await;
        browser.until("document.querySelectorAll('#streams tbody tr').length === 1").await;
        browser.assert_quiet().await;
        browser.screenshot("streams").await;
    });
}

#[test]
fn the_cluster_as_a_graph() {
    let stage = Stage::new("server_name: center");
    // A pool of two connections to one server, one to another, and a leaf node.
    let routes = json!({
        "now": "2026-01-01T00:00:00Z",
        "routes": [route("north", 1, "2ms"), route("north", 2, "1ms"), route("south", 3, "3ms")],
    });
    let leafs = json!({ "leafs": [{ "id": 9, "name": "edge", "account": "A", "ip": "127.0.0.1", "port": 7422, "rtt": "5ms" }] });
    let stand_in = StandIn::new(stage.monitor(), vec![("routez", routes), ("leafz", leafs)]);
    in_browser(Look::default(), async |browser| {
        open(&browser, &stand_in, "cluster").await;
        browser.until("document.querySelectorAll('#cluster tbody tr').length === 3").await;
        assert_eq!(browser.texts("#cluster .graph-title").await, ["north", "south", "edge", "center"]);
        assert_eq!(browser.texts("#cluster tbody td:last-child").await, ["2", "1", "1"]);
        assert_eq!(browser.texts("#cluster tbody td:nth-child(3)").await, ["1.0 ms", "3.0 ms", "5.0 ms"]);
        let label = browser.value("document.querySelector('#cluster .graph').getAttribute('aria-label')").await;
        assert_eq!(label, "center is connected to north (route), south (route), edge (leaf)");
        browser.assert_quiet().await;
        browser.screenshot("cluster").await;
    });
}
