//! One file a transform, and the registry that names them all.

mod diff;
mod json;
mod lines;
mod log_fold;
mod mixed;
mod opaque;
mod repeats;
mod search_results;
#[cfg(test)]
mod testing;
mod whitespace;

pub use diff::Diff;
pub use json::JsonTable;
pub use log_fold::LogFold;
pub use mixed::Mixed;
pub use opaque::Opaque;
pub use repeats::{Repeat, Repeats, Shown, Sighting};
pub use search_results::SearchResults;
pub use whitespace::Whitespace;

use crate::detect::ContentKind;
use crate::transform::{Fit, Part, Transform};

/// Every transform, in the order in which they are asked: the first that is sure is taken.
///
/// [`Repeats`] is not among them: it looks at a whole conversation, not at one part.
#[must_use]
pub fn all() -> Vec<Box<dyn Transform>> {
    let mut all = single();
    // Behind those that know what stands around their content, before those that take lines of any kind.
    let place = all.iter().position(|transform| transform.name() == LogFold.name()).unwrap_or(all.len());
    all.insert(place, Box::new(Mixed::new(single())));
    all
}

/// Every transform for text of one kind, in order.
fn single() -> Vec<Box<dyn Transform>> {
    vec![
        Box::new(SearchResults),
        Box::new(JsonTable),
        Box::new(Diff),
        Box::new(LogFold),
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
