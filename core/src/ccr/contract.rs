//! What every store promises, run against each of them.

use std::borrow::Cow;

use super::clock::manual::ManualClock;
use super::retention::{ENTRY_BYTES, KEEP_SHOWN_S, TOUCH_AFTER_S};
use super::{Hash, Lookup, Original, Store};
use crate::ErrorKind;

/// An original of `text`.
pub(super) fn original(text: &str) -> Original<'_> {
    Original {
        hash: Hash::of(text),
        text: Cow::Borrowed(text),
        tokens: 7,
        items: 40,
        items_shown: 3,
        tool_name: "read_log".into(),
    }
}

/// Text of `bytes` bytes that no compressor makes smaller by much, different for every seed.
pub(super) fn noise(seed: u64, bytes: usize) -> String {
    let mut output = blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof();
    let mut raw = vec![0; bytes];
    output.fill(&mut raw);
    raw.iter().map(|byte| char::from(b' ' + byte % 95)).collect()
}

/// Runs all promises. `make` gives an empty store with a byte bound and a clock.
pub(super) fn keeps_its_promises<S: Store>(make: impl Fn(u64, &ManualClock) -> S) {
    gives_back_what_it_was_given(&make);
    counts_retrievals_but_not_peeks(&make);
    stores_all_or_nothing(&make);
    removes_what_was_not_shown_for_a_week(&make);
    keeps_what_a_request_showed(&make);
    lists_the_newest_first_and_purges_by_age(&make);
}

fn gives_back_what_it_was_given<S: Store>(make: &impl Fn(u64, &ManualClock) -> S) {
    let store = make(1 << 30, &ManualClock::new());
    let texts = ["", "\0", "a\r\nb\rc", "日本語 🎈", &"x".repeat(300_000), &noise(1, 100_000), "{\"a\":[1,2]}"]
        .map(String::from);
    let originals: Vec<_> = texts.iter().map(|text| original(text)).collect();
    store.put(&[]).unwrap();
    store.put(&originals).unwrap();
    store.put(&originals).unwrap();
    for text in &texts {
        match store.peek(Hash::of(text)).unwrap() {
            Lookup::Found { original: found, .. } => assert_eq!(found, original(text)),
            other => panic!("expected {text:?}, found {other:?}"),
        }
    }
    assert_eq!(store.peek(Hash::of("never stored")).unwrap(), Lookup::NotFound);
    let stats = store.stats().unwrap();
    assert_eq!(stats.entries, texts.len() as u64);
    assert_eq!(stats.bytes, texts.iter().map(|text| text.len() as u64).sum::<u64>());
    assert_eq!(stats.stored_bytes, store.list().unwrap().iter().map(|entry| entry.stored_bytes).sum::<u64>());
}

fn counts_retrievals_but_not_peeks<S: Store>(make: &impl Fn(u64, &ManualClock) -> S) {
    let store = make(1 << 20, &ManualClock::new());
    store.put(&[original("a"), original("b")]).unwrap();
    let count = |hash| match store.get(hash).unwrap() {
        Lookup::Found { retrieval_count, .. } => retrieval_count,
        other => panic!("expected an original, found {other:?}"),
    };
    assert_eq!((count(Hash::of("a")), count(Hash::of("a")), count(Hash::of("b"))), (1, 2, 1));
    store.peek(Hash::of("a")).unwrap();
    assert_eq!(store.get(Hash::of("c")).unwrap(), Lookup::NotFound);
    assert_eq!(count(Hash::of("a")), 3);
    assert_eq!(store.stats().unwrap().retrievals, 4);
}

fn stores_all_or_nothing<S: Store>(make: &impl Fn(u64, &ManualClock) -> S) {
    let store = make(30_000, &ManualClock::new());
    let (small, large) = (noise(1, 5_000), noise(2, 40_000));
    let error = store.put(&[original(&small), original(&large)]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StoreFull);
    assert!(error.to_string().contains("store is full"), "{error}");
    assert_eq!(store.peek(Hash::of(&small)).unwrap(), Lookup::NotFound);
    let wrong = Original { hash: Hash::of("other"), ..original(&small) };
    assert_eq!(store.put(&[original("first"), wrong]).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(store.stats().unwrap().entries, 0);
    store.put(&[original(&small)]).unwrap();
}

fn removes_what_was_not_shown_for_a_week<S: Store>(make: &impl Fn(u64, &ManualClock) -> S) {
    let time = ManualClock::new();
    let store = make(3 * (5_000 + ENTRY_BYTES + 8), &time);
    let texts: Vec<_> = (0..5).map(|seed| noise(seed, 5_000)).collect();
    for text in &texts[..3] {
        store.put(&[original(text)]).unwrap();
        time.advance(10);
    }
    time.advance(KEEP_SHOWN_S - 100);
    assert_eq!(store.put(&[original(&texts[3])]).unwrap_err().kind(), ErrorKind::StoreFull);
    time.advance(TOUCH_AFTER_S + 100);
    store.put(&[original(&texts[3])]).unwrap();
    let found = |index: usize| store.peek(Hash::of(&texts[index])).unwrap();
    assert_eq!(found(0), Lookup::Expired);
    assert!([1, 2, 3].iter().all(|index| matches!(found(*index), Lookup::Found { .. })));
    store.put(&[original(&texts[0])]).unwrap();
    assert!(matches!(found(0), Lookup::Found { .. }));
    assert_eq!(found(1), Lookup::Expired);
    assert_eq!(found(4), Lookup::NotFound);
}

fn keeps_what_a_request_showed<S: Store>(make: &impl Fn(u64, &ManualClock) -> S) {
    let time = ManualClock::new();
    let store = make(2 * (5_000 + ENTRY_BYTES + 8), &time);
    let texts: Vec<_> = (0..3).map(|seed| noise(seed, 5_000)).collect();
    store.put(&[original(&texts[0])]).unwrap();
    time.advance(60);
    store.put(&[original(&texts[1])]).unwrap();
    time.advance(KEEP_SHOWN_S + TOUCH_AFTER_S);
    // The one that goes first by age is shown again, in the same request that needs room.
    store.put(&[original(&texts[0]), original(&texts[2])]).unwrap();
    assert!(matches!(store.peek(Hash::of(&texts[0])).unwrap(), Lookup::Found { .. }));
    assert_eq!(store.peek(Hash::of(&texts[1])).unwrap(), Lookup::Expired);
}

fn lists_the_newest_first_and_purges_by_age<S: Store>(make: &impl Fn(u64, &ManualClock) -> S) {
    let time = ManualClock::new();
    let store = make(1 << 20, &time);
    store.put(&[original("old")]).unwrap();
    time.advance(5_000);
    store.put(&[original("new")]).unwrap();
    let hashes: Vec<_> = store.list().unwrap().into_iter().map(|entry| entry.hash).collect();
    assert_eq!(hashes, [Hash::of("new").to_string(), Hash::of("old").to_string()]);
    let entry = &store.list().unwrap()[1];
    assert_eq!((entry.bytes, entry.tokens, &*entry.tool_name), (3, 7, "read_log"));
    assert_eq!((entry.created_s, entry.shown_s), (1_000_000_000, 1_000_000_000));
    assert_eq!(store.purge(6_000).unwrap(), 0);
    assert_eq!(store.purge(5_000).unwrap(), 1);
    assert_eq!(store.peek(Hash::of("old")).unwrap(), Lookup::Expired);
    assert_eq!(store.purge(0).unwrap(), 1);
    assert_eq!((store.stats().unwrap().entries, store.stats().unwrap().stored_bytes), (0, 0));
}
