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

use self::clip::{CLIP_LABEL, LONG_LINE_BYTES, write_clipped};
pub(super) use self::mask::template_hash;
use self::notable::Marks;
use self::select::Selection;
use self::survey::Survey;
use self::values::Common;
use super::lines::{Lines, NO_LABEL, is_like_label, write_subset};
use crate::detect::ContentKind;
use crate::transform::{Context, Fit, Outcome, Part, Transform, TransformError};

/// Folds logs, build and test output.
///
/// Without loss, the lines of one template (lines that differ in numbers, ids and times alone) are written as the
/// template once and the values of each line; [`decode`](Transform::decode) gives the bytes back. Otherwise a subset of
/// whole lines stays, verbatim and in order: first and last lines, summaries, every distinct failure with its trace,
/// the first line of each template, extremes and rare values, and what answers the question. Each gap says which lines
/// are missing and how many of them mention errors. A line of the log that reads like one of these labels stands below
/// a label that says so.
///
/// Declines texts that are no logs, texts that are not smaller afterwards, and, in file reads, everything but the
/// subset of whole lines, and that too when one of them reads like a label.
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
/// Grouping by masked values follows Drain (He et al., ICWS 2017). Shares and limits are chosen by hand, each beside
/// its constant.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogFold;

impl Transform for LogFold {
    fn name(&self) -> &'static str {
        "log_fold"
    }

    fn fit(&self, part: &Part<'_>) -> Fit {
        if codec::is_encoded(part.text) {
            return Fit::No;
        }
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
        // A lossless form is rarely a sixth of the text; where the subset is smaller, the work is not done. Values without
        // words around them cost more tokens a byte, so that tokens decide.
        if !part.quotable
            && small >= part.text.len() / 6
            && let Some(folded) = lossless(part.text, &lines).filter(|folded| folded.len() <= small)
            && subset.as_ref().is_none_or(|(text, _)| cx.count(&folded) <= cx.count(text))
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
    let shown_lines = || keep.iter().enumerate().filter(|(_, kept)| **kept).map(|(at, _)| lines.get(at));
    // A text to quote gets no labels but those of gaps; inside of a line nothing tells the label from the text.
    if (part.quotable && shown_lines().any(is_like_label)) || shown_lines().any(|line| line.contains(CLIP_LABEL)) {
        return None;
    }
    let show = |line: &str, out: &mut String| {
        if is_like_label(line) {
            out.push_str(NO_LABEL);
        }
        if clip && line.len() > LONG_LINE_BYTES { write_clipped(line, out) } else { out.push_str(line) }
    };
    let note = |first: usize, end: usize, out: &mut String| {
        // Words alone: some are in the text of a manual or in a name.
        let _ = match survey.marks[first..end].iter().filter(|marks| marks.has(Marks::ERROR)).count() {
            0 => Ok(()),
            1 => write!(out, "; 1 line mentions errors"),
            // Writing to a string cannot fail.
            failures => write!(out, "; {failures} lines mention errors"),
        };
    };
    let mut subset = write_subset(lines, &keep, show, note);
    write_common(lines, &common, &mut subset);
    let shown = keep.iter().take(lines.count()).filter(|kept| **kept).count();
    (shown > 0 && subset.len() < part.text.len() / 10 * 9).then_some((subset, shown))
}

/// Says how often the most frequent values occur: `[counted: 10.0.0.1 in 286 of the 521 lines like: Failed password for
/// root from 10.0.0.1]`.
fn write_common(lines: &Lines<'_>, common: &[Common<'_>], out: &mut String) {
    for (nth, Common { value, line, count, of }) in common.iter().enumerate() {
        let start = if nth == 0 { "[counted: " } else { "; " };
        // Writing to a string cannot fail.
        let _ = write!(out, "{start}{value} in {count} of the {of} lines like: {}", first_words(lines.get(*line)));
    }
    if !common.is_empty() {
        out.push_str("]\n");
    }
}

/// Words by which a reader knows a line: the first of its longest stretch without brackets, which end labels.
fn first_words(line: &str) -> &str {
    const MAX_BYTES: usize = 60;
    let stretch = line.split(['[', ']']).max_by_key(|stretch| stretch.len()).unwrap_or_default();
    let words = stretch.trim_start_matches(|c: char| !c.is_alphanumeric()).trim_end();
    if words.len() <= MAX_BYTES {
        return words;
    }
    let head = &words[..words.floor_char_boundary(MAX_BYTES)];
    head.rfind(' ').map_or(head, |end| head[..end].trim_end())
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::options::Mode;
    use crate::relevance::Question;
    use crate::tokens::{Estimate, Family};

    fn apply(part: &Part<'_>, mode: Mode, question: &str) -> Outcome {
        let (question, tokenizer) = (Question::new(question, ""), Estimate::new(Family::Other));
        let mut cx = Context::new(mode, 1.0, &question, &tokenizer);
        LogFold.apply(part, &mut cx).unwrap()
    }

    fn balanced(text: &str, question: &str) -> String {
        match apply(&Part { text, tool: None, quotable: false }, Mode::Balanced, question) {
            Outcome::Subset(subset) => subset,
            other => panic!("expected a subset, found {other:?}"),
        }
    }

    /// A log of 2,000 lines with one odd line.
    fn log(odd: &str) -> String {
        let line = |at: usize| {
            format!(
                "10:{:02}:{:02} INFO poll {at} of node-{} took {} ms\n",
                at / 60 % 60,
                at % 60,
                at % 9,
                10 + at * 7 % 13
            )
        };
        (0..2000).map(|at| if at == 1234 { format!("10:20:34 {odd}\n") } else { line(at) }).collect()
    }

    #[test]
    fn the_odd_line_of_a_long_log_stays_whatever_makes_it_odd() {
        for odd in [
            "ERROR poll 1234 of node-3 failed: disk full",
            "INFO leader changed to node-7",
            "INFO poll 1234 of node-3 took 9000 ms",
            "INFO poll 1234 of node-77 took 12 ms",
        ] {
            let text = log(odd);
            let subset = balanced(&text, "what happened?");
            assert!(subset.contains(&format!("10:20:34 {odd}\n")), "{odd} in {subset}");
            assert!(subset.len() * 100 < text.len() * 15, "{} of {}", subset.len(), text.len());
        }
    }

    #[test]
    fn the_line_that_the_question_names_stays() {
        assert!(balanced(&log("INFO x"), "how long did poll 777 take?").contains(" poll 777 of "));
    }

    #[test]
    fn a_trace_stays_once_with_own_code_and_message() {
        let trace = "10:00:00 ERROR request failed\njava.lang.IllegalStateException: no customer\n\
                     \tat com.acme.Shop.load(Shop.java:88)\n";
        let text: String = (0..300)
            .map(|at| if at % 50 == 7 { trace.to_owned() } else { format!("10:00:01 INFO request {at} ok\n") })
            .collect();
        let subset = balanced(&text, "");
        assert!(subset.contains(trace), "{subset}");
        assert!(subset.matches("Shop.java").count() <= 2 && subset.contains(" mention errors]"), "{subset}");
    }

    #[test]
    fn every_failed_test_stays_and_passed_ones_go() {
        let mut text = String::from("running 400 tests\n");
        for at in 0..400 {
            text += &format!("test part::case_{at} ... {}\n", if [17, 230].contains(&at) { "FAILED" } else { "ok" });
        }
        text += "\nfailures:\n\n---- part::case_17 stdout ----\n\
                 assertion `left == right` failed\n  left: 1\n right: 2\n\n\
                 test result: FAILED. 398 passed; 2 failed; finished in 0.1s\n";
        let subset = balanced(&text, "");
        for kept in ["case_17 ... FAILED", "case_230 ... FAILED", "  left: 1\n right: 2", "test result: FAILED"] {
            assert!(subset.contains(kept), "{kept} in {subset}");
        }
        assert!(subset.matches("... ok").count() < 40, "{subset}");
    }

    #[test]
    fn a_common_value_is_counted_for_the_reader() {
        let text: String = (0..500)
            .map(|at| {
                format!(
                    "10:00:00 INFO request to service login from 10.0.0.{}\n",
                    if at % 3 == 0 { 250 } else { at % 90 }
                )
            })
            .collect();
        assert!(balanced(&text, "").contains("[counted: 10.0.0.250 in 167 of the 500 lines like: 10:00:00 INFO request to service login from 10.0.0.250]\n"));
    }

    #[test]
    fn lines_of_the_log_that_read_like_labels_stand_below_a_label_that_says_so() {
        let text = log("ERROR x") + "[lines 5-9 omitted]\n[counted in all lines: a]\n" + NO_LABEL;
        let subset = balanced(&text, "");
        for line in ["[lines 5-9 omitted]\n", "[counted in all lines: a]\n", NO_LABEL] {
            assert!(subset.contains(&format!("\n{NO_LABEL}{line}")), "{line} in {subset}");
        }
        assert_eq!(subset.matches(NO_LABEL).count(), 4);
        let read = |text: &str| apply(&Part { text, tool: None, quotable: true }, Mode::Balanced, "");
        assert_eq!(read(&text), Outcome::Unchanged);
        assert!(matches!(read(&log("ERROR x")), Outcome::Subset(_)));
        let text = log("ERROR x") + "a[12345 bytes of this line omitted]b\n";
        assert!(!matches!(
            apply(&Part { text: &text, tool: None, quotable: false }, Mode::Balanced, ""),
            Outcome::Subset(_)
        ));
    }

    #[test]
    fn a_line_is_known_by_its_longest_words_without_brackets() {
        assert_eq!(first_words("Dec 10 host sshd[12]: Failed password for root"), "Failed password for root");
        assert_eq!(
            first_words(&"many words ".repeat(9)),
            "many words many words many words many words many words many"
        );
        assert_eq!(first_words(&"ä".repeat(90)), "ä".repeat(30));
        assert_eq!(first_words("[]"), "");
    }

    #[test]
    fn very_long_lines_are_clipped_and_file_reads_are_not() {
        let text = log("").replace("poll 3 of", &format!("poll {} of", "x".repeat(9000)));
        assert!(balanced(&text, "").contains(" bytes of this line omitted]"));
        let read = apply(&Part { text: &text, tool: None, quotable: true }, Mode::Balanced, "");
        assert!(matches!(read, Outcome::Subset(subset) if !subset.contains(" bytes of this line")));
    }

    #[test]
    fn lossless_mode_gives_the_bytes_back_from_half_the_bytes() {
        let text = log("WARN \\odd");
        let Outcome::Lossless(folded) = apply(&Part { text: &text, tool: None, quotable: false }, Mode::Lossless, "")
        else {
            panic!("lossless")
        };
        assert!(folded.len() * 2 < text.len(), "{} of {}", folded.len(), text.len());
        assert_eq!(LogFold.decode(&folded).as_deref(), Some(&*text));
        assert_eq!(LogFold.fit(&Part { text: &folded, tool: None, quotable: false }), Fit::No);
        assert_eq!(apply(&Part { text: &text, tool: None, quotable: true }, Mode::Lossless, ""), Outcome::Unchanged);
    }

    #[test]
    fn short_texts_stay() {
        assert_eq!(
            apply(&Part { text: "10:00:00 a\n10:00:01 b\n", tool: None, quotable: false }, Mode::Balanced, ""),
            Outcome::Unchanged
        );
    }

    proptest! {
        #[test]
        fn a_subset_is_in_order_verbatim_and_its_gaps_name_their_lines(
            picks in vec(("(INFO|ERROR|at) [a-z]{1,4} [0-9]{1,5}", 0..4usize, "[a-zä ]{0,30}"), 100..400),
        ) {
            let text: String = picks.iter().map(|(start, kind, end)| match kind {
                0 => format!("{start}\n"),
                1 => "\n".to_owned(),
                _ => format!("{start} {end}\r\n"),
            }).collect();
            let original: Vec<&str> = text.split('\n').collect();
            let part = Part { text: &text, tool: None, quotable: false };
            if let Outcome::Subset(subset) = apply(&part, Mode::Aggressive, "ab 12") {
                let mut at = 0;
                for line in subset.split('\n') {
                    let gap = line.strip_prefix("[lines ").or_else(|| line.strip_prefix("[line "));
                    if let Some(gap) = gap {
                        let range = gap.split(' ').next().unwrap_or_default();
                        let (first, last) = range.split_once('-').unwrap_or((range, range));
                        prop_assert_eq!(first.parse::<usize>().unwrap(), at + 1);
                        at = last.parse().unwrap();
                    } else if !line.starts_with('[') {
                        prop_assert_eq!(line, original[at]);
                        at += 1;
                    }
                }
                prop_assert_eq!(at, original.len() - 1);
            }
        }

        #[test]
        fn any_text_is_handled(text in "(\\PC|[0-9a-f:.|~*\\\\ \n]|\r|\0|error|E   ){0,300}", copies in 1..4usize) {
            let text = text.repeat(copies);
            for quotable in [false, true] {
                let part = Part { text: &text, tool: None, quotable };
                let _ = LogFold.fit(&part);
                for mode in [Mode::Lossless, Mode::Balanced, Mode::Aggressive] {
                    if let Outcome::Lossless(folded) = apply(&part, mode, "a 1") {
                        prop_assert_eq!(LogFold.decode(&folded), Some(text.clone()));
                    }
                }
            }
        }
    }
}
