//! What authorities said of clients' certificates, kept until it does not hold any more.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tracing::{debug, error, info, warn};
use troupe_codecs::ocsp::OcspStatus;
use troupe_codecs::report::Timestamp;
use troupe_codecs::s2::{S2Decoder, S2Encoder, S2Level};
use troupe_engine::options::OcspCacheOptions;

use super::response::Response;

/// Name of the file.
const FILE: &str = "cache.json";
/// Most answers kept. Beyond it those go that end soonest.
const MAX_ITEMS: usize = 1 << 16;
/// Share of the answers that goes at a time: to look at all of them is worth more than one.
const SHARE: usize = 16;
/// An answer that does not say when there will be another.
const NO_TIME: &str = "0001-01-01T00:00:00Z";

/// An answer, as nats-server keeps it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Item {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    subject: String,
    cached_at: String,
    resp_status: String,
    resp_expires: String,
    /// Compressed, in base64.
    resp: String,
}

/// Counts of the cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheCounts {
    /// Questions it answered.
    pub hits: u64,
    /// Questions it did not answer.
    pub misses: u64,
    /// Answers in it.
    pub responses: u64,
    /// Those that say revoked.
    pub revoked: u64,
    /// Those that say good.
    pub good: u64,
    /// Those that say unknown.
    pub unknown: u64,
}

/// The cache.
#[derive(Debug)]
pub struct OcspCache {
    options: OcspCacheOptions,
    content: Mutex<Content>,
    hits: AtomicU64,
    misses: AtomicU64,
}

#[derive(Debug, Default)]
struct Content {
    items: BTreeMap<String, Item>,
    has_changed: bool,
}

impl OcspCache {
    /// A cache with what its file holds. Blocks on the file system.
    #[must_use]
    pub fn open(options: OcspCacheOptions) -> Self {
        let (hits, misses) = (AtomicU64::new(0), AtomicU64::new(0));
        let content = if options.is_local { load(&file(&options)) } else { Content::default() };
        let kind = if options.is_local { "local" } else { "none" };
        info!("OCSP peer cache online, type [{kind}]");
        Self { options, content: Mutex::new(content), hits, misses }
    }

    /// What it was made of.
    #[must_use]
    pub fn options(&self) -> &OcspCacheOptions {
        &self.options
    }

    /// Its counts; none where nothing is kept.
    #[must_use]
    pub fn counts(&self) -> Option<CacheCounts> {
        if !self.options.is_local {
            return None;
        }
        let content = self.content.lock();
        let count =
            |status: OcspStatus| content.items.values().filter(|item| item.resp_status == status.text()).count() as u64;
        Some(CacheCounts {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            responses: content.items.len() as u64,
            revoked: count(OcspStatus::Revoked),
            good: count(OcspStatus::Good),
            unknown: count(OcspStatus::Unknown),
        })
    }

    /// Keeps an answer.
    pub(super) fn put(&self, key: String, subject: &str, response: &Response) {
        if !self.options.is_local {
            return;
        }
        let mut packed = Vec::new();
        S2Encoder::default().encode(&response.raw, S2Level::Fast, &mut packed);
        let seconds = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let cached_at = Timestamp::from_unix_seconds(i64::try_from(seconds(SystemTime::now())).unwrap_or(0));
        let item = Item {
            subject: subject.to_owned(),
            cached_at: cached_at.to_string(),
            resp_status: response.status.text().to_owned(),
            resp_expires: response.next_update.map_or_else(|| NO_TIME.to_owned(), |next| Timestamp(next).to_string()),
            resp: STANDARD.encode(packed),
        };
        let num_dropped = self.content.lock().admit(key, item, MAX_ITEMS, self.options.preserve_revoked);
        if num_dropped > 0 {
            warn!("OCSP peer cache is full, dropped the {num_dropped} responses that expire first");
        }
    }

    /// The answer kept under `key`.
    pub(super) fn get(&self, key: &str) -> Option<Bytes> {
        if !self.options.is_local {
            return None;
        }
        let packed = self.content.lock().items.get(key).map(|item| item.resp.clone());
        let Some(packed) = packed else {
            self.misses.fetch_add(1, Ordering::Relaxed);
            debug!("OCSP peer cache miss for key [{key}]");
            return None;
        };
        self.hits.fetch_add(1, Ordering::Relaxed);
        debug!("OCSP peer cache hit for key [{key}]");
        let unpacked = unpack(&packed);
        if unpacked.is_none() {
            error!("Unable to decompress OCSP response for key [{key}]");
        }
        unpacked
    }

    /// Whether the answer kept under `key` said that its certificate was revoked.
    pub(super) fn knows_revoked(&self, key: &str) -> bool {
        self.content.lock().items.get(key).is_some_and(|item| item.resp_status == OcspStatus::Revoked.text())
    }

    /// Forgets an answer that was of no use, unless it says what must not be forgotten.
    pub(super) fn delete(&self, key: &str) {
        let mut content = self.content.lock();
        let Some(item) = content.items.get(key) else { return };
        self.misses.fetch_add(1, Ordering::Relaxed);
        self.hits.fetch_sub(1, Ordering::Relaxed);
        if self.options.preserve_revoked && item.resp_status == OcspStatus::Revoked.text() {
            return debug!("Revoked OCSP response for key [{key}] preserved by cache policy");
        }
        debug!("Deleting OCSP peer cached response for key [{key}]");
        content.items.remove(key);
        content.has_changed = true;
    }

    /// Writes the file where something changed. Blocks on the file system.
    pub fn save(&self) {
        let mut content = self.content.lock();
        if !self.options.is_local || !content.has_changed {
            return;
        }
        let items = content.items.clone();
        content.has_changed = false;
        drop(content);
        let file = file(&self.options);
        debug!("Saving OCSP peer cache [{}]", file.display());
        match write(&file, &items) {
            Ok(len) => debug!("Saved OCSP peer cache successfully ({len} bytes)"),
            Err(cause) => {
                self.content.lock().has_changed = true;
                error!("Unable to save OCSP peer cache: {cause}");
            }
        }
    }
}

impl Item {
    /// When it ends; without an end, when it came. Both are written so that later ones sort behind.
    fn end(&self) -> &str {
        if self.resp_expires == NO_TIME { &self.cached_at } else { &self.resp_expires }
    }
}

impl Content {
    /// Keeps an answer. Where there are `max` already, those that end soonest go, ended ones first; that a certificate was revoked
    /// is the last to be forgotten where that is to be preserved. Yields how many went.
    fn admit(&mut self, key: String, item: Item, max: usize, preserve_revoked: bool) -> usize {
        let mut doomed = Vec::new();
        if self.items.len() >= max && !self.items.contains_key(&key) {
            let is_precious = |item: &Item| preserve_revoked && item.resp_status == OcspStatus::Revoked.text();
            let mut order: Vec<_> = self.items.iter().map(|(key, item)| (is_precious(item), item.end(), key)).collect();
            order.sort_unstable();
            let num_doomed = self.items.len() - max + (max / SHARE).max(1);
            doomed = order.into_iter().take(num_doomed).map(|(_, _, key)| key.clone()).collect();
        }
        doomed.iter().for_each(|key| _ = self.items.remove(key));
        self.items.insert(key, item);
        self.has_changed = true;
        doomed.len()
    }
}

fn file(options: &OcspCacheOptions) -> PathBuf {
    options.local_store.join(FILE)
}

fn load(file: &Path) -> Content {
    debug!("Loading OCSP peer cache [{}]", file.display());
    let read = fs::read(file).and_then(|text| serde_json::from_slice(&text).map_err(io::Error::from));
    match read {
        Ok(items) => Content { items, has_changed: false },
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            debug!("No OCSP peer cache found, starting with empty cache");
            Content::default()
        }
        Err(cause) => {
            warn!("Unable to load OCSP peer cache: {cause}");
            Content { items: BTreeMap::new(), has_changed: true }
        }
    }
}

fn write(file: &Path, items: &BTreeMap<String, Item>) -> io::Result<usize> {
    let mut text = Vec::new();
    let format = serde_json::ser::PrettyFormatter::with_indent(b" ");
    items.serialize(&mut serde_json::Serializer::with_formatter(&mut text, format))?;
    if let Some(directory) = file.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        fs::create_dir_all(directory)?;
    }
    let temporary = file.with_extension("tmp");
    let mut new = File::create(&temporary)?;
    new.write_all(&text)?;
    new.sync_all()?;
    fs::rename(temporary, file)?;
    Ok(text.len())
}

fn unpack(packed: &str) -> Option<Bytes> {
    let mut packed = BytesMut::from(&STANDARD.decode(packed).ok()?[..]);
    let mut plain = BytesMut::new();
    let mut decoder = S2Decoder::default();
    while decoder.decode(&mut packed, &mut plain).ok()? {}
    (packed.is_empty() && !plain.is_empty()).then(|| plain.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(status: OcspStatus, end: &str) -> Item {
        Item {
            subject: String::new(),
            cached_at: "2026-01-01T00:00:00Z".to_owned(),
            resp_status: status.text().to_owned(),
            resp_expires: end.to_owned(),
            resp: String::new(),
        }
    }

    fn full() -> Content {
        let mut content = Content::default();
        let items = [
            ("late", OcspStatus::Good, "2027-01-02T00:00:00Z"),
            ("soon", OcspStatus::Good, "2026-12-01T00:00:00Z"),
            ("revoked", OcspStatus::Revoked, "2025-01-01T00:00:00Z"),
            ("no end", OcspStatus::Good, NO_TIME),
        ];
        for (key, status, end) in items {
            assert_eq!(content.admit(key.to_owned(), item(status, end), 4, true), 0);
        }
        content
    }

    #[test]
    fn a_full_cache_drops_what_ends_soonest() {
        for (preserve_revoked, gone) in [(true, ["no end", "soon"]), (false, ["revoked", "no end"])] {
            let mut content = full();
            for (new, gone) in ["one", "two"].iter().zip(gone) {
                let later = item(OcspStatus::Good, "2028-01-01T00:00:00Z");
                assert_eq!(content.admit((*new).to_owned(), later, 4, preserve_revoked), 1);
                assert!(content.items.contains_key(*new) && !content.items.contains_key(gone), "{content:?}");
            }
            assert_eq!(content.items.len(), 4);
        }
    }

    #[test]
    fn a_newer_answer_takes_the_place_of_the_older() {
        let mut content = full();
        assert_eq!(content.admit("soon".to_owned(), item(OcspStatus::Good, "2029-01-01T00:00:00Z"), 4, true), 0);
        assert_eq!((content.items.len(), content.items["soon"].end()), (4, "2029-01-01T00:00:00Z"));
    }
}
