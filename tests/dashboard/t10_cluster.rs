//! A real cluster of three with streams whose consumers lag, as its dashboard draws it.

use serde_json::{Value, json};
use troupe_tests::RawClient;
use troupe_tests::cluster::{Cluster, ClusterConfig, Kind, Node};
use troupe_tests::frames::Frame;
use troupe_tests::raw::Waited;
use troupe_tests::wait::eventually;

use crate::browser::{Browser, Look, in_browser};
use crate::stage::HTTP;

/// What the members are called.
const NAMES: [&str; 3] = ["amsterdam", "berlin", "copenhagen"];

/// Two servers of ours and one nats-server; the first keeps streams.
fn cluster() -> Option<Cluster> {
    let mut nodes: Vec<Node> = Vec::new();
    for (name, kind) in NAMES.into_iter().zip([Kind::Troupe, Kind::Troupe, Kind::Reference]) {
        let streams = if nodes.is_empty() { "jetstream { store_dir: store, max_file: 1GB }" } else { "" };
        let routes: Vec<_> = nodes.first().map(|node| node.route).into_iter().collect();
        let config = ClusterConfig { server: format!("{HTTP}\n{streams}"), ..ClusterConfig::default() };
        nodes.push(Node::start(kind, name, "harbour", &routes, &config)?);
    }
    let cluster = Cluster { nodes };
    cluster.settle("");
    Some(cluster)
}

/// Asks the API and waits for its answer.
fn ask(client: &mut RawClient, subject: &str, body: &Value) {
    let body = body.to_string();
    let is_answer = |frame: &&Frame| frame.contains("MSG answers ");
    let before = client.frames().iter().filter(is_answer).count();
    client.flush(format!("PUB $JS.API.{subject} answers {}\r\n{body}\r\n", body.len()));
    let waited = client.wait(|frames| {
        let answers: Vec<_> = frames.iter().filter(is_answer).collect();
        answers.len() > before && answers.iter().all(|answer| !answer.contains("\"error\""))
    });
    assert_eq!(waited, Waited::Met, "{subject}: {}", client.text());
}

/// Streams and consumers, some of which are behind.
fn fill(node: &Node) {
    let mut client = node.client();
    client.flush("SUB answers 1\r\n");
    for (stream, subjects) in [("ORDERS", "orders.>"), ("PAYMENTS", "payments.*"), ("AUDIT", "audit.>")] {
        ask(&mut client, &format!("STREAM.CREATE.{stream}"), &json!({ "name": stream, "subjects": [subjects] }));
    }
    for (stream, name, filter) in [
        ("ORDERS", "billing", "orders.new"),
        ("ORDERS", "shipping", "orders.>"),
        ("ORDERS", "search-indexer-with-a-long-name", "orders.>"),
        ("PAYMENTS", "ledger", "payments.*"),
    ] {
        let config = json!({ "durable_name": name, "ack_policy": "explicit", "filter_subject": filter });
        let body = json!({ "stream_name": stream, "config": config });
        ask(&mut client, &format!("CONSUMER.DURABLE.CREATE.{stream}.{name}"), &body);
    }
    let orders = "PUB orders.new 5\r\nhello\r\n".repeat(400) + &"PUB orders.old 3\r\nbye\r\n".repeat(800);
    client.flush(orders + &"PUB payments.card 4\r\n9.99\r\n".repeat(60));
    client.flush("SUB inbox 2\r\nPUB $JS.API.CONSUMER.MSG.NEXT.ORDERS.shipping inbox 13\r\n{\"batch\":700}\r\n");
    let waited = client.wait(|frames| frames.iter().filter(|frame| frame.contains("MSG orders.")).count() >= 700);
    assert_eq!(waited, Waited::Met);
}

async fn shown(browser: &Browser, url: &str) {
    browser.go(url).await;
    browser.until("document.querySelector('#verdict').dataset.level === 'ok'").await;
    for section in ["cluster", "streams"] {
        browser.run(&format!("document.getElementById('{section}').scrollIntoView({{ behavior: 'instant' }})")).await;
        browser.until(&format!("!document.getElementById('{section}').textContent.includes('Asking')")).await;
    }
    browser.until("document.querySelectorAll('#cluster tbody tr').length === 2").await;
    browser.until("document.querySelectorAll('#streams tbody tr').length === 7").await;
}

async fn picture(browser: &Browser, look: &str) {
    for section in ["cluster", "streams"] {
        browser.run(&format!("document.getElementById('{section}').scrollIntoView({{ behavior: 'instant' }})")).await;
        browser.screenshot(&format!("real-{section}-{look}")).await;
    }
}

#[test]
fn a_cluster_of_three_and_its_streams() {
    let Some(cluster) = cluster() else { return };
    fill(&cluster.nodes[0]);
    // Messages cross the cluster while somebody looks.
    let mut reader = cluster.nodes[1].client();
    reader.flush("SUB tick.> 1\r\n");
    let mut writer = cluster.nodes[0].client();
    eventually("interest of the other server", || {
        writer.flush("PUB tick.first 0\r\n\r\n");
        reader.flush("");
        reader.frames().iter().any(|frame| frame.contains("MSG tick.first")).then_some(())
    });
    let url = format!("http://{}/dashboard", cluster.nodes[0].process.wait_address("Starting http monitor on "));
    let looks = [
        ("light", Look::default()),
        ("dark", Look { is_dark: true, ..Look::default() }),
        ("phone", Look { is_phone: true, ..Look::default() }),
    ];
    for (name, look) in looks {
        in_browser(look, async |browser| {
            shown(&browser, &url).await;
            assert_eq!(browser.texts("#cluster .graph-title").await, ["berlin", "copenhagen", "amsterdam"]);
            let label = browser.value("document.querySelector('#cluster .graph').getAttribute('aria-label')").await;
            assert_eq!(label, "amsterdam is connected to berlin (route), copenhagen (route)");
            assert_eq!(browser.text("#cluster .count").await, "2 peers");
            // A pool of three and the connection of the system account, to each.
            assert_eq!(browser.texts("#cluster tbody td:last-child").await, ["4", "4"]);
            // The one that lags most comes first.
            assert_eq!(browser.value("document.querySelector('#streams meter').value").await, 1200);
            let lags = "[...document.querySelectorAll('#streams meter')].map((meter) => meter.value)";
            assert_eq!(browser.value(lags).await, json!([1200, 500, 400, 60]));
            writer.flush("PUB tick.a 5\r\nhello\r\n".repeat(3000));
            browser.until("[...document.querySelectorAll('#cluster tbody td')].some((td) => /^[1-9]/.test(td.textContent) && td.textContent.length > 1)").await;
            let overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
            assert_eq!(browser.value(overflow).await, 0);
            browser.assert_quiet().await;
            picture(&browser, name).await;
        });
    }
}
