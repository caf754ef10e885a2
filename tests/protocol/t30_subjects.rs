//! Odd subjects: empty tokens, bytes that are no UTF-8, great lengths.

use troupe_tests::{A, Script, compare, script};

fn published(name: &str, subject: &[u8]) -> Script {
    let mut bytes = b"SUB > 1\r\nPUB ".to_vec();
    bytes.extend_from_slice(subject);
    bytes.extend_from_slice(b" 2\r\nhi\r\n");
    script(name).quiet(A).flush(A, bytes)
}

fn both_ways(name: &str, subject: &[u8]) -> Script {
    let mut bytes = b"SUB ".to_vec();
    bytes.extend_from_slice(subject);
    bytes.extend_from_slice(b" 1\r\nPUB ");
    bytes.extend_from_slice(subject);
    bytes.extend_from_slice(b" 2\r\nhi\r\n");
    script(name).quiet(A).flush(A, bytes)
}

#[test]
fn published_subjects() {
    compare(
        "",
        [
            published("a lone dot", b"."),
            published("two dots", b".."),
            published("an empty token in the middle", b"foo..bar"),
            published("a leading dot", b".foo"),
            published("a trailing dot", b"foo."),
            published("a star", b"*"),
            published("a greater", b">"),
            published("wildcards among tokens", b"a.*.>"),
            published("tokens after greater", b"a.>.b"),
            published("no UTF-8", b"f\xffo.\xc3\x28"),
            published("UTF-8", "größe.数据".as_bytes()),
            published("control characters", b"a\x01b\x7fc"),
            published("a form feed and a vertical tab", b"a\x0cb\x0bc"),
            published("a zero byte", b"a\0b"),
            published("quotes and backslashes", br#"a"b\c'd"#),
            published("a long subject", "t".repeat(3_900).as_bytes()),
            published("many tokens", "t.".repeat(1_000).trim_end_matches('.').as_bytes()),
        ],
    );
}

#[test]
fn subscribed_subjects() {
    compare(
        "",
        [
            both_ways("no UTF-8", b"f\xffo.\xc3\x28"),
            both_ways("UTF-8", "größe.数据".as_bytes()),
            both_ways("control characters", b"a\x01b\x7fc"),
            both_ways("a form feed", b"a\x0cb"),
            both_ways("a zero byte", b"a\0b"),
            both_ways("punctuation", br#"a"b\c'd.{x}.$y"#),
            both_ways("a long subject", "s".repeat(2_000).as_bytes()),
            both_ways("a literal star", b"x.y*z.w"),
            both_ways("a star token", b"only.*"),
            both_ways("a greater token", b"only.>"),
            both_ways("many tokens", "s.".repeat(100).trim_end_matches('.').as_bytes()),
            script("an odd reply is passed on").quiet(A).flush(A, b"SUB odd 1\r\nPUB odd re..ply.\xff* 2\r\nhi\r\n"),
            script("a sid that is no UTF-8")
                .quiet(A)
                .flush(A, b"SUB odd \xff\xfe 2\r\nSUB odd2 \xff\r\nPUB odd2 0\r\n\r\n"),
            script("a queue that is no UTF-8").quiet(A).flush(A, b"SUB odd3 \xff 2\r\nPUB odd3 0\r\n\r\n"),
        ],
    );
}
