//! One file a transform, and the registry that names them all.
pub fn all() -> Vec<Box<dyn crate::transform::Transform>> {
    vec![]
}
