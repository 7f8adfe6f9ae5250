//! What it costs to keep an original: 100 KB of JSON rows, new each time or known, in each store, beside doing nothing
//! and beside writing a plain file.
//!
//! `cargo bench -p headroom-core --bench store`
#![expect(clippy::unwrap_used, reason = "a benchmark")]

use std::borrow::Cow;
use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};

use divan::{Bencher, black_box};
use headroom_core::ccr::{Hash, MemoryStore, Original, SqliteOptions, SqliteStore, Store, Synchronous};

fn main() {
    divan::main();
}

/// 100 KB of rows, different for every call.
fn rows() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let mut text = String::from("[");
    for row in 0.. {
        let id = (number * 7_919 + row).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        text.push_str(&format!(
            "{{\"id\":\"{id:016x}\",\"row\":{row},\"status\":\"active\",\"score\":{}}},",
            id % 1_000
        ));
        if text.len() > 100_000 {
            break;
        }
    }
    text.push_str("{}]");
    text
}

fn original(text: &str) -> Original<'_> {
    Original {
        hash: Hash::of(text),
        text: Cow::Borrowed(text),
        tokens: 40_000,
        items: 1_500,
        items_shown: 30,
        tool_name: "list_rows".into(),
    }
}

fn sqlite(folder: &tempfile::TempDir, synchronous: Synchronous) -> SqliteStore {
    let options = SqliteOptions { synchronous, max_bytes: 8 << 30, ..SqliteOptions::default() };
    SqliteStore::open(folder.path().join("originals.db"), options).unwrap()
}

fn put_new(bencher: Bencher<'_, '_>, store: &dyn Store) {
    bencher.with_inputs(rows).bench_local_refs(|text| store.put(&[original(text)]).unwrap());
}

fn put_known(bencher: Bencher<'_, '_>, store: &dyn Store) {
    let text = rows();
    let original = original(&text);
    store.put(std::slice::from_ref(&original)).unwrap();
    bencher.bench_local(|| store.put(black_box(std::slice::from_ref(&original))).unwrap());
}

#[divan::bench]
fn nothing(bencher: Bencher<'_, '_>) {
    bencher.with_inputs(rows).bench_local_refs(|text| black_box(original(text)).hash);
}

#[divan::bench]
fn plain_file(bencher: Bencher<'_, '_>) {
    let folder = tempfile::tempdir().unwrap();
    bencher
        .with_inputs(rows)
        .bench_local_refs(|text| fs::write(folder.path().join(Hash::of(text).to_string()), text).unwrap());
}

#[divan::bench]
fn memory_new(bencher: Bencher<'_, '_>) {
    put_new(bencher, &MemoryStore::new(8 << 30));
}

#[divan::bench]
fn memory_known(bencher: Bencher<'_, '_>) {
    put_known(bencher, &MemoryStore::new(8 << 30));
}

#[divan::bench]
fn sqlite_new(bencher: Bencher<'_, '_>) {
    let folder = tempfile::tempdir().unwrap();
    put_new(bencher, &sqlite(&folder, Synchronous::Normal));
}

#[divan::bench]
fn sqlite_new_full(bencher: Bencher<'_, '_>) {
    let folder = tempfile::tempdir().unwrap();
    put_new(bencher, &sqlite(&folder, Synchronous::Full));
}

#[divan::bench]
fn sqlite_known(bencher: Bencher<'_, '_>) {
    let folder = tempfile::tempdir().unwrap();
    put_known(bencher, &sqlite(&folder, Synchronous::Normal));
}

#[divan::bench]
fn sqlite_get(bencher: Bencher<'_, '_>) {
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite(&folder, Synchronous::Normal);
    let text = rows();
    store.put(&[original(&text)]).unwrap();
    bencher.bench_local(|| store.get(Hash::of(black_box(&text))).unwrap());
}
