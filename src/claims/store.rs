//! The directory of a full resolver: a token per account, in files as nats-server has them.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use parking_lot::Mutex;
use troupe_codecs::jwt::{AccountClaims, decode};
use troupe_engine::options::trust::Token;

/// How files of tokens end.
const EXTENSION: &str = "jwt";
/// How files of deleted ones end, where they are kept.
const DELETED: &str = "jwt.deleted";
/// Most threads that write.
const MAX_WRITERS: usize = 16;
/// Largest file that is read.
const MAX_FILE: u64 = 1 << 20;

/// Reads every token in a directory that is one and is where it belongs; a missing directory is empty.
pub(crate) fn read(directory: &Path) -> Vec<Token<AccountClaims>> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let mut tokens: Vec<_> = entries.flatten().filter_map(|entry| read_one(&entry.path())).collect();
    tokens.sort_by(|one, other| one.claims.sub.cmp(&other.claims.sub));
    tokens
}

fn read_one(path: &Path) -> Option<Token<AccountClaims>> {
    if path.extension()? != EXTENSION || path.metadata().ok()?.len() > MAX_FILE {
        return None;
    }
    let text = fs::read_to_string(path).ok()?;
    let claims = decode::<AccountClaims>(&text).ok()?;
    (path.file_stem()?.to_str()? == claims.sub).then_some(Token { text, claims })
}

/// The token of an account, where it is there.
pub(crate) fn load(directory: &Path, account: &str) -> Option<Token<AccountClaims>> {
    read_one(&file(directory, account, EXTENSION))
}

/// Writes tokens that are not in the directory, or newer than what is there, as it is at the start.
pub(crate) fn fill<'t>(
    directory: &Path,
    tokens: impl Iterator<Item = &'t Arc<Token<AccountClaims>>>,
) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    for token in tokens {
        let is_there = load(directory, &token.claims.sub);
        if is_there.is_none_or(|known| known.claims.iat < token.claims.iat) {
            write(directory, token)?;
        }
    }
    Ok(())
}

/// Writes a token in place of the one that was there, whole or not at all. It is on the disk then.
pub(crate) fn write(directory: &Path, token: &Token<AccountClaims>) -> io::Result<()> {
    let draft = write_draft(directory, token)?;
    fs::rename(&draft, file(directory, &token.claims.sub, EXTENSION))?;
    File::open(directory)?.sync_all()
}

/// As [`write`] for many tokens, of which the disk makes few commits, with the outcome of each. The last one of an account counts.
pub(crate) async fn write_all(directory: &Path, tokens: &[Arc<Token<AccountClaims>>]) -> Vec<Result<(), String>> {
    let last: BTreeMap<&str, &Arc<Token<AccountClaims>>> =
        tokens.iter().map(|token| (token.claims.sub.as_str(), token)).collect();
    let wanted: Vec<Arc<Token<AccountClaims>>> = last.into_values().cloned().collect();
    let directory = directory.to_owned();
    let written = tokio::task::spawn_blocking(move || write_wanted(&directory, &wanted)).await;
    let failed = written.unwrap_or_else(|cause| Err(io::Error::other(cause)));
    let outcome = |token: &Arc<Token<AccountClaims>>| match &failed {
        Err(cause) => Err(cause.to_string()),
        Ok(failed) => failed.get(&token.claims.sub).map_or(Ok(()), |cause| Err(cause.clone())),
    };
    tokens.iter().map(outcome).collect()
}

/// Writes one token per account. Comes with those that could not be written, and why.
fn write_wanted(directory: &Path, tokens: &[Arc<Token<AccountClaims>>]) -> io::Result<BTreeMap<String, String>> {
    let failed = Mutex::new(BTreeMap::new());
    let write_some = |tokens: &[Arc<Token<AccountClaims>>]| {
        for token in tokens {
            let name = &token.claims.sub;
            let written = write_draft(directory, token);
            if let Err(cause) = written.and_then(|draft| fs::rename(draft, file(directory, name, EXTENSION))) {
                failed.lock().insert(name.clone(), cause.to_string());
            }
        }
    };
    // Those that wait for the disk at the same time wait for the same commit.
    thread::scope(|scope| {
        for some in tokens.chunks(tokens.len().div_ceil(MAX_WRITERS).max(1)) {
            scope.spawn(|| write_some(some));
        }
    });
    File::open(directory)?.sync_all()?;
    Ok(failed.into_inner())
}

/// Writes a token beside its place, to the disk.
fn write_draft(directory: &Path, token: &Token<AccountClaims>) -> io::Result<PathBuf> {
    let draft = file(directory, &token.claims.sub, "jwt.draft");
    let mut out = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&draft)?;
    out.write_all(token.text.as_bytes())?;
    out.sync_all()?;
    Ok(draft)
}

/// Takes the token of an account away; its file is kept under another name unless it is a `hard` deletion.
pub(crate) fn remove(directory: &Path, account: &str, hard: bool) -> io::Result<()> {
    let place = file(directory, account, EXTENSION);
    let gone = if hard { fs::remove_file(&place) } else { fs::rename(&place, file(directory, account, DELETED)) };
    match gone {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn file(directory: &Path, account: &str, extension: &str) -> PathBuf {
    directory.join(format!("{account}.{extension}"))
}
