//! What only a store in a file can get wrong.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use rusqlite::Connection;
use tempfile::TempDir;

use super::super::clock::manual::ManualClock;
use super::super::contract::{self, noise, original};
use super::super::retention::{KEEP_SHOWN_S, TOUCH_AFTER_S};
use super::*;

struct Folder {
    folder: TempDir,
    path: PathBuf,
}

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("originals.db");
        Self { folder, path }
    }

    fn open(&self) -> SqliteStore {
        SqliteStore::open(&self.path, SqliteOptions::default()).unwrap()
    }

    fn fails_to_open(&self) -> String {
        let error = SqliteStore::open(&self.path, SqliteOptions::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Storage);
        let text = error.to_string();
        assert!(text.contains("originals.db"), "{text}");
        text
    }

    /// A connection beside the store's, for damage.
    fn raw(&self) -> Connection {
        Connection::open(&self.path).unwrap()
    }
}

fn is_found(store: &SqliteStore, text: &str) -> bool {
    matches!(store.peek(Hash::of(text)).unwrap(), Lookup::Found { original: found, .. } if found == original(text))
}

#[test]
fn keeps_the_promises_of_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let number = std::sync::atomic::AtomicU32::new(0);
    contract::keeps_its_promises(|max_bytes, time| {
        let path = folder.path().join(format!("{}.db", number.fetch_add(1, Ordering::Relaxed)));
        let options = SqliteOptions { max_bytes, clock: time.clock(), ..SqliteOptions::default() };
        SqliteStore::open(path, options).unwrap()
    });
}

#[test]
fn originals_and_counts_outlive_the_store() {
    let folder = Folder::new();
    let text = noise(1, 50_000);
    let store = folder.open();
    store.put(&[original(&text)]).unwrap();
    store.get(Hash::of(&text)).unwrap();
    drop(store);
    let store = folder.open();
    assert!(is_found(&store, &text));
    assert_eq!(store.stats().unwrap().retrievals, 1);
}

#[test]
fn two_stores_and_many_threads_share_one_file() {
    let folder = Folder::new();
    let stores = [folder.open(), folder.open()];
    let texts: Vec<_> = (0..160).map(|seed| noise(seed, 3_000)).collect();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (stores, texts) = (&stores, &texts);
            scope.spawn(move || {
                for number in 0..80 {
                    let text = &texts[(thread * 20 + number) % texts.len()];
                    stores[thread % 2].put(&[original(text), original("shared by all")]).unwrap();
                    assert!(is_found(&stores[(thread + 1) % 2], text));
                }
            });
        }
    });
    assert_eq!(stores[0].stats().unwrap().entries, 161);
    assert_eq!(stores[0].stats().unwrap(), stores[1].stats().unwrap());
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_the_file_its_logs_and_its_new_folders() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/b/originals.db");
    let store = SqliteStore::open(&path, SqliteOptions::default()).unwrap();
    store.put(&[original("a")]).unwrap();
    let mode = |name: &str| fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(["a", "a/b"].map(mode), [0o700; 2]);
    assert_eq!(["", "-wal", "-shm"].map(|end| mode(&format!("a/b/originals.db{end}"))), [0o600; 3]);
}

#[test]
fn a_damaged_value_is_an_error_that_names_the_hash_and_mends_when_it_is_put_again() {
    let folder = Folder::new();
    let time = ManualClock::new();
    let store =
        SqliteStore::open(&folder.path, SqliteOptions { clock: time.clock(), ..SqliteOptions::default() }).unwrap();
    let texts = ["abcdefgh".repeat(2_000), noise(3, 100), "x".repeat(50), "é".repeat(900), noise(4, 3_000)];
    let originals: Vec<_> = texts.iter().map(|text| original(text)).collect();
    store.put(&originals).unwrap();
    let raw = folder.raw();
    // Cut off, overwritten in place, gone, with another length and with another encoding.
    raw.execute("UPDATE bodies SET body = substr(body, 1, length(body) / 2) WHERE id = 1", []).unwrap();
    raw.execute("UPDATE bodies SET body = zeroblob(length(body)) WHERE id = 2", []).unwrap();
    raw.execute("DELETE FROM bodies WHERE id = 3", []).unwrap();
    raw.execute("UPDATE originals SET bytes = 9223372036854775807 WHERE id = 4", []).unwrap();
    raw.execute("UPDATE originals SET encoding = 7 WHERE id = 5", []).unwrap();
    for text in &texts {
        let error = store.get(Hash::of(text)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Storage);
        assert!(error.to_string().contains(&Hash::of(text).to_string()), "{error}");
    }
    time.advance(TOUCH_AFTER_S);
    store.put(&originals).unwrap();
    assert!(texts.iter().all(|text| is_found(&store, text)));
    assert_eq!(store.stats().unwrap().entries, 5);
}

#[test]
fn a_missing_body_is_mended_at_once() {
    let folder = Folder::new();
    let store = folder.open();
    store.put(&[original("a")]).unwrap();
    folder.raw().execute("DELETE FROM bodies", []).unwrap();
    store.put(&[original("a")]).unwrap();
    assert!(is_found(&store, "a"));
}

#[test]
fn a_known_original_is_not_written_again_within_an_hour() {
    let folder = Folder::new();
    let time = ManualClock::new();
    let store =
        SqliteStore::open(&folder.path, SqliteOptions { clock: time.clock(), ..SqliteOptions::default() }).unwrap();
    store.put(&[original("a")]).unwrap();
    let raw = folder.raw();
    let version = || raw.query_row("PRAGMA data_version", [], |row| row.get::<_, i64>(0)).unwrap();
    let before = version();
    time.advance(TOUCH_AFTER_S - 1);
    store.put(&[original("a")]).unwrap();
    assert_eq!(version(), before);
    time.advance(1);
    store.put(&[original("a")]).unwrap();
    assert_ne!(version(), before);
    assert_eq!(store.list().unwrap()[0].shown_s, 1_000_000_000 + TOUCH_AFTER_S);
}

#[test]
fn a_newer_store_a_foreign_database_and_other_files_are_refused_untouched() {
    let folder = Folder::new();
    drop(folder.open());
    folder.raw().pragma_update(None, "user_version", 3).unwrap();
    assert!(folder.fails_to_open().contains("expected a store of version 2, found version 3"));

    let folder = Folder::new();
    folder.raw().execute_batch("CREATE TABLE theirs(a)").unwrap();
    let before = fs::read(&folder.path).unwrap();
    assert!(folder.fails_to_open().contains("another program's SQLite database"));
    assert_eq!(fs::read(&folder.path).unwrap(), before);

    let folder = Folder::new();
    fs::write(&folder.path, "not a database, but long enough for a header. ".repeat(100)).unwrap();
    assert!(folder.fails_to_open().contains("damaged or no SQLite database"));

    let folder = Folder::new();
    fs::create_dir(&folder.path).unwrap();
    assert!(folder.fails_to_open().contains("cannot"));

    let folder = Folder::new();
    let beneath_a_file = folder.path.join("originals.db");
    fs::write(&folder.path, "a file").unwrap();
    let error = SqliteStore::open(beneath_a_file, SqliteOptions::default()).unwrap_err();
    assert!(error.to_string().contains("cannot create the store"), "{error}");
}

#[test]
fn a_file_damaged_in_the_middle_never_gives_a_wrong_text() {
    let folder = Folder::new();
    let texts: Vec<_> = (0..40).map(|seed| noise(seed, 4_000)).collect();
    folder.open().put(&texts.iter().map(|text| original(text)).collect::<Vec<_>>()).unwrap();
    let whole = fs::read(&folder.path).unwrap();
    for start in (4_096..whole.len() - 64).step_by(7_919) {
        let mut bytes = whole.clone();
        bytes[start..start + 64].fill(0xa5);
        fs::write(&folder.path, &bytes).unwrap();
        let Ok(store) = SqliteStore::open(&folder.path, SqliteOptions::default()) else { continue };
        for text in &texts {
            if let Ok(Lookup::Found { original: found, .. }) = store.peek(Hash::of(text)) {
                assert_eq!(found.text, *text);
            }
        }
        drop(store);
        for end in ["-wal", "-shm"] {
            let _ = fs::remove_file(folder.folder.path().join(format!("originals.db{end}")));
        }
    }
}

/// Lets the file of a store have so many pages.
fn limit(store: &SqliteStore, pages: i64) {
    let set = |connection: &mut Connection| {
        Ok(connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?)
    };
    store.database.write(set, "limit").unwrap();
}

#[test]
fn what_is_there_already_needs_no_write() {
    let folder = Folder::new();
    let time = ManualClock::new();
    let options = SqliteOptions { clock: time.clock(), busy_timeout_ms: 1, ..SqliteOptions::default() };
    let store = SqliteStore::open(&folder.path, options).unwrap();
    store.put(&[original("before")]).unwrap();
    // Facts that cannot be kept are no reason to do without it.
    limit(&store, 1);
    let fact = ([7; 16], noise(2, 500_000).into_bytes());
    store.put_and_remember(&[original("before")], std::slice::from_ref(&fact)).unwrap();
    assert_eq!(store.recall(&[fact.0]).unwrap(), [None]);
    assert_eq!(store.remember(&[fact]).unwrap_err().kind(), ErrorKind::Storage);
    limit(&store, 1_000_000);
    // Nor is a time that cannot be written down.
    time.advance(TOUCH_AFTER_S);
    let lock = folder.raw();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    store.put(&[original("before")]).unwrap();
    let error = store.put(&[original("before"), original("new")]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Storage);
}

#[test]
fn a_full_disk_is_a_clear_error_and_stores_nothing() {
    let folder = Folder::new();
    let store = folder.open();
    store.put(&[original("before")]).unwrap();
    let limit = |pages| limit(&store, pages);
    limit(1);
    let large = noise(1, 500_000);
    let error = store.put(&[original("small"), original(&large)]).unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Storage, true));
    assert!(error.to_string().contains("the disk is full"), "{error}");
    assert!(is_found(&store, "before") && !is_found(&store, "small"));
    limit(1_000_000);
    store.put(&[original("small"), original(&large)]).unwrap();
    assert!(is_found(&store, "small") && is_found(&store, &large));
}

#[test]
fn a_retrieval_that_cannot_be_counted_is_answered() {
    let folder = Folder::new();
    let options = SqliteOptions { busy_timeout_ms: 1, ..SqliteOptions::default() };
    let store = SqliteStore::open(&folder.path, options).unwrap();
    store.put(&[original("a")]).unwrap();
    let raw = folder.raw();
    raw.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(matches!(store.get(Hash::of("a")).unwrap(), Lookup::Found { retrieval_count: 1, .. }));
    store.put(&[original("a")]).unwrap();
    let error = store.put(&[original("b")]).unwrap_err();
    assert!(error.to_string().contains("another process kept it locked"), "{error}");
}

#[test]
fn a_file_deleted_or_replaced_under_an_open_store_is_made_again() {
    let folder = Folder::new();
    let store = folder.open();
    store.put(&[original("a")]).unwrap();
    assert!(is_found(&store, "a"));
    for end in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(folder.folder.path().join(format!("originals.db{end}")));
    }
    store.put(&[original("b")]).unwrap();
    assert!(is_found(&folder.open(), "b"));
    assert_eq!(store.peek(Hash::of("a")).unwrap(), Lookup::NotFound);
    assert!(is_found(&store, "b"));
}

#[test]
fn the_bound_survives_years_of_full_stores_without_losing_count() {
    let folder = Folder::new();
    let time = ManualClock::new();
    let options = SqliteOptions { max_bytes: 60_000, clock: time.clock(), ..SqliteOptions::default() };
    let store = SqliteStore::open(&folder.path, options).unwrap();
    for seed in 0..200 {
        let texts = [noise(seed, 3_000), noise(seed + 1_000, 9_000)];
        store.put(&[original(&texts[0]), original(&texts[1])]).unwrap();
        time.advance(3 * (KEEP_SHOWN_S + TOUCH_AFTER_S) / 5);
    }
    let stats = store.stats().unwrap();
    let list = store.list().unwrap();
    assert!(stats.stored_bytes <= 60_000);
    assert_eq!(stats.entries as usize, list.len());
    assert_eq!(stats.stored_bytes, list.iter().map(|entry| entry.stored_bytes).sum::<u64>());
    assert_eq!(stats.bytes, list.iter().map(|entry| entry.bytes).sum::<u64>());
    assert_eq!(store.peek(Hash::of(&noise(0, 3_000))).unwrap(), Lookup::Expired);
    assert!(fs::metadata(&folder.path).unwrap().len() < 400_000);
}

#[test]
fn a_purge_makes_the_file_smaller() {
    let folder = Folder::new();
    let store = folder.open();
    let text = noise(1, 2_000_000);
    store.put(&[original(&text)]).unwrap();
    assert_eq!(store.purge(0).unwrap(), 1);
    assert!(fs::metadata(&folder.path).unwrap().len() < 200_000);
    assert_eq!(store.peek(Hash::of(&text)).unwrap(), Lookup::Expired);
}

#[test]
fn facts_come_back_until_they_are_purged_or_too_many() {
    let folder = Folder::new();
    let key = |n: u32| [&n.to_le_bytes()[..], &[0; 12]].concat().try_into().unwrap();
    folder.open().remember(&[(key(1), vec![7; 3]), (key(2), Vec::new())]).unwrap();
    let store = folder.open();
    assert_eq!(store.recall(&[key(2), key(3), key(1)]).unwrap(), [Some(Vec::new()), None, Some(vec![7; 3])]);
    store.purge(0).unwrap();
    assert_eq!(store.recall(&[key(1)]).unwrap(), [None]);

    let many = |from: u32| (from..from + 300).map(|n| (key(n), vec![1; 256 << 10])).collect::<Vec<_>>();
    store.remember(&many(0)).unwrap();
    store.remember(&[(key(1_000), vec![1])]).unwrap();
    assert_eq!(store.recall(&[key(0), key(299), key(1_000)]).unwrap(), [None, Some(vec![1; 256 << 10]), Some(vec![1])]);
    let bytes: i64 = folder.raw().query_row("SELECT bytes FROM facts_total", [], |row| row.get(0)).unwrap();
    assert!(bytes < 64 << 20, "{bytes}");
}

#[test]
fn a_store_of_the_first_version_gets_the_new_tables() {
    let folder = Folder::new();
    folder.open().put(&[original("a")]).unwrap();
    folder.raw().execute_batch("DROP TABLE facts; DROP TABLE facts_total; PRAGMA user_version = 1").unwrap();
    let store = folder.open();
    assert!(is_found(&store, "a"));
    store.remember(&[([1; 16], vec![1])]).unwrap();
    assert_eq!(store.recall(&[[1; 16]]).unwrap(), [Some(vec![1])]);
}
