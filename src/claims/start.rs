//! Tokens of accounts before the server runs, and over a reload.

use std::time::SystemTime;

use thiserror::Error;
use troupe_actors::net::HttpFetcher;
use troupe_actors::net::tls::TlsConfigError;
use troupe_engine::options::trust::{AccountResolver, CacheResolver, UrlResolver};
use troupe_engine::options::{Options, TrustOptions};

use super::cache::Cache;
use super::find::{fetch, judged, vouched};
use super::force::{Change, apply};
use super::store;

/// Why tokens of accounts cannot be had.
#[derive(Debug, Error)]
pub enum ClaimsError {
    /// The directory.
    #[error("cannot keep account JWTs: {0}")]
    Directory(#[from] std::io::Error),
    /// The certificates of a web server.
    #[error(transparent)]
    Tls(#[from] TlsConfigError),
    /// The web server.
    #[error("{0}")]
    Web(String),
}

/// Puts the tokens of the configuration where the resolver has them, and gets that of the system account from there.
/// Comes with what a web server was reached with.
pub(crate) async fn prepare(mut options: Options) -> Result<(Options, Option<HttpFetcher>), ClaimsError> {
    let Some(trust) = &options.trust else { return Ok((options, None)) };
    let mut fetcher = None;
    let change = match &trust.resolver {
        AccountResolver::Memory => return Ok((options, None)),
        AccountResolver::Full(resolver) => {
            store::fill(&resolver.directory, trust.preload.iter())?;
            return Ok((options, None));
        }
        AccountResolver::Cache(resolver) => open_cache(trust, resolver)?,
        AccountResolver::Url(resolver) => {
            let opened = HttpFetcher::new(resolver.tls.as_ref(), UrlResolver::TIMEOUT)?;
            reach(trust, resolver, fetcher.insert(opened)).await?
        }
    };
    apply(&mut options, change);
    Ok((options, fetcher))
}

fn open_cache(trust: &TrustOptions, resolver: &CacheResolver) -> Result<Change, ClaimsError> {
    store::fill(&resolver.directory, trust.preload.iter())?;
    let mut cache = Cache::open(resolver, SystemTime::now())?;
    let token = trust.bootstrap.as_ref().and_then(|name| cache.load(name, SystemTime::now()));
    let token = token.and_then(|token| vouched(trust, trust.bootstrap.as_deref()?, token).ok());
    Ok(token.map(Change::of).unwrap_or_default())
}

/// Looks whether a web server is there, and what it knows of the system account.
async fn reach(trust: &TrustOptions, resolver: &UrlResolver, fetcher: &HttpFetcher) -> Result<Change, ClaimsError> {
    fetch(fetcher, &resolver.url).await.map_err(ClaimsError::Web)?;
    let Some(name) = &trust.bootstrap else { return Ok(Change::default()) };
    let token = fetch(fetcher, &format!("{}{name}", resolver.url)).await;
    let token = token.and_then(|text| judged(trust, name, text));
    Ok(token.map(Change::of).unwrap_or_default())
}

/// Keeps the accounts that have come while the server ran, where a configuration does not have them.
pub(crate) fn carry_over(current: &Options, options: &mut Options) {
    let (Some(before), Some(trust)) = (&current.trust, &options.trust) else { return };
    if !before.resolver.is_lazy() || !trust.resolver.is_lazy() {
        return;
    }
    let tokens = before.accounts.iter().cloned().collect();
    apply(options, Change { tokens, removed: Vec::new() });
}
