//! The lifecycle of a request: stages, events, dispatch, compression steps and the report.

mod call;
mod compression;
mod decision;
mod dispatch;
mod engine;
mod event;
mod facts;
mod hooks;
mod manager;
mod plan;
mod plan_budget;
mod plan_output;
mod plan_work;
mod progress;
mod report;
mod run;
mod stage;
mod unseen;

pub use call::{Call, CompressResult};
pub use dispatch::{Flow, Invocation};
pub use engine::{Engine, OpenStore};
pub use event::{Metadata, PipelineEvent, Twin};
pub use hooks::{CompressContext, CompressEvent, CompressionHooks};
pub use manager::PipelineExtensionManager;
pub use progress::{Biases, ProgressEvent, ProgressHandler, ProgressKind, Step};
pub use report::{BlockReport, BudgetReport, PipelineTiming, Report, StepTiming};
pub use run::{ResponseFacts, Run};
pub use stage::{PipelineStage, StageSet, Writable};
