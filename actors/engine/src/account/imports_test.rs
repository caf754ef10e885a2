use std::collections::BTreeMap;

use super::graph::Graph;
use crate::options::{AccountOptions, ExportKind, ExportOptions, ImportKind, ImportOptions};

/// A stream import of `from` of `A` under the name `to`.
fn import(from: &str, to: Option<&str>) -> super::StreamImport {
    let export = ExportOptions {
        kind: ExportKind::Stream,
        subject: from.to_owned(),
        accounts: Vec::new(),
        account_token_position: 0,
        token_required: false,
        revocations: BTreeMap::new(),
    };
    let import = ImportOptions {
        kind: ImportKind::Stream { prefix: None, to: to.map(str::to_owned), allow_trace: false },
        account: "A".to_owned(),
        subject: from.to_owned(),
        token: None,
    };
    let accounts = [
        AccountOptions { name: "A".to_owned(), exports: vec![export], ..AccountOptions::default() },
        AccountOptions { name: "B".to_owned(), imports: vec![import], ..AccountOptions::default() },
    ];
    let (graph, faults) = Graph::of_options(&accounts, true);
    assert!(faults.is_empty(), "{faults:?}");
    let links = graph.get("B").unwrap();
    let found = links.stream_imports().next().unwrap();
    (**found).clone()
}

#[test]
fn subscriptions_reach_into_the_exporting_account() {
    for (from, to, subscription, shadow) in [
        ("foo", None, "foo", Some("foo")),
        ("foo", None, "bar", None),
        ("foo", None, ">", Some("foo")),
        ("foo", Some("bar"), "bar", Some("foo")),
        ("foo", Some("bar"), "*", Some("foo")),
        ("foo", Some("bar"), "foo", None),
        ("foo.*", None, "foo.*", Some("foo.*")),
        ("foo.*", None, "foo.a", Some("foo.a")),
        ("foo.*", None, "*.a", Some("foo.a")),
        ("foo.*", None, "foo.>", Some("foo.*")),
        ("foo.*", None, ">", Some("foo.*")),
        ("foo.>", None, "foo.a.b", Some("foo.a.b")),
        ("foo.>", None, "*.a.*", Some("foo.a.*")),
        ("foo.>", None, "bar.>", None),
        ("foo.*", Some("bar.$1"), "bar.x", Some("foo.x")),
        ("foo.*", Some("bar.$1"), "bar.*", Some("foo.*")),
        ("foo.*", Some("bar.$1"), "*.x", Some("foo.x")),
        ("foo.*", Some("bar.$1"), "foo.x", None),
        ("foo.*.*", Some("bar.$2.$1"), "bar.x.*", Some("foo.*.x")),
        ("foo.*.*", Some("bar.$2.$1"), "*.x.>", Some("foo.*.x")),
        ("foo.>", Some("bar.>"), "bar.a.>", Some("foo.a.>")),
    ] {
        let found = import(from, to).shadow(subscription.as_bytes());
        let found = found.map(|subject| String::from_utf8(subject).unwrap());
        assert_eq!(found.as_deref(), shadow, "{from} {to:?} {subscription}");
    }
}

#[test]
fn messages_get_their_local_subject() {
    for (from, to, subject, local) in [
        ("foo", None, "foo", "foo"),
        ("foo", Some("bar"), "foo", "bar"),
        ("foo.*", None, "foo.a", "foo.a"),
        ("foo.*.*", Some("bar.$2.$1"), "foo.a.b", "bar.b.a"),
        ("foo.>", Some("bar.>"), "foo.a.b", "bar.a.b"),
    ] {
        let import = import(from, to);
        assert_eq!(&*import.local_subject(subject.as_bytes()), local.as_bytes(), "{from} {to:?} {subject}");
    }
}
