//! Columns that say the same in nearly all records, and the records in which they differ.

use super::marks::{Marks, SHORT, unit};
use super::stats::is_opaque;
use super::survey::{Path, Weight};

/// Columns of one object that are compared with each other, at most.
const MAX_COLUMNS: usize = 24;

/// Sets of columns that say the same, of one object, at most; a column is compared with one of each.
const MAX_GROUPS: usize = 8;

/// Records in which columns differ are exceptions when there is one of them, or one in so many.
const EXCEPTION: usize = 10;

/// Columns that have differed this often more than exceptions may are not compared to the end.
const EARLY: usize = 6;

/// How often columns must agree for a difference to mean something: two columns in eight records, five in two.
const EVIDENCE: usize = 8;

/// Exceptions that must be shown; others are worth showing.
const MAX_EXCEPTIONS: usize = 10;

/// Sentences below an object whose numbers differ that must be shown.
const MAX_SENTENCES: usize = 4;

/// Values after the one that differs among which these sentences are looked for.
const MAX_LOOKED_AT: u32 = 200;

/// Columns that say the same as the first of them.
struct Group<'i> {
    first: &'i [u32],
    agreeing: usize,
    /// The values that differ, each with that of the first column in the same record.
    differing: Vec<(u32, u32)>,
}

impl Marks<'_> {
    /// Marks the records in which columns differ that are equal in nearly all others, such as `desired` and `ready`, and
    /// in which an amount is not the whole (`1/2`) where nearly all are. What is said of such a record in words below the
    /// object that holds the numbers is shown, too.
    ///
    /// Which columns belong together is told by their values alone. Zeros, `true` and `false` are equal by accident and tell
    /// nothing.
    ///
    /// # Sources
    /// All limits are chosen by hand.
    pub(super) fn relations(&mut self, paths: &[Path<'_>], by_path: &[Vec<u32>], around: &[u32]) {
        let is_comparable = |path: &Path<'_>| {
            let stats = &path.stats;
            let is_of_numbers = stats.numbers > 0 && stats.numbers + stats.nulls == stats.count;
            path.is_column && (is_of_numbers || stats.strings > 0 && stats.is_category())
        };
        let comparable = paths.iter().enumerate().filter(|(_, path)| is_comparable(path));
        let mut columns: Vec<(u32, usize)> = comparable.map(|(at, path)| (path.parent, at)).collect();
        columns.sort_unstable();
        for siblings in columns.chunk_by(|left, right| left.0 == right.0) {
            let mut groups: Vec<Group<'_>> = Vec::new();
            for indexes in siblings.iter().take(MAX_COLUMNS).filter_map(|(_, at)| by_path.get(*at)) {
                let compared = groups.iter_mut().find_map(|group| Some((self.compare(group.first, indexes)?, group)));
                if let Some(((agreeing, differing), group)) = compared {
                    group.agreeing += agreeing;
                    group.differing.extend(differing);
                } else if groups.len() < MAX_GROUPS {
                    groups.push(Group { first: indexes, agreeing: 0, differing: Vec::new() });
                }
            }
            for mut group in groups.into_iter().filter(|group| group.agreeing >= EVIDENCE) {
                group.differing.sort_unstable();
                self.exceptions(&group.differing, |marks, index| {
                    let parent = marks.leaves().get(index as usize).and_then(|leaf| paths.get(leaf.path as usize));
                    marks.explain(index, parent.map_or(0, |path| path.parent), paths, around);
                });
            }
            let of_amounts = siblings.iter().filter(|(_, at)| paths[*at].stats.strings > 0);
            for (_, at) in of_amounts.take(MAX_COLUMNS) {
                self.parts_of_wholes(&paths[*at], &by_path[*at]);
            }
        }
    }

    /// How often two columns agree, and where they do not; `None` when that is no exception.
    fn compare(&self, first: &[u32], other: &[u32]) -> Option<(usize, Vec<(u32, u32)>)> {
        let mut differing = Vec::new();
        let (mut both, mut agreeing) = (0, 0);
        let mut others = other.iter().copied().peekable();
        for left in first {
            let record = self.record(*left);
            while others.next_if(|right| self.record(*right) < record).is_some() {}
            let Some(right) = others.next_if(|right| self.record(*right) == record) else { continue };
            let (one, two) = (self.raw(*left), self.raw(right));
            both += 1;
            if one != two {
                differing.push((right, *left));
                if differing.len() > both / EXCEPTION + EARLY {
                    return None;
                }
            } else if !matches!(one, "0" | "null" | "true" | "false" | "\"\"") {
                agreeing += 1;
            }
        }
        (differing.len() <= (both / EXCEPTION).max(1)).then_some((agreeing, differing))
    }

    /// Marks both sides of differences: the first few must be shown.
    fn exceptions(&mut self, differing: &[(u32, u32)], mut also: impl FnMut(&mut Self, u32)) {
        let (mut records, mut last) = (0, None);
        for (left, right) in differing {
            let record = self.record(*left);
            if last.replace(record) != Some(record) {
                records += 1;
                if records <= MAX_EXCEPTIONS {
                    also(self, *left);
                }
            }
            let weight = if records <= MAX_EXCEPTIONS { Weight::Must } else { Weight::Extreme };
            self.mark(*left, weight);
            self.mark(*right, weight);
        }
    }

    /// Marks sentences that follow a value below the object around it, whose path is `parent`.
    fn explain(&mut self, index: u32, parent: u32, paths: &[Path<'_>], around: &[u32]) {
        let outer = self.record(index);
        let is_inside = |mut record: u32| {
            while record > outer {
                record = around.get(record as usize).copied().unwrap_or(0);
            }
            record == outer
        };
        let is_below = |mut path: u32| {
            while path > parent {
                path = paths.get(path as usize).map_or(0, |path| path.parent);
            }
            path == parent
        };
        let mut sentences = 0;
        for at in index + 1..index.saturating_add(MAX_LOOKED_AT) {
            let Some(leaf) = self.leaves().get(at as usize) else { return };
            if !is_inside(leaf.record) || !is_below(leaf.path) {
                return;
            }
            let raw = self.raw(at);
            let is_sentence =
                leaf.record != outer && raw.len() <= SHORT && raw.starts_with('"') && raw.matches(' ').count() > 1;
            if is_sentence && !is_opaque(unit(raw)) {
                self.mark(at, Weight::Must);
                sentences += 1;
                if sentences == MAX_SENTENCES {
                    return;
                }
            }
        }
    }

    /// Marks `1/2` in a column of `2/2`, `3/3`, …
    fn parts_of_wholes(&mut self, path: &Path<'_>, indexes: &[u32]) {
        let stats = &path.stats;
        let (mut wholes, mut parts) = (0, 0);
        for (raw, seen) in &stats.seen {
            let Some((part, whole)) = amount(raw) else { return };
            let times = seen.count as usize;
            match part == whole {
                true if part != "0" => wholes += times,
                true => {}
                false => parts += times,
            }
        }
        if parts == 0 || wholes < EVIDENCE || parts > (stats.count / EXCEPTION).max(1) {
            return;
        }
        let is_part = |index: &&u32| amount(self.raw(**index)).is_some_and(|(part, whole)| part != whole);
        let differing: Vec<(u32, u32)> = indexes.iter().filter(is_part).map(|index| (*index, *index)).collect();
        self.exceptions(&differing, |_, _| ());
    }
}

/// The digits on both sides of the slash of `1/2`.
fn amount(raw: &str) -> Option<(&str, &str)> {
    let (part, whole) = unit(raw).split_once('/')?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (is_number(part) && is_number(whole)).then_some((part, whole))
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::json::Document;
    use crate::relevance::Question;
    use crate::transforms::json::survey::Survey;

    /// Which of the values of a document that read so must be shown.
    fn must(text: &str, values: &str) -> Vec<bool> {
        let document = Document::parse(text, 64).expect("JSON");
        let survey = Survey::of(document.source(), document.root(), &Question::default());
        let found = text.match_indices(values).map(|(at, found)| at..at + found.len());
        found.map(|span| survey.weight(span) == Some(Weight::Must)).collect()
    }

    fn pools(ready: impl Fn(usize) -> usize) -> String {
        let pool = |n: usize| format!(r#"{{"name":"pool-{n}","wanted":{},"ready":{}}}"#, n % 7 + 1, ready(n));
        format!("[{}]", (0..200).map(pool).collect::<Vec<_>>().join(","))
    }

    #[test]
    fn a_record_in_which_equal_columns_differ_must_be_shown() {
        let text = pools(|n| n % 7 + usize::from(n != 123));
        let found = must(&text, &format!(r#""wanted":{}"#, 123 % 7 + 1));
        assert_eq!(found.iter().filter(|must| **must).count(), 1, "{found:?}");
        assert!(must(&text, r#""ready":4"#).contains(&true), "the other side is shown, too");
    }

    #[test]
    fn columns_that_differ_often_or_are_zero_say_nothing() {
        assert!(!must(&pools(|n| n % 7 + 1 + usize::from(n % 6 == 0)), r#""wanted":3"#).contains(&true));
        let text = pools(|_| 0).replace(r#""wanted":1"#, r#""wanted":0"#);
        assert!(!must(&text, r#""wanted":5"#).contains(&true));
    }

    #[test]
    fn of_many_exceptions_some_must_be_shown() {
        let text = pools(|n| n % 7 + usize::from(n % 11 != 0));
        let found = (1..8).map(|wanted| must(&text, &format!(r#""wanted":{wanted}"#))).collect::<Vec<_>>().concat();
        assert_eq!(found.iter().filter(|must| **must).count(), MAX_EXCEPTIONS);
    }

    #[test]
    fn few_records_are_enough_where_many_columns_agree_and_what_is_said_of_the_exception_is_shown() {
        let mut text = String::from("[");
        for n in 0..4 {
            let replicas = if n == 2 { 3 } else { 2 };
            let _ = write!(
                text,
                r#"{}{{"id":"d{n}","status":{{"replicas":{replicas},"updated":2,"ready":2,"free":2,"seen":[{{"type":"x","text":"Set d{n}-77 goes on."}}]}}}}"#,
                if n > 0 { "," } else { "" },
            );
        }
        text.push(']');
        assert_eq!(must(&text, r#""replicas":3"#), [true]);
        let sentences = (0..4).map(|n| must(&text, &format!("\"Set d{n}-77 goes on.\"")));
        assert_eq!(sentences.collect::<Vec<_>>().concat(), [false, false, true, false]);
    }

    #[test]
    fn an_amount_that_is_not_the_whole_must_be_shown() {
        let pod =
            |n: usize| format!(r#"{{"name":"p{n}","ready":"{}/{}"}}"#, n % 3 + 1 - usize::from(n == 44), n % 3 + 1);
        let text = format!("[{}]", (0..90).map(pod).collect::<Vec<_>>().join(","));
        assert_eq!(must(&text, r#""2/3""#), [true]);
        assert!(!must(&text, r#""3/3""#).contains(&true));
        for raw in ["\"1/2/3\"", "\"/2\"", "\"a/b\"", "\"\"", "12"] {
            assert_eq!(amount(raw), None, "{raw}");
        }
    }
}
