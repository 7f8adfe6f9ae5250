//! Which lines of a listing a subset keeps.

use std::collections::{HashMap, HashSet};

use super::parse::{Entries, NONE, Style};
use crate::relevance::Question;
use crate::transforms::lines::{Lines, close_gaps};
use crate::transforms::log_fold::template_hash;

/// Why a line is kept, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
    /// It answers the question, or is the first or the last line.
    Answer,
    /// It is a message of the command.
    Notice,
    /// It is one of the largest.
    Large,
    /// Few have its mode and owner.
    Odd,
    /// It stands in the top folder.
    Top,
    /// It is a folder.
    Heading,
    /// It is there as a sample of its folder.
    Sample,
}

impl Reason {
    /// The share of the room that is used up when lines of this reason stop being taken, in percent.
    ///
    /// # Sources
    /// Chosen by hand.
    const fn share_percent(self) -> usize {
        match self {
            Self::Answer => 300,
            Self::Notice => 150,
            Self::Large | Self::Odd => 100,
            Self::Top => 50,
            Self::Heading => 80,
            Self::Sample => 90,
        }
    }
}

/// Lines that hold a specific term of the question of which all are kept.
const MAX_CERTAIN: usize = 40;
/// Further good answers.
const MAX_ANSWERS: usize = 12;
/// The largest entries that are kept.
const MAX_LARGE: usize = 3;
/// Entries of a rare mode or owner that are kept.
const MAX_ODD: usize = 8;
/// Messages that are kept.
const MAX_NOTICES: usize = 20;
/// Folders above an entry that come with it, so that deep trees take linear time.
const MAX_ABOVE: usize = 40;
/// What the label of a gap costs, in bytes.
const GAP_BYTES: usize = 40;
/// Gaps of no more bytes are shown: names cost less than their count.
const WORTH_BYTES: usize = 64;

/// The lines that answer the question, best first.
pub(super) fn answers(lines: &Lines<'_>, listing: &Entries<'_>, question: &Question) -> Vec<usize> {
    let units: Vec<&str> = (0..listing.entries.len()).map(|at| lines.get(at)).collect();
    let found = question.matches(&units);
    let mut order: Vec<usize> = (0..found.len()).filter(|&at| found[at].score > 0.0).collect();
    order.sort_by(|&one, &other| found[other].score.total_cmp(&found[one].score).then(one.cmp(&other)));
    let best = order.first().map_or(0.0, |&at| found[at].score);
    let (certain, likely): (Vec<usize>, Vec<usize>) = order.into_iter().partition(|&at| found[at].strong);
    let likely = likely.into_iter().filter(|&at| found[at].score * 2.0 >= best).take(MAX_ANSWERS);
    certain.into_iter().take(MAX_CERTAIN).chain(likely).collect()
}

/// Chooses about `room` bytes of lines, answers on top.
pub(super) fn select(lines: &Lines<'_>, listing: &Entries<'_>, answers: &[usize], room: usize) -> Vec<bool> {
    let entries = &listing.entries;
    let mut candidates: Vec<(Reason, usize, usize)> = vec![(Reason::Answer, 0, 0)];
    let last = (0..entries.len()).rev().find(|&at| !lines.get(at).trim().is_empty()).unwrap_or(0);
    candidates.push((Reason::Answer, 0, last));
    candidates.extend(answers.iter().enumerate().map(|(rank, &at)| (Reason::Answer, rank, at)));
    let notices = entries.iter().enumerate().filter(|(_, entry)| entry.is_notice).take(MAX_NOTICES);
    candidates.extend(notices.map(|(at, _)| (Reason::Notice, 0, at)));
    largest(listing, &mut candidates);
    odd(listing, &mut candidates);
    // The root of a tree is a folder itself.
    let top = usize::from(listing.style == Style::Tree);
    let mut turns: HashMap<&str, usize> = HashMap::new();
    let mut known: HashSet<u64> = HashSet::new();
    for (at, entry) in entries.iter().enumerate() {
        if lines.get(at).trim().is_empty() {
            continue;
        }
        let folder = match listing.style {
            Style::Paths | Style::Sizes => entry.name.rfind('/').map_or("", |end| &entry.name[..end]),
            _ => entries.get(entry.parent as usize).map_or("", |parent| parent.name),
        };
        let is_top = match listing.style {
            Style::Long | Style::Names => entry.parent == NONE || entry.parent == 0,
            _ => entry.depth <= top,
        };
        if entry.is_heading {
            candidates.push((Reason::Heading, entry.depth, at));
        } else if is_top {
            candidates.push((Reason::Top, 0, at));
        } else if known.insert(template_hash(entry.name, true)) {
            let turn = turns.entry(folder).or_default();
            *turn += 1;
            candidates.push((Reason::Sample, *turn, at));
        }
    }
    candidates.sort_unstable();
    let mut keep = take(lines, listing, &candidates, room);
    close_gaps(lines, &mut keep, WORTH_BYTES);
    keep
}

/// Takes candidates in order while there is room; the folders above an entry come with it.
fn take(lines: &Lines<'_>, listing: &Entries<'_>, candidates: &[(Reason, usize, usize)], room: usize) -> Vec<bool> {
    let mut keep = vec![false; listing.entries.len()];
    let mut used_bytes = 0;
    for (reason, _, at) in candidates {
        let mut path = Vec::new();
        let (mut next, mut cost) = (*at, 0);
        while path.len() < MAX_ABOVE && keep.get(next) == Some(&false) {
            path.push(next);
            let is_beside = next > 0 && keep.get(next - 1) == Some(&true);
            cost += lines.get(next).len() + 1 + if is_beside { 0 } else { GAP_BYTES };
            match listing.entries.get(next) {
                // Folders stand before what they hold.
                Some(entry) if entry.parent != NONE && (entry.parent as usize) < next => next = entry.parent as usize,
                _ => break,
            }
        }
        if used_bytes + cost <= room / 100 * reason.share_percent() {
            used_bytes += cost;
            for line in path {
                if let Some(slot) = keep.get_mut(line) {
                    *slot = true;
                }
            }
        }
    }
    keep
}

fn largest(listing: &Entries<'_>, candidates: &mut Vec<(Reason, usize, usize)>) {
    let mut sizes: Vec<(u64, usize)> = listing
        .entries
        .iter()
        .enumerate()
        .filter(|(_, entry)| entry.size > 0)
        .map(|(at, entry)| (entry.size, at))
        .collect();
    sizes.sort_unstable_by_key(|(size, at)| (std::cmp::Reverse(*size), *at));
    candidates.extend(sizes.into_iter().take(MAX_LARGE).enumerate().map(|(rank, (_, at))| (Reason::Large, rank, at)));
}

/// Entries whose mode and owner at most one of fifty has.
fn odd(listing: &Entries<'_>, candidates: &mut Vec<(Reason, usize, usize)>) {
    let mode = |class: &str| -> String {
        let mut words = class.split_ascii_whitespace();
        let mode = words.next().unwrap_or_default();
        // The number of links says nothing.
        words.skip(1).fold(mode.to_owned(), |all, word| all + " " + word)
    };
    let mut counts: HashMap<String, usize> = HashMap::new();
    let classed =
        || listing.entries.iter().enumerate().filter(|(_, entry)| !entry.class.is_empty() && !entry.is_heading);
    for (_, entry) in classed() {
        *counts.entry(mode(entry.class)).or_default() += 1;
    }
    let few = classed().count() / 50;
    let rare = classed().filter(|(_, entry)| counts.get(&mode(entry.class)).is_some_and(|count| *count <= few.max(1)));
    candidates.extend(rare.take(MAX_ODD).map(|(at, _)| (Reason::Odd, 0, at)));
}
