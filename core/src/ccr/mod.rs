//! Retrieval (CCR: compress, cache, retrieve): markers, stores of originals, and the tool that gives them back.

mod marker;
mod store;

pub use marker::{Hash, Marker, RETRIEVE_TOOL};
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
pub fn carries_marker(_: &str) -> bool {
    false
}
pub fn markers_in(_: &str) -> Vec<Hash> {
    vec![]
}
