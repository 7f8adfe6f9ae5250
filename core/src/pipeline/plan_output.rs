//! What a finished plan gives: originals to store, edits, reports and the certificate.

use std::borrow::Cow;
use std::collections::HashSet;

use super::engine::Engine;
use super::plan::Plan;
use super::report::BlockReport;
use crate::ccr::{Certificate, EditKind, Hash, Original};
use crate::conversation::Edit;
use crate::detect::ContentKind;
use crate::options::Mode;

impl Plan {
    /// Originals that the markers of all decisions name, each once, in block order.
    pub(super) fn originals(&self, engine: &Engine) -> Vec<Original<'_>> {
        let mut originals: Vec<Original<'_>> = Vec::new();
        let mut known = HashSet::new();
        for (planned, block) in self.blocks.iter().zip(&self.conversation.blocks) {
            for decided in planned.decision.iter().flat_map(|decision| &decision.originals) {
                if !known.insert(decided.hash) {
                    continue;
                }
                let (text, tokens): (&str, u64) = match &decided.piece {
                    Some(piece) => (piece, engine.counts().count(self.tokenizer(), piece)),
                    None => (&block.text, planned.tokens),
                };
                originals.push(Original {
                    hash: decided.hash,
                    text: Cow::Borrowed(text),
                    tokens,
                    items: decided.total,
                    items_shown: decided.shown,
                    tool_name: block.tool.as_deref().map(|tool| tool.name.clone()).unwrap_or_default(),
                });
            }
        }
        originals
    }

    /// Hashes of those originals.
    pub(super) fn hashes(&self) -> Vec<Hash> {
        let mut known = HashSet::new();
        let decisions = self.blocks.iter().filter_map(|block| block.decision.as_ref());
        let hashes = decisions.flat_map(|decision| &decision.originals).map(|original| original.hash);
        hashes.filter(|hash| known.insert(*hash)).collect()
    }

    pub(super) fn edits(&self) -> Vec<Edit> {
        let decided =
            self.blocks.iter().enumerate().filter_map(|(block, planned)| Some((block, planned.decision.as_ref()?)));
        decided.map(|(block, decision)| Edit { block, text: decision.text.to_string() }).collect()
    }

    /// The first message that leaves something out.
    pub(super) fn first_lossy_message(&self) -> Option<usize> {
        let lossy = |index: &usize| self.blocks[*index].decision.as_ref().is_some_and(|decision| !decision.lossless);
        (0..self.blocks.len()).find(lossy).and_then(|index| self.conversation.blocks[index].message)
    }

    /// Replaces every decision that leaves something out by a lossless one, or by none.
    pub(super) fn make_lossless(&mut self, engine: &Engine) {
        for index in 0..self.blocks.len() {
            if self.blocks[index].decision.as_ref().is_some_and(|decision| !decision.lossless) {
                let may = self.blocks[index].is_transformable();
                let lossless = may.then(|| self.decision(engine, index, Mode::Lossless, 1.0).ok().flatten());
                self.decide(index, lossless.flatten());
            }
        }
    }

    /// What was applied, in block order.
    pub(super) fn transforms_applied(&self) -> Vec<String> {
        let decided = self.blocks.iter().filter_map(|planned| Some((planned, planned.decision.as_ref()?)));
        decided
            .map(|(planned, decision)| {
                #[expect(clippy::cast_precision_loss, reason = "a share of token counts")]
                let share = decision.tokens as f64 / planned.tokens.max(1) as f64;
                format!("router:{}:{share:.2}", decision.transform)
            })
            .collect()
    }

    /// A report of every block that could have become something else.
    pub(super) fn block_reports(&self) -> Vec<BlockReport> {
        let looked_at = self.blocks.iter().zip(&self.conversation.blocks).filter(|(planned, _)| planned.decided);
        looked_at
            .map(|(planned, block)| {
                let decision = planned.decision.as_deref();
                BlockReport {
                    path: block.path.to_string(),
                    message: block.message,
                    tool_name: block.tool.as_deref().map(|tool| tool.name.clone()).unwrap_or_default(),
                    kind: decision.map_or(ContentKind::Text, |decision| decision.kind),
                    transform: decision.map(|decision| decision.transform),
                    lossless: decision.is_some_and(|decision| decision.lossless),
                    tokens_before: planned.tokens,
                    tokens_after: planned.tokens_after(),
                    ccr_hashes: decision
                        .map(|decision| decision.originals.iter().map(|original| original.hash.to_string()).collect())
                        .unwrap_or_default(),
                }
            })
            .collect()
    }

    /// Proof of what was replaced.
    pub(super) fn certificate(&self) -> Certificate {
        let mut certificate = Certificate::default();
        for (planned, block) in self.blocks.iter().zip(&self.conversation.blocks) {
            let Some(decision) = planned.decision.as_deref() else { continue };
            let kind = if decision.lossless { EditKind::Lossless } else { EditKind::Subset };
            let originals: Vec<Hash> = decision.originals.iter().map(|original| original.hash).collect();
            let before = planned.digest.unwrap_or_else(|| blake3::hash(block.text.as_bytes()));
            certificate.add(&block.path.to_string(), decision.transform, kind, &before, &decision.text, &originals);
        }
        certificate
    }
}
