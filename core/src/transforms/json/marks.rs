//! Which values of a document are remarkable.

use foldhash::{HashMap, HashSet};

use crate::relevance::Match;

use super::change::{shift, shift_of_flags};
use super::failure::{FAILURE, wording};
use super::stats::{self, magnitude};
use super::survey::{Leaf, Path, Weight};

/// Longer strings are prose, in which such a word says little. In bytes.
pub(super) const SHORT: usize = 400;

/// Columns of fewer values are no columns.
const MIN_COLUMN: usize = 8;

/// Of a rare value this many are shown.
const MAX_EQUAL: usize = 5;

/// A key that the question names is shown with all its values when it has no more than this.
const MAX_NAMED: usize = 12;

/// The part of a scalar that the question is compared with: the content of a string, up to 2 KB of it.
pub(super) fn unit(raw: &str) -> &str {
    let content = raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')).unwrap_or(raw);
    content.get(..content.floor_char_boundary(2048)).unwrap_or(content)
}

/// References are followed from no more records than this: from more they lead everywhere.
const MAX_REFERRING: usize = 60;

/// Collects the remarkable leaves.
pub(super) struct Marks<'s> {
    text: &'s str,
    leaves: &'s [Leaf],
    matches: &'s [Match],
    /// The magnitude of every leaf, of what has none NaN.
    measured: &'s [f64],
    weights: Vec<Option<Weight>>,
    /// Records that answer the question at least half as well as the best one.
    matching: Vec<bool>,
}

impl<'s> Marks<'s> {
    pub(super) fn new(
        text: &'s str,
        leaves: &'s [Leaf],
        matches: &'s [Match],
        measured: &'s [f64],
        records: usize,
    ) -> Self {
        let mut scores = vec![0.0f32; records];
        for (leaf, found) in leaves.iter().zip(matches) {
            if let Some(score) = scores.get_mut(leaf.record as usize) {
                *score += found.score;
            }
        }
        let best = scores.iter().copied().fold(0.0, f32::max);
        let matching = scores.into_iter().map(|score| score > 0.0 && score * 2.0 >= best).collect();
        Self { text, leaves, matches, measured, weights: vec![None; leaves.len()], matching }
    }

    pub(super) fn raw(&self, index: u32) -> &'s str {
        self.leaves.get(index as usize).map_or("", |leaf| &self.text[leaf.span()])
    }

    /// All leaves.
    pub(super) fn leaves(&self) -> &'s [Leaf] {
        self.leaves
    }

    /// The record that holds a leaf.
    pub(super) fn record(&self, index: u32) -> u32 {
        self.leaves.get(index as usize).map_or(0, |leaf| leaf.record)
    }

    /// How well a leaf answers the question.
    pub(super) fn found(&self, index: u32) -> Match {
        self.matches.get(index as usize).copied().unwrap_or_default()
    }

    /// Makes a leaf at least so remarkable.
    pub(super) fn mark(&mut self, index: u32, weight: Weight) {
        if let Some(slot) = self.weights.get_mut(index as usize) {
            *slot = (*slot).max(Some(weight));
        }
    }

    /// Marks what the question names: what holds a specific term that few values hold, and the values that answer best.
    pub(super) fn matches(&mut self) {
        // What is strong is shown anyway; its words would make all others look faint.
        let faint = self.matches.iter().filter(|found| !found.strong);
        let best = faint.map(|found| found.score).fold(0.0, f32::max);
        let mut good: Vec<(f32, usize)> = Vec::new();
        let mut dull = Vec::new();
        for (index, (found, leaf)) in self.matches.iter().zip(self.leaves).enumerate() {
            if !found.strong && (found.score <= 0.0 || found.score * 2.0 < best) {
                continue;
            }
            let is_dull = stats::is_dull(unit(&self.text[leaf.span()]));
            match (found.strong, is_dull) {
                (true, false) => self.weights[index] = Some(Weight::Must),
                (true, true) => dull.push(index),
                (false, false) => good.push((found.score, index)),
                (false, true) => {}
            }
        }
        // An address that holds a name is shown when nothing else does.
        if !self.weights.contains(&Some(Weight::Must)) {
            dull.into_iter().for_each(|index| self.weights[index] = Some(Weight::Must));
        }
        // What many values have selects none of them.
        let limit = (self.leaves.len() / 400).max(2 * MAX_NAMED);
        if good.len() > limit {
            good.retain(|(score, _)| *score >= best * 0.8);
        }
        for (_, index) in good.iter().filter(|_| good.len() <= limit) {
            self.weights[*index] = Some(Weight::Must);
        }
    }

    /// Marks short strings that name a failure: all of them when they are few, else the first of each wording.
    pub(super) fn errors(&mut self, paths: &[Path<'_>], by_path: &[Vec<u32>]) {
        let mut found = Vec::new();
        for (path, indexes) in paths.iter().zip(by_path).filter(|(path, _)| path.stats.strings > 0) {
            let stats = &path.stats;
            let is_failure = |raw: &str| {
                raw.len() <= SHORT && raw.starts_with('"') && FAILURE.is_match(raw) && !stats::is_opaque(unit(raw))
            };
            if stats.has_more {
                found.extend(indexes.iter().copied().filter(|index| is_failure(self.raw(*index))));
                continue;
            }
            // What most rows say is no news.
            let is_usual = |times: usize| times > 2 && times * 2 > stats.count;
            let failures = stats.seen.iter().filter(|(raw, seen)| !is_usual(seen.count as usize) && is_failure(raw));
            let failures: HashSet<&str> = failures.map(|(raw, _)| *raw).collect();
            if !failures.is_empty() {
                found.extend(indexes.iter().copied().filter(|index| failures.contains(self.raw(*index))));
            }
        }
        found.sort_unstable();
        let all = found.len() <= (self.leaves.len() / 200).max(10);
        let mut wordings = HashSet::default();
        for index in found {
            if wordings.insert(wording(self.raw(index))) || all {
                self.mark(index, Weight::Must);
            }
        }
    }

    /// Marks what is remarkable within a column: ends of the range, outliers, rare values, changes of its level.
    pub(super) fn column(&mut self, path: &Path<'_>, indexes: &[u32], asks_extreme: bool) {
        let stats = &path.stats;
        if path.is_asked && stats.count <= MAX_NAMED {
            for index in indexes {
                if !stats::is_dull(unit(self.raw(*index))) {
                    self.mark(*index, Weight::Must);
                }
            }
        }
        if !path.is_column || stats.count < MIN_COLUMN {
            return;
        }
        let is_status = ["status", "statuscode", "status_code", "code"].iter().any(|name| {
            let from = path.key.len().saturating_sub(name.len());
            path.key.get(from..).is_some_and(|end| end.eq_ignore_ascii_case(name))
        });
        if is_status && stats.min.is_some_and(|min| min.value >= 100.0) {
            self.status_codes(indexes);
        }
        if stats.is_category() {
            self.rare_values(path, indexes);
            self.last_of_its_kind(path, indexes);
        } else if stats.strings * 2 > stats.count {
            self.rare_wordings(indexes);
        }
        let mut measured: Vec<(f64, u32)> = Vec::new();
        if stats.min.is_some() {
            let all = indexes.iter().filter_map(|index| Some((*self.measured.get(*index as usize)?, *index)));
            measured.extend(all.filter(|(value, _)| !value.is_nan()));
        }
        if measured.len() < MIN_COLUMN {
            return;
        }
        let values: Vec<f64> = measured.iter().map(|(value, _)| *value).collect();
        if let Some(at) = shift(&values) {
            self.both_sides(measured[at - 1].1, measured[at].1);
        }
        let weight = if path.is_asked && asks_extreme { Weight::Must } else { Weight::Extreme };
        self.extremes(&measured, if path.is_asked || asks_extreme { 3 } else { 1 }, weight);
        let matching: Vec<_> = measured.iter().copied().filter(|(_, index)| self.record_matches(*index)).collect();
        if !matching.is_empty() && matching.len() * 2 < measured.len() {
            self.extremes(&matching, 1, weight);
        }
        self.outliers(measured, Weight::Wanted);
    }

    /// Whether the record of a value answers the question.
    fn record_matches(&self, index: u32) -> bool {
        self.matching.get(self.record(index) as usize).is_some_and(|matches| *matches)
    }

    fn status_codes(&mut self, indexes: &[u32]) {
        let failed: Vec<_> = indexes
            .iter()
            .copied()
            .filter(|index| self.raw(*index).parse().is_ok_and(|code: u32| (400..600).contains(&code)))
            .collect();
        let mut known = HashSet::default();
        for index in &failed {
            if known.insert(self.raw(*index)) || failed.len() <= (indexes.len() / 20).max(10) {
                self.mark(*index, Weight::Must);
            }
        }
    }

    /// Marks values that come at most three times, or in at most one row of a hundred, where others come often.
    fn rare_values(&mut self, path: &Path<'_>, indexes: &[u32]) {
        let rare = u32::try_from(indexes.len() / 100).unwrap_or(u32::MAX).max(3);
        let values = path.stats.most_frequent();
        let is_small = values.len() <= MAX_NAMED;
        let weight = if path.is_asked && is_small { Weight::Must } else { Weight::Wanted };
        if values.len() < 2 || path.stats.numbers > 0 && !is_small {
            return;
        }
        let names: HashSet<_> = values.iter().filter(|(_, seen)| seen.count <= rare).map(|(raw, _)| *raw).collect();
        let mut known: HashMap<&str, usize> = HashMap::default();
        for index in indexes {
            let raw = self.raw(*index);
            let times = known.entry(raw).or_default();
            let is_first = *times == 0;
            *times += 1;
            if names.contains(raw) && *times <= MAX_EQUAL {
                self.mark(*index, if is_first { weight.max(Weight::Extreme) } else { weight });
            } else if is_first && path.is_asked && is_small {
                self.mark(*index, weight);
            }
        }
    }

    /// Marks where the most frequent values of a column begin or cease to be usual.
    fn last_of_its_kind(&mut self, path: &Path<'_>, indexes: &[u32]) {
        for (usual, _) in path.stats.most_frequent().into_iter().take(2) {
            let is_usual: Vec<bool> = indexes.iter().map(|index| self.raw(*index) == usual).collect();
            if let Some(at) = shift_of_flags(&is_usual) {
                self.both_sides(indexes[at - 1], indexes[at]);
            }
        }
    }

    /// Marks the last value before a change and the first one after it.
    fn both_sides(&mut self, before: u32, after: u32) {
        self.mark(before, Weight::Extreme);
        self.mark(after, Weight::Extreme);
    }

    /// Marks sentences of a wording that comes at most twice, where most sentences are of a few wordings.
    fn rare_wordings(&mut self, indexes: &[u32]) {
        let mut wordings: HashMap<String, (usize, [u32; 2])> = HashMap::default();
        let mut sentences = 0;
        for index in indexes {
            let raw = self.raw(*index);
            if raw.len() > SHORT || !raw.contains(' ') {
                continue;
            }
            sentences += 1;
            let seen = wordings.entry(wording(raw)).or_insert((0, [*index; 2]));
            seen.0 += 1;
            seen.1[1] = *index;
            if wordings.len() > 40 && wordings.len() * 3 > sentences {
                return;
            }
        }
        if wordings.len() * 3 <= sentences {
            let rare: Vec<_> =
                wordings.values().filter(|(count, _)| *count <= 2).flat_map(|(_, indexes)| *indexes).collect();
            rare.into_iter().for_each(|index| self.mark(index, Weight::Wanted));
        }
    }

    /// Marks the `count` smallest and largest values, the first of equal ones; of three or fewer equal ones all.
    fn extremes(&mut self, measured: &[(f64, u32)], count: usize, weight: Weight) {
        for sign in [1.0, -1.0] {
            let mut best: Vec<(f64, u32, usize)> = Vec::with_capacity(count + 1);
            for (value, index) in measured {
                let value = value * sign;
                if let Some(equal) = best.iter_mut().find(|(known, _, _)| *known == value) {
                    equal.2 += 1;
                    continue;
                }
                let at = best.partition_point(|(known, _, _)| *known < value);
                if at < count {
                    best.insert(at, (value, *index, 1));
                    best.truncate(count);
                }
            }
            for (value, first, times) in best {
                self.mark(first, weight);
                if (2..=3).contains(&times) {
                    for (_, index) in measured.iter().filter(|(known, _)| known * sign == value) {
                        self.mark(*index, weight);
                    }
                }
            }
        }
    }

    /// Marks up to five values on each side that lie three interquartile ranges outside of the quartiles.
    ///
    /// # Sources
    /// Tukey, "Exploratory Data Analysis" (1977): "far out" values.
    fn outliers(&mut self, mut measured: Vec<(f64, u32)>, weight: Weight) {
        let quarter = measured.len() / 4;
        let order = |left: &(f64, u32), right: &(f64, u32)| left.0.total_cmp(&right.0).then(left.1.cmp(&right.1));
        if measured.len() < 4 * MIN_COLUMN {
            return;
        }
        let low = measured.select_nth_unstable_by(quarter, order).1.0;
        let high = measured.select_nth_unstable_by(3 * quarter, order).1.0;
        let range = high - low;
        let mut far: Vec<_> = measured
            .into_iter()
            .filter(|(value, _)| *value < low - 3.0 * range || *value > high + 3.0 * range)
            .collect();
        // A column that is mostly one value, or has a long tail, has no outliers.
        if range <= 0.0 || far.len() > 20 {
            return;
        }
        far.sort_unstable_by(order);
        let last = far.len().saturating_sub(5);
        for (place, (_, index)) in far.iter().enumerate() {
            if place < 5 || place >= last {
                self.mark(*index, weight);
            }
        }
    }

    /// Marks the records that records with something marked refer to: maps and lists with an id that stands in one.
    pub(super) fn references(&mut self, paths: &[Path<'_>], around: &[u32]) {
        let mut records = HashSet::default();
        for (leaf, weight) in self.leaves.iter().zip(&self.weights) {
            if *weight == Some(Weight::Must) && leaf.record != 0 {
                records.insert(leaf.record);
                records.extend(around.get(leaf.record as usize).filter(|record| **record != 0));
            }
        }
        if records.is_empty() || records.len() > MAX_REFERRING {
            return;
        }
        let is_name = |leaf: &Leaf| {
            paths.get(leaf.path as usize).is_some_and(|path| path.is_column && matches!(path.key, "key" | "id" | "_id"))
        };
        let referring = self.leaves.iter().filter(|leaf| records.contains(&leaf.record) && !is_name(leaf));
        let mut ids: HashSet<&str> =
            referring.map(|leaf| unit(&self.text[leaf.span()])).filter(|content| is_id(content)).collect();
        for (index, leaf) in self.leaves.iter().enumerate() {
            // The first record of that name is the one that is meant.
            if is_name(leaf) && ids.remove(unit(&self.text[leaf.span()])) {
                self.weights[index] = Some(Weight::Must);
            }
        }
    }

    /// The offsets of the marked leaves, in order.
    pub(super) fn finish(self) -> Vec<(u32, Weight)> {
        let marked = self.leaves.iter().zip(&self.weights);
        marked.filter_map(|(leaf, weight)| Some((leaf.start, (*weight)?))).collect()
    }
}

/// Whether a value can name a record: no spaces, and digits that are not a small number.
fn is_id(content: &str) -> bool {
    (5..=64).contains(&content.len())
        && content.bytes().filter(u8::is_ascii_digit).count() >= 3
        && content.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        && magnitude(&format!("\"{content}\"")).is_none()
}
