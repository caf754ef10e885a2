//! Version 1 archives: a stream's files.

use std::io::Read;
use std::path::{Component, Path};

use crate::StoreError;
use crate::disk::Disk;

/// Larger files are not believed.
const LARGEST_FILE: u64 = 1024 * 1024 * 1024;

/// Where a file of an archive belongs; None for files of older servers that nobody reads any more.
fn place_of(path: &Path) -> Result<Option<String>, StoreError> {
    let unexpected = || StoreError::Unusable(format!("unexpected content ({})", path.display()));
    let mut parts = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => parts.push(part.to_str().ok_or_else(unexpected)?),
            Component::CurDir => {}
            _ => return Err(unexpected()),
        }
    }
    let is_block = |name: &str| name.strip_suffix(".blk").is_some_and(|index| index.parse::<u32>().is_ok());
    match parts[..] {
        ["meta.inf" | "meta.sum"] => {}
        ["msgs", name] if is_block(name) || name == "index.db" => {}
        ["msgs", name] if name.ends_with(".idx") || name.ends_with(".fss") => return Ok(None),
        ["obs", consumer, "meta.inf" | "meta.sum" | "o.dat"] if !consumer.starts_with('.') => {}
        _ => return Err(unexpected()),
    }
    Ok(Some(parts.join("/")))
}

/// Unpacks a tar stream into a directory. Nothing but a stream's regular files is taken.
pub(crate) fn unpack(disk: &dyn Disk, source: Box<dyn Read + Send>, directory: &Path) -> Result<(), StoreError> {
    let broken = |error: std::io::Error| StoreError::Unusable(format!("backup: {error}"));
    let mut archive = tar::Archive::new(source);
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let path = entry.path().map_err(broken)?.into_owned();
        if path.as_os_str() == "errors.txt" {
            return Err(StoreError::Unusable("backup was not finished by the server that made it".to_owned()));
        }
        if !entry.header().entry_type().is_file() || entry.size() > LARGEST_FILE {
            return Err(StoreError::Unusable(format!("unexpected content ({})", path.display())));
        }
        let Some(name) = place_of(&path)? else { continue };
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(broken)?;
        let target = directory.join(name);
        let io = |error| StoreError::io("write", &target, error);
        if let Some(parent) = target.parent() {
            disk.create_directory(parent).map_err(io)?;
        }
        let file = disk.open(&target).map_err(io)?;
        file.set_len(0).map_err(io)?;
        file.write_all_at(&bytes, 0).map_err(io)?;
        file.sync().map_err(io)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_a_stream_are_taken() {
        for (path, expected) in [
            ("meta.inf", Some(Some("meta.inf"))),
            ("./msgs/12.blk", Some(Some("msgs/12.blk"))),
            ("msgs/1.idx", Some(None)),
            ("obs/C/o.dat", Some(Some("obs/C/o.dat"))),
            ("../meta.inf", None),
            ("msgs/../../x", None),
            ("/etc/passwd", None),
            ("msgs/x.blk", None),
            ("obs/.C/o.dat", None),
            ("obs/C/evil", None),
        ] {
            let found = place_of(Path::new(path)).ok();
            assert_eq!(found.as_ref().map(Option::as_deref), expected, "{path}");
        }
    }
}
