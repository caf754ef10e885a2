//! The dashboard's files, which are part of the binary.

use std::sync::LazyLock;

use sha2::{Digest, Sha256};

/// Hex digits of a digest that appear in addresses. So many tell apart any two versions of the files.
const DIGEST_DIGITS: usize = 16;

/// One file.
#[derive(Debug)]
pub(super) struct Asset {
    /// Its name in the address.
    pub(super) name: &'static str,
    /// Its bytes.
    pub(super) body: &'static [u8],
}

/// The page. It names the directory of the other files with `{{assets}}` and their digest with `{{digest}}`.
const PAGE: &str = include_str!("assets/index.html");

macro_rules! assets {
    ($($name:literal,)*) => {
        [$(Asset { name: $name, body: include_bytes!(concat!("assets/", $name)) },)*]
    };
}

/// What the page loads. A module asks for others beside it, so all are in one directory.
static ASSETS: &[Asset] = &assets![
    "accounts.js",
    "actors.js",
    "api.js",
    "app.js",
    "chart.js",
    "cluster.js",
    "connections.js",
    "detail.js",
    "dom.js",
    "drawings.css",
    "favicon.svg",
    "feed.js",
    "format.js",
    "happenings.js",
    "history.js",
    "judge.js",
    "layout.css",
    "model.js",
    "overview.js",
    "part.js",
    "parts.css",
    "rates.js",
    "slow.js",
    "streams.js",
    "subscriptions.js",
    "table.js",
    "tables.css",
    "theme.js",
    "tokens.css",
];

/// Digest of all files. It is part of their addresses, so that a browser may keep them for good: other files have others.
pub(super) static DIGEST: LazyLock<String> = LazyLock::new(|| {
    let mut hasher = Sha256::new();
    hasher.update(PAGE);
    for asset in ASSETS {
        hasher.update(asset.name);
        hasher.update([0]);
        hasher.update(asset.body);
    }
    let digest = hasher.finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>()[..DIGEST_DIGITS].to_owned()
});

/// The page with the addresses of its files.
pub(super) static RENDERED_PAGE: LazyLock<String> = LazyLock::new(|| {
    let directory = format!("dashboard/{}", *DIGEST);
    PAGE.replace("{{assets}}", &directory).replace("{{digest}}", &DIGEST)
});

/// The file with this name.
pub(super) fn asset(name: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.name == name)
}

impl Asset {
    /// Its media type. Browsers refuse modules and styles that come with another one.
    pub(super) fn content_type(&self) -> &'static str {
        match self.name.rsplit_once('.') {
            Some((_, "js")) => "text/javascript; charset=utf-8",
            Some((_, "css")) => "text/css; charset=utf-8",
            Some((_, "svg")) => "image/svg+xml",
            _ => "application/octet-stream",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_file_is_served() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/monitor/assets");
        let names = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name());
        let mut missing: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
        missing.retain(|name| name != "index.html" && asset(name).is_none());
        assert!(missing.is_empty(), "not in the list: {missing:?}");
        assert!(ASSETS.iter().all(|asset| asset.content_type() != "application/octet-stream"));
    }

    #[test]
    fn files_are_small_rooms() {
        for asset in ASSETS {
            let lines = asset.body.iter().filter(|byte| **byte == b'\n').count();
            assert!(lines <= 500, "{}: {lines} lines", asset.name);
        }
    }

    /// Whatever the page and its modules ask for is there, and comes from this server.
    #[test]
    fn nothing_comes_from_elsewhere() {
        let texts = ASSETS.iter().map(|asset| (asset.name, std::str::from_utf8(asset.body).unwrap()));
        for (name, text) in texts.chain([("index.html", PAGE)]) {
            let addresses =
                text.match_indices("://").map(|(at, _)| &text[at.saturating_sub(5)..(at + 16).min(text.len())]);
            let foreign: Vec<&str> = addresses.filter(|address| !address.contains("www.w3.org")).collect();
            assert!(foreign.is_empty(), "{name} names {foreign:?}");
            for import in text.lines().filter_map(|line| line.split_once(" from \"./")).map(|(_, rest)| rest) {
                let file = import.split('"').next().unwrap();
                assert!(asset(file).is_some(), "{name} imports {file}");
            }
            assert!(!text.contains("innerHTML"), "{name}: data must not become markup");
        }
        assert!(!RENDERED_PAGE.contains("{{"));
    }
}
