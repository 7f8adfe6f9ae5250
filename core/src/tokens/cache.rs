//! Counts of texts that were counted before.

use super::Tokenizer;

/// Texts shorter than this are counted each time: counting 256 bytes takes about 2 µs, and a place in the cache is worth
/// more to a long text. In bytes.
pub(crate) const SHORT_TEXT_BYTES: usize = 256;

/// A bounded cache of counts, shared by threads.
///
/// The key is BLAKE3 over what the tokenizer's counts depend on and the digest of the text, 16 bytes of it, so a hit depends on nothing
/// else. By default 65 536 counts are kept, about 4 MB.
pub struct CountCache {
    counts: quick_cache::sync::Cache<[u8; 16], u64>,
}

impl CountCache {
    /// Makes a cache of at most `entries` counts.
    #[must_use]
    pub fn new(entries: usize) -> Self {
        Self { counts: quick_cache::sync::Cache::new(entries) }
    }

    /// Tokens of `text`, from the cache if it was counted before.
    pub fn count(&self, tokenizer: &dyn Tokenizer, text: &str) -> u64 {
        if text.len() < SHORT_TEXT_BYTES {
            return tokenizer.count(text);
        }
        self.count_digested(tokenizer, text, &blake3::hash(text.as_bytes()))
    }

    /// [`CountCache::count`] for a caller that has the BLAKE3 digest of the text already.
    pub fn count_digested(&self, tokenizer: &dyn Tokenizer, text: &str, digest: &blake3::Hash) -> u64 {
        let key = key(tokenizer.counts_as(), digest);
        if let Some(count) = self.counts.get(&key) {
            return count;
        }
        let count = tokenizer.count(text);
        self.counts.insert(key, count);
        count
    }

    /// The count of a text that was counted before, by its digest.
    pub(crate) fn get(&self, tokenizer: &dyn Tokenizer, digest: &blake3::Hash) -> Option<u64> {
        self.counts.get(&key(tokenizer.counts_as(), digest))
    }

    /// Takes over a count that was made elsewhere.
    pub(crate) fn insert(&self, tokenizer: &dyn Tokenizer, digest: &blake3::Hash, count: u64) {
        self.counts.insert(key(tokenizer.counts_as(), digest), count);
    }

    /// How many counts are kept now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// Whether no count is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }
}

pub(crate) fn key(counts_as: &str, digest: &blake3::Hash) -> [u8; 16] {
    let mut key = [0; 16];
    blake3::Hasher::new().update(digest.as_bytes()).update(counts_as.as_bytes()).finalize_xof().fill(&mut key);
    key
}

impl Default for CountCache {
    fn default() -> Self {
        Self::new(65_536)
    }
}

impl std::fmt::Debug for CountCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CountCache").field("len", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// Counts bytes, and its own calls.
    struct Bytes {
        calls: AtomicU64,
        factor: u64,
        identity: &'static str,
    }

    impl Bytes {
        fn new(factor: u64, identity: &'static str) -> Self {
            Self { calls: AtomicU64::new(0), factor, identity }
        }
    }

    impl Tokenizer for Bytes {
        fn name(&self) -> &str {
            "bytes"
        }

        fn is_exact(&self) -> bool {
            true
        }

        fn count(&self, text: &str) -> u64 {
            self.calls.fetch_add(1, Ordering::Relaxed);
            text.len() as u64 * self.factor
        }

        fn counts_as(&self) -> &str {
            self.identity
        }
    }

    #[test]
    fn a_long_text_is_counted_once_and_a_short_one_each_time() {
        let bytes = Bytes::new(1, "bytes");
        let cache = CountCache::default();
        let count = |text: &str| cache.count(&bytes, text);
        let long = "x".repeat(1000);
        assert_eq!([count(&long), count(&long), count("x"), count("x")], [1000, 1000, 1, 1]);
        assert_eq!(bytes.calls.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn tokenizers_that_count_differently_do_not_share_counts() {
        let cache = CountCache::default();
        let text = "x".repeat(300);
        assert_eq!(cache.count(&Bytes::new(1, "one"), &text), 300);
        assert_eq!(cache.count(&Bytes::new(2, "two"), &text), 600);
    }

    #[test]
    fn the_number_of_counts_is_bounded() {
        let cache = CountCache::new(100);
        let bytes = Bytes::new(1, "bytes");
        for length in 300..2300 {
            assert_eq!(cache.count(&bytes, &"x".repeat(length)), length as u64);
        }
        assert!(!cache.is_empty() && cache.len() <= 200, "{}", cache.len());
    }

    #[test]
    fn threads_share_counts() {
        let (bytes, cache) = (Bytes::new(1, "bytes"), CountCache::default());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for length in 250..500 {
                        assert_eq!(cache.count(&bytes, &"y".repeat(length)), length as u64);
                    }
                });
            }
        });
    }
}
