//! Where tokens of accounts are kept.

use std::path::Path;
use std::time::Duration;

use config::{Map, Value, ValueKind};
use troupe_engine::options::trust::{AccountResolver, CacheResolver, FullResolver, UrlResolver};
use url::Url;

use super::reader::Reader;

/// Time between two looks at what other servers keep, where none is given.
const INTERVAL: Duration = Duration::from_secs(60);
/// Most accounts of a cache, where none is given.
const CACHE_LIMIT: usize = 1000;

/// Reads the `resolver`.
pub(super) fn read(reader: &mut Reader, value: &Value) -> Option<AccountResolver> {
    let table = match &value.kind {
        ValueKind::String(name) => return read_name(reader, value, name),
        ValueKind::Table(table) => table,
        _ => return unknown(reader, value),
    };
    let name = match table.get("type").map(|kind| &kind.kind) {
        Some(ValueKind::String(name)) => name.to_ascii_lowercase(),
        _ => String::new(),
    };
    match name.as_str() {
        "memory" | "mem" => Some(AccountResolver::Memory),
        "full" => read_full(reader, value, table).map(AccountResolver::Full),
        "cache" => read_cache(reader, value, table).map(AccountResolver::Cache),
        _ => unknown(reader, value),
    }
}

fn unknown(reader: &mut Reader, value: &Value) -> Option<AccountResolver> {
    reader.error(
        value,
        "error parsing account resolver, should be MEM or  URL(\"url\") or a map containing dir and type \
         state=[FULL|CACHE])",
    );
    None
}

/// `MEMORY`, or `URL(...)` with quotes or without.
fn read_name(reader: &mut Reader, value: &Value, name: &str) -> Option<AccountResolver> {
    let start = name.get(..3).unwrap_or_default();
    if start.eq_ignore_ascii_case("mem") {
        return Some(AccountResolver::Memory);
    }
    if !start.eq_ignore_ascii_case("url") {
        return unknown(reader, value);
    }
    let inner = name[3..].trim().strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or_default();
    let url = inner.trim().trim_matches('"');
    match resolver_url(url) {
        Ok(url) => Some(AccountResolver::Url(UrlResolver { url, tls: None })),
        Err(cause) => {
            reader.error(value, cause);
            None
        }
    }
}

/// What the name of an account is appended to, for a server at `url`.
///
/// # Errors
/// It is no URL of a web server.
pub(super) fn resolver_url(url: &str) -> Result<String, String> {
    let url = if url.ends_with('/') { url.to_owned() } else { format!("{url}/") };
    let refused =
        |scheme: &str| format!("could not fetch <{url:?}>: Get {url:?}: unsupported protocol scheme {scheme:?}");
    match Url::parse(&url) {
        Ok(parsed) if matches!(parsed.scheme(), "http" | "https") => Ok(url),
        Ok(parsed) => Err(refused(parsed.scheme())),
        Err(url::ParseError::RelativeUrlWithoutBase) => Err(refused("")),
        Err(_) => Err(format!("error parsing account resolver url [{:?}]", url.trim_end_matches('/'))),
    }
}

/// What directories have in common.
struct Directory {
    path: String,
    limit: Option<usize>,
    ttl: Option<Duration>,
    interval: Option<Duration>,
    timeout: Duration,
    allow_delete: bool,
    hard_delete: Option<bool>,
}

fn read_directory(reader: &mut Reader, value: &Value, table: &Map<String, Value>) -> Directory {
    let flag = |reader: &mut Reader, key: &str| table.get(key).and_then(|value| reader.boolean(value));
    let time = |reader: &mut Reader, key: &str| {
        table.get(key).and_then(|value| reader.duration(key, value)).filter(|time| !time.is_zero())
    };
    let limit = table.get("limit").and_then(|value| reader.integer(value)).unwrap_or_default();
    let path = table.get("dir").and_then(|value| reader.text(value)).unwrap_or_default().to_owned();
    if path.is_empty() {
        reader.error(value, "dir has no value and needs to point to a directory");
    } else if Path::new(&path).metadata().is_ok_and(|facts| !facts.is_dir() || facts.permissions().readonly()) {
        reader.error(value, "dir needs to point to an accessible directory");
    }
    let timeout = match table.get("timeout") {
        None => UrlResolver::TIMEOUT,
        Some(value) => match reader.duration("timeout", value) {
            Some(timeout) if timeout.is_zero() => {
                reader.error(value, "Fetch timeout 0s is too smal");
                timeout
            }
            timeout => timeout.unwrap_or(UrlResolver::TIMEOUT),
        },
    };
    Directory {
        path,
        limit: usize::try_from(limit).ok().filter(|limit| *limit > 0),
        ttl: time(reader, "ttl"),
        interval: time(reader, "interval"),
        timeout,
        allow_delete: flag(reader, "allow_delete").unwrap_or_default(),
        hard_delete: flag(reader, "hard_delete"),
    }
}

fn read_full(reader: &mut Reader, value: &Value, table: &Map<String, Value>) -> Option<FullResolver> {
    let directory = read_directory(reader, value, table);
    if directory.ttl.is_some() {
        reader.error(value, "FULL does not accept ttl");
    }
    if directory.hard_delete.is_some() && !directory.allow_delete {
        reader.error(value, "hard_delete has no effect without delete");
    }
    Some(FullResolver {
        directory: directory.path.into(),
        allow_delete: directory.allow_delete,
        hard_delete: directory.hard_delete.unwrap_or_default(),
        limit: directory.limit,
        interval: directory.interval.unwrap_or(INTERVAL),
        timeout: directory.timeout,
    })
}

fn read_cache(reader: &mut Reader, value: &Value, table: &Map<String, Value>) -> Option<CacheResolver> {
    let directory = read_directory(reader, value, table);
    if directory.interval.is_some() {
        reader.error(value, "CACHE does not accept sync");
    }
    if directory.allow_delete {
        reader.error(value, "CACHE does not accept allow_delete");
    }
    if directory.hard_delete.is_some() {
        reader.error(value, "CACHE does not accept hard_delete");
    }
    Some(CacheResolver {
        directory: directory.path.into(),
        limit: directory.limit.unwrap_or(CACHE_LIMIT),
        ttl: directory.ttl,
        timeout: directory.timeout,
    })
}
