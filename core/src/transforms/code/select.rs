//! Which lines of a file stay.

use std::collections::HashSet;
use std::ops::Range;

use super::super::lines::{Lines, close_small_gaps};
use super::asked::{Asked, Named};
use super::folds::{Depth, Fold, folds};
use super::kinds::Role;
use super::outline::Item;
use crate::relevance::Question;

/// A file and what is wanted of it.
pub(super) struct Selection<'s> {
    pub(super) items: &'s [Item],
    /// The lines without line numbers.
    pub(super) code: &'s Lines<'s>,
    pub(super) question: &'s Question,
    /// Bytes for what answers the question without being named by it.
    pub(super) target_bytes: usize,
    /// How much is left out at first.
    pub(super) depth: Depth,
}

/// A skeleton that is this many times larger than the target is cut deeper.
///
/// # Sources
/// Chosen by hand: signatures and imports are a fifth of a file of 30 to 100 KB, about twice the target.
const DEEP_FACTOR: usize = 4;

/// More definitions that a question names by words alone are a coincidence.
const MAX_IN_WORDS: usize = 4;

/// The longest class that is shown whole when it is named, and the longest body that is when it has the most to do with
/// the question, times the target.
const WHOLE_FACTOR: usize = 2;

/// A definition scores at least this share of the best to be shown.
const MIN_SCORE_SHARE: f32 = 0.4;

/// How much more the head of a definition says than its body.
const HEAD_WEIGHT: f32 = 2.0;

/// A body is shown whole because of a line in it when it takes no more than this part of the target; otherwise so many
/// lines around the line are.
const MENTION_PART: usize = 2;
const AROUND_LINES: usize = 4;

impl Selection<'_> {
    /// Decides for every line.
    pub(super) fn keep(&self) -> Vec<bool> {
        let mut folds = folds(self.items, self.code, self.depth);
        let mut keep = self.without(&folds);
        if self.depth == Depth::Usual && self.bytes(&keep) > self.target_bytes.saturating_mul(DEEP_FACTOR) {
            folds = super::folds::folds(self.items, self.code, Depth::Deep);
            keep = self.without(&folds);
        }
        if !self.question.is_empty() {
            let asked = Asked::of(self.question);
            let has_named = self.show_named(&asked, &mut keep);
            self.show_mentions(&asked, &folds, &mut keep);
            if !has_named {
                self.show_related(&asked, &folds, &mut keep);
            }
        }
        self.swallow_blank_lines(&mut keep);
        close_small_gaps(self.code, &mut keep);
        keep
    }

    fn without(&self, folds: &[Fold]) -> Vec<bool> {
        let mut keep = vec![true; self.code.len()];
        for fold in folds {
            keep.get_mut(fold.rows.clone()).unwrap_or_default().fill(false);
        }
        keep
    }

    fn bytes(&self, keep: &[bool]) -> usize {
        self.code.iter().zip(keep).filter(|(_, kept)| **kept).map(|(line, _)| line.len() + 1).sum()
    }

    /// Shows the definitions that the question names, whole; gives whether it surely means one of them.
    fn show_named(&self, asked: &Asked, keep: &mut [bool]) -> bool {
        if asked.is_empty() {
            return false;
        }
        let names: Vec<Named> = self.items.iter().map(|item| asked.names(&item.name)).collect();
        let count = |named: Named| names.iter().filter(|name| **name == named).count();
        // Another spelling is meant only if nothing has the very name; words may be about something else.
        let least = match (count(Named::Exactly), count(Named::Spelled), count(Named::InWords), count(Named::Perhaps)) {
            (1.., ..) => Named::Exactly,
            (0, 1.., ..) => Named::Spelled,
            (0, 0, 1..=MAX_IN_WORDS, _) => Named::InWords,
            (0, 0, _, 1) => Named::Perhaps,
            _ => return false,
        };
        let named = || (0..self.items.len()).filter(|&at| names.get(at).is_some_and(|named| *named >= least));
        // `Cache.get` is one of many that are called `get`.
        let name = |at: usize| self.items.get(at).map_or("", |item| item.name.as_str());
        let owned: HashSet<&str> = named().filter(|&at| self.has_owner(at, asked)).map(name).collect();
        let shown: Vec<usize> = named().filter(|&at| !owned.contains(name(at)) || self.has_owner(at, asked)).collect();
        let mut any = false;
        for at in shown {
            let Some(item) = self.items.get(at) else { continue };
            let bytes = self.code.span(item.rows.start, item.rows.end).len();
            if item.role == Role::Type && bytes > self.target_bytes.saturating_mul(WHOLE_FACTOR) {
                continue;
            }
            any |= least > Named::Perhaps;
            self.show(at, keep);
        }
        any
    }

    fn has_owner(&self, at: usize, asked: &Asked) -> bool {
        self.around(at).any(|item| asked.is_owner(&item.name))
    }

    /// The items around an item, the innermost first.
    fn around(&self, at: usize) -> impl Iterator<Item = &Item> {
        let parent = |at: usize| self.items.get(at).and_then(|item| item.parent);
        std::iter::successors(parent(at), move |&at| parent(at)).filter_map(|at| self.items.get(at))
    }

    /// Shows an item with its comment and the heads of what is around it.
    fn show(&self, at: usize, keep: &mut [bool]) {
        let Some(item) = self.items.get(at) else { return };
        let start = self.with_comment(at, item.rows.start);
        keep.get_mut(start..item.rows.end).unwrap_or_default().fill(true);
        for outer in self.around(at).filter(|outer| outer.role == Role::Function) {
            keep.get_mut(outer.rows.start..outer.body.start).unwrap_or_default().fill(true);
        }
    }

    /// Where the comment and the attributes above a line start.
    fn with_comment(&self, at: usize, start: usize) -> usize {
        let before = self.items.get(..at).unwrap_or_default();
        // What stands in attributes may lie between.
        const REACH: usize = 8;
        let near = before.iter().rev().take(REACH);
        let mut comments = near.filter(|item| item.role == Role::Comment).peekable();
        let mut start = start;
        while let Some(above) = start.checked_sub(1) {
            let line = self.code.get(above).trim_start();
            if let Some(comment) = comments.next_if(|comment| comment.rows.end == start) {
                start = comment.rows.start;
            } else if line.starts_with('@') || line.starts_with("#[") || line.starts_with("template") {
                start = above;
            } else {
                break;
            }
        }
        start
    }

    /// Shows the bodies in which something stands that the question quotes, and of what it names elsewhere the lines that
    /// use it.
    fn show_mentions(&self, asked: &Asked, folds: &[Fold], keep: &mut [bool]) {
        let lines: Vec<&str> = self.code.iter().collect();
        let matches = self.question.matches(&lines);
        let mut ranked: Vec<(f32, usize)> = matches
            .iter()
            .enumerate()
            .filter(|(_, found)| found.strong)
            .map(|(row, found)| (found.score, row))
            .collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let names = self.items.iter().map(|item| item.name.as_str());
        let defined: HashSet<&str> = names.filter(|name| asked.names(name) >= Named::Spelled).collect();
        let mut left = self.target_bytes;
        for (_, row) in ranked {
            let at = folds.partition_point(|fold| fold.rows.end <= row);
            let Some(fold) = folds.get(at).filter(|fold| fold.rows.contains(&row)) else { continue };
            if keep.get(row) == Some(&true) {
                continue;
            }
            let is_use = defined.iter().any(|name| self.code.get(row).contains(name));
            let rows = if is_use {
                row..row + 1
            } else if self.code.span(fold.rows.start, fold.rows.end).len() <= self.target_bytes / MENTION_PART {
                fold.rows.clone()
            } else {
                row.saturating_sub(AROUND_LINES).max(fold.rows.start)..(row + 1 + AROUND_LINES).min(fold.rows.end)
            };
            if !self.take(rows, &mut left, keep) {
                break;
            }
        }
    }

    /// Shows what has most to do with the question, by its words.
    fn show_related(&self, asked: &Asked, folds: &[Fold], keep: &mut [bool]) {
        let head_of = |fold: &Fold| {
            let start = self.items.get(fold.item).map_or(fold.rows.start, |item| item.rows.start);
            self.with_comment(fold.item, start)..fold.rows.start
        };
        let heads: Vec<Range<usize>> = folds.iter().map(head_of).collect();
        let scores = |rows: &mut dyn Iterator<Item = &Range<usize>>| {
            let texts: Vec<&str> = rows.map(|rows| self.code.span(rows.start, rows.end)).collect();
            self.question.scores(&texts)
        };
        let head_scores = scores(&mut heads.iter());
        let body_scores = scores(&mut folds.iter().map(|fold| &fold.rows));
        let named = |fold: &Fold| self.items.get(fold.item).is_some_and(|item| asked.names(&item.name) > Named::No);
        let mut ranked: Vec<(f32, usize)> = head_scores
            .iter()
            .zip(&body_scores)
            .zip(folds)
            .map(|((head, body), fold)| HEAD_WEIGHT * head * if named(fold) { 2.0 } else { 1.0 } + body)
            .enumerate()
            .map(|(at, score)| (score, at))
            .collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let Some(least) = ranked.first().map(|(best, _)| best * MIN_SCORE_SHARE).filter(|least| *least > 0.0) else {
            return;
        };
        let mut left = self.target_bytes.saturating_mul(WHOLE_FACTOR);
        for (_, at) in ranked.into_iter().take_while(|(score, _)| *score >= least) {
            if let (Some(head), Some(fold)) = (heads.get(at), folds.get(at)) {
                self.take(head.start..fold.rows.end, &mut left, keep);
                left = left.min(self.target_bytes);
            }
        }
    }

    /// Shows lines if there is room for those that are not shown yet.
    fn take(&self, rows: Range<usize>, left: &mut usize, keep: &mut [bool]) -> bool {
        let hidden = rows.clone().filter(|&row| keep.get(row) == Some(&false));
        let bytes = hidden.map(|row| self.code.get(row).len() + 1).sum();
        let Some(rest) = left.checked_sub(bytes) else { return false };
        *left = rest;
        keep.get_mut(rows).unwrap_or_default().fill(true);
        true
    }

    /// Leaves out the blank lines behind a gap.
    fn swallow_blank_lines(&self, keep: &mut [bool]) {
        let mut in_gap = false;
        for (row, kept) in keep.iter_mut().enumerate() {
            in_gap = !*kept || (in_gap && self.code.get(row).trim().is_empty());
            *kept = !in_gap;
        }
    }
}
