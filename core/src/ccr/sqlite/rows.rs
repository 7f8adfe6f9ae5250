//! The statements: what a store does with its rows.

use std::borrow::Cow;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::super::retention::{self, ENTRY_BYTES, FACTS_MAX_BYTES, TOMBSTONES_MAX};
use super::super::{Hash, Original, StoreEntry, StoreStats};
use super::Attempt;
use super::value::{self, Value};
use crate::error::{Error, ErrorKind, Result};

/// What is known about an original without its text.
pub(super) struct Known {
    pub(super) digest: [u8; 32],
    pub(super) shown_s: u64,
    /// Whether as many bytes lie there as were written.
    pub(super) is_whole: bool,
}

/// An original as it lies there, not yet checked.
pub(super) struct Found {
    original: Original<'static>,
    digest: [u8; 32],
    bytes: u64,
    encoding: i64,
    /// `None` when the row of the body is missing.
    body: Option<Vec<u8>>,
    pub(super) retrieval_count: u64,
}

impl Found {
    /// The original, if its text is the one that was stored.
    pub(super) fn checked(self, hash: Hash) -> Result<Original<'static>> {
        let text = self
            .body
            .and_then(|body| value::read(body, self.encoding, self.bytes))
            .filter(|text| *blake3::hash(text.as_bytes()).as_bytes() == self.digest && self.digest[..12] == hash.0);
        match text {
            Some(text) => Ok(Original { text: Cow::Owned(text), ..self.original }),
            None => {
                Err(Error::new(ErrorKind::Storage, "the stored original is damaged").with("hash", hash.to_string()))
            }
        }
    }
}

pub(super) fn known(connection: &Connection, hash: Hash) -> rusqlite::Result<Option<Known>> {
    connection
        .prepare_cached(
            "SELECT o.digest, o.shown_s, length(b.body) IS o.body_bytes
             FROM originals o LEFT JOIN bodies b ON b.id = o.id WHERE o.hash = ?1",
        )?
        .query_row([&hash.0[..]], |row| {
            Ok(Known { digest: digest(row, 0)?, shown_s: number(row, 1)?, is_whole: row.get(2)? })
        })
        .optional()
}

pub(super) fn found(connection: &Connection, hash: Hash) -> rusqlite::Result<Option<Found>> {
    connection
        .prepare_cached(
            "SELECT o.digest, o.bytes, o.encoding, o.tokens, o.items, o.items_shown, o.tool_name, o.retrievals, b.body
             FROM originals o LEFT JOIN bodies b ON b.id = o.id WHERE o.hash = ?1",
        )?
        .query_row([&hash.0[..]], |row| {
            let original = Original {
                hash,
                text: Cow::Borrowed(""),
                tokens: number(row, 3)?,
                items: size(row, 4)?,
                items_shown: size(row, 5)?,
                tool_name: row.get(6)?,
            };
            Ok(Found {
                original,
                digest: digest(row, 0)?,
                bytes: number(row, 1)?,
                encoding: row.get(2)?,
                retrieval_count: number(row, 7)?,
                body: row.get(8)?,
            })
        })
        .optional()
}

/// Whether the original was stored once and is no longer there.
pub(super) fn is_gone(connection: &Connection, hash: Hash) -> rusqlite::Result<bool> {
    connection.prepare_cached("SELECT 1 FROM tombstones WHERE hash = ?1")?.exists([&hash.0[..]])
}

/// Whether the original lies there with exactly its text.
pub(super) fn reads_back(connection: &Connection, original: &Original<'_>) -> Attempt<bool> {
    let found = found(connection, original.hash)?;
    Ok(found.is_some_and(|found| found.checked(original.hash).is_ok_and(|stored| stored.text == original.text)))
}

pub(super) fn insert(
    connection: &Connection,
    original: &Original<'_>,
    digest: [u8; 32],
    value: &Value<'_>,
    now_s: u64,
) -> Attempt<()> {
    let body_bytes = value.body.len() as u64;
    let stored_bytes = body_bytes + original.tool_name.len() as u64 + ENTRY_BYTES;
    let bytes = original.text.len() as u64;
    connection
        .prepare_cached(
            "INSERT INTO originals(hash, digest, bytes, body_bytes, stored_bytes, encoding, tokens, items, items_shown,
                 tool_name, created_s, shown_s) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11)",
        )?
        .execute(params![
            &original.hash.0[..],
            &digest[..],
            integer(bytes),
            integer(body_bytes),
            integer(stored_bytes),
            value.encoding as i64,
            integer(original.tokens),
            integer(original.items as u64),
            integer(original.items_shown as u64),
            original.tool_name,
            integer(now_s),
        ])?;
    let id = connection.last_insert_rowid();
    connection.prepare_cached("INSERT INTO bodies(id, body) VALUES (?1, ?2)")?.execute(params![id, &*value.body])?;
    connection.prepare_cached("DELETE FROM tombstones WHERE hash = ?1")?.execute([&original.hash.0[..]])?;
    add_to_totals(connection, 1, integer(bytes), integer(stored_bytes))?;
    Ok(())
}

/// What is kept under a key.
pub(super) fn fact(connection: &Connection, key: &[u8; 16]) -> rusqlite::Result<Option<Vec<u8>>> {
    connection
        .prepare_cached("SELECT value FROM facts WHERE key = ?1")?
        .query_row([&key[..]], |row| row.get(0))
        .optional()
}

/// Keeps facts, and removes the oldest beyond [`FACTS_MAX_BYTES`].
pub(super) fn insert_facts(connection: &Connection, facts: &[([u8; 16], Vec<u8>)], now_s: u64) -> Attempt<()> {
    let mut insert = connection
        .prepare_cached("INSERT INTO facts(key, value, made_s) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")?;
    for (key, value) in facts {
        insert.execute(params![&key[..], &value[..], integer(now_s)])?;
    }
    let bytes = || connection.prepare_cached("SELECT bytes FROM facts_total")?.query_row([], |row| number(row, 0));
    while bytes()? > FACTS_MAX_BYTES {
        let removed = connection
            .prepare_cached("DELETE FROM facts WHERE id IN (SELECT id FROM facts ORDER BY id LIMIT 256)")?
            .execute([])?;
        if removed == 0 {
            break;
        }
    }
    Ok(())
}

pub(super) fn touch(connection: &Connection, hash: Hash, now_s: u64) -> Attempt<()> {
    connection
        .prepare_cached("UPDATE originals SET shown_s = max(shown_s, ?2) WHERE hash = ?1")?
        .execute(params![&hash.0[..], integer(now_s)])?;
    Ok(())
}

/// Removes an original as if it had never been stored.
pub(super) fn forget(connection: &Connection, hash: Hash) -> Attempt<()> {
    let row = connection
        .prepare_cached("DELETE FROM originals WHERE hash = ?1 RETURNING id, bytes, stored_bytes")?
        .query_row([&hash.0[..]], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?)))
        .optional()?;
    if let Some((id, bytes, stored_bytes)) = row {
        connection.prepare_cached("DELETE FROM bodies WHERE id = ?1")?.execute([id])?;
        add_to_totals(connection, -1, -bytes, -stored_bytes)?;
    }
    Ok(())
}

/// Counts a retrieval and says how many that makes; `None` when the original went in the meantime.
pub(super) fn count_retrieval(connection: &Connection, hash: Hash, now_s: u64) -> Attempt<Option<u64>> {
    let count = connection
        .prepare_cached(
            "UPDATE originals SET retrievals = retrievals + 1, shown_s = max(shown_s, ?2) WHERE hash = ?1
             RETURNING retrievals",
        )?
        .query_row(params![&hash.0[..], integer(now_s)], |row| number(row, 0))
        .optional()?;
    connection.prepare_cached("UPDATE totals SET retrievals = retrievals + 1")?.execute([])?;
    Ok(count)
}

/// Removes what may go, longest unseen first, until the store is within its bound.
pub(super) fn make_room(connection: &Connection, max_bytes: u64, now_s: u64) -> Attempt<()> {
    let stored = || connection.prepare_cached("SELECT stored_bytes FROM totals")?.query_row([], |row| number(row, 0));
    let mut total = stored()?;
    if total <= max_bytes {
        return Ok(());
    }
    if let Some(limit_s) = retention::may_go_before_s(now_s) {
        let mut going = Vec::new();
        let mut statement = connection
            .prepare_cached("SELECT hash, stored_bytes FROM originals WHERE shown_s <= ?1 ORDER BY shown_s, id")?;
        let mut rows = statement.query([integer(limit_s)])?;
        while let Some(row) = rows.next()? {
            if total <= max_bytes {
                break;
            }
            going.push(short_hash(row, 0)?);
            total = total.saturating_sub(number(row, 1)?);
        }
        if total <= max_bytes {
            for hash in going {
                forget(connection, hash)?;
                bury(connection, hash)?;
            }
            forget_old_tombstones(connection)?;
            total = stored()?;
        }
    }
    if total <= max_bytes { Ok(()) } else { Err(retention::full(total, max_bytes).into()) }
}

/// Removes what no request has shown for `older_than_s` seconds and says how many.
pub(super) fn purge(connection: &Connection, older_than_s: u64, now_s: u64) -> Attempt<u64> {
    let limit_s = match older_than_s {
        0 => i64::MAX,
        seconds => match now_s.checked_sub(seconds) {
            Some(limit_s) => integer(limit_s),
            None => return Ok(0),
        },
    };
    connection.execute(
        "INSERT OR IGNORE INTO tombstones(hash) SELECT hash FROM originals WHERE shown_s <= ?1 ORDER BY shown_s, id",
        [limit_s],
    )?;
    connection.execute("DELETE FROM bodies WHERE id IN (SELECT id FROM originals WHERE shown_s <= ?1)", [limit_s])?;
    let removed = connection.execute("DELETE FROM originals WHERE shown_s <= ?1", [limit_s])?;
    connection.execute(
        "UPDATE totals SET (entries, bytes, stored_bytes) =
             (SELECT count(*), coalesce(sum(bytes), 0), coalesce(sum(stored_bytes), 0) FROM originals)",
        [],
    )?;
    connection.execute("DELETE FROM facts WHERE made_s <= ?1", [limit_s])?;
    forget_old_tombstones(connection)?;
    Ok(removed as u64)
}

pub(super) fn list(connection: &Connection) -> Attempt<Vec<StoreEntry>> {
    let mut statement = connection.prepare_cached(
        "SELECT hash, bytes, stored_bytes, tokens, tool_name, created_s, shown_s, retrievals
         FROM originals ORDER BY created_s DESC, id DESC",
    )?;
    let entries = statement.query_map([], |row| {
        Ok(StoreEntry {
            hash: short_hash(row, 0)?.to_string(),
            bytes: number(row, 1)?,
            stored_bytes: number(row, 2)?,
            tokens: number(row, 3)?,
            tool_name: row.get(4)?,
            created_s: number(row, 5)?,
            shown_s: number(row, 6)?,
            retrieval_count: number(row, 7)?,
        })
    })?;
    Ok(entries.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn stats(connection: &Connection, max_bytes: u64) -> Attempt<StoreStats> {
    let mut statement = connection.prepare_cached("SELECT entries, bytes, stored_bytes, retrievals FROM totals")?;
    Ok(statement.query_row([], |row| {
        Ok(StoreStats {
            entries: number(row, 0)?,
            bytes: number(row, 1)?,
            stored_bytes: number(row, 2)?,
            max_bytes,
            retrievals: number(row, 3)?,
        })
    })?)
}

fn bury(connection: &Connection, hash: Hash) -> Attempt<()> {
    connection.prepare_cached("INSERT OR IGNORE INTO tombstones(hash) VALUES (?1)")?.execute([&hash.0[..]])?;
    Ok(())
}

/// New tombstones get the next number, so the oldest have the lowest.
fn forget_old_tombstones(connection: &Connection) -> Attempt<()> {
    connection
        .prepare_cached("DELETE FROM tombstones WHERE id <= (SELECT max(id) FROM tombstones) - ?1")?
        .execute([integer(TOMBSTONES_MAX as u64)])?;
    Ok(())
}

fn add_to_totals(connection: &Connection, entries: i64, bytes: i64, stored_bytes: i64) -> Attempt<()> {
    connection
        .prepare_cached(
            "UPDATE totals SET entries = entries + ?1, bytes = bytes + ?2, stored_bytes = stored_bytes + ?3",
        )?
        .execute([entries, bytes, stored_bytes])?;
    Ok(())
}

/// SQLite's integers end at 2^63 - 1; no size or time here comes near.
fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number that was written as one; a damaged, negative one reads as 0.
fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(u64::try_from(row.get::<_, i64>(column)?).unwrap_or(0))
}

fn size(row: &Row<'_>, column: usize) -> rusqlite::Result<usize> {
    Ok(usize::try_from(number(row, column)?).unwrap_or(usize::MAX))
}

/// A full hash; one of a wrong length reads as zeros, which no text has.
fn digest(row: &Row<'_>, column: usize) -> rusqlite::Result<[u8; 32]> {
    Ok(row.get_ref(column)?.as_blob().ok().and_then(|bytes| bytes.try_into().ok()).unwrap_or_default())
}

fn short_hash(row: &Row<'_>, column: usize) -> rusqlite::Result<Hash> {
    Ok(Hash(row.get_ref(column)?.as_blob().ok().and_then(|bytes| bytes.try_into().ok()).unwrap_or_default()))
}
