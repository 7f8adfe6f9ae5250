//! Tokenizers: exact for `OpenAI` models and for a user's own tokenizer file, a documented estimate for other models, and
//! a bounded cache of counts.

mod cache;
mod estimate;
mod file;
mod model;
mod openai;
mod vocabulary;

pub use cache::CountCache;
pub(crate) use cache::SHORT_TEXT_BYTES;
pub(crate) use cache::key as count_key;
pub use estimate::{Estimate, Family};
pub use file::FileTokenizer;
pub use model::for_model;
pub use openai::OpenAi;

/// Counts the tokens of a text.
pub trait Tokenizer: Send + Sync {
    /// The vocabulary's name, such as `o200k_base`, or `estimated`.
    fn name(&self) -> &str;

    /// Whether counts are the provider's own, not an estimate.
    fn is_exact(&self) -> bool;

    /// Tokens of `text`, special-token text counted as ordinary text.
    fn count(&self, text: &str) -> u64;

    /// What counts depend on beside the text: two tokenizers with the same answer count every text alike. Keys a cache of
    /// counts. By default the name.
    fn counts_as(&self) -> &str {
        self.name()
    }
}
