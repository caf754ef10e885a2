//! Stores do what the model does.

use std::time::Duration;

use proptest::prelude::*;

use super::model::Model;
use super::scene::{Scene, Step, config, play, steps};
use super::stores::{Files, file_size, memory, memory_size, options};
use crate::{Cipher, StoreConfig, SyncPolicy};

fn play_on_files(
    config: StoreConfig,
    steps: &[Step],
    sync: SyncPolicy,
    cipher: Option<Cipher>,
) -> Result<(), TestCaseError> {
    let root = tempfile::tempdir().unwrap();
    let mut files = Files::new(options(root.path(), sync, cipher));
    let store = files.create(&config);
    let model = Model::new(config, file_size);
    play(Scene::new(store, model, |store, is_clean, config| files.reopen(store, is_clean, config)), steps)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 80, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn memory_agrees(config in config(), steps in steps()) {
        let store = memory(&config);
        let model = Model::new(config, memory_size);
        play(Scene::new(store, model, |store, _, _| store), &steps)?;
    }

    #[test]
    fn files_agree(config in config(), steps in steps()) {
        play_on_files(config, &steps, SyncPolicy::Every(Duration::from_secs(60)), None)?;
    }

    #[test]
    fn encrypted_files_agree(config in config(), steps in steps(), is_aes: bool) {
        let cipher = if is_aes { Cipher::Aes } else { Cipher::ChaCha };
        play_on_files(config, &steps, SyncPolicy::Every(Duration::from_secs(60)), Some(cipher))?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn synced_files_agree(config in config(), steps in steps()) {
        play_on_files(config, &steps, SyncPolicy::Always, None)?;
    }
}

#[test]
fn truncation_may_end_in_a_gap_between_blocks() {
    let append = || Step::Append { subject: 1, size: 100, ttl: None };
    let ends = [Step::Truncate(1), Step::Commit, Step::Kill, append(), Step::Truncate(1), Step::Reopen, append()];
    let steps: Vec<Step> = [append(), append(), Step::Skip(70_000), append()].into_iter().chain(ends).collect();
    play_on_files(StoreConfig { name: "S".to_owned(), ..StoreConfig::default() }, &steps, SyncPolicy::Always, None)
        .unwrap();
}
