//! Retrieval (CCR: compress, cache, retrieve): markers, stores of originals, and the tool that gives them back.

mod clock;
#[cfg(test)]
mod contract;
mod marker;
mod memory;
mod open;
mod retention;
#[cfg(feature = "sqlite")]
mod sqlite;
mod store;

pub use clock::Clock;
pub use marker::{Hash, Marker, RETRIEVE_TOOL, carries_marker, markers_in};
pub use memory::MemoryStore;
pub use open::{DEFAULT_FILE_NAME, DEFAULT_MEMORY_BYTES, open_store};
#[cfg(feature = "sqlite")]
pub use sqlite::{SqliteOptions, SqliteStore, Synchronous};
pub use store::{Lookup, Original, Store, StoreEntry, StoreStats};
#[derive(Debug, Clone, Default)]
pub struct Certificate;
pub struct CertifiedBlock {
    pub path: String,
    pub transform: String,
    pub lossless: bool,
    pub before: String,
    pub after: String,
    pub hashes: Vec<Hash>,
}
impl Certificate {
    pub fn new(_: impl Iterator<Item = CertifiedBlock>) -> Self {
        Self
    }
}
