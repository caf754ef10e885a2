//! Words that start like a verb and turn out to be none, at every prefix.

use troupe_tests::{A, B, compare, script};

/// Every verb a client may send, with the prefixes that are a dead end when another letter follows.
const VERBS: [&str; 10] = ["CONNECT", "PUB", "HPUB", "SUB", "UNSUB", "PING", "PONG", "INFO", "+OK", "-ERR"];

#[test]
fn every_prefix_followed_by_a_wrong_letter() {
    let prefixes = VERBS.iter().flat_map(|verb| (1..verb.len()).map(move |end| &verb[..end]));
    let mut seen: Vec<&str> = prefixes.collect();
    seen.sort_unstable();
    seen.dedup();
    let scripts = seen
        .into_iter()
        .map(|prefix| script(format!("{prefix}? is unknown")).quiet(A).flush(A, format!("{prefix}?\r\n")));
    compare("", scripts);
}

#[test]
fn verbs_of_other_servers() {
    let words = [
        "RS+ $G foo",
        "RS- $G foo",
        "RMSG $G foo 2",
        "RU+ x",
        "R",
        "LS+ foo",
        "LS- foo",
        "LMSG foo 2",
        "LDS+ x",
        "A+ ACC",
        "A- ACC",
        "A",
        "ZZZ",
        "GET / HTTP/1.1",
        "1",
        "\u{80}",
        "{}",
        "MSGS foo",
        "HELP",
        "HPUX",
        "QUIT",
        "*1",
        "-",
        "CONNECTED {}",
        "PUBX 1",
        "SUBX 1",
        "UNSUBX 1",
        "SUB",
        "PUB",
        "UNSUB",
        "HPUB",
        "SUB ",
        "PUB ",
        "UNSUB ",
    ];
    compare("", words.into_iter().map(|word| script(format!("{word:?}")).quiet(A).flush(A, format!("{word}\r\n"))));
}

#[test]
fn unknown_verbs_before_connect_and_after_work() {
    compare(
        "",
        [
            script("before CONNECT").flush(A, "FOO\r\n"),
            script("in the middle of a pipeline: what came before is answered")
                .connect(A, r#""verbose":true"#)
                .flush(A, "SUB foo 1\r\nPUB foo 2\r\nhi\r\nFOO\r\nPUB foo 2\r\nno\r\n"),
            script("another connection is not affected")
                .quiet(B)
                .flush(B, "SUB foo 1\r\n")
                .quiet(A)
                .flush(A, "PUB foo 2\r\nhi\r\nFOO\r\n")
                .flush(B, "PUB foo 2\r\nho\r\n"),
            script("a TLS greeting on a plain port").send(A, b"\x16\x03\x01\x02\x00\x01").until_closed(A),
        ],
    );
}
