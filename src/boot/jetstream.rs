//! Starts JetStream: its accounts, the streams that were kept, its API.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use tracing::{info, warn};
use troupe_actors::jetstream::{JetStream, JetStreamAccount, JetStreamParts, JetStreamServer};
use troupe_actors::router::local::SeatPlan;
use troupe_actors::router::{Accounts, RouterHandle};
use troupe_actors::supervisor::{ArbiterSlot, ChildSpec, SupervisorHandle};
use troupe_codecs::api::API_LEVEL;
use troupe_codecs::api::account::JetStreamLimits;
use troupe_engine::options::{DEFAULT_SYSTEM_ACCOUNT, GLOBAL_ACCOUNT, Options, friendly_bytes};

use super::StartError;
use crate::COMPATIBLE_VERSION;

/// What JetStream needs to know of the server.
pub(super) struct Context<'a> {
    pub(super) options: &'a Options,
    pub(super) name: &'a str,
    pub(super) id: String,
    pub(super) router: &'a RouterHandle,
    pub(super) accounts: &'a Accounts,
}

/// Starts JetStream, if it is enabled. Returns when its API answers and every stream that was kept takes messages.
pub(super) async fn start(
    context: &Context<'_>,
    seats: SeatPlan,
    supervisor: &SupervisorHandle,
) -> Result<Option<Arc<JetStreamServer>>, StartError> {
    let options = context.options;
    if !options.jetstream.enabled {
        return Ok(None);
    }
    let began = Instant::now();
    info!("Starting JetStream");
    let arbiters: Result<Vec<ArbiterSlot>, _> =
        (0..seats.num_streams()).map(|number| supervisor.start_arbiter(&format!("streams-{number}"))).collect();
    let store_dir = store_dir(options);
    log_start(options, &store_dir);
    let server = JetStreamServer::new(JetStreamParts {
        options: options.jetstream.clone(),
        store_dir,
        server_name: context.name.to_owned(),
        server_id: context.id.clone(),
        version: COMPATIBLE_VERSION,
        max_payload: options.limits.max_payload,
        disable_cache: options.disable_sublist_cache,
        router: context.router.clone(),
        supervisor: supervisor.clone(),
        arbiters: arbiters?,
        seats,
    });
    enable_accounts(context, &server);
    let services = supervisor.start_arbiter("services")?;
    let (shared, seat) = (Arc::clone(&server), seats.services());
    let spec = ChildSpec::new("jetstream", move |child| JetStream::new(child, Arc::clone(&shared), seat));
    supervisor.supervise(spec.on(services)).await?;
    server.recover().await;
    JetStream::subscribe(&server, &server.accounts()).await;
    JetStream::subscribe(&server, &turn_away(context, &server)).await;
    info!("Took {:?} to start JetStream", began.elapsed());
    Ok(Some(server))
}

/// Without accounts of its own, the configuration means the global account.
fn enable_accounts(context: &Context<'_>, server: &JetStreamServer) {
    let options = context.options;
    let is_global_only = options.accounts.iter().all(|account| account.name == DEFAULT_SYSTEM_ACCOUNT);
    if is_global_only && let Some(view) = context.accounts.get(GLOBAL_ACCOUNT) {
        server.enable(view, JetStreamLimits::default());
    }
    for account in &options.accounts {
        if let (Some(limits), Some(view)) = (account.jetstream.clone(), context.accounts.get(&account.name)) {
            server.enable(view, limits);
        }
    }
}

/// Clients of all other accounts are told that theirs has none, but for those of the system account.
fn turn_away(context: &Context<'_>, server: &JetStreamServer) -> Vec<Arc<JetStreamAccount>> {
    let options = context.options;
    let names = options.accounts.iter().map(|account| account.name.as_str()).chain([GLOBAL_ACCOUNT]);
    let others = names.filter(|name| options.system_account_name() != Some(name) && server.account(name).is_none());
    others.filter_map(|name| Some(server.turn_away(context.accounts.get(name)?))).collect()
}

fn store_dir(options: &Options) -> PathBuf {
    match &options.jetstream.store_dir {
        Some(directory) => directory.join("jetstream"),
        None => {
            warn!("Temporary storage directory used, data could be lost on system reboot");
            std::env::temp_dir().join("nats").join("jetstream")
        }
    }
}

fn log_start(options: &Options, store_dir: &Path) {
    let jetstream = &options.jetstream;
    let size = |size: Option<u64>| size.map_or_else(|| "unlimited".to_owned(), friendly_bytes);
    info!("---------------- JETSTREAM ----------------");
    info!("  Strict:          {}", jetstream.strict);
    info!("  Max Memory:      {}", size(jetstream.max_memory));
    info!("  Max Storage:     {}", size(jetstream.max_file));
    info!("  Store Directory: \"{}\"", store_dir.display());
    if let Some(domain) = &jetstream.domain {
        info!("  Domain:          {domain}");
    }
    info!("  API Level:       {API_LEVEL}");
    info!("-------------------------------------------");
}
