//! What another server did to the directory after this one was killed: it knows of no journal, and the journal not of it.
//!
//! It shows in contents alone, never in times: in configurations with a right checksum that were never this server's, in
//! blocks that go on otherwise (see [`super::block`]), and in states of consumers that are further than the journal's.
//! That stays as it is, and the log tells. In doubt the journal is applied: what it has was acknowledged. So what the
//! other server removed may come back.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io;
use std::path::Path;

use super::entry::Entry;
use super::whole::meta_paths;
use crate::disk::{self, Disk};
use crate::format::{Checksum, decode_consumer_state};

/// Length of the text of a checksum.
pub(super) const SUM: usize = 16;

/// What this server had at a path.
#[derive(Debug, Default)]
struct Known<'a> {
    /// Texts of the configurations' checksums.
    sums: HashSet<&'a [u8]>,
    /// All of them are known. Journals of before they were noted do not tell.
    is_complete: bool,
    /// It was made anew or set back: what is older may look as if it were further.
    is_begun_anew: bool,
}

/// What is another server's.
#[derive(Debug, Default)]
pub(super) struct Foreign<'a> {
    known: HashMap<&'a str, Known<'a>>,
    /// Directories with a configuration of another server.
    directories: HashSet<&'a str>,
    /// Those that were made anew by it, and streams whose blocks it went on with: what the journal has of states below
    /// them is of something else.
    lines: BTreeSet<&'a str>,
    /// As `lines`, without streams that are only longer or shorter than this server left them.
    remade: BTreeSet<&'a str>,
    /// How long blocks are that another server wrote.
    pub(super) diverged: Vec<(&'a str, u64)>,
    /// What was left as it is, and why.
    pub(super) notes: Vec<String>,
}

impl<'a> Foreign<'a> {
    /// Takes note of all that the journal says this server had.
    pub(super) fn new(entries: &[Entry<'a>]) -> Self {
        let mut known: HashMap<&str, Known<'_>> = HashMap::new();
        for entry in entries {
            match *entry {
                Entry::Known { path, sum } => {
                    let known = known.entry(path).or_default();
                    known.is_complete = true;
                    known.is_begun_anew |= sum.is_empty();
                    known.sums.insert(sum);
                }
                Entry::Meta { path, bytes } | Entry::Create { path, bytes } => {
                    known.entry(path).or_default().sums.insert(bytes.get(..SUM).unwrap_or_default());
                }
                _ => {}
            }
        }
        Self { known, ..Self::default() }
    }

    /// Looks at the configuration in a directory that is to go, or to have `ours`. Before anything is written. `goes_on` says
    /// whether a stream's blocks have something of the journal's: nats-server gives a stream that it edits another time of
    /// creation.
    ///
    /// # Errors
    ///
    /// I/O errors.
    pub(super) fn look_at(
        &mut self,
        disk: &dyn Disk,
        root: &Path,
        path: &'a str,
        ours: Option<&[u8]>,
        goes_on: impl FnOnce() -> io::Result<bool>,
    ) -> io::Result<()> {
        let known = self.known.get(path).filter(|known| known.is_complete);
        let (Some(known), Some(name)) = (known, sum_name(path)) else { return Ok(()) };
        let [inf, sum] = meta_paths(&root.join(path));
        let (Some(meta), Some(sum)) = (disk::read_opt(disk, &inf)?, disk::read_opt(disk, &sum)?) else { return Ok(()) };
        let sum = sum.trim_ascii();
        if known.sums.contains(sum) || hex(Checksum::named(&name).of(&[&meta])) != sum {
            return Ok(());
        }
        self.directories.insert(path);
        let is_stream = !name.contains('/');
        let is_update = match ours.map(|ours| (created(ours), created(&meta))) {
            None => false,
            Some((Some(ours), Some(theirs))) => ours == theirs || is_stream && goes_on()?,
            // Encrypted ones do not tell.
            Some(_) => true,
        };
        if is_update {
            self.note(path, "has a configuration of another server, which stays");
        } else {
            self.lines.insert(path);
            self.remade.insert(path);
            self.note(path, "was made by another server, and stays as it is");
        }
        for path in [inf.as_path(), root.join(path).join("meta.sum").as_path()] {
            disk.open_existing(path)?.sync()?;
        }
        disk.sync_directory(&root.join(path))
    }

    /// Whether a directory has a configuration of another server.
    pub(super) fn has_directory(&self, path: &str) -> bool {
        self.directories.contains(path)
    }

    /// Whether something belongs to what another server made.
    pub(super) fn is_remade(&self, path: &str) -> bool {
        above(path).any(|above| self.remade.contains(above))
    }

    /// Takes note of a block that another server wrote, and its length.
    pub(super) fn add_block(&mut self, path: &'a str, length: u64) {
        self.diverged.push((path, length));
        self.lines.extend(path.rsplit_once("/msgs/").map(|(stream, _)| stream));
        self.note(path, "was written by another server, and stays as it is");
    }

    /// Whether the state of a consumer is another server's: further than the journal's, or of another course of things.
    ///
    /// # Errors
    ///
    /// I/O errors.
    pub(super) fn keeps_state(&mut self, disk: &dyn Disk, file: &Path, path: &'a str, ours: &[u8]) -> io::Result<bool> {
        let Some(consumer) = path.strip_suffix("/o.dat") else { return Ok(false) };
        if above(consumer).any(|above| self.lines.contains(above)) {
            return Ok(true);
        }
        let is_anew = |path: &str| self.known.get(path).is_some_and(|known| known.is_begun_anew);
        if is_anew(path) || above(consumer).any(is_anew) {
            return Ok(false);
        }
        let Some(there) = disk::read_opt(disk, file)? else { return Ok(false) };
        let (Ok(theirs), Ok(ours)) = (decode_consumer_state(&there), decode_consumer_state(ours)) else {
            return Ok(false);
        };
        // By another server, or by this one just before it was killed: nothing of the journal's is lost with it.
        Ok(theirs.is_beyond(&ours) && !ours.is_beyond(&theirs))
    }

    fn note(&mut self, path: &str, what: &str) {
        self.notes.push(format!("{path} {what}"));
    }
}

/// The path and the directories above it.
fn above(path: &str) -> impl Iterator<Item = &str> {
    let ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
    ends.map(|end| &path[..end])
}

/// What the checksum of the configuration in a directory is named by.
fn sum_name(path: &str) -> Option<String> {
    let mut words = path.rsplit('/');
    let (name, room, stream) = (words.next()?, words.next()?, words.next()?);
    Some(if room == "obs" { format!("{stream}/{name}") } else { name.to_owned() })
}

/// When a stream or consumer was made, from its JSON.
fn created(meta: &[u8]) -> Option<serde_json::Value> {
    let mut meta: serde_json::Value = serde_json::from_slice(meta).ok()?;
    let fields = meta.as_object_mut()?;
    fields.remove("created").or_else(|| fields.remove("Created"))
}

fn hex(bytes: [u8; 8]) -> Vec<u8> {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into_bytes()
}
