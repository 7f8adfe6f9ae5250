//! What every block of a request becomes: who is eligible, what it costs, what was decided.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use globset::{Glob, GlobSet, GlobSetBuilder};
use serde::Serialize;

use super::call::Call;
use super::decision::{Decision, DecisionKey};
use super::dispatch::panic_text;
use super::engine::Engine;
use super::progress::Biases;
use crate::ccr::{Hash, RETRIEVE_TOOL, carries_marker};
use crate::conversation::{Block, BlockKind, Body, Conversation, Role, Text};
use crate::detect::{ContentKind, is_editable_file_read, is_file_read};
use crate::error::Result;
use crate::options::{CompressOptions, Mode};
use crate::relevance::Question;
use crate::tokens::{self, SHORT_TEXT_BYTES, Tokenizer};
use crate::transform::{Context, Fit, Outcome, Part, apply_checked};

/// File reads of fewer bytes stay whole, because an agent is likely to edit what it just read.
///
/// # Sources
/// Chosen by hand: about 200 lines of source code.
const PROTECTED_FILE_READ_BYTES: usize = 8 * 1024;

/// Words by which a user asks for an analysis. Chosen by hand.
const ANALYSIS_WORDS: [&str; 8] =
    ["analy", "review", "audit", "inspect", "explain", "debug", "critique", "walk me through"];

/// The blocks of one request and what was decided for each.
pub(super) struct Plan {
    pub(super) conversation: Arc<Conversation>,
    pub(super) blocks: Vec<Planned>,
    pub(super) options: CompressOptions,
    tokenizer: Arc<dyn Tokenizer>,
    tokens_before: u64,
}

/// One block.
pub(super) struct Planned {
    pub(super) tokens: u64,
    /// BLAKE3 of the text, unless it is short.
    pub(super) digest: Option<blake3::Hash>,
    /// Whether it may become something else.
    pub(super) eligible: bool,
    /// Whether it may become nothing but a reference to the same content earlier on.
    pub(super) reference_only: bool,
    /// Whether the decision is final, "leave it alone" included.
    pub(super) decided: bool,
    pub(super) decision: Option<Arc<Decision>>,
    quotable: bool,
    scale: f32,
    /// The last user text before it.
    question: Option<Text>,
}

/// A line of `metadata.routes`.
#[derive(Debug, Serialize)]
pub(super) struct Route {
    block: usize,
    kind: ContentKind,
    pub(super) transform: &'static str,
    tokens: u64,
}

impl Plan {
    /// Reads a body and counts every block.
    pub(super) fn new(engine: &Engine, call: &Call, body: &dyn Body) -> Result<Self> {
        let conversation = Arc::new(body.conversation()?);
        let tokenizer = call.tokenizer.clone().unwrap_or_else(|| tokens::for_model(&call.model));
        let options = call.options.clone();
        let excluded = exclude_globs(&options.exclude_tools);
        let protected_from = protected_from(&conversation, &options);
        let questions = conversation.questions();
        let blocks: Vec<Planned> = conversation
            .blocks
            .iter()
            .zip(questions)
            .map(|(block, question)| {
                let digest = (block.text.len() >= SHORT_TEXT_BYTES).then(|| blake3::hash(block.text.as_bytes()));
                let tokens = match &digest {
                    Some(digest) => engine.counts().count_digested(&*tokenizer, &block.text, digest),
                    None => tokenizer.count(&block.text),
                };
                let quotable = block.tool.as_deref().is_some_and(is_editable_file_read);
                let eligible = tokens >= options.min_tokens_to_compress
                    && is_compressible(block, &options, &excluded)
                    && block.message.is_none_or(|at| at >= options.frozen_message_count && at < protected_from);
                let reference_only = is_small_file_read(block);
                Planned {
                    tokens,
                    digest,
                    eligible,
                    reference_only,
                    decided: false,
                    decision: None,
                    quotable,
                    scale: 1.0,
                    question,
                }
            })
            .collect();
        let tokens_before = blocks.iter().map(|block| block.tokens).sum();
        let mut plan = Self { conversation, blocks, options, tokenizer, tokens_before };
        if plan.options.protect_analysis_context {
            plan.protect_analysis_context(engine);
        }
        Ok(plan)
    }

    /// Leaves file reads and diffs since the last user message whole when that message asks for an analysis.
    fn protect_analysis_context(&mut self, engine: &Engine) {
        let asks = |question: &str| {
            let words = question.to_lowercase();
            ANALYSIS_WORDS.iter().any(|word| words.contains(word))
        };
        let is_question = |block: &Block| block.role == Role::User && block.kind == BlockKind::Text;
        let Some(last) = self.conversation.blocks.iter().rposition(is_question) else { return };
        if !asks(&self.conversation.blocks[last].text) {
            return;
        }
        for index in last + 1..self.blocks.len() {
            let part = self.part(index);
            let is_diff = || best_fit(engine, &part).is_some_and(|(_, kind)| kind == ContentKind::Diff);
            if self.blocks[index].eligible && (part.quotable || is_diff()) {
                self.blocks[index].eligible = false;
            }
        }
    }

    /// From which message on the options keep the end of the conversation whole, if they do.
    pub(super) fn protected_message(&self) -> Option<usize> {
        let recent = (self.options.protect_recent > 0).then(|| protected_from(&self.conversation, &self.options));
        let analysed = self.options.protect_analysis_context.then(|| {
            let user = self.conversation.blocks.iter().rfind(|block| block.role == Role::User);
            user.and_then(|block| block.message).unwrap_or(0)
        });
        recent.into_iter().chain(analysed).min()
    }

    pub(super) fn conversation(&self) -> &Conversation {
        &self.conversation
    }

    pub(super) fn tokenizer(&self) -> &dyn Tokenizer {
        &*self.tokenizer
    }

    pub(super) fn tokens_before(&self) -> u64 {
        self.tokens_before
    }

    /// The caller's provider, else the one whose API has this shape.
    pub(super) fn provider(&self, given: &Arc<str>) -> Arc<str> {
        if given.is_empty() { Arc::from(self.conversation.shape.provider()) } else { Arc::clone(given) }
    }

    /// Tokens of the request as decided so far.
    pub(super) fn tokens_after(&self) -> u64 {
        self.blocks.iter().map(Planned::tokens_after).sum()
    }

    /// Where every eligible block goes.
    pub(super) fn routes(&self, engine: &Engine) -> Vec<Route> {
        let eligible = self.blocks.iter().enumerate().filter(|(_, planned)| planned.is_transformable());
        eligible
            .filter_map(|(index, planned)| {
                let (at, kind) = best_fit(engine, &self.part(index))?;
                Some(Route { block: index, kind, transform: engine.transforms()[at].name(), tokens: planned.tokens })
            })
            .collect()
    }

    /// Leaves a block alone because an extension asks for it; gives its message.
    pub(super) fn exclude(&mut self, block: usize) -> Option<usize> {
        let planned = self.blocks.get_mut(block)?;
        planned.eligible = false;
        self.conversation.blocks[block].message
    }

    /// Gives blocks their scale; blocks that were decided with another one are open again.
    pub(super) fn set_biases(&mut self, biases: &Biases) {
        for (planned, block) in self.blocks.iter_mut().zip(&self.conversation.blocks) {
            let bias = block.message.and_then(|message| biases.get(&message)).copied().unwrap_or(1.0);
            #[expect(clippy::cast_possible_truncation, reason = "a factor of a few digits")]
            let scale = bias.clamp(0.05, 100.0) as f32;
            if planned.scale != scale {
                planned.scale = scale;
                planned.decided = false;
                planned.decision = None;
            }
        }
    }

    /// The scale of every block.
    pub(super) fn scales(&self) -> Vec<f32> {
        self.blocks.iter().map(|planned| planned.scale).collect()
    }

    /// Leaves blocks alone that carry a marker, ours or another product's, and results of the retrieval tool.
    pub(super) fn leave_marked_blocks(&mut self) {
        for (planned, block) in self.blocks.iter_mut().zip(&self.conversation.blocks) {
            let retrieved = || block.tool.as_deref().is_some_and(|tool| tool.name == RETRIEVE_TOOL);
            if planned.eligible && (retrieved() || carries_marker(&block.text)) {
                planned.eligible = false;
            }
        }
    }

    /// Takes over decisions that are known already.
    pub(super) fn replay(&mut self, engine: &Engine) {
        for index in self.undecided() {
            let key = self.key(index, self.options.mode, self.blocks[index].scale);
            if let Some(known) = engine.decisions().get(&key) {
                self.decide(index, known);
            }
        }
    }

    /// Runs the transform that fits a block best.
    pub(super) fn transform(&mut self, engine: &Engine, index: usize) -> Result<(), String> {
        let (mode, scale) = (self.options.mode, self.blocks[index].scale);
        let decision = self.decision(engine, index, mode, scale);
        if let Ok(decision) = &decision {
            engine.decisions().insert(self.key(index, mode, scale), decision.clone());
        }
        self.decide(index, decision.clone().ok().flatten());
        decision.map(|_| ())
    }

    /// Whether the mode allows leaving anything out.
    pub(super) fn lossy_allowed(&self) -> bool {
        self.options.mode != Mode::Lossless
    }

    /// The decision of a block under a mode and a scale: at most as many tokens as before, or none.
    pub(super) fn decision(
        &self,
        engine: &Engine,
        index: usize,
        mode: Mode,
        scale: f32,
    ) -> Result<Option<Arc<Decision>>, String> {
        let part = self.part(index);
        let Some((at, kind)) = best_fit(engine, &part) else { return Ok(None) };
        let transform = &*engine.transforms()[at];
        let planned = &self.blocks[index];
        let arguments = part.tool.map_or("", |tool| tool.arguments.as_str());
        let question = Question::new(planned.question.as_deref().unwrap_or(""), arguments);
        let mut context = Context::new(mode, scale, &question, &*self.tokenizer);
        let applied = catch_unwind(AssertUnwindSafe(|| apply_checked(transform, &part, planned.tokens, &mut context)));
        let (outcome, tokens) = match applied {
            Ok(Ok(Some(made))) => made,
            Ok(Ok(None)) => return Ok(None),
            Ok(Err(failed)) => return Err(format!("{} failed: {failed}", transform.name())),
            Err(panic) => return Err(format!("{} {}", transform.name(), panic_text(&*panic))),
        };
        if mode == Mode::Lossless && matches!(outcome, Outcome::Subset(_)) {
            return Ok(None);
        }
        let originals = context.into_originals();
        Ok(Decision::new(transform.name(), kind, outcome, tokens, originals, part.text).map(Arc::new))
    }

    pub(super) fn part(&self, index: usize) -> Part<'_> {
        let block = &self.conversation.blocks[index];
        Part { text: &block.text, tool: block.tool.as_deref(), quotable: self.blocks[index].quotable }
    }

    pub(super) fn decide(&mut self, index: usize, decision: Option<Arc<Decision>>) {
        self.blocks[index].decided = true;
        self.blocks[index].decision = decision;
    }

    pub(super) fn undecided(&self) -> Vec<usize> {
        (0..self.blocks.len())
            .filter(|&index| self.blocks[index].is_transformable() && !self.blocks[index].decided)
            .collect()
    }

    /// Everything that the decision of a block depends on.
    fn key(&self, index: usize, mode: Mode, scale: f32) -> DecisionKey {
        let (planned, block) = (&self.blocks[index], &self.conversation.blocks[index]);
        let tool = block.tool.as_deref();
        DecisionKey::new(&[
            planned.digest.as_ref().map_or(block.text.as_bytes(), |digest| digest.as_bytes()),
            self.tokenizer.counts_as().as_bytes(),
            &[mode as u8, u8::from(planned.quotable)],
            &scale.to_le_bytes(),
            planned.question.as_deref().unwrap_or("").as_bytes(),
            tool.map_or("", |tool| tool.name.as_str()).as_bytes(),
            tool.map_or("", |tool| tool.arguments.as_str()).as_bytes(),
        ])
    }

    pub(super) fn token_budget(&self) -> Option<u64> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a share of a token count"
        )]
        let by_ratio = self.options.target_ratio.map(|ratio| (self.tokens_before as f64 * ratio) as u64);
        match (self.options.token_budget, by_ratio) {
            (Some(budget), Some(by_ratio)) => Some(budget.min(by_ratio)),
            (budget, by_ratio) => budget.or(by_ratio),
        }
    }

    /// Tokens of a body that extensions have changed, and which of the plan's markers are still in it.
    pub(super) fn recount(&self, engine: &Engine, body: &dyn Body) -> Result<(u64, Vec<Hash>)> {
        let conversation = body.conversation()?;
        let mut hashes = Vec::new();
        let tokens = conversation.blocks.iter().map(|block| {
            hashes.extend(crate::ccr::markers_in(&block.text));
            engine.counts().count(&*self.tokenizer, &block.text)
        });
        let tokens = tokens.sum();
        Ok((tokens, hashes))
    }
}

impl Planned {
    /// Whether a transform may change it.
    pub(super) fn is_transformable(&self) -> bool {
        self.eligible && !self.reference_only
    }

    pub(super) fn tokens_after(&self) -> u64 {
        self.decision.as_ref().map_or(self.tokens, |decision| decision.tokens)
    }
}

/// A transform this confident is taken without asking the ones after it.
const SURE: f32 = 0.9;

/// The first transform that is sure, else the one with the highest confidence, by the order of the registry.
fn best_fit(engine: &Engine, part: &Part<'_>) -> Option<(usize, ContentKind)> {
    let mut best: Option<(usize, ContentKind, f32)> = None;
    for (index, transform) in engine.transforms().iter().enumerate() {
        if let Fit::Yes(kind, confidence) = transform.fit(part)
            && best.is_none_or(|(_, _, highest)| confidence > highest)
        {
            best = Some((index, kind, confidence));
            if confidence >= SURE {
                break;
            }
        }
    }
    best.map(|(index, kind, _)| (index, kind))
}

/// Whether a block is of a kind that may be compressed at all (G8).
fn is_compressible(block: &Block, options: &CompressOptions, excluded: &GlobSet) -> bool {
    match block.kind {
        BlockKind::ToolResult => {
            !block.is_error && block.tool.as_deref().is_none_or(|tool| !excluded.is_match(&tool.name))
        }
        BlockKind::Text => options.compress_user_messages && block.role == Role::User,
        BlockKind::ToolArguments => false,
    }
}

fn is_small_file_read(block: &Block) -> bool {
    block.text.len() < PROTECTED_FILE_READ_BYTES && block.tool.as_deref().is_some_and(is_file_read)
}

/// The first message that `protect_recent` keeps whole.
fn protected_from(conversation: &Conversation, options: &CompressOptions) -> usize {
    conversation.message_count.saturating_sub(options.protect_recent)
}

/// The globs of tool names; they were checked with the options.
fn exclude_globs(patterns: &[String]) -> GlobSet {
    let mut set = GlobSetBuilder::new();
    for glob in patterns.iter().filter_map(|pattern| Glob::new(pattern).ok()) {
        set.add(glob);
    }
    set.build().unwrap_or_default()
}
