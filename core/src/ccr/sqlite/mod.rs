//! A store in a SQLite file, shared by processes and threads.

mod database;
mod failure;
mod rows;
mod schema;
#[cfg(test)]
mod tests;
mod value;

use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use self::database::Database;
use self::value::Value;
use super::retention;
use super::{Clock, Hash, Lookup, Original, Store, StoreEntry, StoreStats};
use crate::error::{Error, ErrorKind, Result};

/// When a transaction counts as safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Synchronous {
    /// It survives `kill -9` of every process; power loss may cost the last ones, never the file. The default.
    #[default]
    Normal,
    /// It survives power loss, too, for a wait on the disk with every new original.
    Full,
}

/// What a caller may set for a SQLite store.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    /// The bound on stored bytes, that is: compressed, with a flat 256 an original. Default: 512 MiB.
    ///
    /// # Sources
    /// Chosen by hand: 2,000 originals of 50 KB are a busy day of an agent and take about 25 MB compressed, so this
    /// holds more than the week for which nothing may go, and no developer's disk notices.
    pub max_bytes: u64,
    /// Default: normal.
    pub synchronous: Synchronous,
    /// How long to wait for another process that writes, in milliseconds. Default: 5,000.
    pub busy_timeout_ms: u64,
    /// The clock that ages originals. Default: the machine's.
    pub clock: Clock,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            max_bytes: 512 << 20,
            synchronous: Synchronous::default(),
            busy_timeout_ms: 5_000,
            clock: Clock::default(),
        }
    }
}

/// Keeps originals in a SQLite file that processes and threads may use at once.
///
/// Texts are compressed with zstd where that helps and checked against their BLAKE3 hash whenever they are read: a
/// damaged one is an error, never a wrong text. An original that is known costs reads only, unless it was last shown
/// an hour ago or more.
///
/// After a `fork` the child opens connections of its own. That cannot work when another thread of the parent used the
/// store at the moment of the fork; the child then gets an error that says so. A file that was deleted or replaced
/// while the store was open is opened, or made, again.
#[derive(Debug)]
pub struct SqliteStore {
    database: Arc<Database>,
    max_bytes: u64,
    clock: Clock,
}

impl SqliteStore {
    /// Opens the database at `path`, and makes it first when it is not there: the file readable by its owner only
    /// (0600), folders that are missing, too (0700).
    ///
    /// # Errors
    /// [`ErrorKind::Storage`], naming the file, when it cannot be made or opened, is damaged, is no SQLite database, is
    /// another program's or a newer version's.
    pub fn open(path: impl AsRef<Path>, options: SqliteOptions) -> Result<Self> {
        let database = Database::open(path.as_ref(), options.synchronous, options.busy_timeout_ms)?;
        Ok(Self { database, max_bytes: options.max_bytes, clock: options.clock })
    }

    /// Reads with the connection for reads, which no writer of this process holds up.
    fn read<T>(&self, action: &'static str, work: impl FnOnce(&Connection) -> Attempt<T>) -> Result<T> {
        self.database.read(
            |connection| {
                // One snapshot for all that is read.
                let transaction = connection.unchecked_transaction().map_err(Failure::Sqlite)?;
                work(&transaction)
            },
            action,
        )
    }

    /// Writes in one transaction, kept only if `work` succeeds.
    fn write<T>(&self, action: &'static str, work: impl FnOnce(&Transaction<'_>) -> Attempt<T>) -> Result<T> {
        self.database.write(|connection| in_transaction(connection, work), action)
    }

    /// The full hashes, and the values of those that have to be written.
    fn plan<'a>(&self, originals: &'a [Original<'a>], now_s: u64) -> Result<Vec<Planned<'a>>> {
        let mut planned = Vec::with_capacity(originals.len());
        for original in originals {
            planned.push(Planned { original, digest: retention::digest_of(original)?, value: None, is_new: false });
        }
        let due = self.read("read", |connection| {
            let mut due = Vec::new();
            for (index, plan) in planned.iter().enumerate() {
                match rows::known(connection, plan.original.hash)? {
                    Some(known) if known.digest != plan.digest => {
                        return Err(retention::collision(plan.original).into());
                    }
                    Some(known) if known.is_whole && !retention::is_touch_due(known.shown_s, now_s) => {}
                    _ => due.push(index),
                }
            }
            Ok(due)
        })?;
        if due.is_empty() {
            return Ok(Vec::new());
        }
        // The whole request goes through the transaction, so that none of it goes to make room for the rest of it.
        for index in due {
            planned[index].value = Some(Value::of(&planned[index].original.text));
        }
        Ok(planned)
    }

    /// Whether all of them lie there with exactly their texts.
    fn has_all(&self, originals: &[Original<'_>]) -> bool {
        let found = self.read("read", |connection| {
            for original in originals {
                if !rows::reads_back(connection, original)? {
                    return Ok(false);
                }
            }
            Ok(true)
        });
        found.unwrap_or(false)
    }

    fn look_up(&self, hash: Hash) -> Result<Lookup> {
        self.read("read", |connection| match rows::found(connection, hash)? {
            Some(found) => Ok(Lookup::Found { retrieval_count: found.retrieval_count, original: found.checked(hash)? }),
            None if rows::is_gone(connection, hash)? => Ok(Lookup::Expired),
            None => Ok(Lookup::NotFound),
        })
    }
}

/// An original on its way in.
struct Planned<'a> {
    original: &'a Original<'a>,
    digest: [u8; 32],
    /// Made when it is expected to be written, outside of the transaction, since it takes most of the time.
    value: Option<Value<'a>>,
    is_new: bool,
}

/// Why an attempt failed: SQLite says so, or we do.
enum Failure {
    Sqlite(rusqlite::Error),
    Own(Error),
}

type Attempt<T> = std::result::Result<T, Failure>;

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Own(error)
    }
}

fn in_transaction<T>(connection: &mut Connection, work: impl FnOnce(&Transaction<'_>) -> Attempt<T>) -> Attempt<T> {
    // Immediate: a transaction that began as a reader may be refused when it wants to write.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let result = work(&transaction)?;
    transaction.commit()?;
    Ok(result)
}

impl Store for SqliteStore {
    fn kind(&self) -> &'static str {
        "sqlite"
    }

    fn put(&self, originals: &[Original<'_>]) -> Result<()> {
        self.put_and_remember(originals, &[])
    }

    fn put_and_remember(&self, originals: &[Original<'_>], facts: &[([u8; 16], Vec<u8>)]) -> Result<()> {
        let now_s = self.clock.now_s();
        let mut planned = self.plan(originals, now_s)?;
        if planned.is_empty() && facts.is_empty() {
            return Ok(());
        }
        let written = self.database.write(
            |connection| {
                in_transaction(connection, |transaction| {
                    for plan in &mut planned {
                        store_one(transaction, plan, now_s)?;
                    }
                    rows::insert_facts(transaction, facts, now_s)?;
                    rows::make_room(transaction, self.max_bytes, now_s)
                })?;
                for plan in planned.iter().filter(|plan| plan.is_new) {
                    if !rows::reads_back(connection, plan.original)? {
                        rows::forget(connection, plan.original.hash)?;
                        let error = Error::new(ErrorKind::Storage, "an original did not read back as it was written");
                        return Err(error.with("hash", plan.original.hash.to_string()).into());
                    }
                }
                Ok(())
            },
            "write",
        );
        match written {
            // What is there already is safe: a full disk is no reason to do without it.
            Err(error) if !originals.is_empty() && self.has_all(originals) => {
                log::warn!(target: "headroom", "known originals are not marked as shown, nor new facts kept: {error}");
                Ok(())
            }
            written => written,
        }
    }

    fn get(&self, hash: Hash) -> Result<Lookup> {
        let mut lookup = self.look_up(hash)?;
        if let Lookup::Found { retrieval_count, .. } = &mut lookup {
            let now_s = self.clock.now_s();
            match self.write("write", |transaction| rows::count_retrieval(transaction, hash, now_s)) {
                Ok(Some(count)) => *retrieval_count = count,
                Ok(None) => *retrieval_count += 1,
                // The original is there: a full disk is no reason to withhold it.
                Err(error) => {
                    log::warn!("a retrieval was answered but not counted: {error}");
                    *retrieval_count += 1;
                }
            }
        }
        Ok(lookup)
    }

    fn peek(&self, hash: Hash) -> Result<Lookup> {
        self.look_up(hash)
    }

    fn list(&self) -> Result<Vec<StoreEntry>> {
        self.read("read", rows::list)
    }

    fn purge(&self, older_than_s: u64) -> Result<u64> {
        let now_s = self.clock.now_s();
        let removed = self.write("write", |transaction| rows::purge(transaction, older_than_s, now_s))?;
        if removed > 0 {
            // What is left to do only gives space back to the disk.
            let result = self.database.write(|connection| schema::shrink(connection).map_err(Failure::Sqlite), "write");
            if let Err(error) = result {
                log::warn!("the store was purged but its file did not shrink: {error}");
            }
        }
        Ok(removed)
    }

    fn stats(&self) -> Result<StoreStats> {
        let max_bytes = self.max_bytes;
        self.read("read", |connection| rows::stats(connection, max_bytes))
    }

    fn recall(&self, keys: &[[u8; 16]]) -> Result<Vec<Option<Vec<u8>>>> {
        self.read("read", |connection| {
            Ok(keys.iter().map(|key| rows::fact(connection, key)).collect::<Result<_, _>>()?)
        })
    }

    fn remember(&self, facts: &[([u8; 16], Vec<u8>)]) -> Result<()> {
        self.put_and_remember(&[], facts)
    }
}

/// Stores one original, or marks it as shown when it is there.
fn store_one(transaction: &Transaction<'_>, plan: &mut Planned<'_>, now_s: u64) -> Attempt<()> {
    let hash = plan.original.hash;
    match rows::known(transaction, hash)? {
        Some(known) if known.digest != plan.digest => return Err(retention::collision(plan.original).into()),
        Some(known) if !retention::is_touch_due(known.shown_s, now_s) && known.is_whole => return Ok(()),
        // Rarely enough to look at all of it, and mended if it is damaged.
        Some(_) if rows::reads_back(transaction, plan.original)? => return rows::touch(transaction, hash, now_s),
        Some(_) => rows::forget(transaction, hash)?,
        None => {}
    }
    let value = plan.value.get_or_insert_with(|| Value::of(&plan.original.text));
    rows::insert(transaction, plan.original, plan.digest, value, now_s)?;
    plan.is_new = true;
    Ok(())
}
