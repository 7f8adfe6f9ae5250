//! The four progress events of a compression, for watching it and for adjusting biases while it runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::Metadata;
use super::report::PipelineTiming;
use crate::error::Error;
use crate::extension::BoxFuture;

/// Multipliers of how much to keep, by index in the caller's list: above 1.0 keeps more, below less.
pub type Biases = BTreeMap<usize, f64>;

/// The parts of a compression, in the order in which they run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Biases from hooks and extensions.
    Bias,
    /// Blocks that carry a marker, and results of the retrieval tool, are left as they are.
    Ccr,
    /// Decisions that are known already are replayed.
    Cache,
    /// Repeated content becomes a reference.
    Dedupe,
    /// One transform a block.
    Compression,
    /// Only with a token budget.
    Budget,
}

impl Step {
    /// Its name in events.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bias => "bias",
            Self::Ccr => "ccr",
            Self::Cache => "cache",
            Self::Dedupe => "dedupe",
            Self::Compression => "compression",
            Self::Budget => "budget",
        }
    }
}

/// A progress event with its data.
#[derive(Debug, Clone)]
pub struct ProgressEvent {
    /// The request.
    pub request_id: Arc<str>,
    /// What happened.
    pub kind: ProgressKind,
    /// May be changed by the handler at `start` and `step`; read back before the next step.
    pub biases: Biases,
    /// May be changed by the handler; lives as long as the request.
    pub metadata: Metadata,
}

/// What a progress event reports.
#[derive(Debug, Clone)]
pub enum ProgressKind {
    /// `pipeline:start`, before the first step.
    Start {
        /// The model as the caller named it.
        model: Arc<str>,
        /// The provider.
        provider: Arc<str>,
        /// `compress`, `sdk.request` or `proxy.request`.
        operation: Arc<str>,
        /// Milliseconds since the epoch.
        start_time_ms: u64,
        /// The token budget, if there is one.
        token_budget: Option<u64>,
    },
    /// `pipeline:step`, after each step.
    Step {
        /// The step.
        step: Step,
        /// Tokens of the request before it.
        tokens_before: u64,
        /// Tokens of the request after it.
        tokens_after: u64,
        /// How long it took.
        duration_ms: f64,
        /// Transforms that failed and left their block alone.
        warnings: Vec<String>,
    },
    /// `pipeline:complete`, after the last step.
    Complete {
        /// Tokens of the request before.
        tokens_before: u64,
        /// Tokens of the request after.
        tokens_after: u64,
        /// The share removed, from 0.0 to 1.0.
        compression_ratio: f64,
        /// What was applied.
        transforms_applied: Vec<String>,
        /// Hashes of the originals that markers name.
        ccr_hashes: Vec<String>,
        /// How long everything took.
        duration_ms: f64,
        /// Time and tokens of each step.
        timing: PipelineTiming,
    },
    /// `pipeline:error`, when the pipeline as a whole could not run.
    Error {
        /// Why.
        error: String,
        /// At which step; none before the first.
        step: Option<Step>,
    },
}

impl ProgressKind {
    /// The event's name on every face of the product.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Start { .. } => "pipeline:start",
            Self::Step { .. } => "pipeline:step",
            Self::Complete { .. } => "pipeline:complete",
            Self::Error { .. } => "pipeline:error",
        }
    }
}

/// Is told of progress.
pub trait ProgressHandler: Send + Sync {
    /// Is called with each event; a failure is logged and skipped.
    fn on_progress<'a>(&'a self, event: &'a mut ProgressEvent) -> BoxFuture<'a, Result<(), Error>>;
}
