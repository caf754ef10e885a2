//! Whether another server was at the files since the journal was written last.
//!
//! A server that was killed leaves its journal behind. If another one, which knows of no journal, served the directory
//! meanwhile, what the journal tells of is old news: it must not undo what that one did. What it did shows in files
//! that were written after the journal, in directories that are not there any more, and in those that are there again.

use std::path::{Path, PathBuf};

use super::entry::Entry;
use super::thread::now_ns;
use crate::disk::{self, Disk};

/// How much later than the journal a file must have been written that another server wrote, where the power may have gone:
/// the journal may have been busy.
const SLACK_NS: i64 = 2_000_000_000;
/// How far the times of files may be behind the clock.
const COARSE_NS: i64 = 20_000_000;
/// Tells, in the journal's directory, when its entries were begun to be applied: files written since then are of that.
const MARK: &str = "applying";

/// What is known of the time since the journal was written last.
#[derive(Debug)]
pub(super) struct Witness<'a> {
    disk: &'a dyn Disk,
    /// Files written later than this are another server's; none where the journal does not tell.
    limit_ns: Option<i64>,
    /// Unless they were written after this, when the entries were begun to be applied.
    began_ns: i64,
    /// The machine ran through: what was written is there, and what is not there was removed.
    ran_through: bool,
    root: &'a Path,
    /// What was left as it is, and why.
    pub(super) notes: Vec<String>,
}

impl<'a> Witness<'a> {
    /// Reads from the journal's entries when it was written last.
    pub(super) fn new(disk: &'a dyn Disk, root: &'a Path, entries: &[Entry<'_>]) -> Self {
        let last = entries.iter().rev().find_map(|entry| match *entry {
            Entry::Alive { boot, time_ns } => Some((boot, time_ns)),
            _ => None,
        });
        let ran_through = last.is_some_and(|(boot, _)| disk.boot().as_deref() == Some(boot));
        let slack = if ran_through { 0 } else { SLACK_NS };
        let limit_ns = last.map(|(_, time_ns)| time_ns.saturating_add(slack));
        Self { disk, limit_ns, began_ns: i64::MAX, ran_through, root, notes: Vec::new() }
    }

    /// Takes note, on the disk too, that what is written from now on is written by this server. An attempt that was
    /// interrupted began earlier.
    ///
    /// # Errors
    ///
    /// I/O errors.
    pub(super) fn begin(&mut self) -> std::io::Result<()> {
        if self.limit_ns.is_none() {
            return Ok(());
        }
        let earlier = disk::read_opt(self.disk, &self.mark())?.and_then(|bytes| bytes.try_into().ok());
        if let Some(earlier) = earlier {
            self.began_ns = i64::from_le_bytes(earlier);
            return Ok(());
        }
        let began_ns = now_ns().saturating_sub(COARSE_NS);
        disk::replace(self.disk, &self.mark(), &began_ns.to_le_bytes(), true)
    }

    /// Takes note that all is applied.
    ///
    /// # Errors
    ///
    /// I/O errors.
    pub(super) fn end(&self) -> std::io::Result<()> {
        disk::remove_opt(self.disk, &self.mark())
    }

    fn mark(&self) -> PathBuf {
        self.root.join("journal").join(MARK)
    }

    /// Whether another server wrote the file.
    fn is_foreign(&self, path: &Path) -> bool {
        let Some(limit) = self.limit_ns else { return false };
        self.disk.modified(path).is_some_and(|modified| limit < modified && modified < self.began_ns)
    }

    fn is_there(&self, directory: &Path) -> bool {
        self.disk.list(directory).is_ok()
    }

    /// Whether a directory that the journal saw go is there again: another server's, or `is_made_again` by this one.
    pub(super) fn keeps_directory(&mut self, directory: &Path, is_made_again: bool) -> bool {
        if is_made_again && self.ran_through {
            return true;
        }
        let meta = directory.join("meta.inf");
        let has_meta = matches!(disk::read_opt(self.disk, &meta), Ok(Some(_)));
        // A consumer's directory goes after its configuration; a stream's went as a whole.
        let is_consumer = directory.parent().and_then(Path::file_name) == Some("obs".as_ref());
        let is_kept = if self.ran_through {
            self.is_there(directory) && (has_meta || !is_consumer)
        } else {
            has_meta && self.is_foreign(&meta)
        };
        if is_kept {
            self.note(directory, "was removed, and another server has made it anew: it stays");
        }
        is_kept
    }

    /// Whether the configuration in a directory is another server's, or none because another server removed it.
    pub(super) fn keeps_meta(&mut self, directory: &Path, meta: &[u8]) -> bool {
        let is_gone = self.ran_through && !self.is_there(directory);
        if is_gone {
            self.note(directory, "is not there any more, and is not made again");
        } else if self.is_foreign(&directory.join("meta.inf")) {
            self.dispute(&directory.join("meta.inf"), meta);
        } else {
            return false;
        }
        true
    }

    /// Whether a file is newer than what the journal has for it, or belongs to a directory that is another server's.
    pub(super) fn keeps_file(&self, path: &Path) -> bool {
        let parent = path.parent().unwrap_or(path);
        self.is_foreign(path) || self.is_foreign(&parent.join("meta.inf"))
    }

    /// Whether a block is another server's, or none because another server removed it.
    pub(super) fn keeps_block(&self, path: &Path) -> bool {
        let is_gone = self.ran_through && self.disk.open_existing(path).is_err();
        is_gone || (self.ran_through && self.is_foreign(path))
    }

    /// Leaves a file as it is, and keeps aside what the journal has for it, if that is something else.
    fn dispute(&mut self, path: &Path, content: &[u8]) {
        if disk::read_opt(self.disk, path).ok().flatten().is_some_and(|there| there == content) {
            return;
        }
        let relative = path.strip_prefix(self.root).unwrap_or(path).display().to_string();
        let aside = self.root.join("journal").join(format!("{}.disputed", relative.replace('/', "+")));
        match disk::replace(self.disk, &aside, content, true) {
            Ok(()) => self.note(path, &format!("is another server's: what the journal had is {}", aside.display())),
            Err(error) => self.note(path, &format!("is another server's; what the journal had is not kept: {error}")),
        }
    }

    fn note(&mut self, path: &Path, what: &str) {
        self.notes.push(format!("{} {what}", path.display()));
    }
}
