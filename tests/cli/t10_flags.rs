//! Arguments that are refused: same words, same exit code.

use crate::binaries::{Outcome, anywhere, reference, troupe};

/// Arguments, exit code and standard error. A malformed flag also prints the usage, and exits 0 as nats-server does.
const REFUSED: &[(&[&str], i32, &str)] = &[
    (&["-bogus"], 0, "flag provided but not defined: -bogus"),
    (&["--bogus=1"], 0, "flag provided but not defined: -bogus"),
    (&["---x"], 0, "bad flag syntax: ---x"),
    (&["-=x"], 0, "bad flag syntax: -=x"),
    (&["-p"], 0, "flag needs an argument: -p"),
    (&["-c"], 0, "flag needs an argument: -c"),
    (&["-p", "abc"], 0, "invalid value \"abc\" for flag -p: parse error"),
    (&["-p="], 0, "invalid value \"\" for flag -p: parse error"),
    (&["-p", "1_"], 0, "invalid value \"1_\" for flag -p: parse error"),
    (&["-p", "08"], 0, "invalid value \"08\" for flag -p: parse error"),
    (&["-p", "a\"b\n"], 0, "invalid value \"a\\\"b\\n\" for flag -p: parse error"),
    (&["--port=99999999999999999999"], 0, {
        "invalid value \"99999999999999999999\" for flag -port: value out of range"
    }),
    (&["-log_size_limit", "x"], 0, "invalid value \"x\" for flag -log_size_limit: parse error"),
    (&["-D=maybe", "-v"], 0, "invalid boolean value \"maybe\" for -D: parse error"),
    (&["-s="], 0, "invalid boolean value \"\" for -s: parse error"),
    (&["-v", "-p", "abc"], 0, "invalid value \"abc\" for flag -p: parse error"),
    (&["bogus"], 1, "nats-server: unrecognized command: \"bogus\""),
    (&["-"], 1, "nats-server: unrecognized command: \"-\""),
    (&["--", "bogus"], 1, "nats-server: unrecognized command: \"bogus\""),
    (&["-D", "maybe"], 1, "nats-server: unrecognized command: \"maybe\""),
    (&["-t"], 1, "nats-server: must specify [-c, --config] option to check configuration file syntax"),
    (&["-v=false", "-t"], 1, { "nats-server: must specify [-c, --config] option to check configuration file syntax" }),
    (&["--tls"], 1, "nats-server: TLS Server certificate must be present and valid"),
    (&["--tlsverify"], 1, "nats-server: TLS Server certificate must be present and valid"),
    (&["--tls", "--tlscert", "x"], 1, "nats-server: TLS Server private key must be present and valid"),
];

#[test]
fn refused_arguments_are_told_alike() {
    for (arguments, code, text) in REFUSED {
        let outcome = troupe(&anywhere(), arguments);
        assert_refused(&outcome, arguments, *code, text);
        if let Some(outcome) = reference(&anywhere(), arguments) {
            assert_refused(&outcome, arguments, *code, text);
        }
    }
}

fn assert_refused(outcome: &Outcome, arguments: &[&str], code: i32, text: &str) {
    assert_eq!(outcome.stderr, format!("{text}\n"), "{arguments:?}");
    assert_eq!(outcome.code, Some(code), "{arguments:?}");
    let prints_usage = outcome.stdout.contains("Usage: nats-server");
    assert_eq!(prints_usage, code == 0, "{arguments:?}: {}", outcome.stdout);
}
