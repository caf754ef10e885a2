//! `-t`: a configuration is checked and nothing is started.

use crate::binaries::{reference, troupe};

/// Content of the file (none: there is no file), exit code, standard error up to the digest.
const CASES: &[(Option<&str>, i32, &str)] = &[
    (Some("host: 127.0.0.1\nport: -1\n"), 0, "nats-server: configuration file a.conf is valid (sha256:"),
    (Some("max_payload: 64KB\nauthorization { user: a, password: b }\n"), 0, {
        "nats-server: configuration file a.conf is valid (sha256:"
    }),
    (None, 1, "nats-server: open a.conf: no such file or directory"),
    (Some("foo: 1\n"), 1, "nats-server: a.conf:1:0: unknown field \"foo\""),
    (Some(""), 1, "nats-server: a.conf: config has no values or is empty"),
    (Some("write_deadline: 10\n"), 1, {
        "nats-server: a.conf:1:0: invalid use of field \"write_deadline\": \
         write_deadline should be converted to a duration"
    }),
];

#[test]
fn checks_end_alike() {
    for (content, code, text) in CASES {
        let directory = tempfile::tempdir().expect("temporary directory");
        if let Some(content) = content {
            std::fs::write(directory.path().join("a.conf"), content).expect("written");
        }
        let arguments = ["-t", "-c", "a.conf"];
        let outcome = troupe(directory.path(), &arguments);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(*code), ""), "{content:?}: {}", outcome.stderr);
        assert!(outcome.stderr.starts_with(text), "{content:?}: {}", outcome.stderr);
        let Some(expected) = reference(directory.path(), &arguments) else {
            continue;
        };
        assert_eq!(expected.code, Some(*code), "{content:?}");
        assert_eq!(outcome.stderr.trim_end(), expected.stderr.trim_end(), "{content:?}");
    }
}
