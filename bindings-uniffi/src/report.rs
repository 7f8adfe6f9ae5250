//! What a compression did, block by block and call by call.

use headroom_core::extension::Outcome as CoreOutcome;
use headroom_core::pipeline::{
    BlockReport as CoreBlock, BudgetReport as CoreBudget, Invocation as CoreInvocation, Report as CoreReport,
};

/// Everything a compression did.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
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
    pub prefix_changed_at: Option<u64>,
    /// Failures that left a block or an extension out.
    pub warnings: Vec<String>,
    /// Why the pipeline as a whole could not run.
    pub error: Option<String>,
}

/// What became of one block that a transform looked at.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct BlockReport {
    /// Where it sits in the caller's data.
    pub path: String,
    /// Index of its message in the caller's list.
    pub message: Option<u64>,
    /// The tool that produced it.
    pub tool_name: String,
    /// Its content type.
    pub kind: String,
    /// The transform; none when the block stayed as it came.
    pub transform: Option<String>,
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
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
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

/// One call, or deliberate non-call, of an extension.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct Invocation {
    /// The extension.
    pub extension: String,
    /// The stage.
    pub stage: String,
    /// What became of it.
    pub outcome: Outcome,
    /// How long it took.
    pub duration_ms: f64,
    /// Why it failed or was ignored.
    pub warning: Option<String>,
}

macro_rules! outcomes {
    ($($(#[$doc:meta])* $outcome:ident,)*) => {
        /// What became of one call of an extension.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
        pub enum Outcome {
            $($(#[$doc])* $outcome,)*
        }

        impl From<CoreOutcome> for Outcome {
            fn from(outcome: CoreOutcome) -> Self {
                match outcome {
                    $(CoreOutcome::$outcome => Self::$outcome,)*
                }
            }
        }
    };
}

outcomes! {
    /// It ran and changed nothing.
    Ran,
    /// It ran and changed the event.
    Changed,
    /// It answered the request.
    Answered,
    /// Its filter did not let the request pass.
    Filtered,
    /// It failed and the request went on.
    FailedOpen,
    /// It failed and the request was refused.
    FailedClosed,
    /// Its time limit passed.
    TimedOut,
    /// It was not called because it timed out too often just before.
    BreakerOpen,
}

impl From<&CoreReport> for Report {
    fn from(report: &CoreReport) -> Self {
        // Every field by name: a new one of the engine does not compile until it is here. So below.
        let CoreReport {
            request_id,
            tokenizer,
            estimated,
            blocks,
            extensions,
            budget,
            prefix_changed_at,
            warnings,
            error,
        } = report;
        Self {
            request_id: request_id.clone(),
            tokenizer: tokenizer.clone(),
            estimated: *estimated,
            blocks: blocks.iter().map(Into::into).collect(),
            extensions: extensions.iter().map(Into::into).collect(),
            budget: budget.as_ref().map(Into::into),
            prefix_changed_at: prefix_changed_at.map(|message| message as u64),
            warnings: warnings.clone(),
            error: error.clone(),
        }
    }
}

impl From<&CoreBlock> for BlockReport {
    fn from(block: &CoreBlock) -> Self {
        let CoreBlock { path, message, tool_name, kind, transform, lossless, tokens_before, tokens_after, ccr_hashes } =
            block;
        Self {
            path: path.clone(),
            message: message.map(|message| message as u64),
            tool_name: tool_name.clone(),
            kind: kind.name().to_owned(),
            transform: transform.map(str::to_owned),
            lossless: *lossless,
            tokens_before: *tokens_before,
            tokens_after: *tokens_after,
            ccr_hashes: ccr_hashes.clone(),
        }
    }
}

impl From<&CoreBudget> for BudgetReport {
    fn from(budget: &CoreBudget) -> Self {
        let CoreBudget { token_budget, tokens_after, missed_by, reason } = budget;
        Self { token_budget: *token_budget, tokens_after: *tokens_after, missed_by: *missed_by, reason: reason.clone() }
    }
}

impl From<&CoreInvocation> for Invocation {
    fn from(call: &CoreInvocation) -> Self {
        let CoreInvocation { extension, stage, outcome, duration_ms, warning, started: _ } = call;
        Self {
            extension: extension.clone(),
            stage: (*stage).to_owned(),
            outcome: (*outcome).into(),
            duration_ms: *duration_ms,
            warning: warning.clone(),
        }
    }
}
