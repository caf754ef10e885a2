//! Included files and environment variables of this process.

use std::path::{Component, Path, PathBuf};

use troupe_codecs::conf::{Included, Resolver};

/// Most bytes one file may have.
const MAX_FILE_SIZE: u64 = 64 * 1024 * 1024;

/// Reads includes relative to the including file, variables from the environment of the process.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ProcessResolver;

impl Resolver for ProcessResolver {
    fn include(&self, including_file: &str, path: &str) -> Result<Included, String> {
        let place = place(including_file, path);
        let text = read_file(&place)?;
        Ok(Included { file: place.to_string_lossy().into_owned(), text })
    }

    fn environment(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}

/// Where an include is. A leading slash does not lift it out of the directory of the including file, as in
/// nats-server, unless there is no such file but there is one at the absolute path.
fn place(including_file: &str, path: &str) -> PathBuf {
    let directory = Path::new(including_file).parent().unwrap_or(Path::new(""));
    let inside = clean(&directory.join(path.trim_start_matches('/')));
    let absolute = Path::new(path);
    if absolute.is_absolute() && !inside.exists() && absolute.exists() {
        return absolute.to_owned();
    }
    inside
}

/// Takes `.` and `..` out of a path without looking at the disk, as Go does.
fn clean(path: &Path) -> PathBuf {
    let mut cleaned = PathBuf::new();
    for part in path.components() {
        match (part, cleaned.components().next_back()) {
            (Component::CurDir, _) | (Component::ParentDir, Some(Component::RootDir)) => {}
            (Component::ParentDir, Some(Component::Normal(_))) => _ = cleaned.pop(),
            _ => cleaned.push(part),
        }
    }
    cleaned
}

/// Reads a file of bounded size. The error has Go's form: `open <path>: no such file or directory`.
pub(super) fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    use std::io::Read as _;

    let failed = |action: &str, error: &std::io::Error| format!("{action} {}: {}", path.display(), reason(error));
    let file = std::fs::File::open(path).map_err(|error| failed("open", &error))?;
    let mut text = Vec::new();
    file.take(MAX_FILE_SIZE + 1).read_to_end(&mut text).map_err(|error| failed("read", &error))?;
    if text.len() as u64 > MAX_FILE_SIZE {
        return Err(format!("{}: file is too large", path.display()));
    }
    Ok(text)
}

/// The system's words for an error, without the number and with a small first letter.
pub(super) fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut chars = text.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn includes_stay_in_the_directory_of_the_including_file() {
        let cases = [
            ("a.conf", "b.conf", "b.conf"),
            ("x/a.conf", "b.conf", "x/b.conf"),
            ("x/a.conf", "./y/../b.conf", "x/b.conf"),
            ("x/a.conf", "../b.conf", "b.conf"),
            ("a.conf", "../b.conf", "../b.conf"),
            ("/x/a.conf", "../../b.conf", "/b.conf"),
            ("/x/a.conf", "/none/b.conf", "/x/none/b.conf"),
            ("x/a.conf", "/proc/self/status", "/proc/self/status"),
        ];
        for (including, path, expected) in cases {
            assert_eq!(place(including, path), Path::new(expected), "{including} {path}");
        }
    }
}
