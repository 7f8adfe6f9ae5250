//! The work on undecided blocks: references to earlier content, then one transform a block.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::decision::{DecidedOriginal, Decision};
use super::engine::Engine;
use super::plan::Plan;
use crate::ccr::Hash;
use crate::conversation::Block;
use crate::detect::ContentKind;
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
    /// Decides every eligible block in order. What a block becomes depends on the blocks before it: a reference to an
    /// earlier block is true only for what that block shows.
    pub(super) fn work(&mut self, engine: &Engine) -> Work {
        let started = Instant::now();
        let conversation = Arc::clone(&self.conversation);
        let mut compression = Duration::ZERO;
        let mut warnings = Vec::new();
        let mut repeats = Repeats::new();
        let mut saved_by_transforms = 0;
        for (index, block) in conversation.blocks.iter().enumerate() {
            let seen = repeats.see(self.sighting(index, block));
            if let Some(decision) = seen.and_then(|repeat| self.repeated(index, repeat)) {
                self.decide(index, Some(decision));
                repeats.settle(Shown::Repeat);
                continue;
            }
            if self.blocks[index].is_transformable() && !self.blocks[index].decided {
                let began = Instant::now();
                if let Err(failed) = self.transform(engine, index) {
                    warnings
                        .push((block.message.unwrap_or(0), format!("{}: {failed}; it stays as it came", block.path)));
                }
                compression += began.elapsed();
                saved_by_transforms += self.blocks[index].tokens - self.blocks[index].tokens_after();
            }
            let decision = self.blocks[index].decision.clone();
            let shown = match &decision {
                None => Shown::Whole,
                Some(decision) if decision.lossless => Shown::Lossless,
                Some(decision) => Shown::Subset(&decision.text),
            };
            if let Some(shorter) = repeats.settle(shown).and_then(|repeat| self.repeated(index, repeat)) {
                self.decide(index, Some(shorter));
            }
        }
        let tokens_after_dedupe = self.tokens_after() + saved_by_transforms;
        Work { dedupe: started.elapsed().saturating_sub(compression), compression, tokens_after_dedupe, warnings }
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

    /// The decision that a reference comes to, when it costs less than what the block is now.
    fn repeated(&self, index: usize, repeat: Repeat) -> Option<Arc<Decision>> {
        let Repeat { text, hash, shown, total } = repeat;
        let tokens = self.tokenizer().count(&text);
        let originals = vec![DecidedOriginal { hash, piece: None, shown, total }];
        let kind = self.blocks[index].decision.as_ref().map_or(ContentKind::Text, |decision| decision.kind);
        let decision = Decision { transform: REPEATS, kind, text: text.into(), tokens, lossless: false, originals };
        (self.lossy_allowed() && tokens < self.blocks[index].tokens_after()).then(|| Arc::new(decision))
    }
}
