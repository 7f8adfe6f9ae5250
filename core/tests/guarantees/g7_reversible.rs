//! G7: every marker resolves to the byte-identical original, and the certificate proves what was replaced.

use std::sync::Arc;

use headroom_core::ccr::{Lookup, SqliteOptions, SqliteStore, markers_in};
use headroom_core::{CompressOptions, Engine, Mode};
use proptest::prelude::*;

use crate::{MODES, cases, changed, compress_with, engine, generate, recorded, text};

fn assert_reversible(engine: &Engine, list: &str, mode: Mode) {
    let result = compress_with(engine, list, CompressOptions { mode, ..CompressOptions::default() });
    let store = engine.store().unwrap();
    for (before, after) in changed(list, text(&result)) {
        for hash in markers_in(&after) {
            let Lookup::Found { original, .. } = store.get(hash).unwrap() else { panic!("{hash} is gone") };
            assert!(before.contains(&*original.text), "an original is a part of the block, byte for byte");
            assert_eq!(headroom_core::ccr::Hash::of(&original.text), hash);
        }
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn every_marker_resolves_to_the_original((_, list) in generate::list(), mode in prop::sample::select(&MODES[..])) {
        assert_reversible(&engine(), &list, mode);
    }
}

#[test]
fn every_marker_of_recorded_conversations_resolves_from_disk() {
    let folder = tempfile::tempdir().unwrap();
    let open = || SqliteStore::open(folder.path().join("store.db"), SqliteOptions::default()).unwrap();
    let engine = Engine::new(Arc::new(open()));
    for (_, list) in recorded::lists() {
        assert_reversible(&engine, &list, Mode::Balanced);
        let result = compress_with(&engine, &list, CompressOptions::default());
        let reopened: Arc<dyn headroom_core::ccr::Store> = Arc::new(open());
        for hash in &result.ccr_hashes {
            assert!(matches!(reopened.get(*hash).unwrap(), Lookup::Found { .. }));
        }
    }
}
