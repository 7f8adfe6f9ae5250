//! What a store of originals is.

use std::borrow::Cow;

use super::Hash;
use crate::error::Result;

/// An original on its way into a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Original<'a> {
    /// Its hash.
    pub hash: Hash,
    /// Its text.
    pub text: Cow<'a, str>,
    /// Tokens of the text with the request's tokenizer.
    pub tokens: u64,
    /// Units (rows, lines …) in the original.
    pub items: usize,
    /// Units that the first marker left visible.
    pub items_shown: usize,
    /// The tool that produced it; empty when unknown.
    pub tool_name: String,
}

/// The answer to a look-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// Here it is, with how often it was asked for, this time included.
    Found {
        /// The original and what is known about it.
        original: Original<'static>,
        /// How often it was retrieved, this time included.
        retrieval_count: u64,
    },
    /// It was stored once and went by age or by the byte bound.
    Expired,
    /// It was never stored here.
    NotFound,
}

/// A line of `headroom store list`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct StoreEntry {
    /// The hash, as 24 hex digits.
    pub hash: String,
    /// Bytes of the original.
    pub bytes: u64,
    /// Bytes as stored, with a flat 256 for what the store keeps beside the text.
    pub stored_bytes: u64,
    /// Tokens of the original.
    pub tokens: u64,
    /// The tool that produced it.
    pub tool_name: String,
    /// Seconds since the epoch at which it was first stored.
    pub created_s: u64,
    /// Seconds since the epoch at which a request last showed or retrieved it, up to an hour behind.
    pub shown_s: u64,
    /// How often it was retrieved.
    pub retrieval_count: u64,
}

/// Totals of a store.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct StoreStats {
    /// Originals held.
    pub entries: u64,
    /// Bytes of the originals.
    pub bytes: u64,
    /// Bytes as stored, with a flat 256 an original for what the store keeps beside the text.
    pub stored_bytes: u64,
    /// The bound on stored bytes.
    pub max_bytes: u64,
    /// Retrievals answered since the store was made.
    pub retrievals: u64,
}

/// Keeps originals. Safe to share between threads; implementations say whether processes may share one.
pub trait Store: Send + Sync {
    /// A short name for events and reports, such as `memory` or `sqlite`.
    fn kind(&self) -> &'static str;

    /// Stores all originals in one transaction and reads each back equal, or stores none. An original that is already
    /// there counts as shown now. When the byte bound is reached, entries that no request has shown for 7 days go first.
    ///
    /// # Errors
    /// [`StoreFull`](crate::ErrorKind::StoreFull) when the byte bound is reached and nothing may go yet,
    /// [`Storage`](crate::ErrorKind::Storage) when anything else keeps an original from being safely stored; then no
    /// marker may be written.
    fn put(&self, originals: &[Original<'_>]) -> Result<()>;

    /// Looks an original up and counts the retrieval.
    ///
    /// # Errors
    /// [`Storage`](crate::ErrorKind::Storage) when the store cannot be read.
    fn get(&self, hash: Hash) -> Result<Lookup>;

    /// Looks an original up without counting it as a retrieval or a showing.
    ///
    /// # Errors
    /// [`Storage`](crate::ErrorKind::Storage) when the store cannot be read.
    fn peek(&self, hash: Hash) -> Result<Lookup>;

    /// All entries, newest first.
    ///
    /// # Errors
    /// [`Storage`](crate::ErrorKind::Storage) when the store cannot be read.
    fn list(&self) -> Result<Vec<StoreEntry>>;

    /// Removes entries that no request has shown for `older_than_s` seconds (0: all) and says how many.
    ///
    /// # Errors
    /// [`Storage`](crate::ErrorKind::Storage) when the store cannot be written.
    fn purge(&self, older_than_s: u64) -> Result<u64>;

    /// Totals.
    ///
    /// # Errors
    /// [`Storage`](crate::ErrorKind::Storage) when the store cannot be read.
    fn stats(&self) -> Result<StoreStats>;

    /// What [`remember`](Self::remember) kept under these keys, in their order. By default nothing.
    ///
    /// # Errors
    /// [`Storage`](crate::ErrorKind::Storage) when the store cannot be read.
    fn recall(&self, keys: &[[u8; 16]]) -> Result<Vec<Option<Vec<u8>>>> {
        Ok(vec![None; keys.len()])
    }

    /// Keeps what takes time to find out again: token counts, and what blocks became. A store may forget all of it at any
    /// time, and by default it keeps none.
    ///
    /// # Errors
    /// [`Storage`](crate::ErrorKind::Storage) when the store cannot be written.
    fn remember(&self, facts: &[([u8; 16], Vec<u8>)]) -> Result<()> {
        let _ = facts;
        Ok(())
    }

    /// [`put`](Self::put), then [`remember`](Self::remember), in one transaction where there are any.
    ///
    /// # Errors
    /// As for [`put`](Self::put); facts that cannot be kept are no error.
    fn put_and_remember(&self, originals: &[Original<'_>], facts: &[([u8; 16], Vec<u8>)]) -> Result<()> {
        self.put(originals)?;
        if let Err(error) = self.remember(facts) {
            log::warn!(target: "headroom", "what was found out about new blocks is not kept: {error}");
        }
        Ok(())
    }
}
