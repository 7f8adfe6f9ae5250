//! One file a transform, and the registry that names them all.

#[cfg(feature = "code")]
mod code;
mod diff;
mod html;
mod json;
mod lines;
mod listing;
mod log_fold;
mod manifest;
mod metrics;
mod mixed;
mod opaque;
mod prose;
mod repeats;
mod sample;
mod search_results;
mod shared_start;
mod table;
#[cfg(test)]
mod testing;
mod whitespace;

#[cfg(feature = "code")]
pub use code::Code;
pub use diff::Diff;
pub use html::Html;
pub use json::JsonTable;
pub use listing::Listing;
pub use log_fold::LogFold;
pub use manifest::Manifest;
pub use metrics::Metrics;
pub use mixed::Mixed;
pub use opaque::Opaque;
pub use prose::Prose;
pub use repeats::{Repeat, Repeats, Shown, Sighting};
pub use search_results::SearchResults;
pub use table::Table;
pub use whitespace::Whitespace;

use crate::detect::ContentKind;
use crate::transform::{Fit, Part, Transform};

/// Every transform, in the order in which they are asked: the first that is sure is taken.
///
/// [`Repeats`] is not among them: it looks at a whole conversation, not at one part.
#[must_use]
pub fn all() -> Vec<Box<dyn Transform>> {
    let mut all = single();
    // Behind those that know what may stand around their content.
    let place = all.iter().position(|transform| transform.name() == Diff.name()).map_or(0, |place| place + 1);
    all.insert(place, Box::new(Mixed::new(single())));
    all
}

/// Every transform for text of one kind, in order.
fn single() -> Vec<Box<dyn Transform>> {
    vec![
        Box::new(Html),
        Box::new(SearchResults),
        Box::new(JsonTable),
        Box::new(Diff),
        #[cfg(feature = "code")]
        Box::new(Code),
        Box::new(Metrics),
        Box::new(Table),
        Box::new(Listing),
        Box::new(Manifest),
        Box::new(LogFold),
        Box::new(Prose),
        Box::new(Opaque),
        Box::new(Whitespace),
    ]
}

/// A transform this confident is taken without asking the ones after it.
const SURE: f32 = 0.9;

/// The first transform that is sure, else the one with the highest confidence, by the order of the list.
pub(crate) fn best_fit(transforms: &[Box<dyn Transform>], part: &Part<'_>) -> Option<(usize, ContentKind)> {
    let mut best: Option<(usize, ContentKind, f32)> = None;
    for (index, transform) in transforms.iter().enumerate() {
        if let Fit::Yes(kind, confidence) = transform.fit(part)
            && best.is_none_or(|(_, _, highest)| confidence > highest)
        {
            best = Some((index, kind, confidence));
            if confidence >= SURE {
                break;
            }
        }
    }
    best.map(|(index, kind, _)| (index, kind))
}

/// What a part is taken for: the kind under which its transform takes it, [`ContentKind::Text`] when none does.
#[must_use]
pub fn kind_of(part: &Part<'_>) -> ContentKind {
    best_fit(&all(), part).map_or(ContentKind::Text, |(_, kind)| kind)
}
