use std::collections::BTreeMap;

use proptest::prelude::*;

use super::Graph;
use super::renew::{AccountsByName, LinkSources};
use crate::options::{AccountOptions, ExportKind, ExportOptions, ImportKind, ImportOptions, ResponseType};

const NAMES: [&str; 5] = ["A", "B", "C", "D", "E"];

fn export(subject: &str, is_service: bool) -> ExportOptions {
    let service =
        ExportKind::Service { response: ResponseType::Singleton, threshold: None, latency: None, allow_trace: false };
    ExportOptions {
        kind: if is_service { service } else { ExportKind::Stream },
        subject: subject.to_owned(),
        accounts: Vec::new(),
        account_token_position: 0,
        token_required: false,
        revocations: BTreeMap::new(),
    }
}

fn import(account: &str, subject: &str, is_service: bool) -> ImportOptions {
    let kind = if is_service {
        ImportKind::Service { to: String::new(), share: false }
    } else {
        ImportKind::Stream { prefix: None, to: None, allow_trace: false }
    };
    ImportOptions { kind, account: account.to_owned(), subject: subject.to_owned(), token: None }
}

prop_compose! {
    /// An account that imports from those after it only, so that nothing leads back.
    fn account(number: usize)(
        exports in proptest::collection::vec((0..3_usize, any::<bool>()), 0..4),
        imports in proptest::collection::vec((0..NAMES.len(), 0..3_usize, any::<bool>()), 0..5),
    ) -> AccountOptions {
        let subject = |number: usize| ["x", "y.*", "z.>"][number];
        let imports = imports.into_iter().filter(|(from, ..)| *from > number);
        AccountOptions {
            name: NAMES[number].to_owned(),
            exports: exports.into_iter().map(|(at, is_service)| export(subject(at), is_service)).collect(),
            imports: imports.map(|(from, at, is_service)| import(NAMES[from], subject(at), is_service)).collect(),
            ..AccountOptions::default()
        }
    }
}

fn accounts() -> impl Strategy<Value = Vec<AccountOptions>> {
    (account(0), account(1), account(2), account(3), account(4)).prop_map(|(a, b, c, d, e)| vec![a, b, c, d, e])
}

proptest! {
    #[test]
    fn what_a_change_touches_is_as_if_all_were_made_anew(
        old in accounts(), new in accounts(), changes in proptest::collection::vec(0..NAMES.len(), 0..3), gone in any::<bool>(),
    ) {
        let (mut graph, _) = Graph::of_options(&old, true);
        let mut now = old.clone();
        let mut changed: Vec<&str> = changes.iter().map(|at| NAMES[*at]).collect();
        changed.sort_unstable();
        changed.dedup();
        changes.iter().for_each(|at| now[*at] = new[*at].clone());
        if gone {
            now.retain(|account| Some(account.name.as_str()) != changed.first().copied());
        }
        let takes_from = |account: &AccountOptions| account.imports.iter().any(|import| changed.contains(&import.account.as_str()));
        let importers: Vec<&str> = now
            .iter()
            .filter(|account| !changed.contains(&account.name.as_str()) && takes_from(account))
            .map(|account| account.name.as_str())
            .collect();
        let by_name = AccountsByName::index(&now);
        let sources = LinkSources { accounts: &by_name, has_system_account: true, now: None };
        let _ = graph.renew(&changed, &importers, &sources);
        let (mut whole, _) = Graph::of_options(&now, true);
        // An account that is gone stays known, empty.
        changed.iter().for_each(|name| whole.add_account(name));
        prop_assert_eq!(graph, whole);
    }
}
