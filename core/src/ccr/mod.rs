//! Retrieval (CCR: compress, cache, retrieve): markers, stores of originals, and the tool that gives them back.

mod certificate;
mod clock;
#[cfg(test)]
mod contract;
mod lines;
mod marker;
mod matches;
mod memory;
mod open;
mod retention;
mod retrieve;
#[cfg(feature = "sqlite")]
mod sqlite;
mod store;
mod tool;
mod units;

pub use certificate::{Certificate, CertifiedBlock, EditKind, Problem, VerifyReport, verify};
pub use clock::Clock;
pub use marker::{Hash, Marker, RETRIEVE_TOOL, carries_marker, is_retrieve_tool, markers_in};
pub use memory::MemoryStore;
pub use open::{DEFAULT_FILE_NAME, DEFAULT_MEMORY_BYTES, open_store};
pub use retrieve::{Retrieved, retrieve};
#[cfg(feature = "sqlite")]
pub use sqlite::{SqliteOptions, SqliteStore, Synchronous};
pub use store::{Lookup, Original, Store, StoreEntry, StoreStats};
pub use tool::{answer_tool_call, refuse_tool_call, retrieve_tool};
