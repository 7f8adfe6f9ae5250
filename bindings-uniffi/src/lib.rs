//! The engine for Kotlin, Swift, Ruby and Python, by uniffi.
//!
//! Conversations come and go as JSON text. Extensions, progress handlers and loggers are foreign traits; each is called
//! with an object whose setters change what the engine goes on with. Plain ones run on a thread that may wait, async ones
//! where their caller waits.

#![expect(clippy::needless_pass_by_value, reason = "uniffi gives owned values")]

mod compress;
mod declarations;
mod door;
mod drive;
mod engines;
mod error;
mod event;
mod extension;
mod logging;
mod manager;
mod options;
mod progress;
mod report;
mod result;
mod retrieve;
mod stage;

pub use compress::{compress, compress_async};
pub use declarations::{Declarations, FailurePolicy, Filter};
pub use error::HeadroomError;
pub use event::PipelineEvent;
pub use extension::{AsyncPipelineExtension, PipelineExtension, Registration};
pub use logging::{LogLevel, Logger, set_logger};
pub use manager::PipelineExtensionManager;
pub use options::{CompressOptions, Mode};
pub use progress::{AsyncProgressHandler, Bias, Progress, ProgressEvent, ProgressHandler, ProgressKind};
pub use report::{BlockReport, BudgetReport, Invocation, Outcome, Report};
pub use result::{CompressResult, StepTiming};
pub use retrieve::{answer_tool_call, retrieve, retrieve_tool};
pub use stage::PipelineStage;

uniffi::setup_scaffolding!("headroom");
