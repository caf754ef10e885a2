//! Configuration: the file, what it includes, the environment and the flags become one [`Options`].
//!
//! The file is the nats-server language of [`troupe_codecs::conf`], a format of the `config` crate ([`NatsFormat`]).
//! Flags are laid over it under the language's own spellings (`port`, `authorization.user`, `tls.cert_file`).
//! Every fault names its place, and all faults that the readers find are reported together.

mod account_resolver;
mod accounts;
mod aliases;
mod asserted;
mod auth;
mod callout;
mod cluster;
mod format;
mod jetstream;
mod known;
mod limits;
mod links;
mod listen;
mod logging;
mod mappings;
mod monitor;
mod ocsp;
mod operator;
mod permissions;
mod reader;
mod report;
mod resolver;
mod server;
mod tls;
mod tls_files;
mod unsupported;
mod validate;

#[cfg(test)]
mod config_test;

use std::path::Path;

use config::{Map, Source, Value, ValueKind};
use sha2::{Digest as _, Sha256};
use troupe_codecs::conf::{self, Document};
use troupe_engine::options::Options;

pub(crate) use auth::is_public_key;
pub use format::NatsFormat;
pub use report::{ConfigError, ConfigErrors, Warning, WarningKind};

use format::{DocumentSource, FlagSource};
use reader::Reader;

/// A configuration that can be started with.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What the file and the flags add up to.
    pub options: Options,
    /// What the user should know.
    pub warnings: Vec<Warning>,
    /// Place of the `tls` block.
    tls_origin: Option<String>,
}

impl Loaded {
    /// Opens the certificate, key and authority files that the options name and looks for PEM in them.
    ///
    /// # Errors
    /// nats-server's words for the first file that is missing or empty of certificates or keys.
    pub fn check_tls_files(&self) -> Result<(), ConfigErrors> {
        let Some(tls) = &self.options.tls else { return Ok(()) };
        tls_files::check(tls).map_err(|reason| ConfigErrors {
            warnings: self.warnings.clone(),
            ..ConfigErrors::single(self.tls_origin.clone(), reason)
        })
    }

    /// The warnings that let a configuration check (`-t`) fail, as nats-server's does.
    pub fn check_failures(&self) -> impl Iterator<Item = &Warning> {
        self.warnings.iter().filter(|warning| warning.kind == WarningKind::Config)
    }
}

/// Reads the file, lays the flags over it and checks everything.
///
/// The keys of `overrides` are those of the language, dotted for blocks; they win over the file, again at each
/// reload. Without a file the defaults and the overrides are taken.
///
/// # Errors
/// Every fault found. A file that cannot be read or parsed is a single one.
pub fn load(config_file: Option<&Path>, overrides: &Map<String, Value>) -> Result<Loaded, ConfigErrors> {
    let document = match config_file {
        Some(file) => read(file)?,
        None => Document::default(),
    };
    let digest = config_file.map(|_| digest(&document));
    let mut reader = Reader::new(format::variables(&document));
    if let Some(file) = config_file.filter(|_| document.root.is_empty()) {
        let text = format!("{}: config has no values or is empty", file.display());
        reader.warn_plain(text, WarningKind::Config);
    }
    let merged = layered(document, overrides)?;
    let mut options =
        Options { config_file: config_file.map(Path::to_owned), config_digest: digest, ..Options::default() };
    server::read(&mut reader, &merged, &mut options);
    if !reader.has_errors() {
        validate::check(&mut reader, &merged, &options);
    }
    let tls_origin = merged.get("tls").map(reader::origin);
    let warnings = reader.finish()?;
    Ok(Loaded { options, warnings, tls_origin })
}

fn read(file: &Path) -> Result<Document, ConfigErrors> {
    let text = resolver::read_file(file).map_err(|reason| ConfigErrors::single(None, reason))?;
    let name = file.to_string_lossy();
    conf::parse(&text, &name, &resolver::ProcessResolver)
        .map_err(|error| ConfigErrors::single(Some(error.position.to_string()), error.reason))
}

/// nats-server's digest of a document.
fn digest(document: &Document) -> String {
    use std::fmt::Write as _;

    let mut text = "sha256:".to_owned();
    for byte in Sha256::digest(document.to_json()) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The file's values with the flags laid over them.
fn layered(document: Document, overrides: &Map<String, Value>) -> Result<Map<String, Value>, ConfigErrors> {
    let layers: [&dyn Source; 2] = [&DocumentSource::new(document), &FlagSource::new(overrides)];
    let mut merged = Value::new(None, ValueKind::Table(Map::new()));
    for layer in layers {
        layer.collect_to(&mut merged).map_err(|error| ConfigErrors::single(None, error.to_string()))?;
    }
    match merged.kind {
        ValueKind::Table(table) => Ok(table),
        _ => Ok(Map::new()),
    }
}
