//! The budget step: makes a request fit a number of tokens in as few changes as possible.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::decision::Decision;
use super::engine::Engine;
use super::plan::Plan;
use super::report::BudgetReport;
use crate::options::Mode;
use crate::transform::{Context, Outcome};

/// How much smaller than usual a block is made when a budget asks for it.
const BUDGET_SCALE: f32 = 0.25;

impl Plan {
    /// Makes blocks smaller, oldest first, until the request fits: first a much smaller subset, then nothing but the
    /// marker. Gives the first message that was changed.
    pub(super) fn fit_budget(&mut self, engine: &Engine, token_budget: u64) -> Option<usize> {
        let mut changed = BTreeSet::new();
        let mut total = self.tokens_after();
        if self.lossy_allowed() {
            for whole in [false, true] {
                for index in 0..self.blocks.len() {
                    if total <= token_budget {
                        break;
                    }
                    if !self.blocks[index].is_transformable() {
                        continue;
                    }
                    let smaller = if whole {
                        self.left_out(index)
                    } else {
                        let scale = BUDGET_SCALE * self.blocks[index].scale;
                        self.decision(engine, index, Mode::Aggressive, scale).ok().flatten()
                    };
                    let now = self.blocks[index].tokens_after();
                    if let Some(smaller) = smaller.filter(|smaller| smaller.tokens < now) {
                        total = total - now + smaller.tokens;
                        changed.insert(index);
                        self.decide(index, Some(smaller));
                    }
                }
            }
        }
        // A reference to what is no longer shown would not be true.
        for index in 0..self.blocks.len() {
            if self.blocks[index].refers_to.is_some_and(|of| changed.contains(&of)) {
                let left_out = self.left_out(index);
                changed.insert(index);
                self.decide(index, left_out);
            }
        }
        changed.first().map(|&first| self.conversation.blocks[first].message.unwrap_or(0))
    }

    /// What the request costs beside its budget, and why if it is over.
    pub(super) fn budget_report(&self) -> Option<BudgetReport> {
        let token_budget = self.token_budget()?;
        let tokens_after = self.tokens_after();
        let missed_by = tokens_after.saturating_sub(token_budget);
        let reason = (missed_by > 0).then(|| self.why_not(missed_by));
        Some(BudgetReport { token_budget, tokens_after, missed_by, reason })
    }

    /// The block as nothing but its marker.
    fn left_out(&self, index: usize) -> Option<Arc<Decision>> {
        let part = self.part(index);
        let question = crate::relevance::Question::default();
        let mut context = Context::new(Mode::Aggressive, 0.0, &question, self.tokenizer());
        let marker = context.marker(part.text, 0, part.text.lines().count(), "lines");
        let kind =
            self.blocks[index].decision.as_ref().map_or(crate::detect::ContentKind::Text, |decision| decision.kind);
        let tokens = self.tokenizer().count(&marker);
        let originals = context.into_originals();
        Decision::new("omit", kind, Outcome::Subset(marker), tokens, originals, part.text).map(Arc::new)
    }

    fn why_not(&self, missed_by: u64) -> String {
        if !self.lossy_allowed() {
            return format!("lossless mode leaves nothing out; {missed_by} tokens more would have to go");
        }
        let untouchable: u64 =
            self.blocks.iter().filter(|block| !block.is_transformable()).map(|block| block.tokens).sum();
        format!(
            "what may not be changed (system, user and assistant text, protected results) costs {untouchable} tokens"
        )
    }
}
