//! Version and help.

use std::collections::BTreeSet;

use crate::binaries::{anywhere, reference, troupe};

#[test]
fn the_version_starts_with_the_compatible_one() {
    for arguments in [&["-v"][..], &["--version"], &["version"], &["VERSION"], &["-h", "-v"], &["--", "version"]] {
        let outcome = troupe(&anywhere(), arguments);
        assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""), "{arguments:?}");
        let line = outcome.stdout.strip_suffix('\n').expect("a line");
        let own = line.strip_prefix("nats-server: v2.15.1 (troupe v").expect("both versions");
        assert!(own.ends_with(')'), "{line}");
        if let Some(outcome) = reference(&anywhere(), arguments) {
            assert_eq!(outcome.stdout, "nats-server: v2.15.1\n", "{arguments:?}");
        }
    }
}

#[test]
fn the_help_lists_the_flags_of_nats_server() {
    for arguments in [&["-h"][..], &["--help"], &["help"], &["-h", "extra"], &["Help"]] {
        let outcome = troupe(&anywhere(), arguments);
        assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""), "{arguments:?}");
        let flags = flags(&outcome.stdout);
        assert!(flags.contains("-DVV") && flags.contains("--ports_file_dir"), "{flags:?}");
        if let Some(outcome) = reference(&anywhere(), arguments) {
            assert_eq!(flags, self::flags(&outcome.stdout), "{arguments:?}");
        }
    }
}

#[test]
fn the_help_on_tls_shows_a_block() {
    let outcome = troupe(&anywhere(), &["--help_tls"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
    assert!(outcome.stdout.contains("cert_file:") && outcome.stdout.contains("curve_preferences:"));
}

/// Everything that starts with a dash, up to the text of its line.
fn flags(usage: &str) -> BTreeSet<String> {
    let words = usage.lines().filter(|line| line.trim_start().starts_with('-')).flat_map(|line| {
        line.trim_start().split([' ', ',']).filter(|word| !word.is_empty()).take_while(|word| word.starts_with('-'))
    });
    words.map(str::to_owned).collect()
}
