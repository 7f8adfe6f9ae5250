//! What every block of a request becomes: who is eligible, what it costs, what was decided.

use std::any::Any;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use globset::{Glob, GlobSet, GlobSetBuilder};
use serde::Serialize;

use super::call::Call;
use super::decision::{Decision, DecisionKey};
use super::dispatch::panic_text;
use super::engine::Engine;
use super::facts::{Countable, count_ahead};
use super::progress::Biases;
use crate::ccr::{Store, carries_marker, is_retrieve_tool};
use crate::conversation::{Block, BlockKind, Body, Conversation, Path, Role, Text};
use crate::detect::{ContentKind, is_editable_file_read, is_file_read};
use crate::error::Result;
use crate::options::{CompressOptions, Mode};
use crate::relevance::Question;
use crate::tokens::{self, SHORT_TEXT_BYTES, Tokenizer};
use crate::transform::{Context, Outcome, Part, apply_checked};
use crate::transforms::best_fit;

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
    /// Blocks that had to be counted.
    pub(super) counted: Vec<usize>,
    /// Blocks that no process had decided on before.
    pub(super) made: Vec<usize>,
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
    /// The earlier block that its reference names.
    pub(super) refers_to: Option<usize>,
    quotable: bool,
    pub(super) scale: f32,
    /// The last user text before it.
    question: Option<Text>,
    question_digest: blake3::Hash,
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
        let questions = with_digests(conversation.questions());
        let countable = conversation.blocks.iter().map(|block| Countable {
            text: &block.text,
            digest: (block.text.len() >= SHORT_TEXT_BYTES).then(|| blake3::hash(block.text.as_bytes())),
        });
        let countable: Vec<_> = countable.collect();
        let counted = count_ahead(engine, || engine.store_of(call), &*tokenizer, &countable);
        let blocks: Vec<Planned> = conversation
            .blocks
            .iter()
            .zip(&countable)
            .zip(questions)
            .map(|((block, &Countable { digest, .. }), (question, question_digest))| {
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
                    refers_to: None,
                    decided: false,
                    decision: None,
                    quotable,
                    scale: 1.0,
                    question,
                    question_digest,
                }
            })
            .collect();
        let tokens_before = blocks.iter().map(|block| block.tokens).sum();
        drop(countable);
        let mut plan = Self { conversation, blocks, options, tokenizer, tokens_before, counted, made: Vec::new() };
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
            let is_diff = || best_fit(engine.transforms(), &part).is_some_and(|(_, kind)| kind == ContentKind::Diff);
            if self.blocks[index].eligible && (part.quotable || is_diff()) {
                self.blocks[index].eligible = false;
            }
        }
    }

    /// The first message that an option which looks forward may leave otherwise than an earlier request did.
    pub(super) fn unstable_from(&self) -> Option<usize> {
        let options = &self.options;
        let looks_forward =
            options.protect_recent > 0 || options.protect_analysis_context || options.target_ratio.is_some();
        let excluded = exclude_globs(&options.exclude_tools);
        let may_change = |block: &&Block| is_compressible(block, options, &excluded);
        looks_forward
            .then(|| self.conversation.blocks.iter().find(may_change).and_then(|block| block.message))
            .flatten()
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
                let (at, kind) = best_fit(engine.transforms(), &self.part(index))?;
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
            let retrieved = || block.tool.as_deref().is_some_and(|tool| is_retrieve_tool(&tool.name));
            if planned.eligible && (retrieved() || carries_marker(&block.text)) {
                planned.eligible = false;
            }
        }
    }

    /// Takes over decisions that are known already, here or in the store.
    pub(super) fn replay(&mut self, engine: &Engine, store: impl FnOnce() -> Option<Arc<dyn Store>>) {
        for index in self.undecided() {
            if let Some(known) = engine.decisions().get(&self.decision_key(index)) {
                self.decide(index, known);
            }
        }
        self.recall_decisions(engine, store);
        self.made = self.undecided();
    }

    pub(super) fn decision_key(&self, index: usize) -> DecisionKey {
        self.key(index, self.options.mode, self.blocks[index].scale)
    }

    pub(super) fn text(&self, index: usize) -> &str {
        &self.conversation.blocks[index].text
    }

    /// Runs the transform that fits a block best.
    pub(super) fn transform(&mut self, engine: &Engine, index: usize) -> Result<(), String> {
        let decision = self.decision(engine, index, self.options.mode, self.blocks[index].scale);
        self.decide(index, decision.clone().ok().flatten());
        decision.map(|_| ())
    }

    /// Whether the mode allows leaving anything out.
    pub(super) fn lossy_allowed(&self) -> bool {
        self.options.mode != Mode::Lossless
    }

    /// The decision of a block under a mode and a scale, known or made now: fewer tokens than before, or none.
    pub(super) fn decision(
        &self,
        engine: &Engine,
        index: usize,
        mode: Mode,
        scale: f32,
    ) -> Result<Option<Arc<Decision>>, String> {
        let key = self.key(index, mode, scale);
        if let Some(known) = engine.decisions().get(&key) {
            return Ok(known);
        }
        let made = self.make_decision(engine, index, mode, scale)?;
        engine.decisions().insert(key, made.clone());
        Ok(made)
    }

    fn make_decision(
        &self,
        engine: &Engine,
        index: usize,
        mode: Mode,
        scale: f32,
    ) -> Result<Option<Arc<Decision>>, String> {
        let part = self.part(index);
        let panicked = |panic: Box<dyn Any + Send>| panic_text(&*panic);
        let fit = catch_unwind(AssertUnwindSafe(|| best_fit(engine.transforms(), &part))).map_err(panicked)?;
        let Some((at, kind)) = fit else { return Ok(None) };
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
        let block = &mut self.blocks[index];
        block.decided = true;
        block.decision = decision;
        block.refers_to = None;
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
            planned.question_digest.as_bytes(),
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

    /// Looks at a body that extensions have changed: decisions whose text is no longer where it was are dropped. Gives
    /// the tokens of the body.
    pub(super) fn keep_what_stands(&mut self, engine: &Engine, body: &dyn Body) -> Result<u64> {
        let conversation = body.conversation()?;
        let texts: HashMap<&Path, &str> = conversation.blocks.iter().map(|block| (&block.path, &*block.text)).collect();
        for (planned, block) in self.blocks.iter_mut().zip(&self.conversation.blocks) {
            let stands = |decision: &Arc<Decision>| texts.get(&block.path) == Some(&&*decision.text);
            planned.decision = planned.decision.take().filter(stands);
        }
        let count = |block: &Block| engine.counts().count(&*self.tokenizer, &block.text);
        Ok(conversation.blocks.iter().map(count).sum())
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

/// Questions with their digests; neighbours that share a text share its digest.
fn with_digests(questions: Vec<Option<Text>>) -> Vec<(Option<Text>, blake3::Hash)> {
    let mut last: Option<(*const u8, usize, blake3::Hash)> = None;
    let mut digest = |text: &str| match last {
        Some((start, length, digest)) if (start, length) == (text.as_ptr(), text.len()) => digest,
        _ => {
            let digest = blake3::hash(text.as_bytes());
            last = Some((text.as_ptr(), text.len(), digest));
            digest
        }
    };
    let pairs = questions.into_iter().map(|question| {
        let digest = digest(question.as_deref().unwrap_or(""));
        (question, digest)
    });
    pairs.collect()
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
