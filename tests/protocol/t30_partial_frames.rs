//! Sessions cut in two at every byte must be answered as if they had come whole.

use troupe_tests::{A, B, Script, compare, script};

/// Sends `session` in two writes for every cut. Between them another connection makes a round trip, so that the server has
/// had time to read the first half by itself.
fn cut_everywhere(name: &str, session: &'static str) -> Vec<Script> {
    let cuts = 1..session.len();
    cuts.map(|cut| {
        script(format!("{name}, cut after {cut}: {:?}", &session[..cut]))
            .send(A, &session[..cut])
            .flush(B, "")
            .send(A, &session[cut..])
            .flush(A, "")
    })
    .collect()
}

#[test]
fn publish_and_subscribe() {
    let session = "CONNECT {\"verbose\":true,\"pedantic\":false,\"headers\":true}\r\nSUB a.b 1\r\nSUB other q 2\r\nPUB a.b r.s 3\r\nx\r\n\r\nUNSUB 1 9\r\n";
    compare("", cut_everywhere("a session", session));
}

#[test]
fn headers_and_the_rest() {
    let session = "CONNECT {\"headers\":true}\r\nSUB h 7\r\nHPUB h r 12 14\r\nNATS/1.0\r\n\r\nhi\r\nPONG\r\nINFO {}\r\n+OK\r\nping\r\n";
    compare("", cut_everywhere("a session", session));
}

#[test]
fn errors() {
    compare("", cut_everywhere("an unknown verb", "CONNECT {}\r\nSUB a 1\r\nUNSUX 1\r\n"));
    compare("", cut_everywhere("a wrong payload end", "PUB a 2\r\nhixx\r\n"));
    compare("", cut_everywhere("wrong arguments", "SUB a b c d\r\n"));
    compare("max_payload: 10", cut_everywhere("a payload over the limit", "CONNECT {}\r\nPUB a 11\r\n"));
}

#[test]
fn one_byte_per_write() {
    let session = "CONNECT {\"verbose\":false}\r\nSUB slow 1\r\nPUB slow answer 5\r\nhello\r\nUNSUB 1\r\n";
    let mut slow = script("every byte in a write of its own");
    for byte in session.as_bytes() {
        slow = slow.send(A, [*byte]).flush(B, "");
    }
    let large = "z".repeat(40_000);
    let halves = script("a large payload in three writes")
        .quiet(A)
        .send(A, format!("SUB big 1\r\nPUB big 40000\r\n{}", &large[..100]))
        .flush(B, "")
        .send(A, &large[100..39_999])
        .flush(B, "")
        .flush(A, format!("{}\r\n", &large[39_999..]));
    compare("", [slow, halves]);
}
