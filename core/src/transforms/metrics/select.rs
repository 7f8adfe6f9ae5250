//! Which lines of an exposition a subset keeps.

use super::parse::{Families, Family, Series};
use crate::relevance::Question;
use crate::transforms::lines::Lines;

/// Why a line is kept, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
    /// It is of a metric that answers the question.
    Answer,
    /// It counts failures, and there were some.
    Failure,
    /// It stands for its metric.
    Sample,
    /// It is an end of what the series of its metric measure.
    Extreme,
}

impl Reason {
    /// The share of the room that is used up when lines of this reason stop being taken, in percent.
    ///
    /// # Sources
    /// Chosen by hand.
    const fn share_percent(self) -> usize {
        match self {
            Self::Answer => 300,
            Self::Failure => 200,
            Self::Sample | Self::Extreme => 150,
        }
    }
}

/// Series that hold a specific term of the question.
const MAX_CERTAIN: usize = 30;
/// Metrics whose name or help text answers the question.
const MAX_ANSWERS: usize = 16;
/// A metric that answers so many times worse than the best does not answer: of a question with several parts, each has
/// its own.
const FAINT: f32 = 5.0;
/// Of longer lines the start is looked at. In bytes.
const LOOKED_AT: usize = 400;
/// Series of such a metric that are neither buckets nor zero.
const MAX_SERIES: usize = 12;
/// Buckets and zeros of such a metric.
const MAX_DULL: usize = 3;
/// Series of one metric that count failures.
const MAX_FAILURES: usize = 3;
/// What a label costs, in bytes.
const LABEL_BYTES: usize = 20;

/// Words in the names of counters that should be zero.
///
/// # Sources
/// Chosen by hand.
const FAILURES: [&str; 16] = [
    "error",
    "fail",
    "drop",
    "reject",
    "timeout",
    "timed_out",
    "abort",
    "exhaust",
    "corrupt",
    "panic",
    "crash",
    "evict",
    "oom",
    "unhealthy",
    "missed",
    "exceeded",
];

/// Chooses about `room` bytes of lines, answers on top.
pub(super) fn select(lines: &Lines<'_>, families: &Families<'_>, question: &Question, room: usize) -> Vec<bool> {
    let mut candidates: Vec<(Reason, usize, usize)> = Vec::new();
    candidates.extend(families.strange.iter().map(|at| (Reason::Failure, 0, *at)));
    answers(lines, families, question, &mut candidates);
    for family in &families.list {
        let telling: Vec<&Series<'_>> = family.series.iter().filter(|series| !series.is_bucket()).collect();
        if FAILURES.iter().any(|word| family.name.contains(word)) {
            let mut counted: Vec<_> = telling.iter().filter(|series| series.value > 0.0).collect();
            counted.sort_by(|one, other| other.value.total_cmp(&one.value).then(one.line.cmp(&other.line)));
            candidates.extend(
                counted
                    .into_iter()
                    .take(MAX_FAILURES)
                    .enumerate()
                    .map(|(rank, series)| (Reason::Failure, rank, series.line)),
            );
        }
        if let Some(first) = telling.iter().find(|series| series.value != 0.0).or(telling.first()) {
            candidates.push((Reason::Sample, family.series.len(), first.line));
        }
        // Sums, counts and the like are not compared with each other.
        if let Some(name) = telling.first().map(|series| series.name)
            && telling.len() > 3
        {
            let measured = || telling.iter().filter(|series| series.name == name && series.value.is_finite());
            let order = |one: &&&Series<'_>, other: &&&Series<'_>| {
                one.value.total_cmp(&other.value).then(other.line.cmp(&one.line))
            };
            candidates.extend(measured().max_by(order).map(|series| (Reason::Extreme, 0, series.line)));
            candidates.extend(measured().min_by(order).map(|series| (Reason::Extreme, 1, series.line)));
        }
    }
    candidates.sort_unstable();
    let mut keep = vec![false; lines.count()];
    let mut used_bytes = 0;
    for (reason, _, at) in candidates {
        let cost = lines.get(at).len() + 1 + LABEL_BYTES;
        if let Some(slot) = keep.get_mut(at).filter(|kept| !**kept)
            && used_bytes + cost <= room / 100 * reason.share_percent()
        {
            *slot = true;
            used_bytes += cost;
        }
    }
    keep
}

/// The metrics whose name or help text answers the question, and the series that hold what it names.
fn answers(
    lines: &Lines<'_>,
    families: &Families<'_>,
    question: &Question,
    candidates: &mut Vec<(Reason, usize, usize)>,
) {
    if question.is_empty() {
        return;
    }
    let all: Vec<&Series<'_>> = families.list.iter().flat_map(|family| &family.series).collect();
    let units: Vec<&str> = all.iter().map(|series| lines.get(series.line)).collect();
    let found = question.matches(&units);
    let mut order: Vec<usize> = (0..all.len()).filter(|at| found[*at].strong).collect();
    order.sort_by(|one, other| found[*other].score.total_cmp(&found[*one].score).then(one.cmp(other)));
    candidates
        .extend(order.into_iter().take(MAX_CERTAIN).enumerate().map(|(rank, at)| (Reason::Answer, rank, all[at].line)));
    // A metric is found by what it is called with its labels, and by what it is for.
    let text = |at: usize| {
        let line = lines.get(at);
        line.get(..line.floor_char_boundary(LOOKED_AT)).unwrap_or(line)
    };
    let of_name = |family: &Family<'_>| match family.series.first() {
        Some(first) if family.series.len() <= MAX_SERIES => text(first.line).to_owned(),
        _ => family.name.to_owned(),
    };
    let names: Vec<String> = families.list.iter().map(of_name).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let helps: Vec<&str> = families.list.iter().map(|family| family.help.map_or("", text)).collect();
    for units in [names, helps] {
        let found = question.matches(&units);
        let best = found.iter().map(|found| found.score).fold(0.0, f32::max);
        let mut order: Vec<usize> =
            (0..units.len()).filter(|at| found[*at].score > 0.0 && found[*at].score * FAINT >= best).collect();
        order.sort_by(|one, other| found[*other].score.total_cmp(&found[*one].score).then(one.cmp(other)));
        for (rank, at) in order.into_iter().take(MAX_ANSWERS).enumerate() {
            let Some(family) = families.list.get(at) else { continue };
            candidates.extend(shown(family).map(|line| (Reason::Answer, MAX_CERTAIN + rank, line)));
        }
    }
}

/// The lines of a metric that answers the question: its help text and the first series, few of them zeros, and buckets
/// when there is nothing else.
fn shown<'f>(family: &'f Family<'_>) -> impl Iterator<Item = usize> + 'f {
    let has_others = family.series.iter().any(|series| !series.is_bucket());
    let dull =
        family.series.iter().filter(move |series| if series.is_bucket() { !has_others } else { series.value == 0.0 });
    let telling = family.series.iter().filter(|series| !series.is_bucket() && series.value != 0.0).take(MAX_SERIES);
    family.help.into_iter().chain(telling.chain(dull.take(MAX_DULL)).map(|series| series.line))
}
