//! One file a transform, and the registry that names them all.

#[cfg(feature = "code")]
mod code;
mod diff;
mod json;
mod lines;
mod log_fold;
mod opaque;
mod repeats;
mod search_results;
#[cfg(test)]
mod testing;
mod whitespace;

#[cfg(feature = "code")]
pub use code::Code;
pub use diff::Diff;
pub use json::JsonTable;
pub use log_fold::LogFold;
pub use opaque::Opaque;
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
        Box::new(SearchResults),
        Box::new(JsonTable),
        Box::new(Diff),
        #[cfg(feature = "code")]
        Box::new(Code),
        Box::new(LogFold),
        Box::new(Opaque),
        Box::new(Whitespace),
    ]
}
