//! Puts exports, imports and mappings in force.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::SystemTime;

use troupe_codecs::jwt::claims;
use troupe_engine::account::renew::{AccountsByName, LinkSources};
use troupe_engine::account::{AccountLinks, Graph};
use troupe_engine::options::{GLOBAL_ACCOUNT, Options};
use troupe_engine::subject::{DomainMappings, DomainSpellings};

use super::importers::Importers;
use crate::router::exchange::{ServerNames, ServiceLink, StreamLink};
use crate::router::{AccountView, Accounts, ChangeSet, RouterHandle, Subscription, Ticket};

/// Links that are on their way to the Router.
#[derive(Debug, Default)]
pub struct Linked {
    ticket: Option<Ticket>,
}

impl Linked {
    /// Waits until every publisher sees them.
    pub async fn wait(self) {
        if let Some(ticket) = self.ticket {
            ticket.wait().await;
        }
    }
}

/// Knows what accounts export and import, so that a change of one costs no look at all of them.
#[derive(Debug, Default)]
pub struct Linker {
    graph: Graph,
    importers: Importers,
    /// How the requests of the JetStream domain are spelled.
    domain: Option<DomainSpellings>,
}

/// What links are put in force with.
#[derive(Debug)]
struct Scene<'a> {
    accounts: &'a Accounts,
    router: &'a RouterHandle,
    options: &'a Options,
    by_name: AccountsByName<'a>,
    names: Arc<ServerNames>,
    domain: Option<DomainSpellings>,
    now: i64,
}

impl<'a> Scene<'a> {
    fn new(
        (accounts, router): (&'a Accounts, &'a RouterHandle),
        options: &'a Options,
        server: &str,
        by_name: AccountsByName<'a>,
        domain: Option<DomainSpellings>,
    ) -> Self {
        let names = ServerNames {
            server: server.to_owned(),
            short: troupe_engine::id::short_name(server),
            cluster: options.cluster.name.clone(),
            system_account: options.system_account_name().map(str::to_owned),
        };
        Self { accounts, router, options, by_name, names: Arc::new(names), domain, now: now() }
    }

    /// How an account spells the requests of the JetStream domain. One that asks another account has that one's spelling.
    fn domain_of(&self, name: &str, links: &AccountLinks) -> Option<Arc<DomainMappings>> {
        let DomainSpellings { clients, system } = self.domain.as_ref()?;
        if self.names.system_account.as_deref() == Some(name) {
            return Some(Arc::clone(system));
        }
        let has_own = self.by_name.get(name).is_some_and(|own| own.jetstream.is_some());
        (has_own || !links.asks_others_for_jetstream()).then(|| Arc::clone(clients))
    }
}

impl Linker {
    /// A linker that knows of no accounts yet, for a server with this JetStream domain.
    #[must_use]
    pub fn new(domain: Option<DomainSpellings>) -> Self {
        Self { domain, ..Self::default() }
    }

    /// Puts the links and mappings of `options` in force, in place of all before.
    pub fn link(&mut self, accounts: &Accounts, router: &RouterHandle, options: &Options, server: &str) -> Linked {
        let all = options.accounts.to_vec();
        let by_name = AccountsByName::index(&all);
        let scene = Scene::new((accounts, router), options, server, by_name, self.domain.clone());
        let has_system = scene.names.system_account.is_some();
        let (graph, faults) = Graph::of_options_at(&all, has_system, Some(scene.now));
        // The loader of configuration files refuses these; accounts of tokens may have them.
        faults.iter().for_each(|fault| tracing::debug!("{fault}"));
        (self.graph, self.importers) = (graph, Importers::default());
        // The first of each name counts.
        for account in all.iter().rev() {
            self.importers.note(&account.name, Some(account), scene.now);
        }
        let all = accounts.all();
        self.link_system(&scene, all.iter().map(|account| &**account.name()));
        for (_, links) in self.graph.iter() {
            self.importers.recount(&AccountLinks::default(), links, &mut BTreeSet::new());
        }
        self.put_in_force(&scene, all)
    }

    /// Puts the links and mappings of the accounts `touched` in force, and those of accounts that import from them.
    pub fn relink(
        &mut self,
        (accounts, router): (&Accounts, &RouterHandle),
        options: &Options,
        server: &str,
        touched: &BTreeSet<&str>,
    ) -> Linked {
        if options.system_account_name().is_some_and(|system| touched.contains(system)) {
            // Everybody imports from it.
            return self.link(accounts, router, options, server);
        }
        let by_name = AccountsByName::Listed(&options.accounts);
        let scene = Scene::new((accounts, router), options, server, by_name, self.domain.clone());
        for name in touched {
            self.importers.note(name, scene.by_name.get(name), scene.now);
        }
        let importers = self.importers.of(touched);
        let renewed = || touched.iter().copied().chain(importers.iter().map(|name| &**name));
        let before: Vec<AccountLinks> =
            renewed().map(|name| self.graph.get(name).cloned().unwrap_or_default()).collect();
        let changed: Vec<&str> = touched.iter().copied().collect();
        let others: Vec<&str> = importers.iter().map(|name| &**name).collect();
        let has_system_account = scene.names.system_account.is_some();
        let sources = LinkSources { accounts: &scene.by_name, has_system_account, now: Some(scene.now) };
        let faults = self.graph.renew(&changed, &others, &sources);
        faults.iter().for_each(|fault| tracing::debug!("{fault}"));
        self.link_system(&scene, renewed());
        let mut affected: BTreeSet<Arc<str>> = renewed().map(Arc::from).collect();
        for (name, before) in renewed().zip(&before) {
            let after = self.graph.get(name).cloned().unwrap_or_default();
            self.importers.recount(before, &after, &mut affected);
        }
        let views = affected.iter().filter_map(|name| accounts.get(name)).collect();
        self.put_in_force(&scene, views)
    }

    /// When the next activation token ends, in seconds since 1970.
    #[must_use]
    pub fn next_end(&self) -> Option<i64> {
        self.importers.next_end()
    }

    /// Takes imports away whose token has ended.
    pub fn drop_ended(
        &mut self,
        accounts: &Accounts,
        router: &RouterHandle,
        options: &Options,
        server: &str,
    ) -> Linked {
        let ended = self.importers.ended(now());
        let touched: BTreeSet<&str> = ended.iter().map(|name| &**name).collect();
        if touched.is_empty() { Linked::default() } else { self.relink((accounts, router), options, server, &touched) }
    }

    /// Lets accounts ask the system account for what concerns them.
    fn link_system<'n>(&mut self, scene: &Scene<'_>, names: impl Iterator<Item = &'n str>) {
        if let Some(system) = &scene.names.system_account {
            self.graph.link_system(system, names);
        }
    }

    fn put_in_force(&self, scene: &Scene<'_>, accounts: Vec<Arc<AccountView>>) -> Linked {
        let mut linked = Linked::default();
        for account in accounts {
            let own = scene.by_name.get(account.name());
            let mappings = match own {
                Some(own) => own.mappings.clone(),
                None if **account.name() == *GLOBAL_ACCOUNT => scene.options.mappings.clone(),
                None => Default::default(),
            };
            let links = self.graph.get(account.name()).cloned().unwrap_or_default();
            let domain = scene.domain_of(account.name(), &links);
            account.exchange().set_mappings(mappings, scene.names.cluster.clone(), domain);
            account.exchange().set_trace(own.and_then(|own| own.trace.clone()));
            let changes = self.changes_of(scene, &account, &links);
            account.exchange().set_links(links);
            match scene.router.change(changes) {
                Ok(ticket) => linked.ticket = Some(ticket),
                Err(cause) => tracing::error!("{cause}"),
            }
        }
        linked
    }

    /// What has to change in the index of `account`.
    fn changes_of(&self, scene: &Scene<'_>, account: &Arc<AccountView>, links: &AccountLinks) -> ChangeSet {
        let exporter = |name: &str| scene.accounts.get(name);
        let streams: Vec<StreamLink> = links
            .stream_imports()
            .filter_map(|import| Some(StreamLink { import: Arc::clone(import), exporter: exporter(&import.exporter)? }))
            .collect();
        let mut services: Vec<Arc<Subscription>> = links
            .service_imports()
            .filter_map(|import| {
                let link = ServiceLink {
                    import: Arc::clone(import),
                    importer: Arc::clone(account),
                    exporter: exporter(&import.exporter)?,
                    names: Arc::clone(&scene.names),
                };
                Some(Arc::new(Subscription::service(Arc::new(link))))
            })
            .collect();
        if self.importers.is_asked(account.name()) || !services.is_empty() {
            services.push(account.exchange().reply_entry(account));
        }
        let mut removed = account.exchange().replace_services(services.clone());
        removed.retain(|old| !services.iter().any(|new| Arc::ptr_eq(old, new)));
        ChangeSet { added: services, removed, streams: Some(Arc::new(streams)), ..ChangeSet::new(Arc::clone(account)) }
    }
}

fn now() -> i64 {
    claims::seconds(SystemTime::now())
}
