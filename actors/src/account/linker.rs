//! Puts exports, imports and mappings in force.

use std::sync::Arc;
use std::time::SystemTime;

use troupe_engine::account::{AccountLinks, Graph};
use troupe_engine::options::{GLOBAL_ACCOUNT, Options, TraceOptions};
use troupe_engine::subject::Mappings;

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

/// Puts the links and mappings of `options` in force, in place of those before.
pub fn link(accounts: &Accounts, router: &RouterHandle, options: &Options, server: &str) -> Linked {
    let names = Arc::new(ServerNames {
        server: server.to_owned(),
        cluster: options.cluster.name.clone(),
        system_account: options.system_account_name().map(str::to_owned),
    });
    let (mut graph, faults) = Graph::of_options_at(&options.accounts, names.system_account.is_some(), Some(now()));
    // The loader of configuration files refuses these; accounts of tokens may have them.
    faults.iter().for_each(|fault| tracing::debug!("{fault}"));
    if let Some(system) = &names.system_account {
        let all = accounts.all();
        graph.link_system(system, all.iter().map(|account| &**account.name()));
    }
    let mut linked = Linked::default();
    for account in accounts.all() {
        account.exchange().set_mappings(mappings_of(options, account.name()), options.cluster.name.clone());
        account.exchange().set_trace(trace_of(options, account.name()));
        let empty = AccountLinks::default();
        let links = graph.get(account.name()).unwrap_or(&empty);
        account.exchange().set_links(links.clone());
        let changes = changes_of(accounts, &graph, &account, links, &names);
        match router.change(changes) {
            Ok(ticket) => linked.ticket = Some(ticket),
            Err(cause) => tracing::error!("{cause}"),
        }
    }
    linked
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn mappings_of(options: &Options, name: &str) -> Mappings {
    if name == GLOBAL_ACCOUNT {
        return options.mappings.clone();
    }
    let account = options.accounts.iter().find(|account| account.name == name);
    account.map(|account| account.mappings.clone()).unwrap_or_default()
}

fn trace_of(options: &Options, name: &str) -> Option<TraceOptions> {
    options.accounts.iter().find(|account| account.name == name)?.trace.clone()
}

/// What has to change in the index of `account`.
fn changes_of(
    accounts: &Accounts,
    graph: &Graph,
    account: &Arc<AccountView>,
    links: &AccountLinks,
    names: &Arc<ServerNames>,
) -> ChangeSet {
    let exporter = |name: &str| accounts.get(name);
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
                names: Arc::clone(names),
            };
            Some(Arc::new(Subscription::service(Arc::new(link))))
        })
        .collect();
    if answers_others(graph, account.name()) || !services.is_empty() {
        services.push(account.exchange().reply_entry(account));
    }
    let mut removed = account.exchange().replace_services(services.clone());
    removed.retain(|old| !services.iter().any(|new| Arc::ptr_eq(old, new)));
    ChangeSet { added: services, removed, streams: Some(Arc::new(streams)), ..ChangeSet::new(Arc::clone(account)) }
}

/// Whether another account asks a service of this one.
fn answers_others(graph: &Graph, name: &str) -> bool {
    graph.iter().any(|(_, links)| links.service_imports().any(|import| *import.exporter == *name))
}
