//! Hooks around a compression.

use std::sync::Arc;

use super::progress::Biases;
use crate::conversation::{ToolCall, Value};
use crate::error::Error;
use crate::extension::BoxFuture;

/// What a hook knows of the request.
#[derive(Debug, Clone, Default)]
pub struct CompressContext {
    /// The model as the caller named it.
    pub model: Arc<str>,
    /// The last user text.
    pub user_query: String,
    /// How many user messages the conversation has.
    pub turn_number: usize,
    /// The tool calls whose results the conversation has, in order.
    pub tool_calls: Vec<ToolCall>,
    /// The provider.
    pub provider: Arc<str>,
}

/// What a compression came to, for `post_compress`.
#[derive(Debug, Clone, Default)]
pub struct CompressEvent {
    /// Tokens before.
    pub tokens_before: u64,
    /// Tokens after.
    pub tokens_after: u64,
    /// The share removed, from 0.0 to 1.0.
    pub compression_ratio: f64,
    /// What was applied.
    pub transforms_applied: Vec<String>,
    /// Hashes of the originals that markers name.
    pub ccr_hashes: Vec<String>,
    /// The model as the caller named it.
    pub model: Arc<str>,
    /// The last user text.
    pub user_query: String,
    /// The provider.
    pub provider: Arc<str>,
}

/// Hooks around a compression; one that fails is logged and skipped.
pub trait CompressionHooks: Send + Sync {
    /// Its name in warnings.
    fn name(&self) -> &str;

    /// May replace the messages before anything else reads them; nothing means unchanged.
    fn pre_compress<'a>(
        &'a self,
        messages: &'a Value,
        context: &'a CompressContext,
    ) -> BoxFuture<'a, Result<Option<Value>, Error>> {
        let _ = (messages, context);
        Box::pin(async { Ok(None) })
    }

    /// May say which messages keep more or less.
    fn compute_biases<'a>(
        &'a self,
        messages: &'a Value,
        context: &'a CompressContext,
    ) -> BoxFuture<'a, Result<Biases, Error>> {
        let _ = (messages, context);
        Box::pin(async { Ok(Biases::new()) })
    }

    /// Is told what the compression came to, exactly once a call.
    fn post_compress<'a>(&'a self, event: &'a CompressEvent) -> BoxFuture<'a, Result<(), Error>> {
        let _ = event;
        Box::pin(async { Ok(()) })
    }
}
