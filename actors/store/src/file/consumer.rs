//! The state of a consumer in `obs/<name>`.

use std::path::PathBuf;

use super::meta;
use super::place::Place;
use crate::format::{decode_consumer_state, encode_consumer_state};
use crate::{AckMode, ConsumerState, ConsumerStore, Durability, StoreError};

/// What is to be remembered beside the state, unknown to nats-server.
const NOTE_FILE: &str = "note.dat";

/// Keeps a consumer's state in a file, written whole.
#[derive(Debug)]
pub(crate) struct FileConsumerStore {
    place: Place,
    directory: PathBuf,
    name: String,
    state: ConsumerState,
    is_dirty: bool,
    /// The state is behind the one that was written last.
    is_set_back: bool,
    note: Vec<u8>,
    is_note_dirty: bool,
    /// What was wrong with the state's file.
    damage: Option<String>,
}

/// Lists consumers with their JSON. Directories without a whole configuration are left alone.
pub(super) fn found(place: &Place) -> Vec<(String, Vec<u8>)> {
    let directories = place.list(&place.consumers()).unwrap_or_default();
    let consumers = directories.into_iter().filter(|(_, is_directory)| *is_directory).filter_map(|(name, _)| {
        let directory = place.consumers().join(&name);
        let place = FileConsumerStore::own_place(place, &directory, &name).ok()?;
        let json = meta::read(&place, &directory, &format!("{}/{name}", place.name)).ok()?.ok()?;
        Some((name, json))
    });
    consumers.collect()
}

impl FileConsumerStore {
    /// Opens a consumer's directory, made if it is not there.
    pub(crate) fn open(place: &Place, name: &str, json: &[u8]) -> Result<Box<dyn ConsumerStore>, StoreError> {
        if name.is_empty() || name.starts_with('.') || name.contains(['/', '\\', '\0']) {
            return Err(StoreError::Unusable(format!("invalid consumer name {name:?}")));
        }
        let directory = place.consumers().join(name);
        let sum_name = format!("{}/{name}", place.name);
        let mut place = place.clone();
        let mut files = Vec::new();
        if let Some(keys) = place.keys.take() {
            place.keys = keys.of_consumer(&place.disk, &directory, &place.name, name)?;
            if place.keys.is_none() {
                let (own, file) = keys.new_of_consumer(&place.name, name)?;
                files.push((directory.join("meta.key"), file));
                place.keys = Some(own);
            }
        }
        let known = meta::read(&place, &directory, &sum_name)?;
        if known == Err(meta::MetaError::Missing) {
            // What a removed consumer of this name may have left.
            place.remove_opt(&directory.join("o.dat"))?;
            place.remove_opt(&directory.join(NOTE_FILE))?;
        }
        match &known {
            Err(_) => meta::make(&place, &directory, &sum_name, json, &files)?,
            Ok(known) => {
                // Of before the stream was encrypted.
                files.iter().try_for_each(|(path, bytes)| place.write_with_journal(path, bytes))?;
                if known != json {
                    meta::write(&place, &directory, &sum_name, json)?;
                }
            }
        }
        let (state, damage) = Self::read_state(&place, &directory, name)?;
        let note = Self::read_note(&place, &directory)?;
        let (is_dirty, is_note_dirty) = (false, false);
        Ok(Box::new(Self {
            place,
            directory,
            name: sum_name,
            state,
            is_dirty,
            is_set_back: false,
            note,
            is_note_dirty,
            damage,
        }))
    }

    /// Reads the note. One that no key opens any more is none.
    fn read_note(place: &Place, directory: &std::path::Path) -> Result<Vec<u8>, StoreError> {
        let path = directory.join(NOTE_FILE);
        let bytes = match place.journal.held(&path) {
            Some(held) => held.to_vec(),
            None => place.read_opt(&path)?.unwrap_or_default(),
        };
        match &place.keys {
            Some(keys) if !bytes.is_empty() => Ok(keys.unseal(&bytes).unwrap_or_default()),
            _ => Ok(bytes),
        }
    }

    /// Reads the state. A file that makes no sense is put aside, and the consumer begins anew.
    fn read_state(
        place: &Place,
        directory: &std::path::Path,
        name: &str,
    ) -> Result<(ConsumerState, Option<String>), StoreError> {
        let path = directory.join("o.dat");
        let bytes = match place.journal.held(&path) {
            Some(held) => held.to_vec(),
            None => place.read_opt(&path)?.unwrap_or_default(),
        };
        if bytes.is_empty() {
            return Ok((ConsumerState::default(), None));
        }
        let plain = match &place.keys {
            Some(keys) => keys.unseal(&bytes),
            None => Ok(bytes.clone()),
        };
        match plain.and_then(|plain| decode_consumer_state(&plain)) {
            Ok(state) => Ok((state, None)),
            Err(error) => {
                let aside = place.quarantine(&format!("{name}.o.dat"), &bytes)?;
                place.journal.void(&path);
                place.remove_opt(&path)?;
                Ok((ConsumerState::default(), Some(format!("{error}: it is kept as {}", aside.display()))))
            }
        }
    }

    /// Returns the stream's place with the consumer's own keys, if it has any.
    fn own_place(place: &Place, directory: &std::path::Path, name: &str) -> Result<Place, StoreError> {
        let mut place = place.clone();
        if let Some(keys) = &place.keys
            && let Some(own) = keys.of_consumer(&place.disk, directory, &place.name, name)?
        {
            place.keys = Some(own);
        }
        Ok(place)
    }

    fn write(&self, file: &str, mut bytes: Vec<u8>, is_set_back: bool) -> Result<(), StoreError> {
        if let Some(keys) = self.place.keys.as_ref().filter(|_| !bytes.is_empty()) {
            bytes = keys.seal(&bytes)?;
        }
        let path = self.directory.join(file);
        if !self.place.journal.is_always() {
            return self.place.replace_lazily(&path, &bytes);
        }
        if is_set_back {
            self.place.journal.hold_anew(&path, &bytes);
        } else {
            self.place.journal.hold(&path, &bytes);
        }
        Ok(())
    }
}

impl ConsumerStore for FileConsumerStore {
    fn state(&self) -> &ConsumerState {
        &self.state
    }

    fn deliver(&mut self, mode: AckMode, consumer_seq: u64, stream_seq: u64, count: u64, time_ns: i64) {
        self.is_dirty = true;
        self.state.deliver(mode, consumer_seq, stream_seq, count, time_ns);
    }

    fn acknowledge(&mut self, mode: AckMode, consumer_seq: u64, stream_seq: u64) -> bool {
        self.is_dirty = true;
        self.state.acknowledge(mode, consumer_seq, stream_seq)
    }

    fn give_up(&mut self, stream_seq: u64) {
        self.is_dirty = true;
        self.state.give_up(stream_seq);
    }

    fn replace(&mut self, state: ConsumerState) -> Result<(), StoreError> {
        state.check()?;
        self.is_dirty = true;
        self.is_set_back |= self.state.is_beyond(&state);
        self.state = state;
        Ok(())
    }

    fn update_meta(&mut self, json: &[u8]) -> Result<(), StoreError> {
        meta::write(&self.place, &self.directory, &self.name, json)
    }

    fn note(&self) -> &[u8] {
        &self.note
    }

    fn set_note(&mut self, note: Vec<u8>) {
        self.is_note_dirty |= self.note != note;
        self.note = note;
    }

    fn damage(&self) -> Option<&str> {
        self.damage.as_deref()
    }

    fn is_dirty(&self) -> bool {
        self.is_dirty || self.is_note_dirty
    }

    fn commit(&mut self) -> Result<Durability, StoreError> {
        if self.is_dirty() {
            self.place.journal.check()?;
        }
        if self.is_dirty {
            self.write("o.dat", encode_consumer_state(&self.state), self.is_set_back)?;
            (self.is_dirty, self.is_set_back) = (false, false);
        }
        if self.is_note_dirty {
            self.write(NOTE_FILE, self.note.clone(), false)?;
            self.is_note_dirty = false;
        }
        Ok(self.place.journal.current())
    }

    fn close(mut self: Box<Self>) -> Result<(), StoreError> {
        self.commit()?.wait()
    }

    fn destroy(self: Box<Self>) -> Result<(), StoreError> {
        self.place.remove_consumer(&self.directory)
    }
}
