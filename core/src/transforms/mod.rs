//! One file a transform, and the registry that names them all.

pub(crate) mod lines;
pub mod log_fold;
pub mod search_results;
