//! `/metrics`, read by a parser of Prometheus' text formats.

use std::collections::BTreeMap;
use std::process::Command;

use troupe_tests::Server;

use crate::http::{get, get_with};
use crate::stage::{MONITOR, document_when, join, monitor};

/// Samples by name and labels.
fn samples(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let split = |line: &str| {
        let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no value in {line:?}"));
        (name.to_owned(), value.parse().unwrap_or_else(|_| panic!("no number in {line:?}")))
    };
    lines.map(split).collect()
}

#[test]
fn figures_agree_with_varz() {
    let server = Server::troupe(MONITOR);
    let mut client = join(&server, "");
    client.flush("SUB a 1\r\n");
    // One batch in 64 is timed.
    (0..200).for_each(|_| client.flush("PUB a 3\r\nabc\r\n"));
    let varz = document_when(&server, "/varz", |varz| varz["out_msgs"] == 200);
    let answer = get(monitor(&server), "/metrics");
    assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let samples = samples(&answer.text());
    let of = |name: &str| *samples.get(name).unwrap_or_else(|| panic!("no {name} in {samples:#?}"));
    let cases = [
        ("troupe_received_messages_total{kind=\"client\"}", "in_client_msgs"),
        ("troupe_received_bytes_total{kind=\"client\"}", "in_client_bytes"),
        ("troupe_sent_messages_total{kind=\"client\"}", "out_client_msgs"),
        ("troupe_connections{kind=\"client\"}", "connections"),
        ("troupe_connections_accepted_total", "total_connections"),
        ("troupe_slow_consumers_total{kind=\"client\"}", "slow_consumers"),
    ];
    for (metric, key) in cases {
        assert_eq!(Some(of(metric)), varz[key].as_f64(), "{metric}");
    }
    assert!((of("troupe_account_sent_messages_total{account=\"$G\"}") - 200.0).abs() < 0.5);
    assert!(of("troupe_publish_seconds_count") >= 1.0);
    assert!(of("troupe_actors_running{kind=\"router\"}") >= 1.0);
    assert!(of("troupe_memory_bytes") > 1e6);
}

/// Python's client library has the reference parsers of both formats.
#[test]
fn both_formats_are_read_by_the_reference_parsers() {
    let Some(python) = std::env::var_os("TROUPE_TEST_PYTHON").filter(|python| !python.is_empty()) else {
        return eprintln!("SKIPPED: TROUPE_TEST_PYTHON is not set");
    };
    let has_parser = Command::new(&python).args(["-c", "import prometheus_client"]).output();
    if !has_parser.is_ok_and(|output| output.status.success()) {
        return eprintln!("SKIPPED: that Python has no prometheus_client");
    }
    let server = Server::troupe(MONITOR);
    join(&server, "\"name\":\"x\"").close();
    document_when(&server, "/connz?state=closed", |connz| connz["total"] == 1);
    for (accepted, module) in
        [("text/plain", "parser"), ("application/openmetrics-text; version=1.0.0", "openmetrics.parser")]
    {
        let answer = get_with(monitor(&server), "/metrics", &[("Accept", accepted)]);
        let file = server.dir().join("metrics");
        std::fs::write(&file, &answer.body).expect("a file");
        let script = format!(
            "import sys; from prometheus_client.{module} import text_string_to_metric_families as parse\n\
             families = list(parse(open(sys.argv[1]).read())); assert len(families) > 25, families\n\
             names = [f.name for f in families]; assert len(names) == len(set(names)), names"
        );
        let output = Command::new(&python).args(["-c", &script]).arg(&file).output().expect("python runs");
        assert!(output.status.success(), "{accepted}: {}\n{}", String::from_utf8_lossy(&output.stderr), answer.text());
    }
}

#[test]
fn accounts_beyond_a_hundred_share_a_label() {
    let accounts: String = (0..120).map(|number| format!("A{number} {{}}\n")).collect();
    let server = Server::troupe(format!("{MONITOR}accounts {{ {accounts} }}\n"));
    let text = get(monitor(&server), "/metrics").text();
    let rows = text.lines().filter(|line| line.starts_with("troupe_account_connections{")).count();
    assert_eq!(rows, 101);
    assert!(text.contains("troupe_account_connections{account=\"(other)\"}"));
}
