//! Every option of a compression and its default, here and nowhere else.

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};

/// How far compression goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Only re-encodings that a decoder inverts; nothing is left out.
    Lossless,
    /// Lossless first, then a verbatim subset whose size follows from how much information there is.
    #[default]
    Balanced,
    /// As balanced with about half of the size.
    Aggressive,
}

/// What a caller may set for one compression.
///
/// Unset fields have the defaults below; unknown fields are an error when read from JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CompressOptions {
    /// How far compression goes. Default: balanced.
    pub mode: Mode,
    /// Whether user text may be compressed as tool results are. Default: false.
    pub compress_user_messages: bool,
    /// How many of the last messages stay untouched. Above 0 prefixes are no longer stable. Default: 0.
    pub protect_recent: usize,
    /// Whether code and diffs since the last user message stay whole when that message asks for an analysis or a
    /// review. Prefixes are then no longer stable. Default: false.
    pub protect_analysis_context: bool,
    /// The share of tokens to keep, above 0.0 and at most 1.0, met like a token budget. Default: none.
    pub target_ratio: Option<f64>,
    /// Tokens that the request may cost at most. Default: none.
    pub token_budget: Option<u64>,
    /// Blocks with fewer tokens are left alone. Default: 100.
    pub min_tokens_to_compress: u64,
    /// Globs of tool names whose results are left alone. Default: none.
    pub exclude_tools: Vec<String>,
    /// Messages at the start that the caller froze; they are left alone. Default: 0.
    pub frozen_message_count: usize,
}

impl Default for CompressOptions {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            compress_user_messages: false,
            protect_recent: 0,
            protect_analysis_context: false,
            target_ratio: None,
            token_budget: None,
            min_tokens_to_compress: 100,
            exclude_tools: Vec::new(),
            frozen_message_count: 0,
        }
    }
}

impl CompressOptions {
    /// Checks what types alone cannot: ranges and globs.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] that names the option, what was expected and what was found.
    pub fn validate(&self) -> Result<()> {
        if let Some(ratio) = self.target_ratio
            && !(ratio > 0.0 && ratio <= 1.0)
        {
            return Err(Error::new(
                ErrorKind::Configuration,
                format!("options.target_ratio: expected a number above 0.0 and at most 1.0, found {ratio}"),
            ));
        }
        for (index, pattern) in self.exclude_tools.iter().enumerate() {
            globset::Glob::new(pattern).map_err(|cause| {
                Error::new(
                    ErrorKind::Configuration,
                    format!("options.exclude_tools[{index}]: expected a glob, found {pattern:?}"),
                )
                .caused_by(cause)
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_options_are_named() {
        let error = serde_json::from_str::<CompressOptions>(r#"{"mdoe":"lossless"}"#).unwrap_err();
        assert!(error.to_string().contains("mdoe"), "{error}");
    }

    #[test]
    fn a_ratio_out_of_range_is_refused() {
        for ratio in [0.0, -1.0, 1.5, f64::NAN] {
            let options = CompressOptions { target_ratio: Some(ratio), ..Default::default() };
            assert_eq!(options.validate().unwrap_err().kind(), ErrorKind::Configuration);
        }
    }
}
