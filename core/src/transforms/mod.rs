//! One file a transform, and the registry that names them all.

pub mod json;
