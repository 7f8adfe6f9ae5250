//! One call of the engine: what goes in and what comes out.

use std::sync::Arc;

use super::report::{PipelineTiming, Report};
use super::{CompressionHooks, PipelineExtensionManager, ProgressHandler};
use crate::ccr::{Certificate, Hash, Store};
use crate::conversation::{Body, Value};
use crate::extension::Offload;
use crate::options::CompressOptions;
use crate::tokens::Tokenizer;

/// A compression to run.
#[derive(Clone)]
pub struct Call {
    /// The caller's messages or body.
    pub body: Arc<dyn Body>,
    /// The model as the caller names it; chooses the tokenizer.
    pub model: Arc<str>,
    /// The provider; empty lets the shape decide.
    pub provider: Arc<str>,
    /// `compress`, `sdk.request` or `proxy.request`.
    pub operation: Arc<str>,
    /// The request's id; empty makes one.
    pub request_id: Arc<str>,
    /// Options.
    pub options: CompressOptions,
    /// Extensions.
    pub extensions: Arc<PipelineExtensionManager>,
    /// Hooks, in order.
    pub hooks: Vec<Arc<dyn CompressionHooks>>,
    /// Is told of progress.
    pub progress: Option<Arc<dyn ProgressHandler>>,
    /// Where originals go; none is the engine's own store.
    pub store: Option<Arc<dyn Store>>,
    /// Counts tokens; none chooses by the model.
    pub tokenizer: Option<Arc<dyn Tokenizer>>,
    /// Takes long work to another thread; with none it runs where the request is polled.
    pub offload: Option<Arc<dyn Offload>>,
    /// Whether to compress at all; when not, tokens are only counted.
    pub optimize: bool,
}

impl Call {
    /// A call of `compress` with default options and nobody taking part.
    pub fn new(body: impl Body + 'static, model: impl Into<Arc<str>>) -> Self {
        Self {
            body: Arc::new(body),
            model: model.into(),
            provider: Arc::from(""),
            operation: Arc::from("compress"),
            request_id: Arc::from(""),
            options: CompressOptions::default(),
            extensions: Arc::default(),
            hooks: Vec::new(),
            progress: None,
            store: None,
            tokenizer: None,
            offload: None,
            optimize: true,
        }
    }
}

/// What a compression came to.
#[derive(Debug, Clone)]
pub struct CompressResult {
    /// The caller's data, with some texts replaced; the caller's own when nothing was.
    pub body: Arc<dyn Body>,
    /// Tokens of all texts before.
    pub tokens_before: u64,
    /// Tokens of all texts after.
    pub tokens_after: u64,
    /// What was applied, as `router:<transform>:<share kept>`, in block order.
    pub transforms_applied: Vec<String>,
    /// Hashes of the originals that markers name, each once, in block order.
    pub ccr_hashes: Vec<Hash>,
    /// Whether anything was compressed.
    pub compressed: bool,
    /// The answer of an extension; then the body is the caller's.
    pub response: Option<Value>,
    /// Time and tokens of each step.
    pub pipeline_timing: PipelineTiming,
    /// Proof of what was replaced, to be checked offline.
    pub certificate: Certificate,
    /// Everything else.
    pub report: Report,
}

impl CompressResult {
    /// Tokens removed.
    #[must_use]
    pub fn tokens_saved(&self) -> u64 {
        self.tokens_before.saturating_sub(self.tokens_after)
    }

    /// The share removed, saved / before, from 0.0 to 1.0.
    #[must_use]
    pub fn compression_ratio(&self) -> f64 {
        share_removed(self.tokens_before, self.tokens_after)
    }
}

/// The share removed, from 0.0 to 1.0; 0.0 of nothing.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "a ratio of token counts")]
pub(crate) fn share_removed(before: u64, after: u64) -> f64 {
    if before == 0 { 0.0 } else { before.saturating_sub(after) as f64 / before as f64 }
}
