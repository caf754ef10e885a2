//! The directory of a full resolver: a token per account, in files as nats-server has them.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use troupe_codecs::jwt::{AccountClaims, decode};
use troupe_engine::options::trust::{FullResolver, Token};

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

/// Writes tokens that are not in the directory, or newer than what is there, as it is at the start.
pub(crate) fn fill(resolver: &FullResolver, tokens: &[Token<AccountClaims>]) -> io::Result<()> {
    fs::create_dir_all(&resolver.directory)?;
    for token in tokens {
        // Most were read from there just now.
        let place = file(resolver, &token.claims.sub, EXTENSION);
        if fs::read_to_string(&place).is_ok_and(|text| text == token.text) {
            continue;
        }
        let is_there = read_one(&place);
        if is_there.is_none_or(|known| known.claims.iat < token.claims.iat) {
            write(resolver, token)?;
        }
    }
    Ok(())
}

/// Writes a token in place of the one that was there, whole or not at all.
pub(crate) fn write(resolver: &FullResolver, token: &Token<AccountClaims>) -> io::Result<()> {
    let place = file(resolver, &token.claims.sub, EXTENSION);
    let draft = place.with_extension("jwt.draft");
    let mut out = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&draft)?;
    out.write_all(token.text.as_bytes())?;
    out.sync_all()?;
    fs::rename(&draft, &place)
}

/// Takes the token of an account away.
pub(crate) fn remove(resolver: &FullResolver, account: &str) -> io::Result<()> {
    let place = file(resolver, account, EXTENSION);
    let gone = if resolver.hard_delete {
        fs::remove_file(&place)
    } else {
        fs::rename(&place, file(resolver, account, DELETED))
    };
    match gone {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn file(resolver: &FullResolver, account: &str, extension: &str) -> PathBuf {
    resolver.directory.join(format!("{account}.{extension}"))
}

/// What tells the contents of two stores apart: all digests of their tokens on top of each other.
pub(crate) fn digest(tokens: &[Token<AccountClaims>]) -> [u8; 32] {
    let mut all = [0; 32];
    for token in tokens {
        let own = Sha256::digest(&token.text);
        all.iter_mut().zip(own).for_each(|(all, own)| *all ^= own);
    }
    all
}
