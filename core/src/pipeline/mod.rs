//! The lifecycle of a request: stages, events, dispatch, compression steps and the report.

mod dispatch;
mod event;
mod manager;
mod stage;

pub use dispatch::{Flow, Invocation};
pub use event::{Metadata, PipelineEvent, Twin};
pub use manager::PipelineExtensionManager;
pub use stage::{PipelineStage, StageSet, Writable};
