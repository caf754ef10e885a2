//! The graph of a configuration: made whole, or made anew where accounts changed.

use std::borrow::Borrow;

use ahash::AHashMap;

use super::Graph;
use super::activation::is_activated;
use crate::options::{AccountList, AccountOptions, ExportKind, ExportOptions, ImportKind, ImportOptions};

/// Accounts of a configuration by name; the first of each name counts.
#[derive(Debug)]
pub enum AccountsByName<'a> {
    /// All of them, to be asked for many.
    Indexed(AHashMap<&'a str, &'a AccountOptions>),
    /// As they are, to be asked for few.
    Listed(&'a AccountList),
}

impl<'a> AccountsByName<'a> {
    /// An index of these.
    #[must_use]
    pub fn index<A: Borrow<AccountOptions>>(accounts: &'a [A]) -> Self {
        let mut by_name = AHashMap::with_capacity(accounts.len());
        for account in accounts.iter().map(Borrow::borrow) {
            by_name.entry(account.name.as_str()).or_insert(account);
        }
        Self::Indexed(by_name)
    }

    /// The account of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a AccountOptions> {
        match self {
            Self::Indexed(by_name) => by_name.get(name).copied(),
            Self::Listed(list) => list.get(name).map(|account| &**account),
        }
    }
}

/// What a graph is made from.
#[derive(Clone, Copy, Debug)]
pub struct LinkSources<'a> {
    /// All accounts.
    pub accounts: &'a AccountsByName<'a>,
    /// There is a system account, which measurements need.
    pub has_system_account: bool,
    /// The moment that activation tokens are judged at, in seconds since 1970; `None` does not look at times.
    pub now: Option<i64>,
}

impl Graph {
    /// Links the accounts of a configuration. Comes with nats-server's words for everything that is wrong; what is wrong is
    /// left out.
    #[must_use]
    pub fn of_options<A: Borrow<AccountOptions>>(accounts: &[A], has_system_account: bool) -> (Self, Vec<String>) {
        Self::of_options_at(accounts, has_system_account, None)
    }

    /// As [`Graph::of_options`], looking at the times of activation tokens: `now` is in seconds since 1970.
    #[must_use]
    pub fn of_options_at<A: Borrow<AccountOptions>>(
        accounts: &[A],
        has_system_account: bool,
        now: Option<i64>,
    ) -> (Self, Vec<String>) {
        let by_name = AccountsByName::index(accounts);
        let in_order: Vec<&AccountOptions> = accounts.iter().map(Borrow::borrow).collect();
        let mut graph = Self::default();
        let mut faults = Vec::new();
        let sources = LinkSources { accounts: &by_name, has_system_account, now };
        in_order.iter().for_each(|account| graph.add_account(&account.name));
        graph.link_exports(&in_order, &sources, &mut faults);
        graph.link_imports(&in_order, &sources, &mut faults);
        (graph, faults)
    }

    /// Makes anew what the accounts `changed` export and import, and what the accounts `importers` import. Accounts that the
    /// sources do not have export and import nothing from now on.
    #[must_use]
    pub fn renew(&mut self, changed: &[&str], importers: &[&str], sources: &LinkSources<'_>) -> Vec<String> {
        let mut faults = Vec::new();
        for name in changed {
            self.add_account(name);
            self.clear_exports(name);
        }
        changed.iter().chain(importers).for_each(|name| self.clear_imports(name));
        let known = |name: &&&str| sources.accounts.get(name);
        let of_changed: Vec<_> = changed.iter().filter_map(|name| known(&name)).collect();
        let all: Vec<_> = changed.iter().chain(importers).filter_map(|name| known(&name)).collect();
        self.link_exports(&of_changed, sources, &mut faults);
        self.link_imports(&all, sources, &mut faults);
        faults
    }

    fn link_exports(&mut self, accounts: &[&AccountOptions], sources: &LinkSources<'_>, faults: &mut Vec<String>) {
        for wants_services in [false, true] {
            for account in accounts {
                let is_wanted = |export: &&ExportOptions| (export.kind != ExportKind::Stream) == wants_services;
                for export in account.exports.iter().filter(is_wanted) {
                    self.export_option(&account.name, export, sources.has_system_account, faults);
                }
            }
        }
    }

    fn link_imports(&mut self, accounts: &[&AccountOptions], sources: &LinkSources<'_>, faults: &mut Vec<String>) {
        for wants_services in [false, true] {
            for account in accounts {
                let is_wanted =
                    |import: &&ImportOptions| matches!(import.kind, ImportKind::Service { .. }) == wants_services;
                for import in account.imports.iter().filter(is_wanted) {
                    let exporter = sources.accounts.get(import.account.as_str());
                    let has_token =
                        exporter.is_some_and(|exporter| is_activated(&account.name, import, exporter, sources.now));
                    self.import_option(&account.name, import, has_token, faults);
                }
            }
        }
    }
}
