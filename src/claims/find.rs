//! Finds accounts that are not known: in the directory of a cache, on a web server, at other servers.
//!
//! ```text
//! login ── AccountDesk ──> Finder ── file | HTTP | other servers ──> token ──> in force
//!   ^                        │  and the accounts it imports from          │
//!   └── `held` is dropped ───┴────────────────────────────────────────────┘
//! ```

use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use futures_util::FutureExt as _;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::mpsc;
use tracing::{debug, error, info, warn};
use troupe_actors::auth::Wish;
use troupe_actors::net::HttpFetcher;
use troupe_actors::system::SystemServices;
use troupe_codecs::jwt::{AccountClaims, Claims, decode};
use troupe_engine::options::trust::{AccountResolver, Token, UrlResolver};
use troupe_engine::options::{ImportKind, Options, TrustOptions};

use super::cache::Cache;
use super::force::{Change, put_in_force, seconds};
use super::store;
use crate::config::is_public_key;
use crate::server::Inner;

/// Most accounts that are looked for at the same time. Logins into further ones are refused.
const MAX_RUNNING: usize = 1024;
/// Time between two looks for the token of the system account, and least time until a token that has ended is looked for again.
const PAUSE: Duration = Duration::from_secs(1);

/// Looks for accounts.
#[derive(Default)]
pub(crate) struct Finder {
    /// Who waits for an account that is looked for.
    waiting: HashMap<String, Vec<mpsc::Sender<()>>>,
    running: FuturesUnordered<Pin<Box<dyn Future<Output = Looked>>>>,
    pub(super) cache: Option<Cache>,
    web: Option<(UrlResolver, Arc<HttpFetcher>)>,
    /// What could not be opened, and when: it is not tried again at once.
    failed: Option<(AccountResolver, Instant)>,
    /// When tokens that had ended were looked for last.
    looked_at: HashMap<String, Instant>,
    /// When the next look is due that nobody asks for.
    due: Option<tokio::time::Instant>,
}

/// What came of a look.
pub(crate) struct Looked {
    account: String,
    token: Result<String, String>,
    time: Duration,
}

impl Finder {
    /// A finder for the accounts of `options`, with what the web server was reached with.
    pub(crate) fn new(options: &Options, fetcher: Option<HttpFetcher>) -> Self {
        let mut finder = Self::default();
        let resolver = options.trust.as_ref().map(|trust| &trust.resolver);
        if let (Some(AccountResolver::Url(resolver)), Some(fetcher)) = (resolver, fetcher) {
            finder.web = Some((resolver.clone(), Arc::new(fetcher)));
        }
        finder.refresh(options);
        if let Some(trust) = &options.trust {
            announce(trust);
        }
        finder
    }

    /// Opens what the options name, where they name something else than before.
    fn refresh(&mut self, options: &Options) {
        if let Some(trust) = &options.trust {
            self.open(&trust.resolver);
        }
        if self.due.is_none() {
            let pause = match &options.trust {
                Some(trust) if misses_system_account(trust) => Some(PAUSE),
                _ => self.cache.as_ref().map(Cache::sweep_interval),
            };
            self.due = pause.map(|pause| tokio::time::Instant::now() + pause);
        }
    }

    fn open(&mut self, resolver: &AccountResolver) {
        let is_fresh = |(known, at): &(AccountResolver, Instant)| known == resolver && at.elapsed() < PAUSE;
        let outcome = match resolver {
            AccountResolver::Cache(wanted) if self.cache.as_ref().map(Cache::resolver) != Some(wanted) => {
                if self.failed.as_ref().is_some_and(is_fresh) {
                    return;
                }
                let opened = Cache::open(wanted, SystemTime::now());
                opened
                    .map(|cache| self.cache = Some(cache))
                    .map_err(|cause| format!("cannot keep account JWTs: {cause}"))
            }
            AccountResolver::Url(wanted) if self.web.as_ref().map(|(known, _)| known) != Some(wanted) => {
                if self.failed.as_ref().is_some_and(is_fresh) {
                    return;
                }
                let fetcher = HttpFetcher::new(wanted.tls.as_ref(), UrlResolver::TIMEOUT);
                let opened = fetcher.map(|fetcher| self.web = Some((wanted.clone(), Arc::new(fetcher))));
                opened.map_err(|cause| cause.to_string())
            }
            _ => return,
        };
        self.failed = outcome.inspect_err(|cause| error!("{cause}")).err().map(|_| (resolver.clone(), Instant::now()));
        if self.failed.is_some() {
            // What was there before serves other options.
            match resolver {
                AccountResolver::Cache(_) => self.cache = None,
                _ => self.web = None,
            }
        }
    }

    /// Begins to look for an account that a login needs.
    pub(crate) fn begin(&mut self, inner: &Inner, wish: Wish) {
        let options = inner.services.options();
        let Some(trust) = &options.trust else { return };
        if let Some(known) = trust.accounts.get(&wish.account) {
            let now = Instant::now();
            self.looked_at.retain(|_, at| now.duration_since(*at) < PAUSE);
            if known.claims.is_alive(seconds()) || self.looked_at.contains_key(&wish.account) {
                return;
            }
            debug!("Requested account [{}] has expired", wish.account);
            self.looked_at.insert(wish.account.clone(), now);
        }
        self.refresh(&options);
        self.look(inner, trust, wish.account, vec![wish.held]);
    }

    fn look(&mut self, inner: &Inner, trust: &TrustOptions, account: String, waiters: Vec<mpsc::Sender<()>>) {
        // Names are taken into paths and subjects.
        if !is_public_key(&account, Some(&nkeys::KeyPairType::Account)) {
            return;
        }
        if let Some(others) = self.waiting.get_mut(&account) {
            return others.extend(waiters);
        }
        if self.running.len() >= MAX_RUNNING {
            return warn!("Account fetch failed: too many accounts are fetched");
        }
        self.waiting.insert(account.clone(), waiters);
        let looking = self.source(inner.system.clone(), trust, account.clone());
        let start = Instant::now();
        self.running.push(Box::pin(async move { Looked { account, token: looking.await, time: start.elapsed() } }));
    }

    /// Gets a token from where it is.
    fn source(
        &mut self,
        system: Option<Arc<SystemServices>>,
        trust: &TrustOptions,
        account: String,
    ) -> Pin<Box<dyn Future<Output = Result<String, String>>>> {
        let timeout = match &trust.resolver {
            AccountResolver::Memory => return Box::pin(async { Err("account missing".to_owned()) }),
            AccountResolver::Url(resolver) => {
                let fetcher = self.web.as_ref().map(|(_, fetcher)| Arc::clone(fetcher));
                let url = format!("{}{account}", resolver.url);
                return Box::pin(async move {
                    let fetcher = fetcher.ok_or("the certificates of the resolver cannot be read")?;
                    fetch(&fetcher, &url).await
                });
            }
            AccountResolver::Cache(resolver) => {
                let kept = self.cache.as_mut().and_then(|cache| cache.load(&account, SystemTime::now()));
                // One that has ended is asked for again.
                if let Some(token) = kept.filter(|token| token.claims.is_alive(seconds())) {
                    return Box::pin(async move { Ok(token.text) });
                }
                resolver.timeout
            }
            AccountResolver::Full(resolver) => resolver.timeout,
        };
        Box::pin(async move {
            let system = system.ok_or("eventing shut down")?;
            let found = tokio::time::timeout(timeout, system.look_up(&account)).await;
            found.map_err(|_| "fetching jwt timed out")?.ok_or_else(|| "account jwt not found".to_owned())
        })
    }

    /// Waits until accounts were looked for.
    pub(crate) async fn next(&mut self) -> Vec<Looked> {
        let Some(first) = self.running.next().await else { return std::future::pending().await };
        let mut looked = vec![first];
        while let Some(Some(other)) = self.running.next().now_or_never() {
            looked.push(other);
        }
        looked
    }

    /// Puts accounts in force that were found, and lets those go on who wait for them.
    pub(crate) async fn take(&mut self, inner: &Inner, looked: Vec<Looked>) {
        let options = inner.services.options();
        let Some(trust) = &options.trust else { return };
        let mut change = Change::default();
        // Dropped at the end: logins go on when everything is in force.
        let mut waiters = Vec::new();
        let mut is_system_found = false;
        for Looked { account, token, time } in looked {
            let own = self.waiting.remove(&account).unwrap_or_default();
            let is_bootstrap = own.is_empty() && trust.bootstrap.as_ref() == Some(&account);
            if !is_bootstrap && time > Duration::from_secs(1) {
                warn!("Account [{account}] fetch took {time:?}");
            } else {
                debug!("Account [{account}] fetch took {time:?}");
            }
            let token = token.and_then(|text| judged(trust, &account, text));
            match token.and_then(|token| self.keep(trust, &token).map(|()| token)) {
                Ok(token) => {
                    self.look_for_exporters(inner, trust, &token.claims, &own);
                    is_system_found |=
                        trust.bootstrap.as_ref() == Some(&account) && trust.accounts.get(&account).is_none();
                    change.tokens.push(Arc::new(token));
                }
                Err(_) if is_bootstrap => {}
                Err(cause) => {
                    warn!("Account fetch failed: {cause}");
                    tell_importers(&options, &account, &cause);
                }
            }
            waiters.extend(own);
        }
        put_in_force(inner, &options, change).await;
        if is_system_found {
            info!("System account fetched and updated");
        }
    }

    /// Looks for the accounts that an account imports from since its token was pushed.
    pub(super) fn complete(&mut self, inner: &Inner, account: &str) {
        let options = inner.services.options();
        let Some(trust) = options.trust.as_ref().filter(|trust| trust.resolver.is_lazy()) else { return };
        if let Some(token) = trust.accounts.get(account) {
            self.look_for_exporters(inner, trust, &token.claims, &[]);
        }
    }

    /// Accounts come with those they import from.
    fn look_for_exporters(
        &mut self,
        inner: &Inner,
        trust: &TrustOptions,
        claims: &Claims<AccountClaims>,
        waiters: &[mpsc::Sender<()>],
    ) {
        let exporters: BTreeSet<&str> = claims.nats.imports.iter().map(|import| import.account.as_str()).collect();
        for exporter in exporters {
            if exporter != claims.sub && trust.accounts.get(exporter).is_none() {
                self.look(inner, trust, exporter.to_owned(), waiters.to_vec());
            }
        }
    }

    /// Keeps a token that was found.
    fn keep(&mut self, trust: &TrustOptions, token: &Token<AccountClaims>) -> Result<(), String> {
        let kept = match (&trust.resolver, &mut self.cache) {
            (AccountResolver::Cache(_), Some(cache)) => cache.keep(token, SystemTime::now()),
            (AccountResolver::Full(resolver), _) => {
                if !resolver.has_room(trust.accounts.len()) {
                    return Err("jwt store is full".to_owned());
                }
                store::write(&resolver.directory, token)
            }
            _ => Ok(()),
        };
        kept.map_err(|cause| cause.to_string())
    }

    /// When something is to be done without being asked; `None` is never.
    pub(crate) fn due(&self) -> Option<tokio::time::Instant> {
        self.due
    }

    /// Looks for the system account that is still missing; deletes what a cache need not keep any more.
    pub(crate) fn work(&mut self, inner: &Inner) {
        let options = inner.services.options();
        self.due = None;
        self.refresh(&options);
        if let Some(cache) = &mut self.cache {
            cache.sweep(SystemTime::now());
        }
        let Some(trust) = options.trust.as_ref() else { return };
        if let Some(name) = trust.bootstrap.as_ref().filter(|_| misses_system_account(trust)) {
            self.look(inner, trust, name.clone(), Vec::new());
        }
    }
}

/// Tells where tokens of accounts are kept.
fn announce(trust: &TrustOptions) {
    let whole = |directory: &Path| directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
    match &trust.resolver {
        AccountResolver::Full(resolver) => {
            info!("Managing all jwt in exclusive directory {}", whole(&resolver.directory).display());
        }
        AccountResolver::Cache(resolver) => {
            info!("Managing some jwt in exclusive directory {}", whole(&resolver.directory).display());
        }
        AccountResolver::Memory | AccountResolver::Url(_) => {}
    }
    if misses_system_account(trust) {
        info!("Using bootstrapping system account");
    }
}

/// Whether the token of the system account is not known yet.
pub(super) fn misses_system_account(trust: &TrustOptions) -> bool {
    trust.bootstrap.as_ref().is_some_and(|name| trust.accounts.get(name).is_none())
}

/// Gets a token from a web server.
pub(super) async fn fetch(fetcher: &HttpFetcher, url: &str) -> Result<String, String> {
    use troupe_actors::net::HttpError;

    // As Go shows them, each in its own way.
    let (shown, got) = (redacted(url, "xxxxx"), redacted(url, "***"));
    match fetcher.get(url).await {
        Ok(text) => Ok(text),
        Err(cause @ HttpError::Status(_)) => Err(format!("could not fetch <{shown:?}>: {cause}")),
        Err(cause) => Err(format!("could not fetch <{shown:?}>: Get {got:?}: {cause}")),
    }
}

/// A URL without its password.
fn redacted(url: &str, mask: &str) -> String {
    match url::Url::parse(url) {
        Ok(mut parsed) if parsed.password().is_some() => {
            // It has a host, so it can have one.
            let _ = parsed.set_password(Some(mask));
            parsed.into()
        }
        _ => url.to_owned(),
    }
}

/// The token in `text`, where it may stand for `account`.
pub(super) fn judged(trust: &TrustOptions, account: &str, text: String) -> Result<Token<AccountClaims>, String> {
    let claims = decode::<AccountClaims>(&text).map_err(|cause| cause.to_string())?;
    vouched(trust, account, Token { text, claims })
}

/// A token, where it may stand for `account`.
pub(super) fn vouched(
    trust: &TrustOptions,
    account: &str,
    token: Token<AccountClaims>,
) -> Result<Token<AccountClaims>, String> {
    let claims = &token.claims;
    if !trust.trusted_keys().contains(&claims.iss.as_str()) || claims.sub != account || !claims.is_alive(seconds()) {
        return Err("account validation failed".to_owned());
    }
    Ok(token)
}

/// Tells of imports whose exporter was not found.
fn tell_importers(options: &Options, exporter: &str, cause: &str) {
    for import in
        options.accounts.iter().flat_map(|account| &account.imports).filter(|import| import.account == exporter)
    {
        let kind = if matches!(import.kind, ImportKind::Stream { .. }) { "stream" } else { "service" };
        error!("Can't locate account [{exporter}] for import of [{}] {kind} (err={cause})", import.subject);
    }
}
