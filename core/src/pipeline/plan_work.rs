//! The work on undecided blocks: references to earlier content, then one transform a block.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::decision::{DecidedOriginal, Decision};
use super::engine::Engine;
use super::plan::Plan;
use crate::ccr::Hash;
use crate::conversation::Block;
use crate::detect::ContentKind;
use crate::parallel;
use crate::transforms::{Repeat, Repeats, Shown, Sighting};

/// The name under which references to earlier content are reported.
pub(super) const REPEATS: &str = "repeats";

/// What the work took.
pub(super) struct Work {
    /// Time spent on finding repeated content.
    pub(super) dedupe: Duration,
    /// Time spent on transforms.
    pub(super) compression: Duration,
    /// Tokens of the request with nothing but references and known decisions.
    pub(super) tokens_after_dedupe: u64,
    /// Transforms that failed, with the message of their block.
    pub(super) warnings: Vec<(usize, String)>,
}

impl Plan {
    /// Decides every eligible block in order, the same whatever is known already. What a block becomes depends on the blocks before it: a reference to an
    /// earlier block is true only for what that block shows.
    pub(super) fn work(&mut self, engine: &Engine) -> Work {
        let started = Instant::now();
        let conversation = Arc::clone(&self.conversation);
        let mut compression = Duration::ZERO;
        let mut warnings = Vec::new();
        let mut repeats = Repeats::new();
        let mut saved_by_transforms = 0;
        self.forget_references();
        let began = Instant::now();
        self.decide_ahead(engine);
        compression += began.elapsed();
        for (index, block) in conversation.blocks.iter().enumerate() {
            let mut seen = repeats.see(self.sighting(index, block));
            let whole = self.blocks[index].tokens;
            // The same text again needs no transform. Of a similar one, the transform may show less than the changes do.
            if let Some(same) = seen.take_if(|repeat| repeat.shown == 0)
                && self.refer(index, same, whole)
            {
                repeats.settle(Shown::Repeat);
                continue;
            }
            if self.blocks[index].is_transformable() {
                let began = Instant::now();
                if !self.blocks[index].decided
                    && let Err(failed) = self.transform(engine, index)
                {
                    let text = format!("{}: {failed}; it stays as it came", block.path);
                    warnings.push((block.message.unwrap_or(0), text));
                }
                compression += began.elapsed();
            }
            let bar = self.blocks[index].tokens_after();
            if let Some(similar) = seen
                && self.refer(index, similar, bar)
            {
                repeats.settle(Shown::Repeat);
                continue;
            }
            let decision = self.blocks[index].decision.clone();
            let shown = match &decision {
                None => Shown::Whole,
                Some(decision) if decision.lossless => Shown::Lossless,
                Some(decision) => Shown::Subset(&decision.text),
            };
            if let Some(shorter) = repeats.settle(shown)
                && self.refer(index, shorter, bar)
            {
                continue;
            }
            saved_by_transforms += whole - bar;
        }
        let tokens_after_dedupe = self.tokens_after() + saved_by_transforms;
        Work { dedupe: started.elapsed().saturating_sub(compression), compression, tokens_after_dedupe, warnings }
    }

    /// Makes the decisions on large blocks, several at once; [`Self::work`] finds them made. Which thread makes which says
    /// nothing about what they are.
    fn decide_ahead(&self, engine: &Engine) {
        let mut seen = HashSet::new();
        let is_first: Vec<bool> =
            self.blocks.iter().map(|planned| planned.digest.is_none_or(|digest| seen.insert(digest))).collect();
        let open: Vec<usize> = self.undecided().into_iter().filter(|index| is_first[*index]).collect();
        if open.len() > 1 && open.iter().map(|index| self.text(*index).len()).sum::<usize>() >= parallel::MIN_BYTES {
            // A failure is not kept, and told when it happens again.
            parallel::for_each(&open, |index| {
                drop(self.decision(engine, *index, self.options.mode, self.blocks[*index].scale));
            });
        }
    }

    fn sighting<'a>(&self, index: usize, block: &'a Block) -> Sighting<'a> {
        let tool = block.tool.as_deref();
        Sighting {
            message: block.message,
            tool_name: tool.map_or("", |tool| &tool.name),
            arguments: tool.map_or("", |tool| &tool.arguments),
            text: &block.text,
            hash: self.blocks[index].digest.as_ref().map(Hash::from_digest),
            eligible: self.blocks[index].eligible,
        }
    }

    /// Opens blocks again that refer to others, because what those show may be another thing by now.
    fn forget_references(&mut self) {
        for block in self.blocks.iter_mut().filter(|block| block.refers_to.is_some()) {
            block.refers_to = None;
            block.decided = false;
            block.decision = None;
        }
    }

    /// Makes a block a reference when that costs fewer tokens than `bar`.
    fn refer(&mut self, index: usize, repeat: Repeat, bar: u64) -> bool {
        let Repeat { text, hash, shown, total, of } = repeat;
        let tokens = self.tokenizer().count(&text);
        if !self.lossy_allowed() || tokens >= bar {
            return false;
        }
        let originals = vec![DecidedOriginal { hash, piece: None, shown, total }];
        let kind = self.blocks[index].decision.as_ref().map_or(ContentKind::Text, |decision| decision.kind);
        let decision = Decision { transform: REPEATS, kind, text: text.into(), tokens, lossless: false, originals };
        self.decide(index, Some(Arc::new(decision)));
        self.blocks[index].refers_to = Some(of);
        true
    }
}
