//! Which lines of a manifest a subset keeps.

use std::collections::HashMap;

use super::records::Records;
use super::tree::{NONE, Tree};
use crate::relevance::Question;
use crate::transforms::json::FAILURE;
use crate::transforms::lines::Lines;
use crate::transforms::log_fold::template_hash;

/// Why an entry is kept, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
    /// It answers the question.
    Answer,
    /// Its status names a failure.
    Failure,
    /// It is the first or the last of its list.
    End,
    /// Few have its keys.
    Rare,
}

impl Reason {
    /// The share of the room that is used up when entries of this reason stop being taken, in percent.
    ///
    /// # Sources
    /// Chosen by hand.
    const fn share_percent(self) -> usize {
        match self {
            Self::Answer => 300,
            Self::Failure => 150,
            Self::End => 100,
            Self::Rare => 80,
        }
    }
}

/// Entries that hold a specific term of the question.
const MAX_CERTAIN: usize = 20;
/// Further good answers.
const MAX_ANSWERS: usize = 6;
/// Entries of a rare set of keys.
const MAX_RARE: usize = 8;
/// Of the text of an entry so much is compared with the question. In bytes.
const LOOKED_AT: usize = 8 * 1024;
/// Of longer entries the start is kept, and what is remarkable below it. In lines.
const LONG: usize = 100;
/// Lines at the start of a long entry.
const START: usize = 12;

/// Keys whose values say how an entry fares.
const STATUS_KEYS: [&str; 10] =
    ["message", "reason", "error", "phase", "state", "status", "conclusion", "severity", "level", "result"];

/// Chooses about `room` bytes of entries, answers on top; what is of no list stays.
pub(super) fn select(lines: &Lines<'_>, tree: &Tree, records: &Records, question: &Question, room: usize) -> Vec<bool> {
    let mut keep = vec![true; lines.count()];
    for span in &records.spans {
        keep.get_mut(span.clone()).into_iter().for_each(|lines| lines.fill(false));
    }
    let mut candidates: Vec<(Reason, usize, usize)> = Vec::new();
    answers(lines, records, question, &mut candidates);
    let mut kinds: HashMap<u64, (usize, usize)> = HashMap::new();
    let mut failed = Vec::new();
    for (at, span) in records.spans.iter().enumerate() {
        if records.is_end.get(at).is_some_and(|is_end| *is_end) {
            candidates.push((Reason::End, 0, at));
        }
        if span.clone().any(|line| tells_a_failure(lines.get(line))) {
            failed.push(at);
        }
        let kind = kinds.entry(kind(lines, span.clone())).or_insert((0, at));
        kind.0 += 1;
    }
    // What most entries say is no news.
    if failed.len() * 2 <= records.spans.len() {
        candidates.extend(failed.into_iter().map(|at| (Reason::Failure, 0, at)));
    }
    let mut rare: Vec<usize> = kinds.into_values().filter(|(count, _)| *count <= 2).map(|(_, first)| first).collect();
    rare.sort_unstable();
    candidates.extend(rare.into_iter().take(MAX_RARE).map(|at| (Reason::Rare, 0, at)));
    candidates.sort_unstable();
    let mut used_bytes = 0;
    for (reason, _, at) in candidates {
        let Some(span) = records.spans.get(at).filter(|span| keep.get(span.start) == Some(&false)) else { continue };
        let shown = shown(lines, tree, span.clone(), question);
        let cost: usize = shown.iter().map(|line| lines.get(*line).len() + 1).sum();
        if used_bytes + cost <= room / 100 * reason.share_percent() {
            used_bytes += cost;
            for line in shown {
                if let Some(slot) = keep.get_mut(line) {
                    *slot = true;
                }
            }
        }
    }
    keep
}

fn answers(lines: &Lines<'_>, records: &Records, question: &Question, candidates: &mut Vec<(Reason, usize, usize)>) {
    let text = |span: &std::ops::Range<usize>| {
        let text = lines.span(span.start, span.end);
        text.get(..text.floor_char_boundary(LOOKED_AT)).unwrap_or(text)
    };
    let units: Vec<&str> = records.spans.iter().map(text).collect();
    let found = question.matches(&units);
    let mut order: Vec<usize> = (0..found.len()).filter(|at| found[*at].score > 0.0).collect();
    order.sort_by(|one, other| found[*other].score.total_cmp(&found[*one].score).then(one.cmp(other)));
    let best = order.first().map_or(0.0, |at| found[*at].score);
    let (certain, likely): (Vec<usize>, Vec<usize>) = order.into_iter().partition(|at| found[*at].strong);
    let likely = likely.into_iter().filter(|at| found[*at].score * 2.0 >= best).take(MAX_ANSWERS);
    let chosen = certain.into_iter().take(MAX_CERTAIN).chain(likely);
    candidates.extend(chosen.enumerate().map(|(rank, at)| (Reason::Answer, rank, at)));
}

/// The lines of an entry that are shown: all, or of a long one the start and what is remarkable, below its keys.
fn shown(lines: &Lines<'_>, tree: &Tree, span: std::ops::Range<usize>, question: &Question) -> Vec<usize> {
    if span.len() <= LONG {
        return span.collect();
    }
    let mut shown: Vec<usize> = span.clone().take(START).collect();
    for line in span.clone().skip(START) {
        let text = lines.get(line);
        if !(tells_a_failure(text) || question.strong_match(text)) {
            continue;
        }
        let mut above = line;
        for _ in 0..START {
            if above < span.start + START {
                break;
            }
            shown.push(above);
            match tree.parents.get(above) {
                Some(parent) if *parent != NONE => above = *parent as usize,
                _ => break,
            }
        }
    }
    shown.sort_unstable();
    shown.dedup();
    shown
}

/// `reason: OOMKilled`.
fn tells_a_failure(line: &str) -> bool {
    line.split_once([':', '=']).is_some_and(|(key, value)| {
        let key = key.trim_start_matches([' ', '-', '"']).trim_end_matches(['"', ' ']);
        STATUS_KEYS.contains(&key) && FAILURE.is_match(value)
    })
}

/// The keys of an entry.
fn kind(lines: &Lines<'_>, span: std::ops::Range<usize>) -> u64 {
    let mut keys = String::new();
    for line in span.skip(1).take(LONG) {
        let line = lines.get(line);
        if let Some((key, _)) = line.split_once([':', '=']) {
            keys.push_str(key.get(..key.floor_char_boundary(60)).unwrap_or(key));
            keys.push('\n');
        }
    }
    template_hash(&keys, true)
}
