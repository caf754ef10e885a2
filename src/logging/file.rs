//! The log file and its rotation.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use chrono::NaiveDateTime;

use super::clock;
use super::error::LogError;
use super::line::LineStyle;
use super::severity::Severity;
use super::sink::{Batch, Sink};
use crate::text::{quoted, system_error};

/// Permissions of a new log file.
const MODE: u32 = 0o640;

/// Appends to a file, and rotates it when it grows beyond the limit.
#[derive(Debug)]
pub struct FileSink {
    path: PathBuf,
    file: File,
    size: u64,
    size_limit: u64,
    max_files: usize,
    style: LineStyle,
}

impl FileSink {
    /// Opens the file for appending. `size_limit` in bytes, 0 is none; `max_files` counts the current one, 0 is all.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn open(path: &Path, size_limit: u64, max_files: usize, style: LineStyle) -> Result<Self, LogError> {
        let (file, size) =
            open_for_append(path).map_err(|source| LogError::OpenFile { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), file, size, size_limit, max_files, style })
    }

    /// Whether the next line will make the file rotate.
    #[must_use]
    pub fn is_over_limit(&self) -> bool {
        self.size_limit > 0 && self.size > self.size_limit
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// Moves the file away under a name with the time, and begins a new one.
    fn rotate(&mut self) -> io::Result<()> {
        let backup = backup_path(&self.path);
        let renamed = fs::rename(&self.path, &backup);
        let (file, size) = open_for_append(&self.path)?;
        self.file = file;
        self.size = size;
        if let Err(error) = renamed {
            let text = format!("Unable to rename logfile for rotation ({})", system_error(&error));
            // The file is over its limit still; measuring from here avoids an attempt at each line.
            self.size = 0;
            return self.append_own(Severity::Error, &text);
        }
        let backup = quoted(&backup.to_string_lossy());
        self.append_own(Severity::Info, &format!("Rotated log, backup saved as {backup}"))?;
        if self.max_files > 0 { self.purge() } else { Ok(()) }
    }

    /// Removes the oldest backups. The current file counts as one.
    fn purge(&mut self) -> io::Result<()> {
        let directory = match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let backups = match backup_names(&directory, &self.path) {
            Ok(backups) => backups,
            Err(error) => {
                let directory = quoted(&directory.to_string_lossy());
                let reason = system_error(&error);
                let text = format!(
                    "Unable to read directory {directory} for log purge ({reason}), will attempt next rotation"
                );
                return self.append_own(Severity::Error, &text);
            }
        };
        let num_excess = backups.len().saturating_sub(self.max_files - 1);
        for name in &backups[..num_excess] {
            if let Err(error) = fs::remove_file(directory.join(name)) {
                let (name, reason) = (quoted(name), system_error(&error));
                let text = format!("Unable to remove backup log file {name} ({reason}), will attempt next rotation");
                return self.append_own(Severity::Error, &text);
            }
            self.append_own(Severity::Info, &format!("Purged log file {}", quoted(name)))?;
        }
        Ok(())
    }

    fn append_own(&mut self, severity: Severity, message: &str) -> io::Result<()> {
        self.append(&self.style.own_line(severity, message, true))
    }
}

impl Sink for FileSink {
    fn write(&mut self, batch: &Batch) -> io::Result<()> {
        if self.size_limit == 0 {
            return self.append(batch.bytes());
        }
        for (_, line) in batch.lines() {
            self.append(line)?;
            if self.is_over_limit() {
                self.rotate()?;
            }
        }
        Ok(())
    }
}

fn open_for_append(path: &Path) -> io::Result<(File, u64)> {
    let file = OpenOptions::new().append(true).create(true).mode(MODE).open(path)?;
    let size = file.metadata()?.len();
    Ok((file, size))
}

fn backup_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(clock::backup_suffix());
    PathBuf::from(name)
}

/// Names of rotated files, oldest first.
fn backup_names(directory: &Path, path: &Path) -> io::Result<Vec<String>> {
    let prefix = format!("{}.", path.file_name().unwrap_or_default().to_string_lossy());
    let mut names = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.strip_prefix(&prefix).is_some_and(is_backup_suffix) && !entry.file_type()?.is_dir() {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

fn is_backup_suffix(suffix: &str) -> bool {
    NaiveDateTime::parse_from_str(suffix, "%Y.%m.%d.%H.%M.%S%.f").is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(lines: &[&str]) -> Batch {
        let mut batch = Batch::default();
        for line in lines {
            batch.push(Severity::Info, line.as_bytes());
        }
        batch
    }

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(directory)
            .expect("readable")
            .map(|entry| entry.expect("entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_appended_to_and_not_readable_by_others() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().expect("temporary directory");
        let path = directory.path().join("a.log");
        for _ in 0..2 {
            let mut sink = FileSink::open(&path, 0, 0, LineStyle::default()).expect("opens");
            sink.write(&batch(&["one\n", "two\n"])).expect("writes");
        }
        assert_eq!(fs::read_to_string(&path).expect("readable"), "one\ntwo\none\ntwo\n");
        assert_eq!(fs::metadata(&path).expect("exists").permissions().mode() & 0o137, 0);
    }

    #[test]
    fn a_file_beyond_its_limit_is_moved_away_between_two_lines() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let path = directory.path().join("a.log");
        let mut sink = FileSink::open(&path, 8, 0, LineStyle::default()).expect("opens");
        sink.write(&batch(&["1234567\n", "x\n"])).expect("writes");
        sink.write(&batch(&["later\n"])).expect("writes");
        let names = names(directory.path());
        assert_eq!(names.len(), 3, "{names:?}");
        assert!(is_backup_suffix(names[1].strip_prefix("a.log.").expect("prefix")));
        assert_eq!(names[1].len(), "a.log.2006.01.02.15.04.05.000000000".len());
        assert_eq!(fs::read_to_string(directory.path().join(&names[1])).expect("backup"), "1234567\nx\n");
        // The line about the rotation is longer than this limit, so the next line rotates again.
        let second = fs::read_to_string(directory.path().join(&names[2])).expect("second backup");
        let rotated = format!("Rotated log, backup saved as \"{}\"\r\n", directory.path().join(&names[1]).display());
        assert!(second.starts_with('[') && second.ends_with(&format!("{rotated}later\n")), "{second}");
    }

    #[test]
    fn the_oldest_backups_are_purged() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let path = directory.path().join("a.log");
        let old = ["a.log.2020.01.01.01.01.01.0", "a.log.2020.01.01.01.01.01.123456789"];
        let others = ["a.log.1", "a.log.2020.13.01.01.01.01.0", "b.log.2020.01.01.01.01.01.0", "a.log.gz"];
        for name in old.iter().chain(&others) {
            fs::write(directory.path().join(name), "").expect("written");
        }
        let mut sink = FileSink::open(&path, 400, 2, LineStyle::default()).expect("opens");
        let long_line = format!("{}\n", "z".repeat(400));
        sink.write(&batch(&[&long_line])).expect("writes");
        let left = names(directory.path());
        assert_eq!(left.iter().filter(|name| others.contains(&name.as_str())).count(), others.len());
        assert_eq!(left.len(), others.len() + 2, "{left:?}");
        let text = fs::read_to_string(&path).expect("readable");
        let purged: Vec<&str> = text.split("\r\n").filter(|line| line.contains("Purged")).collect();
        assert!(purged[0].ends_with(&format!("[INF] Purged log file \"{}\"", old[0])), "{text}");
        assert!(purged[1].ends_with(&format!("[INF] Purged log file \"{}\"", old[1])), "{text}");
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_told_as_nats_server_does() {
        let error = FileSink::open(Path::new("/nonexist/x.log"), 0, 0, LineStyle::default()).expect_err("refused");
        assert_eq!(error.to_string(), "error opening file: open /nonexist/x.log: no such file or directory");
    }
}
