//! Reload: other options in force, all or nothing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rand::seq::SliceRandom;
use tracing::{info, warn};
use troupe_actors::account::Linked;
use troupe_actors::client::ClientCommand;
use troupe_actors::jetstream::{Changed, JetStreamServer};
use troupe_actors::net::BoundListener;
use troupe_actors::net::tls::{Stapling, TlsServer};
use troupe_actors::route::RouteTls;
use troupe_engine::options::diff::{Change, ChangeScope, diff, tls_change};
use troupe_engine::options::{AccountOptions, GLOBAL_ACCOUNT, Options};

use crate::boot::{configure_accounts, open_ocsp_cache, with_options};
use crate::files;
use crate::server::Inner;

/// Longest wait for what authorities say of new certificates.
const STAPLE_PATIENCE: Duration = Duration::from_secs(10);

/// Puts other options in force; done when every publisher sees them. Everything that can fail is done before anything is
/// changed.
///
/// # Errors
/// A change that needs a restart, certificates that cannot be read, a log that cannot be opened.
pub(crate) async fn apply(inner: &Inner, mut options: Options) -> Result<(), String> {
    let current = inner.services.options();
    crate::claims::carry_over(&current, &mut options);
    let mut changes = diff(&with_bound_ports(inner, &current), &options).map_err(|refusal| refusal.to_string())?;
    let certificates = load_certificates(inner, &options).await?;
    let route_tls = match &inner.cluster {
        Some(_) => RouteTls::load(&options).map_err(|cause| cause.to_string())?.map(|(tls, _)| tls),
        None => None,
    };
    if let Some(process) = &inner.process {
        process.log.apply(&options.logging).map_err(|cause| cause.to_string())?;
    }
    renew_ocsp_cache(inner, &current, &options);
    if let (Some(handle), Some(server)) = (&inner.tls, certificates) {
        handle.replace(server);
        if !changes.iter().any(|change| change.scope == ChangeScope::Tls) {
            changes.push(tls_change(true));
        }
    }
    let options = Arc::new(options);
    take_over(inner, &options).wait().await;
    if let Some(cluster) = &inner.cluster {
        cluster.services.set_options(Arc::clone(&options), route_tls);
    }
    tell_clients(inner, &current, &options);
    report(&changes, &options);
    Ok(())
}

/// The options with the ports that are listened on, where they leave them to the system: a file may then name them.
fn with_bound_ports(inner: &Inner, current: &Options) -> Options {
    let mut options = current.clone();
    if let Some(port) = inner.listeners.iter().find_map(BoundListener::port) {
        options.listen.port = i32::from(port);
    }
    if let Some(cluster) = &inner.cluster {
        options.cluster.port = i32::from(cluster.services.port());
    }
    options
}

/// The certificates are read again even where their names did not change: their content may have.
async fn load_certificates(inner: &Inner, options: &Options) -> Result<Option<TlsServer>, String> {
    let Some(tls) = options.tls.as_ref().filter(|_| inner.tls.is_some()) else { return Ok(None) };
    let loaded = TlsServer::load(tls, &Stapling::of(options));
    let (server, warnings) = loaded.map_err(|cause| cause.to_string())?;
    warnings.iter().for_each(|warning| warn!("{warning}"));
    let stapled = tokio::time::timeout(STAPLE_PATIENCE, server.staple()).await;
    let stapled = stapled.map_err(|_| "the OCSP responders did not answer in time".to_owned())?;
    stapled.map_err(|cause| cause.to_string())?;
    Ok(Some(server))
}

/// Puts another cache of what authorities say of clients' certificates in place, where its options changed.
fn renew_ocsp_cache(inner: &Inner, current: &Options, options: &Options) {
    let is_wanted = |options: &Options| options.tls.as_ref().is_some_and(|tls| tls.ocsp_peer.verify);
    if is_wanted(current) == is_wanted(options) && current.ocsp_cache == options.ocsp_cache {
        return;
    }
    // What the next one begins with.
    if let Some(cache) = inner.services.ocsp_cache() {
        cache.save();
    }
    inner.services.set_ocsp_cache(open_ocsp_cache(options));
}

/// Everything but the clients. What they see of the links is the old or the new until those returned are in force.
fn take_over(inner: &Inner, options: &Arc<Options>) -> InForce {
    let services = &inner.services;
    let in_force = put_accounts_in_force(inner, options, None);
    inner.reporter.note_reload(std::time::SystemTime::now());
    services.change_info(|info| *info = with_options(info.clone(), options));
    if let Some(Err(cause)) = options.pid_file.as_deref().map(files::write_pid_file) {
        tracing::error!("{cause}");
    }
    in_force
}

/// Puts accounts, their links and limits, and who may enter in force: of all accounts, or of those `touched` only.
pub(crate) fn put_accounts_in_force(
    inner: &Inner,
    options: &Arc<Options>,
    touched: Option<&BTreeSet<&str>>,
) -> InForce {
    let services = &inner.services;
    let changed: Vec<&Arc<AccountOptions>> = match touched {
        None => options.accounts.iter().collect(),
        Some(touched) => touched.iter().filter_map(|name| options.accounts.get(name)).collect(),
    };
    match touched {
        None => configure_accounts(&services.accounts, options),
        Some(_) => changed.iter().for_each(|account| {
            services.accounts.configure(&account.name, account.limits.clone());
        }),
    }
    let jetstream = inner.jetstream.as_ref().map(|jetstream| {
        let limits = changed
            .iter()
            .filter_map(|account| Some((services.accounts.get(&account.name)?, account.jetstream.clone())));
        let is_gone = |name: &str| {
            let is_looked_at = touched.is_none_or(|touched| touched.contains(name));
            is_looked_at && name != GLOBAL_ACCOUNT && options.accounts.get(name).is_none()
        };
        let gone = jetstream.accounts().into_iter().filter(|account| is_gone(account.name()));
        let gone = gone.map(|account| (Arc::clone(account.view()), None));
        let limits: Vec<_> = limits.chain(gone).collect();
        (Arc::clone(jetstream), jetstream.reload(&options.jetstream, &limits))
    });
    let (accounts, router, server) = (&*services.accounts, &services.router, &services.info().server_name);
    let linked = match touched {
        None => inner.linker.lock().link(accounts, router, options, server),
        Some(touched) => inner.linker.lock().relink((accounts, router), options, server, touched),
    };
    services.set_options(Arc::clone(options));
    InForce { linked, jetstream }
}

/// Links, and accounts whose JetStream begins or ends.
pub(crate) struct InForce {
    linked: Linked,
    jetstream: Option<(Arc<JetStreamServer>, Changed)>,
}

impl InForce {
    /// Waits until every publisher sees the links, and the streams take messages.
    pub(crate) async fn wait(self) {
        self.linked.wait().await;
        if let Some((jetstream, changed)) = self.jetstream {
            jetstream.apply(changed).await;
        }
    }
}

/// Has every client judged by the new options. A changed limit closes clients by lot until it holds; one below zero,
/// which is what 0 in a file means, closes all of them.
fn tell_clients(inner: &Inner, old: &Options, new: &Options) {
    let mut clients = inner.services.registry.all();
    clients.retain(|client| client.sink.close_reason().is_none());
    let limit = new.limits.max_connections;
    let num_closed = if limit == old.limits.max_connections {
        0
    } else {
        clients.len().saturating_sub(usize::try_from(limit).unwrap_or(0))
    };
    clients.shuffle(&mut rand::rng());
    let (closed, kept) = clients.split_at(num_closed);
    closed.iter().for_each(|client| client.address.do_send(ClientCommand::TooMany));
    kept.iter().for_each(|client| client.address.do_send(ClientCommand::Reload));
    inner.services.close_excess();
    if num_closed > 0 {
        info!("Closed {num_closed} connections to fall within max_connections");
    }
}

fn report(changes: &[Change], options: &Options) {
    changes.iter().filter_map(|change| change.line.as_ref()).for_each(|line| info!("{line}"));
    let digest = options.config_digest.as_ref().map(|digest| format!(" ({digest})")).unwrap_or_default();
    info!("Reloaded server configuration{digest}");
}
