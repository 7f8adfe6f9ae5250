//! What a caller may set for one compression: set or unset, so that a default exists in the engine only.

use std::sync::Arc;

use headroom_core::{CompressOptions as CoreOptions, Mode as CoreMode};

use crate::manager::PipelineExtensionManager;
use crate::progress::Progress;

/// How far compression goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Mode {
    /// Only re-encodings that a decoder inverts; nothing is left out.
    Lossless,
    /// Lossless first, then a verbatim subset whose size follows from how much information there is.
    Balanced,
    /// As balanced with about half of the size.
    Aggressive,
}

impl From<Mode> for CoreMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Lossless => Self::Lossless,
            Mode::Balanced => Self::Balanced,
            Mode::Aggressive => Self::Aggressive,
        }
    }
}

/// What a caller may set for one compression.
#[derive(Clone, Default, uniffi::Record)]
pub struct CompressOptions {
    /// How far compression goes.
    #[uniffi(default = None)]
    pub mode: Option<Mode>,
    /// Whether user text may be compressed as tool results are.
    #[uniffi(default = None)]
    pub compress_user_messages: Option<bool>,
    /// How many of the last messages stay untouched.
    #[uniffi(default = None)]
    pub protect_recent: Option<u64>,
    /// Whether code and diffs since the last user message stay whole when that message asks for an analysis or a review.
    #[uniffi(default = None)]
    pub protect_analysis_context: Option<bool>,
    /// The share of tokens to keep, above 0.0 and at most 1.0, met like a token budget.
    #[uniffi(default = None)]
    pub target_ratio: Option<f64>,
    /// Tokens that the request may cost at most.
    #[uniffi(default = None)]
    pub token_budget: Option<u64>,
    /// Blocks with fewer tokens are left alone.
    #[uniffi(default = None)]
    pub min_tokens_to_compress: Option<u64>,
    /// Globs of tool names whose results are left alone.
    #[uniffi(default = None)]
    pub exclude_tools: Option<Vec<String>>,
    /// Messages at the start that the caller froze; they are left alone.
    #[uniffi(default = None)]
    pub frozen_message_count: Option<u64>,
    /// Whether to compress at all; when false, tokens are only counted.
    #[uniffi(default = None)]
    pub optimize: Option<bool>,
    /// The provider; unset lets the shape of the messages decide.
    #[uniffi(default = None)]
    pub provider: Option<String>,
    /// Is in the metadata of the request as `session_id`.
    #[uniffi(default = None)]
    pub session_id: Option<String>,
    /// Where originals go: a path, a URL or `:memory:`; unset is the default store.
    #[uniffi(default = None)]
    pub store: Option<String>,
    /// The extensions that take part.
    #[uniffi(default = None)]
    pub extensions: Option<Arc<PipelineExtensionManager>>,
    /// Is told of progress.
    #[uniffi(default = None)]
    pub on_progress: Option<Progress>,
}

impl CompressOptions {
    /// The options of the engine, with its defaults for what is unset.
    pub(crate) fn of_the_engine(&self) -> CoreOptions {
        // Every field by name: a new option of the engine does not compile until it is here.
        let CoreOptions {
            mode,
            compress_user_messages,
            protect_recent,
            protect_analysis_context,
            target_ratio,
            token_budget,
            min_tokens_to_compress,
            exclude_tools,
            frozen_message_count,
        } = CoreOptions::default();
        let count =
            |given: Option<u64>, default| given.map_or(default, |count| usize::try_from(count).unwrap_or(usize::MAX));
        CoreOptions {
            mode: self.mode.map_or(mode, Into::into),
            compress_user_messages: self.compress_user_messages.unwrap_or(compress_user_messages),
            protect_recent: count(self.protect_recent, protect_recent),
            protect_analysis_context: self.protect_analysis_context.unwrap_or(protect_analysis_context),
            target_ratio: self.target_ratio.or(target_ratio),
            token_budget: self.token_budget.or(token_budget),
            min_tokens_to_compress: self.min_tokens_to_compress.unwrap_or(min_tokens_to_compress),
            exclude_tools: self.exclude_tools.clone().unwrap_or(exclude_tools),
            frozen_message_count: count(self.frozen_message_count, frozen_message_count),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unset_has_the_default_of_the_engine() {
        assert_eq!(CompressOptions::default().of_the_engine(), CoreOptions::default());
        let options = CompressOptions { protect_recent: Some(u64::MAX), ..CompressOptions::default() };
        assert_eq!(options.of_the_engine().protect_recent, usize::MAX);
    }
}
