//! Parameters that are wrong, paths that are not there: the same status and text as nats-server's.

use troupe_tests::Server;

use crate::http;
use crate::stage::{MONITOR, document, join, monitor};

const PATHS: &[&str] = &[
    "/nothing",
    "/varz/",
    "/connz?sort=foo",
    "/connz?sort=stop",
    "/connz?sort=reason&state=open",
    "/connz?state=all&sort=stop",
    "/connz?state=foo",
    "/connz?subs=xx",
    "/connz?auth=yes",
    "/connz?limit=x",
    "/connz?limit=1.5",
    "/connz?offset=99999999999999999999",
    "/connz?cid=-1",
    "/connz?cid=99999999999999999999",
    "/connz?cid=%22",
    "/subsz?test=foo.*",
    "/subsz?test=foo..bar",
    "/subsz?subs=2",
    "/subsz?offset=a",
    "/subsz?limit=a",
    "/routez?subs=zz",
    "/gatewayz?accs=x",
    "/gatewayz?subs=x",
    "/leafz?subs=detail",
    "/accountz?acc=nobody",
    "/accstatz?unused=x",
    "/jsz?accounts=x",
    "/jsz?streams=x",
    "/jsz?consumers=x",
    "/jsz?config=x",
    "/jsz?offset=x",
    "/jsz?limit=x",
    "/jsz?leader-only=1",
    "/jsz?raft=x",
    "/healthz?stream=S",
    "/healthz?consumer=C",
    "/healthz?details=1&stream=S",
    "/healthz?js-enabled-only=x",
    "/healthz?js-server-only=maybe",
    "/healthz?details=x",
    "/ipqueuesz?all=x",
    "/raftz",
    "/raftz?acc=A&group=g",
];

#[test]
fn faults_are_told_in_the_same_words() {
    let Some(reference) = Server::reference(MONITOR) else { return };
    let troupe = Server::troupe(MONITOR);
    let answers = |server: &Server, path: &str| {
        let answer = http::get(monitor(server), path);
        let headers = ["content-type", "access-control-allow-origin", "x-content-type-options"];
        let headers = headers.map(|name| answer.header(name).to_owned());
        (answer.status, answer.text(), headers)
    };
    let different: Vec<String> = PATHS
        .iter()
        .filter_map(|path| {
            let (wanted, found) = (answers(&reference, path), answers(&troupe, path));
            (wanted != found).then(|| format!("{path}: nats-server answers {wanted:?}, troupe {found:?}"))
        })
        .collect();
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn documents_have_the_same_headers_whatever_the_method() {
    let Some(reference) = Server::reference(MONITOR) else { return };
    let troupe = Server::troupe(MONITOR);
    for path in ["/varz", "/connz?callback=f", "/healthz", "/"] {
        for method in ["GET", "POST", "HEAD"] {
            let [wanted, found] = [&reference, &troupe].map(|server| {
                let answer = http::request(monitor(server), method, path);
                let headers = ["content-type", "access-control-allow-origin"];
                (answer.status, headers.map(|name| answer.header(name).to_owned()), answer.body.is_empty())
            });
            assert_eq!(wanted, found, "{method} {path}");
        }
    }
}

#[test]
fn a_base_path_stands_in_front_of_every_path() {
    let config = format!("{MONITOR}http_base_path: \"nats/mon/\"\n");
    let Some(reference) = Server::reference(&*config) else { return };
    let troupe = Server::troupe(&*config);
    for path in ["/nats/mon", "/nats/mon/varz", "/nats/mon/debug/vars", "/nats/mon/healthz", "/varz", "/", "/nats"] {
        let [wanted, found] = [&reference, &troupe].map(|server| http::get(monitor(server), path).status);
        assert_eq!(wanted, found, "{path}");
    }
}

#[test]
fn orders_and_pages() {
    let troupe = Server::troupe(MONITOR);
    let mut clients: Vec<_> = (0..3).map(|number| join(&troupe, &format!("\"name\":\"c{number}\""))).collect();
    clients[1].flush("SUB a 1\r\nSUB b 2\r\nPUB x 10\r\n0123456789\r\n");
    clients[2].flush("SUB a 1\r\nPUB a 1\r\nx\r\nPUB a 1\r\nx\r\n");
    let names = |query: &str| {
        let connz = http::get(monitor(&troupe), &format!("/connz?{query}")).json();
        let infos = connz["connections"].as_array().expect("a list").clone();
        infos.iter().map(|info| info["name"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    let cases = [
        ("", "c0 c1 c2"),
        ("sort=start", "c0 c1 c2"),
        ("sort=subs", "c1 c2 c0"),
        ("sort=msgs_from", "c2 c1 c0"),
        ("sort=bytes_from", "c1 c2 c0"),
        ("sort=msgs_to", "c1 c2 c0"),
        ("sort=bytes_to&limit=2", "c1 c2"),
        ("sort=last", "c2 c1 c0"),
        ("sort=idle", "c0 c1 c2"),
        ("sort=uptime", "c2 c1 c0"),
        ("offset=1&limit=1", "c1"),
        ("offset=7", ""),
        ("limit=-1&offset=-5", "c0 c1 c2"),
        ("acc=$G&filter_subject=b", "c1"),
        ("acc=$G&filter_subject=*", "c1 c2"),
    ];
    for (query, expected) in cases {
        assert_eq!(names(query).join(" "), expected, "{query}");
    }
}

#[test]
fn remembered_matches_are_counted() {
    let server = Server::troupe(MONITOR);
    let mut client = join(&server, "\"name\":\"x\"");
    client.flush("SUB counted 1\r\nSUB counted 2\r\n");
    for _ in 0..10 {
        client.flush("PUB counted 1\r\nx\r\n");
    }
    let subsz = document(&server, "/subsz");
    let number = |key: &str| subsz[key].as_f64().unwrap_or_else(|| panic!("{key}: {subsz}"));
    assert!(number("num_matches") >= 10.0 && number("num_cache") >= 1.0 && number("max_fanout") >= 2.0, "{subsz}");
    assert!((0.5..1.0).contains(&number("cache_hit_rate")) && number("avg_fanout") > 0.0, "{subsz}");
}
