//! Starts JetStream: its accounts, the streams that were kept, its API.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use tracing::{info, warn};
use troupe_actors::jetstream::{JetStream, JetStreamParts, JetStreamServer};
use troupe_actors::net::machine;
use troupe_actors::router::local::SeatPlan;
use troupe_actors::router::{Accounts, RouterHandle};
use troupe_actors::supervisor::{ArbiterSlot, ChildSpec, SupervisorHandle};
use troupe_codecs::api::API_LEVEL;
use troupe_codecs::api::account::JetStreamLimits;
use troupe_engine::options::{DEFAULT_SYSTEM_ACCOUNT, GLOBAL_ACCOUNT, Options, friendly_bytes};
use troupe_engine::subject::DomainSpellings;

use super::StartError;
use crate::COMPATIBLE_VERSION;

/// Most bytes in memory and in files where the system does not tell what there is.
const USUAL_MEMORY: u64 = 256 << 20;
const USUAL_FILE: u64 = 1 << 40;

/// What JetStream needs to know of the server.
pub(super) struct Context<'a> {
    pub(super) options: &'a Options,
    pub(super) name: &'a str,
    pub(super) id: String,
    pub(super) router: &'a RouterHandle,
    pub(super) accounts: &'a Arc<Accounts>,
    pub(super) domain: Option<DomainSpellings>,
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
    let (max_memory, max_file) = room(options, &store_dir);
    log_start(options, &store_dir, (max_memory, max_file));
    let server = JetStreamServer::new(JetStreamParts {
        domain: context.domain.clone(),
        options: options.jetstream.clone(),
        store_dir,
        max_memory,
        max_file,
        server_name: context.name.to_owned(),
        server_id: context.id.clone(),
        cluster: options.cluster.name.clone(),
        system_account: options.system_account_name().map(str::to_owned),
        version: COMPATIBLE_VERSION,
        max_payload: options.limits.max_payload,
        disable_cache: options.disable_sublist_cache,
        router: context.router.clone(),
        accounts: Arc::clone(context.accounts),
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
    JetStream::subscribe_for_others(&server);
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
    for account in options.accounts.iter() {
        if let (Some(limits), Some(view)) = (account.jetstream.clone(), context.accounts.get(&account.name)) {
            server.enable(view, limits);
        }
    }
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

/// Most bytes in memory and in files: three quarters of what there is, where the configuration does not say.
fn room(options: &Options, store_dir: &Path) -> (u64, u64) {
    let part = |all: u64| all / 4 * 3;
    let memory = || machine::memory().map_or(USUAL_MEMORY, part);
    let file = || {
        if let Err(cause) = std::fs::create_dir_all(store_dir) {
            warn!("cannot make {}: {cause}", store_dir.display());
        }
        machine::free_space(store_dir).map_or(USUAL_FILE, part)
    };
    (options.jetstream.max_memory.unwrap_or_else(memory), options.jetstream.max_file.unwrap_or_else(file))
}

fn log_start(options: &Options, store_dir: &Path, (max_memory, max_file): (u64, u64)) {
    let jetstream = &options.jetstream;
    info!("---------------- JETSTREAM ----------------");
    info!("  Strict:          {}", jetstream.strict);
    info!("  Max Memory:      {}", friendly_bytes(max_memory));
    info!("  Max Storage:     {}", friendly_bytes(max_file));
    info!("  Store Directory: \"{}\"", store_dir.display());
    if let Some(domain) = &jetstream.domain {
        info!("  Domain:          {domain}");
    }
    info!("  API Level:       {API_LEVEL}");
    info!("-------------------------------------------");
}
