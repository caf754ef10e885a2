//! A block that is written anew beside its stream's work.

use std::path::Path;
use std::sync::Arc;

use super::block::{self, Block};
use super::place::Place;
use super::progress::Progress;
use super::seal::BlockCipher;
use super::selection::{Kept, Selection};
use crate::StoreError;
use crate::format::{self, Checksum};
use crate::workshop::Work;

/// What became of a block's file.
#[derive(Debug)]
pub(super) struct Rewritten {
    /// Length of its records before compression.
    pub(super) raw: u64,
    /// No message of an earlier sequence is in it; none if nothing was taken out.
    pub(super) lowest_seq: Option<u64>,
    /// Nothing that is needed is in it.
    pub(super) is_needless: bool,
}

/// The outcome; none where it was called off, or there was nothing to gain.
pub(super) type Outcome = Result<Option<Rewritten>, StoreError>;

/// The outcome, or nothing that came of it.
#[derive(Debug)]
struct Came(Outcome);

impl Default for Came {
    fn default() -> Self {
        Self(Ok(None))
    }
}

/// The work itself. What it needs of the block is copied: the stream goes on, and may remove messages of it.
#[derive(Debug)]
struct Rewrite {
    place: Place,
    index: u32,
    checksum: Checksum,
    cipher: Option<BlockCipher>,
    selection: Selection,
    is_compressed: bool,
    progress: Progress<Came>,
}

/// The block's end of it. Nobody else may touch the file before it is settled.
#[derive(Debug)]
pub(super) struct Rewriting {
    work: Arc<Rewrite>,
}

impl Rewriting {
    /// Orders it from the workshop; none if that has enough to do.
    pub(super) fn order(place: &Place, block: &Block, selection: Selection, is_compressed: bool) -> Option<Self> {
        let work = Arc::new(Rewrite {
            place: place.clone(),
            index: block.index,
            checksum: block.checksum.clone(),
            cipher: block.cipher.clone(),
            selection,
            is_compressed,
            progress: Progress::new(),
        });
        place.workshop.order(work.clone()).then_some(Self { work })
    }

    pub(super) fn is_done(&self) -> bool {
        self.work.progress.is_done()
    }

    /// Calls it off, unless it is too late for that; blocks until nobody works at it any more.
    pub(super) fn settle(self) -> Outcome {
        self.work.progress.call_off();
        self.work.progress.outcome().0
    }

    /// Does what is not done yet; blocks.
    pub(super) fn finish(self) -> Outcome {
        self.work.run();
        self.work.progress.outcome().0
    }
}

impl Drop for Rewriting {
    fn drop(&mut self) {
        self.work.progress.call_off();
    }
}

impl Work for Rewrite {
    fn run(&self) {
        self.progress.run(|| Came(self.rewrite()), |error| Came(Err(error)));
    }
}

impl Rewrite {
    fn rewrite(&self) -> Outcome {
        let path = self.place.block_path(self.index);
        let data = block::read_file(&self.place, self.index, self.cipher.as_ref())?;
        if self.progress.is_called_off() {
            return Ok(None);
        }
        let kept = self.selection.keep(&data, &self.checksum).map_err(|error| error.at(&path))?;
        let (lowest_seq, is_needless) = match &kept {
            Some(kept) => (Some(kept.lowest_seq), kept.is_needless),
            None => (None, false),
        };
        let plain = kept.map_or(data, |Kept { bytes, .. }| bytes);
        let done = Rewritten { raw: plain.len() as u64, lowest_seq, is_needless };
        let packed = if self.is_compressed { format::compress_block(&plain) } else { None };
        if packed.is_none() && lowest_seq.is_none() {
            return Ok(Some(done));
        }
        let mut bytes = packed.unwrap_or(plain);
        if let Some(cipher) = &self.cipher {
            cipher.apply(0, &mut bytes);
        }
        let next = self.place.messages().join(format!("{}.new", self.index));
        let replaced = self.replace(&path, &next, &bytes);
        if !matches!(replaced, Ok(true)) {
            self.place.remove_opt(&next)?;
        }
        Ok(replaced?.then_some(done))
    }

    /// Writes the file's next content beside it, and puts that in its place. False if it was called off.
    fn replace(&self, path: &Path, next: &Path, bytes: &[u8]) -> Result<bool, StoreError> {
        let (place, is_always) = (&self.place, self.place.journal.is_always());
        let io = |action| move |error| StoreError::io(action, next, error);
        let file = place.disk.open(next).map_err(io("open"))?;
        file.set_len(0).and_then(|()| file.write_all_at(bytes, 0)).map_err(io("write"))?;
        if is_always {
            file.sync().map_err(io("sync"))?;
            place.secure_block(path)?;
        }
        if !self.progress.commit() {
            return Ok(false);
        }
        if !matches!(self.selection, Selection::All) {
            // It tells of messages that are in no file any more.
            place.remove_opt(&place.messages().join("index.db"))?;
        }
        place.journal.forget_for(path, path, bytes.len() as u64)?;
        place.rename(next, path)?;
        if is_always {
            place.sync_directory(&place.messages())?;
        }
        place.journal.note(path);
        Ok(true)
    }
}
