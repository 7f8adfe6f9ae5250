//! Which matches a subset keeps, and how it is written.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use super::definition::{Role, role};
use super::parse::{Results, Style, is_path, numbered};
use crate::relevance::Question;
use crate::transforms::log_fold::template_hash;

/// Why an entry is kept, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
    /// It defines what was searched for.
    Definition,
    /// It answers the question for certain, or best.
    Answer,
    /// It imports or exports it, or it is the first of its file.
    Import,
    /// What stands around a definition.
    Around,
    /// The last of its file.
    Last,
    /// A use that reads like no other.
    Use,
    /// Any other match.
    More,
    /// A line around a match, while there is room.
    Context,
}

impl Reason {
    /// The share of the budget that is used up when entries of this reason stop being taken, in percent.
    ///
    /// # Sources
    /// Chosen by hand.
    const fn share_percent(self) -> usize {
        match self {
            Self::Definition => 200,
            Self::Answer => 60,
            Self::Import => 110,
            Self::Around => 115,
            Self::Last => 145,
            Self::Use => 165,
            Self::More => 170,
            Self::Context => 100,
        }
    }
}

/// Entries that answer the question for certain of which all are kept.
const MAX_CERTAIN: usize = 20;
/// Further good answers.
const MAX_ANSWERS: usize = 12;
/// Context lines after a definition.
const AROUND: usize = 2;
/// Files without a shown entry that are named; of the rest the folders.
pub(super) const MAX_NAMED: usize = 40;
/// What the label of a gap costs, in bytes.
const GAP_BYTES: usize = 10;

/// Chooses the entries to keep: about `target_bytes` of them, definitions and certain answers on top.
pub(super) fn select(results: &Results<'_>, names: &[String], question: &Question, target_bytes: usize) -> Vec<bool> {
    let entries = &results.entries;
    let mut candidates: Vec<(Reason, usize, usize)> = Vec::new();
    let mut texts: HashSet<u64> = HashSet::new();
    let mut uses = vec![0usize; results.files.len()];
    let mut ends: Vec<Option<(usize, usize)>> = vec![None; results.files.len()];
    for (at, entry) in entries.iter().enumerate().filter(|(_, entry)| entry.is_match) {
        let ends = ends[entry.file].get_or_insert((at, at));
        ends.1 = at;
        let role = role(entry.text(), names);
        match role {
            Role::Definition | Role::Assignment => {
                candidates.push((Reason::Definition, usize::from(role == Role::Assignment), at));
                // Attributes and comments before it, the start of its body.
                let same = |other: &usize| {
                    entries.get(*other).is_some_and(|other| other.file == entry.file && !other.is_match)
                };
                let around = (at.saturating_sub(1)..at).chain(at + 1..=at + AROUND).filter(same);
                candidates.extend(around.map(|other| (Reason::Around, 0, other)));
            }
            Role::Import => candidates.push((Reason::Import, 0, at)),
            Role::Use => {
                let new = texts.insert(template_hash(entry.text(), true));
                // In turns from every file, so that one file of many uses does not take all the room.
                uses[entry.file] += 1;
                candidates.push((if new { Reason::Use } else { Reason::More }, uses[entry.file], at));
            }
        }
    }
    context(results, &mut candidates);
    for (first, last) in ends.into_iter().flatten() {
        candidates.push((Reason::Import, 1, first));
        candidates.push((Reason::Last, 0, last));
    }
    answers(results, question, &mut candidates);
    candidates.sort_unstable();
    let mut keep = vec![false; entries.len()];
    let mut shown_files = vec![false; results.files.len()];
    let mut used_bytes = 0;
    for (reason, _, at) in candidates {
        let entry = &entries[at];
        let path = if shown_files[entry.file] { 0 } else { results.files[entry.file].len() + 1 };
        let cost = entry.rest.len() + 1 + path + GAP_BYTES;
        if !keep[at] && used_bytes + cost <= target_bytes / 100 * reason.share_percent() {
            keep[at] = true;
            shown_files[entry.file] = true;
            used_bytes += cost;
        }
    }
    keep
}

/// Lines around matches, those beside a match first.
fn context(results: &Results<'_>, candidates: &mut Vec<(Reason, usize, usize)>) {
    let entries = &results.entries;
    let mut distances = vec![usize::MAX; entries.len()];
    let mut walk = |order: &mut dyn Iterator<Item = usize>| {
        let (mut file, mut distance) = (usize::MAX, usize::MAX);
        for at in order {
            distance = match &entries[at] {
                entry if entry.is_match => 0,
                entry if entry.file == file => distance.saturating_add(1),
                _ => usize::MAX,
            };
            file = entries[at].file;
            distances[at] = distances[at].min(distance);
        }
    };
    walk(&mut (0..entries.len()));
    walk(&mut (0..entries.len()).rev());
    let around = distances.into_iter().enumerate().filter(|(_, distance)| (1..usize::MAX).contains(distance));
    candidates.extend(around.map(|(at, distance)| (Reason::Context, distance, at)));
}

fn answers(results: &Results<'_>, question: &Question, candidates: &mut Vec<(Reason, usize, usize)>) {
    let matching: Vec<usize> = (0..results.entries.len()).filter(|&at| results.entries[at].is_match).collect();
    let units: Vec<&str> = matching.iter().map(|&at| results.entries[at].text()).collect();
    let scores = question.matches(&units);
    let mut order: Vec<usize> = (0..matching.len()).filter(|&nth| scores[nth].score > 0.0).collect();
    order.sort_by(|&one, &other| scores[other].score.total_cmp(&scores[one].score).then(one.cmp(&other)));
    let (certain, likely): (Vec<usize>, Vec<usize>) = order.into_iter().partition(|&nth| scores[nth].strong);
    let chosen = certain.into_iter().take(MAX_CERTAIN).chain(likely.into_iter().take(MAX_ANSWERS));
    candidates.extend(chosen.enumerate().map(|(rank, nth)| (Reason::Answer, rank, matching[nth])));
}

/// Writes the kept entries under their paths, with a count of what each gap leaves out: `[3 more]`. What could be read
/// as a path or a label, and is none, stands behind a space or below a label.
pub(super) fn write(results: &Results<'_>, keep: &[bool]) -> String {
    let mut out = String::from(match results.style {
        Style::Unnumbered => "[matches by file: path, then the lines, each behind a space",
        Style::Json => "[matches by file, from JSON: path, then number and text of the line; offsets are left out",
        _ => "[matches by file: path, then number and text of the line",
    });
    let entries = || results.entries.iter().zip(keep);
    let around = entries().filter(|(entry, kept)| !entry.is_match && !**kept).count();
    if around > 0 {
        // Writing to a string cannot fail.
        let _ = write!(out, "; of the lines around matches {around} left out");
    }
    if entries().any(|(entry, kept)| *kept && entry.rest.contains('\n')) {
        out.push_str("; further lines of a match each behind a space");
    }
    out.push_str("]\n");
    let mut hidden: Vec<(usize, usize)> = Vec::new();
    let mut others = results.others.iter().take(MAX_NAMED).map(|(before, other)| (*before, *other)).peekable();
    let write_other = |other: &str, out: &mut String| {
        if is_misleading(other) {
            out.push_str("[the next line is of no file]\n");
        }
        out.push_str(other);
        out.push('\n');
    };
    let mut at = 0;
    while at < keep.len() {
        let file = results.entries[at].file;
        let end =
            results.entries[at..].iter().position(|entry| entry.file != file).map_or(keep.len(), |ahead| at + ahead);
        while let Some((_, other)) = others.next_if(|(before, _)| *before <= at) {
            write_other(other, &mut out);
        }
        if keep[at..end].contains(&true) {
            let path = &results.files[file];
            if !path.is_empty() {
                out.push_str(path);
                out.push('\n');
            }
            write_file(results, keep, at, end, &mut out);
        } else {
            hidden.push((file, (at..end).filter(|&at| results.entries[at].is_match).count()));
        }
        at = end;
    }
    write_hidden(results, &hidden, &mut out);
    for (_, other) in others {
        write_other(other, &mut out);
    }
    if results.others.len() > MAX_NAMED {
        let _ = writeln!(out, "[{} more lines that are no matches]", results.others.len() - MAX_NAMED);
    }
    out
}

/// Whether a line that is no entry looks like a path, an entry or a label.
fn is_misleading(line: &str) -> bool {
    let is_note = line.starts_with("Binary file ");
    line.starts_with(['[', ' ']) || (is_path(line) && !is_note) || numbered(line).is_some()
}

fn write_file(results: &Results<'_>, keep: &[bool], first: usize, end: usize, out: &mut String) {
    let mut left_out = 0;
    let label = |left_out: &mut usize, out: &mut String| {
        if *left_out > 0 {
            let _ = writeln!(out, "[{left_out} more]");
            *left_out = 0;
        }
    };
    for (entry, kept) in results.entries[first..end].iter().zip(&keep[first..end]) {
        if *kept {
            label(&mut left_out, out);
            for (nth, line) in entry.rest.split('\n').enumerate() {
                if nth > 0 || results.style == Style::Unnumbered {
                    out.push(' ');
                }
                out.push_str(line);
                out.push('\n');
            }
        } else {
            left_out += usize::from(entry.is_match);
        }
    }
    label(&mut left_out, out);
}

/// Names the files of which nothing is shown, or only their folders when they are many.
fn write_hidden(results: &Results<'_>, hidden: &[(usize, usize)], out: &mut String) {
    if hidden.len() <= MAX_NAMED {
        for (file, count) in hidden {
            let _ = writeln!(out, "{} [{count} matches]", results.files[*file]);
        }
        return;
    }
    let mut folders: Vec<(&str, usize, usize)> = Vec::new();
    let mut known: HashMap<&str, usize> = HashMap::new();
    for (file, count) in hidden {
        let folder = results.files[*file].rsplit_once('/').map_or(".", |(folder, _)| folder);
        let at = *known.entry(folder).or_insert(folders.len());
        match folders.get_mut(at) {
            Some((_, files, matches)) => (*files, *matches) = (*files + 1, *matches + count),
            None => folders.push((folder, 1, *count)),
        }
    }
    folders.sort_by_key(|(folder, _, matches)| (std::cmp::Reverse(*matches), *folder));
    for (folder, files, matches) in folders.iter().take(MAX_NAMED) {
        let _ = writeln!(out, "{folder}/ [{matches} matches in {files} files]");
    }
    if folders.len() > MAX_NAMED {
        let rest =
            folders.iter().skip(MAX_NAMED).fold((0, 0), |sum, (_, files, matches)| (sum.0 + files, sum.1 + matches));
        let _ = writeln!(out, "[{} matches in {} files of {} more folders]", rest.1, rest.0, folders.len() - MAX_NAMED);
    }
}
