//! One file a transform, and the registry that names them all.

mod diff;
mod html;
mod json;
mod lines;
mod log_fold;
mod opaque;
mod prose;
mod repeats;
mod search_results;
#[cfg(test)]
mod testing;
mod whitespace;

pub use diff::Diff;
pub use html::Html;
pub use json::JsonTable;
pub use log_fold::LogFold;
pub use opaque::Opaque;
pub use prose::Prose;
pub use repeats::{Repeat, Repeats, Shown, Sighting};
pub use search_results::SearchResults;
pub use whitespace::Whitespace;

use crate::transform::Transform;

/// Every transform, in the order in which they are asked: the first that is sure is taken.
///
/// [`Repeats`] is not among them: it looks at a whole conversation, not at one part.
#[must_use]
pub fn all() -> Vec<Box<dyn Transform>> {
    vec![
        Box::new(Html),
        Box::new(SearchResults),
        Box::new(JsonTable),
        Box::new(Diff),
        Box::new(LogFold),
        Box::new(Prose),
        Box::new(Opaque),
        Box::new(Whitespace),
    ]
}
