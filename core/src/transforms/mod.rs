//! One file a transform, and the registry that names them all.

mod json;

pub use json::JsonTable;

use crate::transform::Transform;

/// Every transform, in the order that decides between equally sure ones.
#[must_use]
pub fn all() -> Vec<Box<dyn Transform>> {
    vec![Box::new(JsonTable)]
}
