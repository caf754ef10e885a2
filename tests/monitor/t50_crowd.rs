//! Many connections: a report stays quick and does not lose anybody.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use troupe_tests::Server;

use crate::http::get;
use crate::stage::{MONITOR, document_when, monitor};

/// As many as fit in the descriptors of any machine.
const CROWD: usize = 1_500;
/// Ten thousand connections are to be reported in a tenth of a second by an optimised server; this is a bound for an
/// unoptimised one on a busy machine.
const LONGEST: Duration = Duration::from_secs(2);

#[test]
fn a_crowd_is_reported_quickly() {
    let server = Server::troupe(MONITOR);
    let crowd: Vec<TcpStream> = (0..CROWD)
        .map(|number| {
            let mut client = TcpStream::connect(server.address()).expect("connects");
            let connect = format!("CONNECT {{\"verbose\":false,\"name\":\"c{number}\"}}\r\nSUB s.{number} 1\r\n");
            client.write_all(connect.as_bytes()).expect("writes");
            client
        })
        .collect();
    document_when(&server, "/varz", |varz| {
        // The server has some of its own.
        varz["connections"] == CROWD && varz["subscriptions"].as_u64() >= Some(CROWD as u64)
    });
    for path in
        ["/connz?limit=10000", "/connz?limit=10000&subs=detail&auth=1", "/connz?sort=msgs_to&offset=700", "/varz"]
    {
        let start = Instant::now();
        let answer = get(monitor(&server), path);
        let took = start.elapsed();
        assert_eq!(answer.status, 200);
        assert!(took < LONGEST, "{path} took {took:?}");
    }
    let connz = get(monitor(&server), "/connz?limit=10000&subs=1").json();
    assert_eq!(connz["total"], CROWD);
    let infos = connz["connections"].as_array().expect("a list");
    assert!(infos.len() == CROWD && infos.iter().all(|info| info["subscriptions"] == 1));
    assert!(infos.iter().all(|info| info["subscriptions_list"].as_array().is_some_and(|list| list.len() == 1)));
    drop(crowd);
    document_when(&server, "/connz?state=closed", |connz| connz["total"] == CROWD);
}
