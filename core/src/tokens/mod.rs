//! Tokenizers: exact for `OpenAI` models, a documented estimate for others, and a bounded cache of counts.

/// Counts the tokens of a text.
pub trait Tokenizer: Send + Sync {
    /// The vocabulary's name, such as `o200k_base`, or `estimated`.
    fn name(&self) -> &str;

    /// Whether counts are the provider's own, not an estimate.
    fn is_exact(&self) -> bool;

    /// Tokens of `text`, special-token text counted as ordinary text.
    fn count(&self, text: &str) -> u64;
}
