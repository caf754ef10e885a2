//! How odd subjects are quoted in error texts.

use troupe_tests::{A, Script, compare, script};

const CONFIG: &str = "authorization { users: [ {user: u, password: p, permissions: {publish: ok, subscribe: ok}} ] }";

const SUBJECTS: [&[u8]; 16] = [
    b"plain.subject",
    br#"with"quote"#,
    br"with\backslash",
    b"with'apostrophe",
    b"bell\x07",
    b"backspace\x08formfeed\x0cvertical\x0b",
    b"escape\x1b[0m",
    b"delete\x7f",
    b"zero\0byte",
    b"invalid\xff\xfe",
    b"cut\xc3",
    "gr\u{f6}\u{df}e.\u{6570}\u{636e}".as_bytes(),
    "emoji.\u{1f600}".as_bytes(),
    "zero.width\u{200b}space\u{feff}".as_bytes(),
    "no.break\u{a0}space\u{2028}".as_bytes(),
    "private\u{e000}.tag\u{e0001}.last\u{10ffff}".as_bytes(),
];

fn denied(verb: &[u8], subject: &[u8], rest: &[u8]) -> Script {
    let mut line = verb.to_vec();
    line.extend_from_slice(subject);
    line.extend_from_slice(rest);
    script(format!("{}", line.escape_ascii())).quiet_with(A, r#""user":"u","pass":"p""#).flush(A, line)
}

#[test]
fn subjects() {
    compare(
        CONFIG,
        SUBJECTS.iter().flat_map(|subject| {
            [
                denied(b"PUB ", subject, b" 0\r\n\r\n"),
                denied(b"SUB ", subject, b" 1\r\n"),
                denied(b"SUB x ", subject, b" 1\r\n"),
            ]
        }),
    );
}

#[test]
fn reserved_replies() {
    compare(
        CONFIG,
        SUBJECTS.iter().map(|subject| {
            let mut line = b"ok _R_.".to_vec();
            line.extend_from_slice(subject);
            denied(b"PUB ", &line, b" 0\r\n\r\n")
        }),
    );
}

#[test]
fn long_subjects() {
    compare(
        CONFIG,
        [
            denied(b"PUB ", "l".repeat(3_000).as_bytes(), b" 0\r\n\r\n"),
            denied(b"SUB ", "l.".repeat(900).as_bytes(), b"x 1\r\n"),
        ],
    );
}
