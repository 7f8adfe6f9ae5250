//! What a block becomes, and the cache that makes a known block cost nothing.

use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::ccr::Hash;
use crate::detect::ContentKind;
use crate::transform::{Kept, Outcome};

/// Bytes of decisions that an engine remembers. Chosen by hand: the outputs of some thousand large tool results.
const CACHE_BYTES: u64 = 64 << 20;

/// What one transform made of one block. Depends only on what [`DecisionKey`] covers.
#[derive(Debug)]
pub(super) struct Decision {
    pub(super) transform: &'static str,
    pub(super) kind: ContentKind,
    pub(super) text: Arc<str>,
    pub(super) tokens: u64,
    pub(super) lossless: bool,
    pub(super) originals: Vec<DecidedOriginal>,
}

/// An original that the markers of a decision name.
#[derive(Debug, Clone)]
pub(super) struct DecidedOriginal {
    pub(super) hash: Hash,
    /// The text when it is not the whole block.
    pub(super) piece: Option<Arc<str>>,
    pub(super) shown: usize,
    pub(super) total: usize,
}

impl Decision {
    /// Reads what a transform gave; nothing when it left the part alone.
    pub(super) fn new(
        transform: &'static str,
        kind: ContentKind,
        outcome: Outcome,
        tokens: u64,
        kept: Vec<Kept<'_>>,
        block: &str,
    ) -> Option<Self> {
        let (text, lossless) = match outcome {
            Outcome::Unchanged => return None,
            Outcome::Lossless(text) => (text, true),
            Outcome::Subset(text) => (text, false),
        };
        // A lossless form has no markers; what a transform kept on the way to it is not needed.
        let originals = kept.into_iter().filter(|_| !lossless).map(|kept| DecidedOriginal {
            hash: kept.hash,
            piece: (kept.text != block).then(|| kept.text.into()),
            shown: kept.shown,
            total: kept.total,
        });
        Some(Self { transform, kind, text: text.into(), tokens, lossless, originals: originals.collect() })
    }
}

/// Everything that a decision depends on, as one digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct DecisionKey([u8; 16]);

impl DecisionKey {
    /// Digests the parts with their lengths, so that no two lists of parts give the same input.
    pub(super) fn new(parts: &[&[u8]]) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        let mut key = [0; 16];
        key.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        Self(key)
    }

    pub(super) fn bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// Decisions by key, bounded in bytes; "leave it alone" is a decision too.
pub(super) type DecisionCache = Cache<DecisionKey, Option<Arc<Decision>>, DecisionWeight>;

#[derive(Debug, Clone)]
pub(super) struct DecisionWeight;

impl Weighter<DecisionKey, Option<Arc<Decision>>> for DecisionWeight {
    fn weight(&self, _: &DecisionKey, decision: &Option<Arc<Decision>>) -> u64 {
        let Some(decision) = decision else { return 64 };
        let pieces: usize =
            decision.originals.iter().filter_map(|original| original.piece.as_ref()).map(|p| p.len()).sum();
        (128 + decision.text.len() + pieces) as u64
    }
}

/// An empty cache.
pub(super) fn decision_cache() -> DecisionCache {
    Cache::with_weighter(10_000, CACHE_BYTES, DecisionWeight)
}
