//! Which values of a document are remarkable.

use std::collections::HashSet;
use std::sync::LazyLock;

use regex::Regex;

use crate::relevance::Match;

use super::stats::{self, magnitude};
use super::survey::{Leaf, Path, Weight};

/// Words that name a failure.
///
/// # Sources
/// Chosen by hand.
static FAILURE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?i)error|fail|exception|critical|fatal|denied|time(?:d )?out|panic|refused|unhealthy|crash|killed|back-?off|insufficient|unable|not found|no such|invalid|unauthori[sz]ed|forbidden",
    )
    .expect("a constant pattern that a test compiles")
});

/// Longer strings are prose, in which such a word says little. In bytes.
const SHORT: usize = 400;

/// Columns of fewer values are no columns.
const MIN_COLUMN: usize = 8;

/// The part of a scalar that the question is compared with: the content of a string, up to 2 KB of it.
pub(super) fn unit(raw: &str) -> &str {
    let content = raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')).unwrap_or(raw);
    content.get(..content.floor_char_boundary(2048)).unwrap_or(content)
}

/// Collects the remarkable leaves.
pub(super) struct Marks<'s> {
    text: &'s str,
    leaves: &'s [Leaf],
    matches: &'s [Match],
    weights: Vec<Option<Weight>>,
    /// Records with a word of the question.
    matching: Vec<bool>,
}

impl<'s> Marks<'s> {
    pub(super) fn new(text: &'s str, leaves: &'s [Leaf], matches: &'s [Match], records: u32) -> Self {
        let mut matching = vec![false; records as usize + 1];
        for (leaf, found) in leaves.iter().zip(matches) {
            if let Some(record) = matching.get_mut(leaf.record as usize) {
                *record |= found.score > 0.0;
            }
        }
        Self { text, leaves, matches, weights: vec![None; leaves.len()], matching }
    }

    fn raw(&self, index: u32) -> &'s str {
        self.leaves.get(index as usize).map_or("", |leaf| &self.text[leaf.span()])
    }

    fn mark(&mut self, index: u32, weight: Weight) {
        if let Some(slot) = self.weights.get_mut(index as usize) {
            *slot = (*slot).max(Some(weight));
        }
    }

    /// Marks what the question names.
    pub(super) fn matches(&mut self) {
        for (slot, found) in self.weights.iter_mut().zip(self.matches) {
            if found.strong {
                *slot = Some(Weight::Must);
            }
        }
    }

    /// Marks short strings that name a failure: all of them when they are few, else the first of each wording.
    pub(super) fn errors(&mut self) {
        let mut found = Vec::new();
        for hit in FAILURE.find_iter(self.text) {
            let index = self.leaves.partition_point(|leaf| (leaf.end as usize) <= hit.start());
            let Some(leaf) = self.leaves.get(index).filter(|leaf| (leaf.start as usize) < hit.start()) else { continue };
            let raw = &self.text[leaf.span()];
            if raw.len() <= SHORT && !stats::is_opaque(unit(raw)) && found.last() != Some(&index) {
                found.push(index);
            }
        }
        let all = found.len() <= (self.leaves.len() / 200).max(10);
        let mut wordings = HashSet::new();
        for index in found {
            let Ok(index) = u32::try_from(index) else { continue };
            if wordings.insert(wording(self.raw(index))) || all {
                self.mark(index, Weight::Must);
            }
        }
    }

    /// Marks what is remarkable within a column: ends of the range, outliers, rare values.
    pub(super) fn column(&mut self, path: &Path<'_>, indexes: &[u32], asks_extreme: bool) {
        let stats = &path.stats;
        if !path.is_column || stats.count < MIN_COLUMN {
            return;
        }
        let weight = if path.is_asked { Weight::Must } else { Weight::Wanted };
        if path.key.to_ascii_lowercase().contains("status") && stats.numbers > 0 {
            self.status_codes(indexes);
        }
        if stats.is_category() {
            self.rare_values(path, indexes);
        }
        let measured: Vec<(f64, u32)> = indexes.iter().filter_map(|index| Some((magnitude(self.raw(*index))?, *index))).collect();
        if measured.len() < MIN_COLUMN || measured.len() * 2 < stats.count - stats.nulls && !path.is_asked {
            return;
        }
        self.extremes(&measured, if path.is_asked && asks_extreme { 3 } else { 1 }, weight);
        let matching: Vec<_> = measured.iter().copied().filter(|(_, index)| self.record_matches(*index)).collect();
        if !matching.is_empty() && matching.len() * 2 < measured.len() {
            self.extremes(&matching, 1, weight);
        }
        self.outliers(measured, weight);
    }

    /// Whether the record of a value has a word of the question.
    fn record_matches(&self, index: u32) -> bool {
        let record = self.leaves.get(index as usize).map_or(0, |leaf| leaf.record);
        self.matching.get(record as usize).is_some_and(|matches| *matches)
    }

    fn status_codes(&mut self, indexes: &[u32]) {
        let failed: Vec<_> = indexes
            .iter()
            .copied()
            .filter(|index| self.raw(*index).parse().is_ok_and(|code: u32| (400..600).contains(&code)))
            .collect();
        let mut known = HashSet::new();
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
        let weight = if path.is_asked { Weight::Must } else { Weight::Wanted };
        if values.len() < 2 {
            return;
        }
        let names: HashSet<_> = values.iter().filter(|(_, seen)| seen.count <= rare).map(|(raw, _)| *raw).collect();
        let mut shown = 0;
        let mut known = HashSet::new();
        for index in indexes {
            let raw = self.raw(*index);
            if names.contains(raw) && (known.insert(raw) || shown < 20) {
                shown += 1;
                self.mark(*index, weight);
            } else if known.insert(raw) && path.is_asked {
                self.mark(*index, weight);
            }
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
        let mut far: Vec<_> =
            measured.into_iter().filter(|(value, _)| *value < low - 3.0 * range || *value > high + 3.0 * range).collect();
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

    /// The offsets of the marked leaves, in order.
    pub(super) fn finish(self) -> Vec<(u32, Weight)> {
        let marked = self.leaves.iter().zip(&self.weights);
        marked.filter_map(|(leaf, weight)| Some((leaf.start, (*weight)?))).collect()
    }
}

/// A text without what varies between messages of one kind: words with digits in them.
fn wording(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    for word in raw.split(|character: char| !character.is_alphanumeric()) {
        if !word.bytes().any(|byte| byte.is_ascii_digit()) {
            out.push_str(word);
            out.push(' ');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_that_differ_in_their_numbers_have_one_wording() {
        assert_eq!(wording("\"pod-7f9 failed after 3s\""), wording("\"pod-8a1 failed after 10s\""));
        assert_ne!(wording("\"disk failed\""), wording("\"net failed\""));
        assert!(FAILURE.is_match("Timed out") && !FAILURE.is_match("Started"));
    }
}
