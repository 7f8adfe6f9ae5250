//! Retrieval (CCR: compress, cache, retrieve): markers, stores of originals, and the tool that gives them back.

mod marker;
mod store;

pub use marker::{Hash, Marker, RETRIEVE_TOOL};
pub use store::{Lookup, Original, Store, StoreEntry, StoreStats};
