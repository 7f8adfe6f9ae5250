//! The providers' token accounts.

use serde_json::Value;

use super::Api;

/// The provider's own token account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the request, cached ones included.
    pub input: u64,
    /// Of those, read from the provider's prompt cache.
    pub cached: u64,
    /// Tokens of the answer.
    pub output: u64,
}

impl Api {
    /// The provider's token account in a response.
    ///
    /// # Sources
    /// The API references: Anthropic counts cached tokens beside the others, the rest within them; Gemini counts thoughts
    /// and the results of its own tools beside the others. `prompt_cache_hit_tokens` is DeepSeek's.
    pub fn usage(self, response: &Value) -> Option<Usage> {
        let account = response.get(if self == Self::Gemini { "usageMetadata" } else { "usage" })?;
        account.as_object()?;
        let count = |key: &str| account.get(key).and_then(Value::as_u64);
        let detail = |details: &str, key: &str| account.get(details)?.get(key)?.as_u64();
        let sum = |keys: &[&str]| keys.iter().filter_map(|key| count(key)).fold(0, u64::saturating_add);
        Some(match self {
            Self::Chat => Usage {
                input: sum(&["prompt_tokens"]),
                cached: detail("prompt_tokens_details", "cached_tokens")
                    .or_else(|| count("prompt_cache_hit_tokens"))
                    .unwrap_or_default(),
                output: sum(&["completion_tokens"]),
            },
            Self::Responses => Usage {
                input: sum(&["input_tokens"]),
                cached: detail("input_tokens_details", "cached_tokens").unwrap_or_default(),
                output: sum(&["output_tokens"]),
            },
            Self::Messages => Usage {
                input: sum(&["input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"]),
                cached: sum(&["cache_read_input_tokens"]),
                output: sum(&["output_tokens"]),
            },
            Self::Gemini => Usage {
                input: sum(&["promptTokenCount", "toolUsePromptTokenCount"]),
                cached: sum(&["cachedContentTokenCount"]),
                output: sum(&["candidatesTokenCount", "thoughtsTokenCount"]),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_account_is_read_in_its_own_words() {
        let chat = json!({"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}});
        let responses = json!({"input_tokens": 9, "output_tokens": 2, "input_tokens_details": {"cached_tokens": 4}});
        let messages = json!({"input_tokens": 3, "cache_read_input_tokens": 4, "cache_creation_input_tokens": 2, "output_tokens": 2});
        let gemini = json!({"promptTokenCount": 9, "cachedContentTokenCount": 4, "candidatesTokenCount": 1, "thoughtsTokenCount": 1});
        let expected = Some(Usage { input: 9, cached: 4, output: 2 });
        assert_eq!(Api::Chat.usage(&json!({"usage": chat})), expected);
        assert_eq!(Api::Responses.usage(&json!({"usage": responses})), expected);
        assert_eq!(Api::Messages.usage(&json!({"usage": messages})), expected);
        assert_eq!(Api::Gemini.usage(&json!({"usageMetadata": gemini})), expected);
        assert_eq!(Api::Chat.usage(&json!({"usage": null})), None);
        assert_eq!(Api::Messages.usage(&json!({"input_tokens": 7})), None);
    }
}
