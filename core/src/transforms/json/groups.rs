//! Rows of the groups that a question names by a value of a column.

use foldhash::HashMap;

use crate::relevance::Match;

use super::marks::{Marks, unit};
use super::stats;
use super::survey::{Path, Weight};

/// A column of more different values names no groups.
const MAX_VALUES: usize = 512;

/// Values of a column that the question may name; more select nothing.
const MAX_NAMED: usize = 8;

/// A column of more different values tells no kinds apart within a group.
const MAX_KINDS: usize = 12;

/// Of a value that comes so seldom in a group, all rows are marked.
const FEW: usize = 3;

/// A value of a group that less than one of so many rows has is an exception.
const EXCEPTION: usize = 4;

/// Rows of a group that have one value in one other column.
#[derive(Default)]
struct Kind {
    count: usize,
    first: Vec<u32>,
}

impl Marks<'_> {
    /// Marks one row of each distinct kind among the rows that have a value that the question names: of a status, a class
    /// or another column of few values the first row of each, and what is an exception within the group.
    ///
    /// # Sources
    /// All limits are chosen by hand.
    pub(super) fn groups(&mut self, paths: &[Path<'_>], by_path: &[Vec<u32>]) {
        let mut groups: Vec<usize> = Vec::new();
        let mut members: HashMap<u32, Vec<usize>> = HashMap::default();
        for (at, (path, indexes)) in paths.iter().zip(by_path).enumerate() {
            let distinct = path.stats.seen.len();
            if !path.is_column || path.stats.has_more || !(2..=MAX_VALUES).contains(&distinct) {
                continue;
            }
            if path.stats.count < 3 * distinct {
                continue;
            }
            let named = self.named(indexes, distinct);
            let first = groups.len();
            groups.extend(named.iter().map(|_| at));
            for index in indexes.iter().filter(|_| !named.is_empty()) {
                if let Some(place) = named.iter().position(|name| *name == self.raw(*index)) {
                    members.entry(self.record(*index)).or_default().push(first + place);
                }
            }
        }
        members.remove(&0);
        if !members.is_empty() {
            self.kinds(paths, &groups, &members);
        }
    }

    /// The values of a column that the question names, for certain or at least half as well as the best of them.
    fn named(&self, indexes: &[u32], distinct: usize) -> Vec<&str> {
        let mut known: HashMap<&str, Match> = HashMap::default();
        for index in indexes {
            let found = self.found(*index);
            if found.score > 0.0 && known.len() <= MAX_VALUES {
                known.insert(self.raw(*index), found);
            }
        }
        // What is strong makes all others look faint.
        let best = known.values().filter(|found| !found.strong).map(|found| found.score).fold(0.0, f32::max);
        known.retain(|raw, found| (found.strong || found.score * 2.0 >= best) && !stats::is_dull(unit(raw)));
        if known.len() > MAX_NAMED || known.len() * 2 > distinct {
            return Vec::new();
        }
        let mut named: Vec<&str> = known.into_keys().collect();
        named.sort_unstable();
        named
    }

    fn kinds(&mut self, paths: &[Path<'_>], groups: &[usize], members: &HashMap<u32, Vec<usize>>) {
        let tells_apart: Vec<bool> = paths
            .iter()
            .map(|path| path.is_column && path.stats.is_category() && path.stats.seen.len() <= MAX_KINDS)
            .collect();
        let mut kinds: HashMap<(usize, u32, &str), Kind> = HashMap::default();
        let mut totals: HashMap<(usize, u32), usize> = HashMap::default();
        for (index, leaf) in (0u32..).zip(self.leaves()) {
            let Some(of_record) = members.get(&leaf.record) else { continue };
            if !tells_apart.get(leaf.path as usize).is_some_and(|tells| *tells) {
                continue;
            }
            for group in of_record {
                if groups.get(*group).is_none_or(|path| *path == leaf.path as usize) {
                    continue;
                }
                *totals.entry((*group, leaf.path)).or_default() += 1;
                let kind = kinds.entry((*group, leaf.path, self.raw(index))).or_default();
                kind.count += 1;
                if kind.first.len() < FEW {
                    kind.first.push(index);
                }
            }
        }
        let mut marked: Vec<(u32, Weight)> = Vec::new();
        for ((group, path, _), kind) in &kinds {
            let total = totals.get(&(*group, *path)).copied().unwrap_or_default();
            let weight = if kind.count * EXCEPTION <= total { Weight::Must } else { Weight::Extreme };
            let shown = if kind.count <= FEW { kind.first.len() } else { 1 };
            marked.extend(kind.first.iter().take(shown).map(|index| (*index, weight)));
        }
        for (index, weight) in marked {
            self.mark(index, weight);
        }
    }
}
