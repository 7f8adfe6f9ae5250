//! Which passages a subset keeps.

use std::collections::HashSet;

use super::document::{Document, Passage, PassageKind, bare};
use super::kinds::{DOCUMENT, WEAK};
use super::rank::Ranks;
use crate::relevance::Question;
use crate::transforms::lines::GAP_BYTES;

/// What the steps may use, in percent of the size. What must stay comes on top of it.
///
/// # Sources
/// Chosen by hand: most for the question, the rest so that every part of the document has a say.
const TITLES_PERCENT: usize = 50;
const CERTAIN_PERCENT: usize = 100;
const ANSWERS_PERCENT: usize = 70;
const OUTLINE_PERCENT: usize = 20;
const REST_PERCENT: usize = 100;
/// What answers and the rest may use at least, whatever was used before them.
const MIN_ANSWERS_PERCENT: usize = 35;
const MIN_REST_PERCENT: usize = 20;

/// Rounds in which answers are taken; between them, terms that were found often count less.
const ROUNDS: usize = 6;
/// A passage that is worth less than this share of what it was at the start of a round waits for the next one.
const STALE: f32 = 0.7;
/// Answers below this share of the best one are left to the rest.
const MIN_ANSWER: f32 = 0.12;

/// Chooses the pieces to show: about `target_bytes` of them, and of those that are `wanted`; none given, all are.
pub(super) fn select(document: &Document<'_>, question: &Question, target_bytes: usize, wanted: &[bool]) -> Vec<bool> {
    let mut selection = Selection::new(document, question, target_bytes, wanted);
    selection.titles();
    selection.opening();
    selection.certain_answers();
    selection.answers();
    selection.best_of_each_document();
    selection.outline();
    selection.rest();
    selection.finish()
}

struct Selection<'a> {
    document: &'a Document<'a>,
    ranks: Ranks,
    /// Whether a piece is shown.
    keep: Vec<bool>,
    /// Whether a piece may be shown; empty when all may.
    wanted: &'a [bool],
    taken: Vec<bool>,
    /// What is shown already, so that nothing is shown twice.
    shown: HashSet<&'a str>,
    /// How many shown passages hold each term.
    found: [u16; 64],
    target_bytes: usize,
    used_bytes: usize,
}

impl<'a> Selection<'a> {
    fn new(document: &'a Document<'a>, question: &Question, target_bytes: usize, wanted: &'a [bool]) -> Self {
        Self {
            wanted,
            document,
            ranks: Ranks::of(document, question),
            keep: vec![false; document.pieces.len()],
            taken: vec![false; document.passages.len()],
            shown: HashSet::new(),
            found: [0; 64],
            target_bytes,
            used_bytes: 0,
        }
    }

    fn percent(&self, percent: usize) -> usize {
        self.target_bytes / 100 * percent
    }

    /// Takes a passage with what it makes no sense without, if that fits below a limit and is not shown already.
    fn take(&mut self, at: usize, limit_bytes: usize) -> bool {
        let Some(passage) = self.document.passages.get(at) else { return false };
        if self.taken.get(at).copied().unwrap_or(true) {
            return true;
        }
        let is_wanted = |piece: u32| self.wanted.get(piece as usize).copied().unwrap_or(true);
        if !(passage.first..passage.end).all(is_wanted) {
            return false;
        }
        let text = bare(self.document.text_of(passage));
        if text.len() > MIN_REPEATED_BYTES && self.shown.contains(text) {
            return false;
        }
        let mut chain = vec![at];
        let mut cost = self.cost(passage);
        let mut above = passage.parent;
        while let Some(parent) = above
            && !self.taken.get(parent as usize).copied().unwrap_or(true)
            && let Some(passage) = self.document.passages.get(parent as usize)
        {
            cost += self.cost(passage);
            chain.push(parent as usize);
            above = passage.parent;
        }
        if self.used_bytes + cost > limit_bytes {
            return false;
        }
        self.used_bytes += cost;
        for at in chain {
            self.show(at);
        }
        true
    }

    fn show(&mut self, at: usize) {
        let Some(passage) = self.document.passages.get(at) else { return };
        if let Some(pieces) = self.keep.get_mut(passage.first as usize..passage.end as usize) {
            pieces.fill(true);
        }
        if let Some(taken) = self.taken.get_mut(at) {
            *taken = true;
        }
        self.shown.insert(bare(self.document.text_of(passage)));
        let mut terms = self.ranks.terms(at);
        while terms != 0 {
            if let Some(times) = self.found.get_mut(terms.trailing_zeros() as usize) {
                *times = times.saturating_add(1);
            }
            terms &= terms - 1;
        }
    }

    /// What showing a passage adds, with the label of the gap that it makes unless it stands beside a shown one.
    fn cost(&self, passage: &Passage) -> usize {
        let (first, end) = (passage.first as usize, passage.end as usize);
        let new = (first..end).filter(|&piece| !self.keep.get(piece).copied().unwrap_or(true));
        let bytes: usize = new
            .filter_map(|piece| self.document.pieces.get(piece))
            .map(|piece| (piece.end - piece.start) as usize + 1)
            .sum();
        let is_kept = |piece: Option<usize>| piece.and_then(|at| self.keep.get(at)).copied().unwrap_or(true);
        let beside = is_kept(first.checked_sub(1))
            || is_kept(Some(end))
            || is_kept(first.checked_sub(2))
            || is_kept(Some(end + 1));
        bytes + if beside { 0 } else { GAP_BYTES }
    }

    /// The titles of the documents of a search, best first.
    fn titles(&mut self) {
        let limit = self.percent(TITLES_PERCENT);
        let titles = self.headings(|level| level == DOCUMENT);
        for at in titles {
            self.take(at, limit);
        }
    }

    fn headings(&self, wanted: impl Fn(u8) -> bool) -> Vec<usize> {
        let is_wanted = |passage: &Passage| matches!(passage.kind, PassageKind::Heading(level) if wanted(level));
        let all = self.document.passages.iter().enumerate();
        all.filter(|(_, passage)| is_wanted(passage)).map(|(at, _)| at).collect()
    }

    /// How the text starts, and its last words.
    fn opening(&mut self) {
        let limit = self.used_bytes + self.percent(10).max(200);
        if let Some(first) = self.ranks.worth.iter().take(4).position(|worth| *worth > 0.0) {
            self.take(first, limit);
        }
    }

    /// What holds a specific term of the question.
    fn certain_answers(&mut self) {
        let limit = self.used_bytes + self.percent(CERTAIN_PERCENT);
        let strong = (0..self.document.passages.len()).filter(|&at| self.ranks.is_strong(at));
        for (at, _) in ranked(strong.map(|at| (at, self.ranks.answers(at, |_| 1.0)))) {
            self.take(at, limit);
        }
    }

    /// What answers the question best, so that each of its terms has a turn.
    fn answers(&mut self) {
        let limit = self.percent(ANSWERS_PERCENT).max(self.used_bytes + self.percent(MIN_ANSWERS_PERCENT));
        let is_text = |at: &usize| self.ranks.worth.get(*at).is_some_and(|worth| *worth > -0.9);
        let mut open: Vec<usize> = (0..self.document.passages.len()).filter(is_text).collect();
        let mut least = 0.0;
        for round in 1..=ROUNDS {
            let limit = self.used_bytes + limit.saturating_sub(self.used_bytes) / (ROUNDS + 1 - round);
            let order = ranked(open.iter().map(|&at| (at, self.answer(at))));
            let Some(&(_, best)) = order.first() else { return };
            if round == 1 {
                least = best * MIN_ANSWER;
            }
            open.clear();
            for (at, answer) in order {
                if answer <= least || self.taken.get(at).copied().unwrap_or(true) {
                    continue;
                }
                if self.used_bytes >= limit || self.answer(at) < answer * STALE || !self.take(at, limit) {
                    open.push(at);
                }
            }
        }
    }

    /// How well a passage answers what was not answered yet.
    fn answer(&self, at: usize) -> f32 {
        self.ranks.answers(at, |term| 4.0 / (4.0 + f32::from(self.found.get(term).copied().unwrap_or_default())))
    }

    /// At least one passage of each document.
    fn best_of_each_document(&mut self) {
        let titles = self.headings(|level| level == DOCUMENT);
        let limit = self.used_bytes + self.percent(TITLES_PERCENT);
        for (nth, &title) in titles.iter().enumerate() {
            let end = titles.get(nth + 1).copied().unwrap_or(self.document.passages.len());
            let is_text = |at: &usize| self.ranks.worth.get(*at).is_some_and(|worth| *worth > 0.0);
            if (title + 1..end).any(|at| is_text(&at) && self.taken.get(at) == Some(&true)) {
                continue;
            }
            let texts = (title + 1..end).filter(is_text);
            let order = ranked(texts.map(|at| (at, self.merit(at))));
            let _ = order.into_iter().take(3).any(|(at, _)| self.take(at, limit));
        }
    }

    /// What a passage is worth with and without the question.
    fn merit(&self, at: usize) -> f32 {
        let own = self.ranks.worth.get(at).copied().unwrap_or_default();
        own + 0.2 * self.answer(at)
    }

    /// The headings, outer ones first.
    fn outline(&mut self) {
        let limit = self.used_bytes + self.percent(OUTLINE_PERCENT);
        for level in 1..WEAK {
            for at in self.headings(|other| other == level) {
                self.take(at, limit);
            }
        }
    }

    /// The best of every section, by its size.
    fn rest(&mut self) {
        let limit = self.percent(REST_PERCENT).max(self.used_bytes + self.percent(MIN_REST_PERCENT));
        let sections = self.sections();
        let budget = limit.saturating_sub(self.used_bytes);
        let total: usize = sections.iter().map(|(_, _, bytes)| bytes).sum();
        let mut left = Vec::new();
        for (first, end, bytes) in sections {
            // In 128 bits, because two sizes are multiplied.
            let share = (budget as u128 * bytes as u128 / total.max(1) as u128) as usize;
            let own_limit = limit.min(self.used_bytes + share);
            let texts = (first..end).filter(|&at| self.ranks.worth.get(at).is_some_and(|worth| *worth > 0.0));
            for (at, merit) in ranked(texts.map(|at| (at, self.merit(at)))) {
                if !self.take(at, own_limit) {
                    left.push((at, merit));
                }
            }
        }
        for (at, _) in ranked(left.into_iter()) {
            if self.used_bytes >= limit {
                break;
            }
            self.take(at, limit);
        }
    }

    /// The passages between headings, with their sizes: from, to before, bytes.
    fn sections(&self) -> Vec<(usize, usize, usize)> {
        let mut sections: Vec<(usize, usize, usize)> = Vec::new();
        for (at, passage) in self.document.passages.iter().enumerate() {
            let bytes = self.document.text_of(passage).len();
            match sections.last_mut() {
                Some(last) if !matches!(passage.kind, PassageKind::Heading(_)) => {
                    last.1 = at + 1;
                    last.2 += bytes;
                }
                _ => sections.push((at, at + 1, bytes)),
            }
        }
        sections
    }

    /// Closes blocks of code and gaps that cost no more than their label would.
    fn finish(mut self) -> Vec<bool> {
        for &(open, close) in &self.document.closers {
            if self.keep.get(open as usize) == Some(&true)
                && let Some(kept) = self.keep.get_mut(close as usize)
            {
                *kept = true;
            }
        }
        let mut at = 0;
        while at < self.keep.len() {
            if self.keep[at] {
                at += 1;
                continue;
            }
            let end = self.keep[at..].iter().position(|&kept| kept).map_or(self.keep.len(), |ahead| at + ahead);
            let start = self.document.pieces.get(at).map_or(0, |piece| piece.start);
            let stop =
                end.checked_sub(1).and_then(|last| self.document.pieces.get(last)).map_or(start, |piece| piece.end);
            let text = self.document.text.get(start as usize..stop as usize).unwrap_or_default();
            let is_wanted = (at..end).all(|piece| self.wanted.get(piece).copied().unwrap_or(true));
            if is_wanted && (text.len() <= GAP_BYTES || text.trim().is_empty()) {
                self.keep[at..end].fill(true);
            }
            at = end;
        }
        self.keep
    }
}

/// Shorter texts may be shown twice: the ends of blocks, single words.
const MIN_REPEATED_BYTES: usize = 20;

/// What is worth more comes first, then what stands first.
fn ranked(items: impl Iterator<Item = (usize, f32)>) -> Vec<(usize, f32)> {
    let mut items: Vec<(usize, f32)> = items.collect();
    items.sort_by(|(one, a), (other, b)| b.total_cmp(a).then(one.cmp(other)));
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, question: &str, target_bytes: usize) -> Vec<&'static str> {
        let text: &'static str = text.to_owned().leak();
        let document = Document::of(text, false).unwrap();
        let keep = select(&document, &Question::new(question, ""), target_bytes, &[]);
        let pieces = document.pieces.iter().zip(keep).filter(|(_, kept)| *kept);
        pieces
            .map(|(piece, _)| &text[piece.start as usize..piece.end as usize])
            .filter(|text| !text.trim().is_empty())
            .collect()
    }

    fn chapters() -> String {
        let chapter = |name: &str| {
            format!(
                "## {name}\n\n{} follows here with words.\n\nPlain talk of {name} goes on and on for a while.\n\n\
                It was never meant to hold more than 40 of them at {name}.\n\nMore plain talk of {name} that nobody asked about.\n\n",
                name
            )
        };
        ["Pools", "Queues", "Timers", "Signals", "Files", "Sockets", "Threads", "Memory", "Clocks", "Errors"]
            .map(chapter)
            .concat()
    }

    #[test]
    fn the_section_that_the_question_names_is_shown_first() {
        let found = shown(&chapters(), "What goes on with sockets?", 600);
        assert!(found.contains(&"Plain talk of Sockets goes on and on for a while."), "{found:?}");
        assert!(!found.contains(&"Plain talk of Files goes on and on for a while."), "{found:?}");
    }

    #[test]
    fn without_a_question_every_section_has_its_heading_and_its_weightiest_sentence() {
        let found = shown(&chapters(), "", 1400);
        for name in ["Pools", "Memory", "Errors"] {
            assert!(found.contains(&&*format!("## {name}")), "{found:?}");
        }
        assert!(found.iter().filter(|text| text.contains("never meant")).count() > 5, "{found:?}");
    }

    #[test]
    fn each_clause_of_a_question_is_answered() {
        let mut text: String = (0..60)
            .map(|at| format!("The retry limit of worker {at} follows the retry policy of the pool.\n\n"))
            .collect();
        text.push_str("The colour of the logo is teal.\n\n");
        let found = shown(&text, "What is the retry limit of the pool, and which colour has the logo?", 1500);
        assert!(found.contains(&"The colour of the logo is teal."), "{found:?}");
    }

    #[test]
    fn the_same_words_are_shown_once() {
        let text = "The pool holds 500 connections and never more than that.\n\n".repeat(30)
            + "Another sentence entirely, of its own.\n";
        let found = shown(&text, "how many connections?", 1000);
        assert_eq!(found.iter().filter(|text| text.contains("500")).count(), 1, "{found:?}");
    }

    #[test]
    fn hostile_texts_are_selected_in_linear_time() {
        for unit in
            ["a b. ", "same words here\n\n", "# a\n", "- a b c\n", "|a|b|\n", "a1 ", "```\na\n```\n", "  a\n a\n"]
        {
            let text = unit.repeat(500_000 / unit.len());
            assert!(!shown(&text, "a `same` words a1", 20_000).is_empty() || text.trim().is_empty(), "{unit}");
        }
    }
}
