//! Records of turns: in the store, and the latest at hand.

use std::sync::Arc;

use headroom_core::Engine;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::record::Record;
use crate::providers::Key;

/// Bytes of records at hand, and about how many of them there are.
///
/// # Sources
/// Chosen by hand: the answers of some hundred conversations; of most turns it is only known that there is nothing.
const HELD_BYTES: u64 = 32 << 20;
const HELD_ITEMS: usize = 1 << 14;

/// Bytes beside those of the record.
const ITEM_BYTES: u64 = 64;

/// Changes when records are written or keys are made in another way.
const VERSION: &[u8] = b"turn 1";

/// Keeps records. A turn without one is known too, since its record is made before the client has seen its end.
pub(crate) struct Kept(Cache<Key, Option<Arc<Record>>, Weight>);

#[derive(Clone)]
struct Weight;

impl Weighter<Key, Option<Arc<Record>>> for Weight {
    fn weight(&self, _: &Key, record: &Option<Arc<Record>>) -> u64 {
        ITEM_BYTES + record.as_ref().map_or(0, |record| record.size() as u64)
    }
}

impl Default for Kept {
    fn default() -> Self {
        Self(Cache::with_weighter(HELD_ITEMS, HELD_BYTES, Weight))
    }
}

impl Kept {
    /// What is known of these keys without asking the store; the second part holds those of which nothing is known.
    pub(super) fn at_hand(&self, keys: &[Key]) -> (Vec<Option<Arc<Record>>>, Vec<usize>) {
        let mut unknown = Vec::new();
        let mut found = Vec::with_capacity(keys.len());
        for (index, key) in keys.iter().enumerate() {
            let known = self.0.get(key);
            if known.is_none() {
                unknown.push(index);
            }
            found.push(known.flatten());
        }
        (found, unknown)
    }

    /// Asks the store. One that cannot answer is no reason to fail: the turn goes as the client sent it.
    pub(super) fn ask(&self, engine: &Engine, keys: &[Key]) -> Vec<Option<Arc<Record>>> {
        let names: Vec<Key> = keys.iter().map(name).collect();
        match engine.store().and_then(|store| store.recall(&names)) {
            Ok(facts) => {
                let records = facts.into_iter().map(|fact| Record::from_bytes(&fact?).map(Arc::new));
                let records: Vec<_> = records.collect();
                for (key, record) in keys.iter().zip(&records) {
                    self.0.insert(*key, record.clone());
                }
                records
            }
            Err(error) => {
                log::warn!(target: "headroom.proxy", "turns go as the client sent them: {error}");
                vec![None; keys.len()]
            }
        }
    }

    /// Keeps records, also for the next process when the store can.
    pub(super) fn keep(&self, engine: &Engine, records: Vec<(Key, Record)>) {
        let facts =
            records.iter().filter_map(|(key, record)| Some((name(key), record.to_bytes()?))).collect::<Vec<_>>();
        for (key, record) in records {
            self.0.insert(key, Some(Arc::new(record)));
        }
        if let Err(error) = engine.store().and_then(|store| store.remember(&facts)) {
            log::warn!(target: "headroom.proxy", "a turn is kept only as long as the proxy runs: {error}");
        }
    }
}

/// A key as the store knows it.
fn name(key: &Key) -> Key {
    let mut hasher = blake3::Hasher::new();
    hasher.update(VERSION);
    hasher.update(key);
    let mut name = [0; 16];
    hasher.finalize_xof().fill(&mut name);
    name
}
