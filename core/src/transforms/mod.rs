//! One file a transform, and the registry that names them all.

mod diff;
mod json;
mod lines;
mod listing;
mod log_fold;
mod manifest;
mod metrics;
mod opaque;
mod repeats;
mod search_results;
mod shared_start;
mod table;
#[cfg(test)]
mod testing;
mod whitespace;

pub use diff::Diff;
pub use json::JsonTable;
pub use listing::Listing;
pub use log_fold::LogFold;
pub use manifest::Manifest;
pub use metrics::Metrics;
pub use opaque::Opaque;
pub use repeats::{Repeat, Repeats, Shown, Sighting};
pub use search_results::SearchResults;
pub use table::Table;
pub use whitespace::Whitespace;

use crate::transform::Transform;

/// Every transform, in the order in which they are asked: the first that is sure is taken.
///
/// [`Repeats`] is not among them: it looks at a whole conversation, not at one part.
#[must_use]
pub fn all() -> Vec<Box<dyn Transform>> {
    vec![
        Box::new(SearchResults),
        Box::new(JsonTable),
        Box::new(Diff),
        Box::new(Metrics),
        Box::new(Table),
        Box::new(Listing),
        Box::new(Manifest),
        Box::new(LogFold),
        Box::new(Opaque),
        Box::new(Whitespace),
    ]
}
