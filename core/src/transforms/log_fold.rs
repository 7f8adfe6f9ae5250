//! Logs, build and test output.

mod clip;
mod codec;
mod fit;
mod mask;
mod notable;
mod select;
mod survey;
mod values;

use std::fmt::Write as _;

use self::clip::{LONG_LINE_BYTES, write_clipped};
use self::notable::Marks;
use self::select::Selection;
use self::survey::Survey;
use self::values::Common;
use super::lines::{Lines, write_subset};
use crate::detect::ContentKind;
use crate::transform::{Context, Fit, Outcome, Part, Transform, TransformError};

/// Folds logs, build and test output.
///
/// Without loss, the lines of one template (lines that differ in numbers, ids and times alone) are written as the
/// template once and the values of each line; [`decode`](Transform::decode) gives the bytes back. Otherwise a subset of
/// whole lines stays, verbatim and in order: first and last lines, summaries, every distinct failure with its trace, the
/// first line of each template, extremes and rare values, and what answers the question. Each gap says which lines are
/// missing and how many failures are among them.
///
/// Declines texts that are no logs, texts that are not smaller afterwards, and, in file reads, everything but the
/// subset of whole lines.
///
/// The lines that are left out can be fetched with the hash in the marker, which is the last line; line numbers in the
/// gaps are those of the original.
///
/// ```text
/// 10:00:01 INFO start                     10:00:01 INFO start
/// 10:00:02 INFO poll 1 took 5 ms          10:00:02 INFO poll 1 took 5 ms
/// 10:00:03 INFO poll 2 took 4 ms          [lines 3-812 omitted]
/// …                                  →    10:14:11 ERROR poll 812 failed: timeout
/// 10:14:11 ERROR poll 812 failed: …       10:14:12 INFO stop
/// 10:14:12 INFO stop                      [4/814 lines shown; headroom_retrieve hash=…]
/// ```
///
/// # Errors
/// None.
///
/// # Sources
/// Grouping by masked values follows Drain (He et al., ICWS 2017). Shares and limits are chosen by hand, each beside its
/// constant.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogFold;

impl Transform for LogFold {
    fn name(&self) -> &'static str {
        "log_fold"
    }

    fn fit(&self, part: &Part<'_>) -> Fit {
        let confidence = fit::confidence(part.text, part.tool);
        // A file that is read is a log only if its lines say so.
        if confidence > if part.quotable { 0.8 } else { 0.0 } {
            Fit::Yes(ContentKind::Log, confidence)
        } else {
            Fit::No
        }
    }

    fn apply<'a>(&self, part: &Part<'a>, cx: &mut Context<'a>) -> Result<Outcome, TransformError> {
        let Some(lines) = Lines::of(part.text) else { return Ok(Outcome::Unchanged) };
        if cx.lossless_only() {
            return Ok(if part.quotable { None } else { lossless(part.text, &lines) }
                .map_or(Outcome::Unchanged, Outcome::Lossless));
        }
        let subset = subset(part, &lines, cx);
        let small = subset.as_ref().map_or(part.text.len(), |(text, _)| text.len());
        // A lossless form is rarely a sixth of the text; where the subset is smaller, the work is not done.
        if !part.quotable
            && small >= part.text.len() / 6
            && let Some(folded) = lossless(part.text, &lines)
            && folded.len() <= small
        {
            return Ok(Outcome::Lossless(folded));
        }
        let Some((mut text, shown)) = subset else { return Ok(Outcome::Unchanged) };
        text.push_str(&cx.marker(part.text, shown, lines.count(), "lines"));
        Ok(Outcome::Subset(text))
    }

    fn decode(&self, encoded: &str) -> Option<String> {
        codec::decode(encoded)
    }
}

/// The lossless form, if it is worth reading it and its decoder gives the text back.
fn lossless(text: &str, lines: &Lines<'_>) -> Option<String> {
    codec::encode(lines)
        .filter(|folded| folded.len() < text.len() / 10 * 9)
        .filter(|folded| codec::decode(folded).as_deref() == Some(text))
}

/// The subset without its marker and how many lines it shows, if it is small enough to be worth a marker.
fn subset(part: &Part<'_>, lines: &Lines<'_>, cx: &Context<'_>) -> Option<(String, usize)> {
    let target_bytes = cx.target_bytes(part.text.len());
    if target_bytes >= part.text.len() {
        return None;
    }
    // Of a file that may be quoted back only whole lines go.
    let clip = !part.quotable;
    let survey = Survey::of(lines);
    let Selection { keep, common } = select::select(lines, &survey, cx.question(), target_bytes, clip);
    let show = |line: &str, out: &mut String| {
        if clip && line.len() > LONG_LINE_BYTES { write_clipped(line, out) } else { out.push_str(line) }
    };
    let note = |first: usize, end: usize, out: &mut String| {
        let failures = survey.marks[first..end].iter().filter(|marks| marks.has(Marks::ERROR)).count();
        if failures > 0 {
            // Writing to a string cannot fail.
            let _ = write!(out, "; {failures} with failures");
        }
    };
    let mut subset = write_subset(lines, &keep, show, note);
    write_common(&common, &mut subset);
    let shown = keep.iter().take(lines.count()).filter(|kept| **kept).count();
    (shown > 0 && subset.len() < part.text.len() / 10 * 9).then_some((subset, shown))
}

/// Says how often the most frequent values occur: `[counted in all lines: 10.0.0.1 in 286 of the 521 lines like line 35]`.
fn write_common(common: &[Common<'_>], out: &mut String) {
    for (nth, Common { value, line, count, of }) in common.iter().enumerate() {
        let start = if nth == 0 { "[counted in all lines: " } else { "; " };
        // Writing to a string cannot fail.
        let _ = write!(out, "{start}{value} in {count} of the {of} lines like line {}", line + 1);
    }
    if !common.is_empty() {
        out.push_str("]\n");
    }
}
