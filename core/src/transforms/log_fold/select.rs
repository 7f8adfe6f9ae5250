//! Which lines of a log a subset keeps.

use super::clip::{CLIPPED_BYTES, LONG_LINE_BYTES};
use super::mask::mix_bytes;
use super::notable::Marks;
use super::survey::{HashedMap, Survey};
use super::values::{Common, MINOR, find};
use crate::relevance::Question;
use crate::transforms::lines::{GAP_BYTES, Lines, close_small_gaps};

/// Why a line is kept, best first. A step may use the budget up to its share; what it leaves is for the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
    /// First and last lines, summaries, what answers the question for certain.
    Frame,
    /// Distinct failures and own frames of their traces.
    Failure,
    /// The best answer to the question among the lines of a template.
    Answer,
    /// More lines of a failure: what follows it, library frames.
    FailureContext,
    /// First line of a family of templates, rare ones first.
    Family,
    /// Extremes and rare values.
    Value,
    /// First line of a template.
    Template,
    /// Passed tests and source code that a runner prints around a failure, while there is room.
    Filler,
    /// Further lines: the last of a template, all of a rare one, more answers.
    More,
}

impl Reason {
    /// The share of the budget that is used up when lines of this reason stop being taken, in percent.
    ///
    /// # Sources
    /// Chosen by hand.
    const fn share_percent(self) -> usize {
        match self {
            Self::Frame => 300,
            Self::Failure => 80,
            Self::Answer => 95,
            Self::FailureContext => 115,
            Self::Family => 150,
            Self::Value => 165,
            Self::Template => 175,
            Self::Filler => 70,
            Self::More => 180,
        }
    }
}

/// What is used up of a subset's size.
struct Budget {
    target_bytes: usize,
    /// What failures may take whatever the target: they come on top of it.
    failure_bytes: usize,
    used_bytes: usize,
}

impl Budget {
    /// # Sources
    /// Some 60 lines of failures of 100 KB, chosen by hand.
    fn new(target_bytes: usize, total_bytes: usize) -> Self {
        Self { target_bytes, failure_bytes: 24 * total_bytes.isqrt(), used_bytes: 0 }
    }

    fn take(&mut self, reason: Reason, cost: usize) -> bool {
        let share = |reason: Reason| self.target_bytes / 100 * reason.share_percent();
        let own = share(Reason::Failure);
        let limit = match reason {
            Reason::Frame | Reason::Failure => share(reason).max(self.failure_bytes),
            // What failures took above their share is not taken from the others.
            _ => share(reason) + self.failure_bytes.saturating_sub(own).min(self.used_bytes.saturating_sub(own)),
        };
        let fits = self.used_bytes + cost <= limit;
        self.used_bytes += if fits { cost } else { 0 };
        fits
    }
}

struct Candidate {
    reason: Reason,
    rank: u32,
    line: u32,
}

/// Lines at each end that are always kept, blank ones not counted.
const HEAD_LINES: usize = 3;
const TAIL_LINES: usize = 5;
/// Lines with exactly the same failure template of which all are kept.
const FEW: usize = 3;
/// Verdicts of one template of which all are kept.
const MAX_VERDICTS: usize = 60;
/// Lines that follow a failure and belong to it.
const CONTEXT_LINES: usize = 8;
/// Lines before a failure among which are the frames that led to it.
const LEAD_LINES: usize = 6;
/// Lines before the statement that a test runner points at.
const STATEMENT_LINES: usize = 5;
/// What puts indented lines, source code in most outputs, behind others.
const INDENTED: usize = 1_000_000;

/// What a subset shows.
pub(super) struct Selection<'a> {
    /// Whether a line stays.
    pub(super) keep: Vec<bool>,
    /// Values that many lines share, of which one stays.
    pub(super) common: Vec<Common<'a>>,
}

/// Values that many lines share and that are counted for the reader.
const MAX_COMMON: usize = 5;

/// Chooses the lines to keep: about `target_bytes` of them, failures, summaries and certain answers on top. With
/// `clip`, long lines count as what is shown of them.
pub(super) fn select<'a>(
    lines: &Lines<'a>,
    survey: &Survey,
    question: &Question,
    target_bytes: usize,
    clip: bool,
) -> Selection<'a> {
    let mut candidates = Vec::new();
    let mut add = |reason, rank: usize, line: usize| {
        #[expect(clippy::cast_possible_truncation, reason = "there are fewer lines than bytes, which fit")]
        candidates.push(Candidate { reason, rank: rank.min(u32::MAX as usize) as u32, line: line as u32 });
    };
    ends(lines, &mut add);
    // Source code around the statement that failed, as pytest prints it, speaks of errors that did not happen.
    let listing = lines.iter().any(|line| line.starts_with("E   "));
    let is_source = |line: &str| listing && line.starts_with("    ");
    failures(lines, survey, is_source, &mut add);
    firsts(lines, survey, is_source, &mut add);
    let findings = find(lines, survey);
    for outlier in &findings.outliers {
        let reason = if outlier.rank < MINOR { Reason::Value } else { Reason::More };
        add(reason, outlier.rank as usize, outlier.line);
    }
    answers(lines, survey, question, &mut add);
    candidates.sort_unstable_by_key(|candidate| (candidate.reason, candidate.rank, candidate.line));
    let mut keep = vec![false; lines.len()];
    let mut budget = Budget::new(target_bytes, lines.span(0, lines.len()).len());
    for candidate in candidates {
        let line = candidate.line as usize;
        if keep[line] {
            continue;
        }
        let beside = line.checked_sub(1).is_some_and(|before| keep[before]) || keep.get(line + 1) == Some(&true);
        let bytes = lines.get(line).len();
        let shown_bytes = if clip && bytes > LONG_LINE_BYTES { CLIPPED_BYTES } else { bytes };
        keep[line] = budget.take(candidate.reason, shown_bytes + 1 + if beside { 0 } else { GAP_BYTES });
    }
    close_small_gaps(lines, &mut keep);
    let mut common: Vec<Common<'a>> = Vec::new();
    for value in findings.common.into_iter().filter(|common| keep[common.line]) {
        if common.len() < MAX_COMMON && common.iter().all(|other| other.value != value.value) {
            common.push(value);
        }
    }
    Selection { keep, common }
}

fn ends(lines: &Lines<'_>, add: &mut impl FnMut(Reason, usize, usize)) {
    let filled = |&at: &usize| !lines.get(at).trim().is_empty();
    for at in (0..lines.len()).filter(filled).take(HEAD_LINES) {
        add(Reason::Frame, 0, at);
    }
    for at in (0..lines.len()).rev().filter(filled).take(TAIL_LINES) {
        add(Reason::Frame, 0, at);
    }
}

fn failures(
    lines: &Lines<'_>,
    survey: &Survey,
    is_source: impl Fn(&str) -> bool,
    add: &mut impl FnMut(Reason, usize, usize),
) {
    let mut families = vec![0usize; survey.templates.len()];
    let mut seen: HashedMap<u32> = HashedMap::default();
    let mut verdicts: HashedMap<usize> = HashedMap::default();
    let mut context = 0;
    for (at, &marks) in survey.marks.iter().enumerate() {
        let template = survey.template(at);
        let (first, last) = (template.first == at, template.last == at);
        let line = lines.get(at);
        if line.trim().is_empty() {
            context = 0;
            continue;
        }
        if marks.has(Marks::SUMMARY) && (first || last) {
            add(Reason::Frame, usize::from(!last), at);
        }
        if marks.has(Marks::ERROR) && !marks.has(Marks::FRAME) && first && !is_source(line) {
            let lead =
                (at.saturating_sub(LEAD_LINES)..at).rev().take_while(|&before| !lines.get(before).trim().is_empty());
            for frame in lead.filter(|&before| survey.marks[before].has(Marks::FRAME)).take(2) {
                add(Reason::Failure, 0, frame);
            }
        }
        if marks.has(Marks::VERDICT) {
            let copies = seen.entry(mix_bytes(1, line.trim_end().as_bytes())).or_default();
            *copies += 1;
            if *copies == 1 {
                let count = verdicts.entry(u64::from(survey.template_of[at])).or_default();
                *count += 1;
                let rank = match *count {
                    _ if marks.has(Marks::FRAME) => 30,
                    0..=8 => 0,
                    _ => 5,
                };
                add(if *count <= MAX_VERDICTS { Reason::Failure } else { Reason::More }, rank, at);
                if line.starts_with('>') {
                    (at.saturating_sub(STATEMENT_LINES)..at).for_each(|before| add(Reason::FailureContext, 0, before));
                }
                context = CONTEXT_LINES;
                continue;
            }
        } else if marks.has(Marks::ERROR.with(Marks::WARNING)) && !marks.has(Marks::FRAME) && !is_source(line) {
            // A warning ranks behind a failure; the tenth failure of a family behind the first of another.
            let warning = if marks.has(Marks::ERROR) { 0 } else { 20 };
            if first {
                let nth = &mut families[template.family];
                *nth += 1;
                add(Reason::Failure, warning + (*nth).min(20), at);
                context = CONTEXT_LINES;
                continue;
            }
            if template.count <= FEW {
                add(Reason::Failure, warning + 25, at);
            } else if last {
                add(Reason::More, warning, at);
            }
        }
        if marks.has(Marks::FRAME) {
            if first {
                add(if marks.has(Marks::LIBRARY) { Reason::FailureContext } else { Reason::Failure }, 30, at);
            }
            context = context.max(1);
        } else if context > 0 {
            context -= 1;
            if first && !marks.has(Marks::ROUTINE) {
                add(Reason::FailureContext, CONTEXT_LINES - context, at);
            }
        }
    }
}

fn firsts(
    lines: &Lines<'_>,
    survey: &Survey,
    is_source: impl Fn(&str) -> bool,
    add: &mut impl FnMut(Reason, usize, usize),
) {
    let mut sizes = vec![0; survey.templates.len()];
    for template in &survey.templates {
        sizes[template.family] += template.count;
    }
    for (id, template) in survey.templates.iter().enumerate() {
        let line = lines.get(template.first);
        if line.trim().is_empty() {
            continue;
        }
        let head = line.trim_start();
        let source =
            is_source(line) && !["def ", "class ", "@", "async def "].iter().any(|word| head.starts_with(word));
        let routine = survey.marks[template.first].has(Marks::ROUTINE);
        let indented = if line.starts_with("    ") { INDENTED } else { 0 };
        if source || (routine && template.family != id) {
            add(Reason::Filler, sizes[id], template.first);
            continue;
        } else if template.family == id {
            add(Reason::Family, indented + sizes[id], template.first);
        } else {
            add(Reason::Template, indented + template.count, template.first);
        }
        if template.count > 1 {
            add(Reason::More, template.count, template.last);
        }
    }
}

/// Lines of a template with a certain answer of which all are kept.
const MAX_CERTAIN: u8 = 6;
/// Lines that the question is put to: those of some 40 MB of a usual log.
const MAX_ASKED: usize = 400_000;

/// Lines that answer the question, the best of each template before further ones.
fn answers(lines: &Lines<'_>, survey: &Survey, question: &Question, add: &mut impl FnMut(Reason, usize, usize)) {
    // Of a text of very many lines one of each template is asked.
    let asked: Vec<usize> = if lines.len() <= MAX_ASKED {
        (0..lines.len()).collect()
    } else {
        survey.templates.iter().map(|template| template.first).collect()
    };
    let units: Vec<&str> = asked.iter().map(|&at| lines.get(at)).collect();
    let matches = question.matches(&units);
    let mut order: Vec<usize> = (0..matches.len()).filter(|&nth| matches[nth].score > 0.0).collect();
    order.sort_by(|&one, &other| matches[other].score.total_cmp(&matches[one].score).then(one.cmp(&other)));
    let mut taken = vec![0u8; survey.templates.len()];
    for (rank, nth) in order.into_iter().enumerate() {
        let at = asked[nth];
        let taken = &mut taken[survey.template_of[at] as usize];
        if matches[nth].strong && *taken < MAX_CERTAIN {
            add(Reason::Frame, 2 + rank, at);
        } else if *taken < 3 {
            add(if *taken == 0 { Reason::Answer } else { Reason::More }, rank, at);
        }
        *taken = taken.saturating_add(1);
    }
}
