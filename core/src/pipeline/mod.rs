//! The lifecycle of a request: stages, events, dispatch, compression steps and the report.

mod event;
mod stage;

pub use event::{Metadata, PipelineEvent, Twin};
pub use stage::{PipelineStage, StageSet, Writable};
