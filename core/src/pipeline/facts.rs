//! What one process found out about a block and another one need not find out again.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use log::warn;
use serde::{Deserialize, Serialize};

use super::decision::{DecidedOriginal, Decision};
use super::engine::Engine;
use super::plan::Plan;
use crate::ccr::Store;
use crate::detect::ContentKind;
use crate::parallel;
use crate::tokens::{Tokenizer, count_key};

/// Shorter texts are quicker to look at again than to look up. In bytes.
const MIN_TEXT_BYTES: usize = 1024;

/// The store is asked, and opened for that, only when so many bytes are new to this process: a hundred look-ups take as
/// long as counting 32 KB. In bytes.
pub(super) const MIN_NEW_BYTES: usize = 32 * 1024;

/// Longer facts are not kept: a block that stays so large is rare. In bytes.
const MAX_FACT_BYTES: usize = 64 * 1024;

/// The text of a block, as far as this file needs it.
pub(super) struct Countable<'a> {
    pub(super) text: &'a str,
    /// BLAKE3 of the text, unless it is short.
    pub(super) digest: Option<blake3::Hash>,
}

/// Counts long texts that this process does not know: asks the store, then counts the others, several at once. Gives the
/// indices of those that had to be counted.
pub(super) fn count_ahead(
    engine: &Engine,
    store: impl FnOnce() -> Option<Arc<dyn Store>>,
    tokenizer: &dyn Tokenizer,
    blocks: &[Countable<'_>],
) -> Vec<usize> {
    let counts = engine.counts();
    let mut digests = HashSet::new();
    let is_new = |digest: &blake3::Hash| counts.get(tokenizer, digest).is_none();
    let mut new: Vec<(usize, &str, &blake3::Hash)> = (0..)
        .zip(blocks)
        .filter_map(|(index, block)| Some((index, block.text, block.digest.as_ref()?)))
        .filter(|(_, text, digest)| text.len() >= MIN_TEXT_BYTES && is_new(digest) && digests.insert(**digest))
        .collect();
    let bytes = |new: &[(usize, &str, &blake3::Hash)]| new.iter().map(|(_, text, _)| text.len()).sum::<usize>();
    if bytes(&new) >= MIN_NEW_BYTES
        && let Some(store) = store()
    {
        let keys: Vec<_> =
            new.iter().map(|(_, _, digest)| fact_key("tokens", &count_key(tokenizer.counts_as(), digest))).collect();
        let mut facts = recall(&*store, &keys).into_iter();
        new.retain(|(_, _, digest)| {
            let count = facts.next().flatten().and_then(|fact| Some(u64::from_le_bytes(fact.try_into().ok()?)));
            count.inspect(|count| counts.insert(tokenizer, digest, *count)).is_none()
        });
    }
    if bytes(&new) >= parallel::MIN_BYTES {
        parallel::for_each(&new, |(_, text, digest)| {
            counts.count_digested(tokenizer, text, digest);
        });
    }
    new.into_iter().map(|(index, _, _)| index).collect()
}

impl Plan {
    /// Takes over decisions that another process made; what is then still open is new.
    pub(super) fn recall_decisions(&mut self, engine: &Engine, store: impl FnOnce() -> Option<Arc<dyn Store>>) {
        let open: Vec<_> =
            self.undecided().into_iter().filter(|index| self.text(*index).len() >= MIN_TEXT_BYTES).collect();
        if open.iter().map(|index| self.text(*index).len()).sum::<usize>() < MIN_NEW_BYTES {
            return;
        }
        let Some(store) = store() else { return };
        let keys: Vec<_> = open.iter().map(|index| self.decision_key(*index)).collect();
        let fact_keys: Vec<_> = keys.iter().map(|key| fact_key("decision", key.bytes())).collect();
        for ((index, key), fact) in open.into_iter().zip(keys).zip(recall(&*store, &fact_keys)) {
            if let Some(decision) = fact.and_then(|fact| decode(engine, &fact, self.text(index))) {
                engine.decisions().insert(key, decision.clone());
                self.decide(index, decision);
            }
        }
    }

    /// What was found out about blocks that were new, if the store is open anyway or it is much.
    pub(super) fn facts(&self, engine: &Engine, is_open: bool) -> Vec<([u8; 16], Vec<u8>)> {
        let long = |index: &&usize| self.text(**index).len() >= MIN_TEXT_BYTES;
        let bytes: usize =
            self.counted.iter().chain(&self.made).filter(long).map(|index| self.text(*index).len()).sum();
        if !is_open && bytes < MIN_NEW_BYTES {
            return Vec::new();
        }
        let counts = self.counted.iter().filter(long).filter_map(|index| {
            let planned = &self.blocks[*index];
            let key = count_key(self.tokenizer().counts_as(), planned.digest.as_ref()?);
            Some((fact_key("tokens", &key), planned.tokens.to_le_bytes().to_vec()))
        });
        let decisions = self.made.iter().filter(long).filter_map(|index| {
            let key = self.decision_key(*index);
            let decision = engine.decisions().get(&key)?;
            Some((fact_key("decision", key.bytes()), encode(decision.as_deref(), self.text(*index))?))
        });
        counts.chain(decisions).map(|(key, fact)| (key, seal(&fact))).collect()
    }
}

/// A key for the store: everything that a fact depends on, this version of the engine included.
fn fact_key(kind: &str, key: &[u8; 16]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    for part in [env!("HEADROOM_SOURCES").as_bytes(), kind.as_bytes(), key] {
        hasher.update(part);
    }
    let mut digest = [0; 16];
    hasher.finalize_xof().fill(&mut digest);
    digest
}

/// Looks facts up. A store that cannot answer is no reason to fail: everything can be found out again.
fn recall(store: &dyn Store, keys: &[[u8; 16]]) -> Vec<Option<Vec<u8>>> {
    match store.recall(keys) {
        Ok(found) => found.into_iter().map(|fact| unseal(&fact?)).collect(),
        Err(error) => {
            warn!(target: "headroom", "known blocks are looked at again: {error}");
            vec![None; keys.len()]
        }
    }
}

const SEAL_BYTES: usize = 8;

/// A damaged fact must not become a wrong text.
fn seal(fact: &[u8]) -> Vec<u8> {
    [&blake3::hash(fact).as_bytes()[..SEAL_BYTES], fact].concat()
}

fn unseal(sealed: &[u8]) -> Option<Vec<u8>> {
    let (seal, fact) = sealed.split_at_checked(SEAL_BYTES)?;
    (blake3::hash(fact).as_bytes()[..SEAL_BYTES] == *seal).then(|| fact.to_vec())
}

/// A decision as it lies in a store.
#[derive(Serialize, Deserialize)]
struct StoredDecision<'a> {
    transform: Cow<'a, str>,
    kind: ContentKind,
    text: Cow<'a, str>,
    tokens: u64,
    lossless: bool,
    originals: Vec<StoredOriginal>,
}

#[derive(Serialize, Deserialize)]
struct StoredOriginal {
    hash: String,
    /// Where it stands in the block, when it is not the whole block.
    piece: Option<(usize, usize)>,
    shown: usize,
    total: usize,
}

/// Writes what was decided about a block; `None` when that cannot be kept.
fn encode(decision: Option<&Decision>, block: &str) -> Option<Vec<u8>> {
    let stored = match decision {
        Some(decision) => Some(StoredDecision {
            transform: decision.transform.into(),
            kind: decision.kind,
            text: (&*decision.text).into(),
            tokens: decision.tokens,
            lossless: decision.lossless,
            originals: decision.originals.iter().map(|original| stored(original, block)).collect::<Option<_>>()?,
        }),
        None => None,
    };
    serde_json::to_vec(&stored).ok().filter(|fact| fact.len() <= MAX_FACT_BYTES)
}

fn stored(original: &DecidedOriginal, block: &str) -> Option<StoredOriginal> {
    let piece = match &original.piece {
        Some(piece) => block.find(&**piece).map(|start| Some((start, start + piece.len())))?,
        None => None,
    };
    Some(StoredOriginal { hash: original.hash.to_string(), piece, shown: original.shown, total: original.total })
}

/// Reads what was decided about a block; `None` when it is not what [`encode`] writes.
fn decode(engine: &Engine, fact: &[u8], block: &str) -> Option<Option<Arc<Decision>>> {
    let Some(stored) = serde_json::from_slice::<Option<StoredDecision<'_>>>(fact).ok()? else { return Some(None) };
    let names = engine.transforms().iter().map(|transform| transform.name());
    let originals = stored.originals.iter().map(|original| {
        let piece = match original.piece {
            Some((start, end)) => Some(Arc::from(block.get(start..end)?)),
            None => None,
        };
        Some(DecidedOriginal { hash: original.hash.parse().ok()?, piece, shown: original.shown, total: original.total })
    });
    Some(Some(Arc::new(Decision {
        transform: names.into_iter().find(|name| *name == stored.transform)?,
        kind: stored.kind,
        text: Arc::from(&*stored.text),
        tokens: stored.tokens,
        lossless: stored.lossless,
        originals: originals.collect::<Option<_>>()?,
    })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ccr::{Hash, MemoryStore};

    fn decision(piece: Option<&str>) -> Decision {
        let original = DecidedOriginal { hash: Hash::of("b"), piece: piece.map(Arc::from), shown: 1, total: 2 };
        Decision {
            transform: "log_fold",
            kind: ContentKind::Log,
            text: "short\n\u{0}é".into(),
            tokens: 3,
            lossless: false,
            originals: vec![original],
        }
    }

    #[test]
    fn a_decision_comes_back_as_it_was() {
        let engine = Engine::new(Arc::new(MemoryStore::default()));
        for piece in [None, Some("long")] {
            let fact = encode(Some(&decision(piece)), "a long text").expect("kept");
            let read = decode(&engine, &fact, "a long text").expect("readable").expect("a decision");
            assert_eq!(format!("{read:?}"), format!("{:?}", decision(piece)));
        }
        assert!(matches!(decode(&engine, &encode(None, "").expect("kept"), ""), Some(None)));
    }

    #[test]
    fn what_cannot_be_read_is_found_out_again() {
        let engine = Engine::new(Arc::new(MemoryStore::default()));
        assert!(encode(Some(&decision(Some("elsewhere"))), "a long text").is_none());
        let fact = encode(Some(&decision(Some("long"))), "a long text").expect("kept");
        assert!(decode(&engine, &fact, "é").is_none());
        assert!(decode(&engine, b"{}", "a long text").is_none());
        let sealed = seal(&fact);
        assert_eq!(unseal(&sealed), Some(fact));
        for damaged in [&sealed[..sealed.len() - 1], &sealed[1..], &[], &[0; 8]] {
            assert_eq!(unseal(damaged), None);
        }
    }
}
