//! The directory of a full resolver: a token per account, in files as nats-server has them.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use troupe_codecs::jwt::{AccountClaims, decode};
use troupe_engine::options::trust::Token;

/// How files of tokens end.
const EXTENSION: &str = "jwt";
/// How files of deleted ones end, where they are kept.
const DELETED: &str = "jwt.deleted";
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

/// Writes a token in place of the one that was there, whole or not at all.
pub(crate) fn write(directory: &Path, token: &Token<AccountClaims>) -> io::Result<()> {
    let place = file(directory, &token.claims.sub, EXTENSION);
    let draft = place.with_extension("jwt.draft");
    let mut out = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&draft)?;
    out.write_all(token.text.as_bytes())?;
    out.sync_all()?;
    fs::rename(&draft, &place)
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
