//! A store in the memory of one process.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::open::DEFAULT_MEMORY_BYTES;
use super::retention::{self, ENTRY_BYTES, TOMBSTONES_MAX};
use super::{Clock, Hash, Lookup, Original, Store, StoreEntry, StoreStats};
use crate::error::Result;

/// Keeps originals in memory, by the same rules as the other stores, until the process ends.
///
/// Threads may share it; processes cannot: after a `fork` the child has a copy of its own. Texts are kept as they are,
/// not compressed.
#[derive(Debug)]
pub struct MemoryStore {
    max_bytes: u64,
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    entries: HashMap<Hash, Entry>,
    /// Every entry by when it was last shown, then by age: the order in which they go.
    by_showing: BTreeSet<(u64, u64, Hash)>,
    gone: Tombstones,
    next_number: u64,
    bytes: u64,
    stored_bytes: u64,
    retrievals: u64,
}

#[derive(Debug)]
struct Entry {
    /// Counts up with every new entry.
    number: u64,
    text: Arc<str>,
    tokens: u64,
    items: usize,
    items_shown: usize,
    tool_name: String,
    created_s: u64,
    shown_s: u64,
    retrieval_count: u64,
}

/// Hashes of what went, the oldest forgotten first.
#[derive(Debug, Default)]
struct Tombstones {
    by_age: BTreeMap<u64, Hash>,
    numbers: HashMap<Hash, u64>,
    next_number: u64,
}

impl Default for MemoryStore {
    /// A store of [`DEFAULT_MEMORY_BYTES`].
    fn default() -> Self {
        Self::new(DEFAULT_MEMORY_BYTES)
    }
}

impl MemoryStore {
    /// Makes an empty store that holds at most `max_bytes`.
    #[must_use]
    pub fn new(max_bytes: u64) -> Self {
        Self::with_clock(max_bytes, Clock::system())
    }

    /// The same with a clock of the caller's.
    #[must_use]
    pub fn with_clock(max_bytes: u64, clock: Clock) -> Self {
        Self { max_bytes, clock, state: Mutex::default() }
    }

    /// A panic elsewhere cannot leave the state half changed: every change is checked before it is begun.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn kind(&self) -> &'static str {
        "memory"
    }

    fn put(&self, originals: &[Original<'_>]) -> Result<()> {
        for original in originals {
            retention::digest_of(original)?;
        }
        let now_s = self.clock.now_s();
        let mut state = self.state();
        let mut added = HashSet::new();
        let mut added_bytes = 0;
        let mut shown = HashSet::new();
        for original in originals {
            match state.entries.get(&original.hash) {
                Some(entry) if *entry.text != *original.text => return Err(retention::collision(original)),
                Some(_) => {
                    shown.insert(original.hash);
                }
                None if added.insert(original.hash) => added_bytes += charge(&original.text, &original.tool_name),
                None => {}
            }
        }
        let going = state.what_must_go(added_bytes, self.max_bytes, now_s, &shown)?;
        for hash in going {
            state.remove(hash);
        }
        for original in originals {
            if added.remove(&original.hash) {
                state.insert(original, now_s);
            } else {
                state.touch(original.hash, now_s);
            }
        }
        Ok(())
    }

    fn get(&self, hash: Hash) -> Result<Lookup> {
        let now_s = self.clock.now_s();
        let mut state = self.state();
        state.touch(hash, now_s);
        if let Some(entry) = state.entries.get_mut(&hash) {
            entry.retrieval_count += 1;
            state.retrievals += 1;
        }
        Ok(state.look_up(hash))
    }

    fn peek(&self, hash: Hash) -> Result<Lookup> {
        Ok(self.state().look_up(hash))
    }

    fn list(&self) -> Result<Vec<StoreEntry>> {
        let state = self.state();
        let mut entries: Vec<_> = state.entries.iter().collect();
        entries.sort_unstable_by_key(|(_, entry)| std::cmp::Reverse((entry.created_s, entry.number)));
        Ok(entries.into_iter().map(|(hash, entry)| entry.describe(*hash)).collect())
    }

    fn purge(&self, older_than_s: u64) -> Result<u64> {
        let now_s = self.clock.now_s();
        let mut state = self.state();
        let going: Vec<Hash> = state
            .by_showing
            .iter()
            .filter(|(shown_s, ..)| older_than_s == 0 || shown_s.saturating_add(older_than_s) <= now_s)
            .map(|&(_, _, hash)| hash)
            .collect();
        for hash in &going {
            state.remove(*hash);
        }
        Ok(going.len() as u64)
    }

    fn stats(&self) -> Result<StoreStats> {
        let state = self.state();
        Ok(StoreStats {
            entries: state.entries.len() as u64,
            bytes: state.bytes,
            stored_bytes: state.stored_bytes,
            max_bytes: self.max_bytes,
            retrievals: state.retrievals,
        })
    }
}

impl State {
    fn look_up(&self, hash: Hash) -> Lookup {
        match self.entries.get(&hash) {
            Some(entry) => Lookup::Found { original: entry.to_original(hash), retrieval_count: entry.retrieval_count },
            None if self.gone.numbers.contains_key(&hash) => Lookup::Expired,
            None => Lookup::NotFound,
        }
    }

    /// The entries to remove so that `added_bytes` more fit; none of `shown`.
    fn what_must_go(&self, added_bytes: u64, max_bytes: u64, now_s: u64, shown: &HashSet<Hash>) -> Result<Vec<Hash>> {
        let mut going = Vec::new();
        let mut total = self.stored_bytes.saturating_add(added_bytes);
        if total <= max_bytes {
            return Ok(going);
        }
        let may_go = retention::may_go_before_s(now_s);
        for &(shown_s, _, hash) in &self.by_showing {
            if total <= max_bytes || may_go.is_none_or(|limit_s| shown_s > limit_s) {
                break;
            }
            if let Some(entry) = self.entries.get(&hash).filter(|_| !shown.contains(&hash)) {
                total -= charge(&entry.text, &entry.tool_name);
                going.push(hash);
            }
        }
        if total <= max_bytes { Ok(going) } else { Err(retention::full(total, max_bytes)) }
    }

    fn insert(&mut self, original: &Original<'_>, now_s: u64) {
        let number = self.next_number;
        self.next_number += 1;
        self.bytes += original.text.len() as u64;
        self.stored_bytes += charge(&original.text, &original.tool_name);
        self.by_showing.insert((now_s, number, original.hash));
        self.gone.forget(original.hash);
        let entry = Entry {
            number,
            text: Arc::from(&*original.text),
            tokens: original.tokens,
            items: original.items,
            items_shown: original.items_shown,
            tool_name: original.tool_name.clone(),
            created_s: now_s,
            shown_s: now_s,
            retrieval_count: 0,
        };
        self.entries.insert(original.hash, entry);
    }

    fn touch(&mut self, hash: Hash, now_s: u64) {
        if let Some(entry) = self.entries.get_mut(&hash).filter(|entry| retention::is_touch_due(entry.shown_s, now_s)) {
            self.by_showing.remove(&(entry.shown_s, entry.number, hash));
            entry.shown_s = now_s;
            self.by_showing.insert((now_s, entry.number, hash));
        }
    }

    fn remove(&mut self, hash: Hash) {
        if let Some(entry) = self.entries.remove(&hash) {
            self.by_showing.remove(&(entry.shown_s, entry.number, hash));
            self.bytes -= entry.text.len() as u64;
            self.stored_bytes -= charge(&entry.text, &entry.tool_name);
            self.gone.remember(hash);
        }
    }
}

impl Entry {
    fn to_original(&self, hash: Hash) -> Original<'static> {
        Original {
            hash,
            text: Cow::Owned(self.text.to_string()),
            tokens: self.tokens,
            items: self.items,
            items_shown: self.items_shown,
            tool_name: self.tool_name.clone(),
        }
    }

    fn describe(&self, hash: Hash) -> StoreEntry {
        StoreEntry {
            hash: hash.to_string(),
            bytes: self.text.len() as u64,
            stored_bytes: charge(&self.text, &self.tool_name),
            tokens: self.tokens,
            tool_name: self.tool_name.clone(),
            created_s: self.created_s,
            shown_s: self.shown_s,
            retrieval_count: self.retrieval_count,
        }
    }
}

impl Tombstones {
    fn remember(&mut self, hash: Hash) {
        self.forget(hash);
        self.by_age.insert(self.next_number, hash);
        self.numbers.insert(hash, self.next_number);
        self.next_number += 1;
        while self.numbers.len() > TOMBSTONES_MAX {
            match self.by_age.pop_first() {
                Some((_, oldest)) => self.numbers.remove(&oldest),
                None => break,
            };
        }
    }

    /// Takes a hash back that is stored again.
    fn forget(&mut self, hash: Hash) {
        if let Some(number) = self.numbers.remove(&hash) {
            self.by_age.remove(&number);
        }
    }
}

fn charge(text: &str, tool_name: &str) -> u64 {
    text.len() as u64 + tool_name.len() as u64 + ENTRY_BYTES
}

#[cfg(test)]
mod tests {
    use super::super::contract::{self, original};
    use super::*;

    #[test]
    fn keeps_the_promises_of_a_store() {
        contract::keeps_its_promises(|max_bytes, time| MemoryStore::with_clock(max_bytes, time.clock()));
    }

    #[test]
    fn forgets_the_oldest_tombstone_first() {
        let mut gone = Tombstones::default();
        for number in 0..=TOMBSTONES_MAX {
            gone.remember(Hash::of(&number.to_string()));
        }
        assert!(!gone.numbers.contains_key(&Hash::of("0")));
        assert!(gone.numbers.contains_key(&Hash::of("1")));
        gone.forget(Hash::of("1"));
        assert_eq!((gone.numbers.len(), gone.by_age.len()), (TOMBSTONES_MAX - 1, TOMBSTONES_MAX - 1));
    }

    #[test]
    fn the_same_original_twice_in_one_request_is_one_entry() {
        let store = MemoryStore::new(1_000);
        let text = "x".repeat(600);
        store.put(&[original(&text), original(&text)]).unwrap();
        assert_eq!(store.stats().unwrap().entries, 1);
    }
}
