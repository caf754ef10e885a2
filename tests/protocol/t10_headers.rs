//! HPUB, header stripping and the 503 answer.

use troupe_tests::{A, B, C, Script, compare, on_both, script};

const HEADERS: &str = r#""headers":true"#;
const RESPONDERS: &str = r#""headers":true,"no_responders":true"#;

#[test]
fn header_messages() {
    let both = |name: &str| script(name).quiet_with(B, HEADERS).flush(B, "SUB foo 1\r\n").quiet_with(A, HEADERS);
    compare(
        "",
        [
            both("headers and payload").flush(A, "HPUB foo 22 27\r\nNATS/1.0\r\nBar: Baz\r\n\r\nhello\r\n"),
            both("headers and a reply").flush(A, "HPUB foo re.ply 22 22\r\nNATS/1.0\r\nBar: Baz\r\n\r\n\r\n"),
            both("the shortest block").flush(A, "HPUB foo 12 14\r\nNATS/1.0\r\n\r\nhi\r\n"),
            both("a status line").flush(A, "HPUB foo 24 24\r\nNATS/1.0 404 Nothing\r\n\r\n\r\n"),
            both("bytes that are no headers at all").flush(A, "HPUB foo 3 5\r\nabcde\r\n"),
            both("a header length of zero").flush(A, "HPUB foo 0 5\r\nabcde\r\n"),
            both("header length and total of zero").flush(A, "HPUB foo 0 0\r\n\r\n"),
            both("hpub in lower case with tabs").flush(A, "hpub\tfoo\t12\t14\r\nNATS/1.0\r\n\r\nhi\r\n"),
            both("a publish without headers stays MSG").flush(A, "PUB foo 2\r\nhi\r\n"),
            script("the block is stripped for a subscriber without headers")
                .quiet(B)
                .flush(B, "SUB foo 1\r\n")
                .quiet_with(A, HEADERS)
                .flush(A, "HPUB foo 22 27\r\nNATS/1.0\r\nBar: Baz\r\n\r\nhello\r\n")
                .flush(A, "HPUB foo re 12 12\r\nNATS/1.0\r\n\r\n\r\n"),
            script("one message for subscribers of both kinds")
                .quiet(B)
                .flush(B, "SUB foo 1\r\n")
                .quiet_with(C, HEADERS)
                .flush(C, "SUB foo 2\r\n")
                .quiet_with(A, HEADERS)
                .flush(A, "HPUB foo r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n"),
            script("verbose OK for HPUB").connect(A, HEADERS).flush(A, "HPUB foo 12 14\r\nNATS/1.0\r\n\r\nhi\r\n"),
        ],
    );
}

#[test]
fn header_errors() {
    let able = |name: &str| script(name).quiet_with(A, HEADERS);
    compare(
        "",
        [
            script("HPUB before CONNECT").flush(A, "HPUB foo 12 14\r\nNATS/1.0\r\n\r\nhi\r\n"),
            script("HPUB without negotiated headers").quiet(A).flush(A, "HPUB foo 12 14\r\nNATS/1.0\r\n\r\nhi\r\n"),
            able("header length over the total").flush(A, "HPUB foo 15 14\r\nNATS/1.0\r\n\r\nhi\r\n"),
            able("two arguments").flush(A, "HPUB foo 12\r\n"),
            able("five arguments").flush(A, "HPUB foo a b 12 14\r\n"),
            able("a header length that is no number").flush(A, "HPUB foo x 14\r\n"),
            able("a total that is no number").flush(A, "HPUB foo 12 y\r\n"),
            able("a negative header length").flush(A, "HPUB foo -1 14\r\n"),
            able("a total over the limit").flush(A, "HPUB foo 12 1048577\r\n"),
            able("payload not ended by CRLF").flush(A, "HPUB foo 12 14\r\nNATS/1.0\r\n\r\nhixx"),
            able("HPUB without a space").flush(A, "HPUBfoo 12 14\r\n"),
        ],
    );
}

#[test]
fn no_responders() {
    let asking = |name: &str| -> Script { script(name).quiet_with(A, RESPONDERS) };
    compare(
        "",
        [
            asking("nobody answers").flush(A, "SUB inbox.* 1\r\nPUB nobody.here inbox.7 2\r\nhi\r\n"),
            asking("nobody answers a header message")
                .flush(A, "SUB inbox.* 1\r\nHPUB nobody.here inbox.7 12 12\r\nNATS/1.0\r\n\r\n\r\n"),
            asking("without a reply nothing is said").flush(A, "SUB inbox.* 1\r\nPUB nobody.here 2\r\nhi\r\n"),
            asking("without a subscription for the reply nothing is said")
                .flush(A, "PUB nobody.here inbox.7 2\r\nhi\r\n"),
            asking("a queue subscription for the reply")
                .flush(A, "SUB inbox.* workers 1\r\nPUB nobody.here inbox.7 2\r\nhi\r\n"),
            asking("the own subscription answers")
                .flush(A, "SUB inbox.* 1\r\nSUB self.a 2\r\nPUB self.a inbox.7 2\r\nhi\r\n"),
            asking("the reply is the subject").flush(A, "SUB inbox.7 1\r\nPUB inbox.7 inbox.7 2\r\nhi\r\n"),
            asking("verbose: OK before the 503")
                .connect(A, &format!("\"verbose\":true,{RESPONDERS}"))
                .flush(A, "SUB inbox.* 1\r\nPUB nobody.here inbox.7 2\r\nhi\r\n"),
            script("echo off: the own subscription does not count")
                .quiet_with(A, &format!("{RESPONDERS},\"echo\":false"))
                .flush(A, "SUB inbox.* 1\r\nSUB self.b 2\r\nPUB self.b inbox.7 2\r\nhi\r\n"),
            asking("a listener elsewhere is a responder")
                .quiet(B)
                .flush(B, "SUB service.one 1\r\n")
                .flush(A, "SUB inbox.* 1\r\nPUB service.one inbox.7 2\r\nhi\r\n")
                .flush(B, "PUB inbox.7 2\r\nok\r\n"),
            asking("a responder that left is none")
                .quiet(B)
                .flush(B, "SUB service.two 1\r\n")
                .flush(B, "UNSUB 1\r\n")
                .flush(A, "SUB inbox.* 1\r\nPUB service.two inbox.7 2\r\nhi\r\n"),
            script("without no_responders nothing is said")
                .quiet_with(A, HEADERS)
                .flush(A, "SUB inbox.* 1\r\nPUB nobody.here inbox.7 2\r\nhi\r\n"),
            script("another connection's reply subscription is not told")
                .quiet(B)
                .flush(B, "SUB inbox.* 1\r\n")
                .quiet_with(A, RESPONDERS)
                .flush(A, "PUB nobody.here inbox.7 2\r\nhi\r\n"),
            asking("an auto-unsubscribed reply subscription is used up by the 503").flush(
                A,
                "SUB inbox.7 1\r\nUNSUB 1 1\r\nPUB nobody.here inbox.7 2\r\nhi\r\nPUB nobody.here inbox.7 2\r\nhi\r\n",
            ),
            asking("a long subject").flush(A, format!("SUB inbox.* 1\r\nPUB {} inbox.7 0\r\n\r\n", "a".repeat(1_000))),
        ],
    );
}

/// Which of several subscriptions for the reply hears it is up to the server.
#[test]
fn no_responders_is_said_once() {
    on_both("", |server| {
        let mut client = server.connect();
        client.flush(format!("CONNECT {{\"verbose\":false,{RESPONDERS}}}\r\nSUB inbox.7 1\r\nSUB inbox.* 2\r\n"));
        client.flush("PUB nobody.here inbox.7 2\r\nhi\r\n");
        let answers = client.frames().iter().filter(|frame| frame.starts_with("HMSG inbox.7 "));
        assert_eq!(answers.count(), 1, "{}: {}", server.name(), client.text());
    });
}
