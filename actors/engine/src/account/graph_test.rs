use std::collections::BTreeMap;

use super::graph::Graph;
use crate::options::{AccountOptions, ExportKind, ExportOptions, ImportKind, ImportOptions, ResponseType};

fn service(subject: &str) -> ExportOptions {
    let kind =
        ExportKind::Service { response: ResponseType::Singleton, threshold: None, latency: None, allow_trace: false };
    ExportOptions {
        kind,
        subject: subject.to_owned(),
        accounts: Vec::new(),
        account_token_position: 0,
        token_required: false,
        revocations: BTreeMap::new(),
    }
}

fn stream(subject: &str) -> ExportOptions {
    ExportOptions { kind: ExportKind::Stream, ..service(subject) }
}

fn ask(account: &str, subject: &str, to: &str) -> ImportOptions {
    let kind = ImportKind::Service { to: to.to_owned(), share: false };
    ImportOptions { kind, account: account.to_owned(), subject: subject.to_owned(), token: None }
}

fn listen(account: &str, subject: &str) -> ImportOptions {
    let kind = ImportKind::Stream { prefix: None, to: None, allow_trace: false };
    ImportOptions { kind, account: account.to_owned(), subject: subject.to_owned(), token: None }
}

fn account(name: &str, exports: Vec<ExportOptions>, imports: Vec<ImportOptions>) -> AccountOptions {
    AccountOptions { name: name.to_owned(), exports, imports, ..AccountOptions::default() }
}

fn faults(accounts: &[AccountOptions]) -> Vec<String> {
    Graph::of_options(accounts, true).1
}

#[test]
fn imports_that_lead_back_are_refused() {
    let ring = [
        account("A", vec![service("x")], vec![ask("B", "x", "x")]),
        account("B", vec![service("x")], vec![ask("C", "x", "x")]),
        account("C", vec![service("x")], vec![ask("A", "x", "x")]),
    ];
    assert_eq!(faults(&ring), ["Error adding service import \"x\": import forms a cycle"]);
    let ring = [
        account("A", vec![stream("x.>")], vec![listen("B", "x.>")]),
        account("B", vec![stream("x.>")], vec![listen("A", "x.*")]),
    ];
    assert_eq!(faults(&ring), ["Error adding stream import \"x.*\": import forms a cycle"]);
    let apart = [
        account("A", vec![service("x")], vec![ask("B", "y", "y")]),
        account("B", vec![service("y")], vec![ask("A", "x", "z")]),
    ];
    assert_eq!(faults(&apart), Vec::<String>::new());
}

#[test]
fn private_exports_are_for_the_accounts_they_name() {
    let only = |name: &str| ExportOptions { accounts: vec![name.to_owned()], ..service("x") };
    let accounts = |name: &str| {
        [
            account("A", vec![only(name)], vec![]),
            account("B", vec![], vec![ask("A", "x", "x")]),
            account("C", vec![], vec![]),
        ]
    };
    assert_eq!(faults(&accounts("B")), Vec::<String>::new());
    assert_eq!(faults(&accounts("C")), ["Error adding service import \"x\": service import not authorized"]);
    assert_eq!(faults(&accounts("D"))[0], "\"D\" account not defined for service export");
}

#[test]
fn requests_are_led_to_the_exported_subject() {
    for (exported, to, from, request, target) in [
        ("x", "x", "x", "x", "x"),
        ("x", "x", "y", "y", "x"),
        ("x.*", "x.*", "y.*", "y.a", "x.a"),
        ("x.*.*", "x.*.*", "y.$2.$1", "y.a.b", "x.b.a"),
        ("x.>", "x.>", "x.>", "x.a.b", "x.a.b"),
        ("x.*", "x.foo", "y.*", "y.a", "x.foo"),
    ] {
        let accounts = [account("A", vec![service(exported)], vec![]), account("B", vec![], vec![ask("A", to, from)])];
        let (graph, faults) = Graph::of_options(&accounts, true);
        assert!(faults.is_empty(), "{faults:?}");
        let links = graph.get("B").unwrap();
        let import = links.service_imports().next().unwrap();
        assert_eq!(&*import.target(request.as_bytes()), target.as_bytes(), "{exported} {to} {from}");
    }
}
