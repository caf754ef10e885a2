//! Who takes what from whom.

use std::collections::BTreeSet;
use std::sync::Arc;

use ahash::AHashMap;
use troupe_engine::account::AccountLinks;
use troupe_engine::account::activation::last_moment;
use troupe_engine::options::AccountOptions;

/// The imports of all accounts, from the exporter's side.
#[derive(Debug, Default)]
pub struct Importers {
    /// Exporting accounts of those that import, as they are configured.
    wanted: AHashMap<Arc<str>, BTreeSet<Arc<str>>>,
    /// The other way round.
    importers: AHashMap<Arc<str>, BTreeSet<Arc<str>>>,
    /// How many service imports lead to an account.
    served: AHashMap<Arc<str>, usize>,
    /// When the next activation token of an importing account ends, in seconds since 1970.
    ends: AHashMap<Arc<str>, i64>,
}

impl Importers {
    /// Notes what an account wants to import at the moment `now`; without options it is gone.
    pub fn note(&mut self, name: &str, options: Option<&AccountOptions>, now: i64) {
        for exporter in self.wanted.remove(name).unwrap_or_default() {
            if let Some(importers) = self.importers.get_mut(&exporter) {
                importers.remove(name);
                if importers.is_empty() {
                    self.importers.remove(&exporter);
                }
            }
        }
        self.ends.remove(name);
        let Some(options) = options.filter(|options| !options.imports.is_empty()) else { return };
        let name: Arc<str> = name.into();
        let exporters: BTreeSet<Arc<str>> =
            options.imports.iter().map(|import| Arc::from(import.account.as_str())).collect();
        for exporter in &exporters {
            self.importers.entry(Arc::clone(exporter)).or_default().insert(Arc::clone(&name));
        }
        let ends = options.imports.iter().filter_map(|import| last_moment(import.token.as_ref()?));
        if let Some(end) = ends.filter(|end| *end >= now).min() {
            self.ends.insert(Arc::clone(&name), end);
        }
        self.wanted.insert(name, exporters);
    }

    /// Accounts that want to import from one of these, and are not among them.
    #[must_use]
    pub fn of(&self, exporters: &BTreeSet<&str>) -> BTreeSet<Arc<str>> {
        let importers = exporters.iter().filter_map(|exporter| self.importers.get(*exporter)).flatten();
        importers.filter(|importer| !exporters.contains(&***importer)).cloned().collect()
    }

    /// Counts the service imports of an account in place of those it had. Exporters that are now asked by somebody, or by
    /// nobody any more, are added to `turned`.
    pub fn recount(&mut self, before: &AccountLinks, after: &AccountLinks, turned: &mut BTreeSet<Arc<str>>) {
        for import in before.service_imports() {
            let Some(count) = self.served.get_mut(&import.exporter) else { continue };
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.served.remove(&import.exporter);
                turned.insert(Arc::clone(&import.exporter));
            }
        }
        for import in after.service_imports() {
            let count = self.served.entry(Arc::clone(&import.exporter)).or_default();
            *count += 1;
            if *count == 1 {
                turned.insert(Arc::clone(&import.exporter));
            }
        }
    }

    /// Whether another account asks a service of this one.
    #[must_use]
    pub fn is_asked(&self, name: &str) -> bool {
        self.served.get(name).is_some_and(|count| *count > 0)
    }

    /// When the next activation token ends, in seconds since 1970.
    #[must_use]
    pub fn next_end(&self) -> Option<i64> {
        self.ends.values().copied().min()
    }

    /// Accounts whose tokens have ended before `now`.
    #[must_use]
    pub fn ended(&self, now: i64) -> Vec<Arc<str>> {
        self.ends.iter().filter(|(_, end)| **end < now).map(|(name, _)| Arc::clone(name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use troupe_engine::options::{ImportKind, ImportOptions};

    use super::*;

    fn importing(name: &str, exporter: &str) -> AccountOptions {
        let kind = ImportKind::Stream { prefix: None, to: None, allow_trace: false };
        let import = ImportOptions { account: exporter.to_owned(), subject: "s".to_owned(), kind, token: None };
        AccountOptions { name: name.to_owned(), imports: vec![import], ..AccountOptions::default() }
    }

    #[test]
    fn nothing_is_left_of_accounts_that_have_gone() {
        let mut importers = Importers::default();
        for number in 0..10 {
            let name = format!("A{number}");
            importers.note(&name, Some(&importing(&name, &format!("E{number}"))), 0);
            assert_eq!(importers.of(&[&*format!("E{number}")].into()).len(), 1);
            importers.note(&name, None, 0);
        }
        assert!(importers.wanted.is_empty() && importers.importers.is_empty() && importers.served.is_empty());
    }
}
