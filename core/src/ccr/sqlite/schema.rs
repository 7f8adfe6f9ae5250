//! The tables, their version, and how a connection is set up.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, TransactionBehavior};

use super::{Attempt, Synchronous, failure};

/// Marks a SQLite file as ours: "HDRM".
const APPLICATION_ID: i32 = 0x4844_524d;

/// Counts up with every change of the tables.
const VERSION: i32 = 2;

/// Bodies lie in a table of their own, so that marking an original as shown does not rewrite its text, and a list does
/// not read it. `totals` has one row, kept by every transaction, so that the bound costs no scan.
const TABLES: &str = "
CREATE TABLE originals(
    id INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    digest BLOB NOT NULL,
    bytes INTEGER NOT NULL,
    body_bytes INTEGER NOT NULL,
    stored_bytes INTEGER NOT NULL,
    encoding INTEGER NOT NULL,
    tokens INTEGER NOT NULL,
    items INTEGER NOT NULL,
    items_shown INTEGER NOT NULL,
    tool_name TEXT NOT NULL,
    created_s INTEGER NOT NULL,
    shown_s INTEGER NOT NULL,
    retrievals INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX originals_shown ON originals(shown_s, id);
CREATE TABLE bodies(id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;
CREATE TABLE tombstones(id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE) STRICT;
CREATE TABLE totals(
    id INTEGER PRIMARY KEY CHECK (id = 1),
    entries INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    stored_bytes INTEGER NOT NULL,
    retrievals INTEGER NOT NULL
) STRICT;
INSERT INTO totals VALUES (1, 0, 0, 0, 0);
";

/// What a new process need not find out again, the oldest first. Since version 2.
const FACTS: &str = "
CREATE TABLE facts(
    id INTEGER PRIMARY KEY,
    key BLOB NOT NULL UNIQUE,
    value BLOB NOT NULL,
    made_s INTEGER NOT NULL
) STRICT;
CREATE TABLE facts_total(id INTEGER PRIMARY KEY CHECK (id = 1), bytes INTEGER NOT NULL) STRICT;
INSERT INTO facts_total VALUES (1, 0);
CREATE TRIGGER fact_made AFTER INSERT ON facts BEGIN
    UPDATE facts_total SET bytes = bytes + length(new.value) + 100;
END;
CREATE TRIGGER fact_gone AFTER DELETE ON facts BEGIN
    UPDATE facts_total SET bytes = bytes - length(old.value) - 100;
END;
";

/// Sets a fresh connection up, and makes the tables when the file is empty.
pub(super) fn prepare(
    connection: &mut Connection,
    path: &Path,
    synchronous: Synchronous,
    busy_timeout_ms: u64,
) -> Attempt<()> {
    connection.busy_timeout(Duration::from_millis(busy_timeout_ms))?;
    connection.set_prepared_statement_cache_capacity(32);
    // Without it SQLite prepares a cached statement anew for every value that is bound to it.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // One snapshot: another process may make the tables between two reads.
    let version = self::version(&*connection.transaction()?, path)?;
    if version == 0 {
        // Works only before the first table is made; lets a purge give space back.
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    }
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        return Err(
            failure::at(path, format!("the store needs a write-ahead log, its file system allows {mode}")).into()
        );
    }
    connection.pragma_update(None, "synchronous", if synchronous == Synchronous::Full { "FULL" } else { "NORMAL" })?;
    // The log file shrinks again after an unusually large transaction.
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    if version < VERSION {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Another process may have been first.
        let version = self::version(&transaction, path)?;
        if version < 1 {
            transaction.execute_batch(TABLES)?;
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        }
        if version < 2 {
            transaction.execute_batch(FACTS)?;
        }
        transaction.pragma_update(None, "user_version", VERSION)?;
        transaction.commit()?;
    }
    Ok(())
}

/// The version of the tables, 0 when the file is still empty; an error when it is neither empty nor ours.
fn version(connection: &Connection, path: &Path) -> Attempt<i32> {
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
    let (application, version) = (number("application_id")?, number("user_version")?);
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    match (application, version) {
        (0, 0) if tables == 0 => Ok(0),
        (APPLICATION_ID, version @ 1..=VERSION) => Ok(version),
        (APPLICATION_ID, newer) => {
            let message = format!("expected a store of version {VERSION}, found version {newer}: use a newer Headroom");
            Err(failure::at(path, message).into())
        }
        _ => Err(failure::at(path, "expected a store of Headroom, found another program's SQLite database").into()),
    }
}

/// Gives the space of what was removed back to the disk.
pub(super) fn shrink(connection: &Connection) -> rusqlite::Result<()> {
    for pragma in ["PRAGMA incremental_vacuum", "PRAGMA wal_checkpoint(TRUNCATE)"] {
        let mut statement = connection.prepare(pragma)?;
        let mut rows = statement.query([])?;
        while rows.next()?.is_some() {}
    }
    Ok(())
}
