//! One file a transform, and the registry that names them all.

mod diff;
mod opaque;
mod repeats;
#[cfg(test)]
mod testing;
mod whitespace;

pub use diff::Diff;
pub use opaque::Opaque;
pub use repeats::{Repeat, Repeats, Shown, Sighting};
pub use whitespace::Whitespace;

use crate::transform::Transform;

/// Every transform, in the order that decides between equally sure ones.
///
/// [`Repeats`] is not among them: it looks at a whole conversation, not at one part.
#[must_use]
pub fn all() -> Vec<Box<dyn Transform>> {
    vec![Box::new(Diff), Box::new(Opaque), Box::new(Whitespace)]
}
