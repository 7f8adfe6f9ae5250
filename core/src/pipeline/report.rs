//! What a compression did, block by block and call by call.

use std::time::Instant;

use serde::Serialize;

use super::dispatch::Invocation;
use super::progress::Step;
use crate::detect::ContentKind;

/// Time and tokens of each step, in order.
pub type PipelineTiming = Vec<(Step, StepTiming)>;

/// Time and tokens of one step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct StepTiming {
    /// How long it took.
    pub duration_ms: f64,
    /// Tokens of the request before it.
    pub tokens_before: u64,
    /// Tokens of the request after it.
    pub tokens_after: u64,
    /// When it began, for hosts that draw a line of time; no part of what is told.
    #[serde(skip)]
    pub started: Option<Instant>,
}

/// What became of one block that a transform looked at.
#[derive(Debug, Clone, Serialize)]
pub struct BlockReport {
    /// Where it sits in the caller's data.
    pub path: String,
    /// Index of its message in the caller's list.
    pub message: Option<usize>,
    /// The tool that produced it.
    pub tool_name: String,
    /// Its content type.
    pub kind: ContentKind,
    /// The transform; none when the block stayed as it came.
    pub transform: Option<&'static str>,
    /// Whether the new text is a re-encoding that a decoder inverts.
    pub lossless: bool,
    /// Tokens before.
    pub tokens_before: u64,
    /// Tokens after.
    pub tokens_after: u64,
    /// Hashes of the originals that its markers name.
    pub ccr_hashes: Vec<String>,
}

/// What the budget step came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BudgetReport {
    /// Tokens that the request may cost.
    pub token_budget: u64,
    /// Tokens that it costs.
    pub tokens_after: u64,
    /// By how many tokens the budget is missed; 0 when it is met.
    pub missed_by: u64,
    /// Why it is missed.
    pub reason: Option<String>,
}

/// Everything a compression did.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// The request.
    pub request_id: String,
    /// The tokenizer that counted.
    pub tokenizer: String,
    /// Whether counts are estimates.
    pub estimated: bool,
    /// Blocks that a transform looked at.
    pub blocks: Vec<BlockReport>,
    /// Every call of an extension, and every deliberate non-call.
    pub extensions: Vec<Invocation>,
    /// What the budget step came to.
    pub budget: Option<BudgetReport>,
    /// First message from which on the prefix may differ from what an earlier request sent; none when the options keep
    /// prefixes stable.
    pub prefix_changed_at: Option<usize>,
    /// Failures that left a block or an extension out.
    pub warnings: Vec<String>,
    /// Why the pipeline as a whole could not run.
    pub error: Option<String>,
}
