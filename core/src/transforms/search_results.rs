//! The output of grep, ripgrep and their like.

mod codec;
mod definition;
mod parse;
mod pattern;
mod select;

use self::parse::{Results, Style};
use super::lines::Lines;
use crate::detect::ContentKind;
use crate::transform::{Context, Fit, Outcome, Part, Transform, TransformError};

/// Folds search results: `path:12:text` with or without number and context, paths as headings, numbered lines of one
/// file, and ripgrep's JSON.
///
/// Without loss, each path is written once; [`decode`](Transform::decode) gives the bytes back. Otherwise a subset
/// stays: definitions of the name that the call searched for, what answers the question, imports and exports, the first
/// and last match of each file, and uses that read differently. A kept match is byte-exact after its path; each gap
/// says how many matches it leaves out, and files of which nothing is shown are named with their count.
///
/// Declines texts of other shapes, small ones that have no paths to fold, file reads, and searches with so much context
/// that they are reads as well.
///
/// What is left out can be fetched with the hash in the marker, which is the last line. It stands there even when each
/// path is all that is left out, unless the mode is lossless.
///
/// ```text
/// src/a.py:3:class Cache:                 src/a.py
/// src/a.py:9:    c = Cache()              3:class Cache:
/// src/a.py:12:    c = Cache()        →    [2 more]
/// src/a.py:30:    d = Cache()             40:    return Cache()
/// src/a.py:40:    return Cache()          [2/5 lines shown; headroom_retrieve hash=…]
/// ```
///
/// # Errors
/// None.
///
/// # Sources
/// The formats are those of GNU grep 3 and ripgrep 14. Shares and limits are chosen by hand, each beside its constant.
#[derive(Debug, Clone, Copy, Default)]
pub struct SearchResults;

/// A search with more lines around each match than this, on average, reads code rather than looks for something.
///
/// # Sources
/// Chosen by hand.
const MAX_CONTEXT: usize = 9;

/// Bytes that are looked at to recognise a search.
const SAMPLE_BYTES: usize = 16 * 1024;

/// All matches with each path once. A marker offers the lines as they came, unless nothing may be left out, for a reader
/// who needs `path:line:text` as one string.
fn whole<'a>(mut folded: String, part: &Part<'a>, results: &Results<'_>, cx: &mut Context<'a>) -> Outcome {
    if cx.lossless_only() {
        return Outcome::Lossless(folded);
    }
    if !folded.ends_with('\n') {
        folded.push('\n');
    }
    let lines = total(results);
    folded.push_str(&cx.marker(part.text, lines, lines, "lines"));
    if folded.len() < part.text.len() { Outcome::Subset(folded) } else { Outcome::Unchanged }
}

impl Transform for SearchResults {
    fn name(&self) -> &'static str {
        "search_results"
    }

    fn fit(&self, part: &Part<'_>) -> Fit {
        let end = part.text.floor_char_boundary(SAMPLE_BYTES);
        let Some(style) = Lines::of(&part.text[..end]).and_then(|lines| parse::style(&lines)) else { return Fit::No };
        let called = part.tool.is_some_and(pattern::is_search);
        match style {
            _ if part.quotable || codec::is_encoded(part.text) => Fit::No,
            Style::Json => Fit::Yes(ContentKind::Search, 0.98),
            Style::Prefixed | Style::Unnumbered | Style::Heading if called => Fit::Yes(ContentKind::Search, 0.95),
            Style::Numbered if called => Fit::Yes(ContentKind::Search, 0.9),
            // Compilers print paths and numbers too.
            Style::Prefixed => Fit::Yes(ContentKind::Search, 0.6),
            Style::Unnumbered | Style::Heading | Style::Numbered => Fit::No,
        }
    }

    fn apply<'a>(&self, part: &Part<'a>, cx: &mut Context<'a>) -> Result<Outcome, TransformError> {
        let Some(lines) = Lines::of(part.text) else { return Ok(Outcome::Unchanged) };
        let Some(results) = parse::read(part.text, &lines) else { return Ok(Outcome::Unchanged) };
        let lossless = lossless(part.text, &lines, &results);
        let target_bytes = cx.target_bytes(part.text.len());
        let asked_for_context =
            results.entries.len() > MAX_CONTEXT * results.entries.iter().filter(|entry| entry.is_match).count();
        let subset = if cx.lossless_only() || asked_for_context || target_bytes >= part.text.len() {
            None
        } else {
            let keep = select::select(&results, &pattern::words(part.tool), cx.question(), target_bytes);
            let shown = keep.iter().filter(|kept| **kept).count() + results.others.len().min(select::MAX_NAMED);
            Some((select::write(&results, &keep), shown)).filter(|(text, _)| text.len() < part.text.len() / 10 * 9)
        };
        Ok(match (lossless, subset) {
            // An eighth more is a fair price for leaving nothing out.
            (Some(folded), Some((text, _)))
                if folded.len() <= text.len() + text.len() / 4 && cx.count(&folded) <= cx.count(&text) / 8 * 9 =>
            {
                whole(folded, part, &results, cx)
            }
            (_, Some((mut text, shown))) => {
                text.push_str(&cx.marker(part.text, shown, total(&results), "lines"));
                Outcome::Subset(text)
            }
            (Some(folded), None) => whole(folded, part, &results, cx),
            (None, None) => Outcome::Unchanged,
        })
    }

    fn decode(&self, encoded: &str) -> Option<String> {
        codec::decode(encoded)
    }
}

/// What is shown or counted in labels: matches, lines around them and other lines, without paths, separators and the
/// frame of JSON.
fn total(results: &Results<'_>) -> usize {
    results.entries.len() + results.others.len()
}

/// The lossless form, if it is worth reading it and its decoder gives the text back.
fn lossless(text: &str, lines: &Lines<'_>, results: &Results<'_>) -> Option<String> {
    codec::encode(lines, results)
        .filter(|folded| folded.len() < text.len() / 10 * 9)
        .filter(|folded| codec::decode(folded).as_deref() == Some(text))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::conversation::ToolCall;
    use crate::options::Mode;
    use crate::relevance::Question;
    use crate::tokens::{Estimate, Family};

    fn tool() -> ToolCall {
        ToolCall { name: "bash".into(), arguments: r#"{"command":"rg -n Cache src"}"#.into(), ..Default::default() }
    }

    fn part<'a>(text: &'a str, tool: &'a ToolCall) -> Part<'a> {
        Part { text, tool: Some(tool), quotable: false }
    }

    fn apply(text: &str, mode: Mode, question: &str) -> Outcome {
        let (tool, question, tokenizer) = (tool(), Question::new(question, ""), Estimate::new(Family::Other));
        let mut cx = Context::new(mode, 1.0, &question, &tokenizer);
        SearchResults.apply(&part(text, &tool), &mut cx).unwrap()
    }

    fn results() -> String {
        let uses = (0..30).flat_map(|file| {
            (1..30).map(move |line| {
                format!("src/part_{file}/mod.rs:{}:        let value = Cache::get(key, {line});\n", line * 7)
            })
        });
        let mut lines: Vec<String> = uses.collect();
        lines.insert(400, "src/part_13/cache.rs:12:pub struct Cache {\n".into());
        lines.insert(500, "src/part_17/user.rs:3:use crate::part_13::Cache;\n".into());
        lines.concat()
    }

    #[test]
    fn definitions_imports_and_the_ends_of_files_stay_under_one_path() {
        let text = results();
        let Outcome::Subset(subset) = apply(&text, Mode::Balanced, "how is a value cached?") else {
            panic!("a subset")
        };
        assert!(subset.contains("src/part_13/cache.rs\n12:pub struct Cache {\n"), "{subset}");
        assert!(subset.contains("src/part_17/user.rs\n3:use crate::part_13::Cache;\n"), "{subset}");
        assert!(subset.contains("src/part_0/mod.rs\n7:") && subset.contains(" more]\n203:"), "{subset}");
        assert!(
            subset.len() * 5 < text.len() * 2 && subset.ends_with(']') && subset.contains("/872 lines shown; "),
            "{subset}"
        );
    }

    #[test]
    fn the_match_that_the_question_names_stays() {
        let text = results()
            .replace("src/part_21/mod.rs:105:        let value", "src/part_21/mod.rs:105:        let tenant_quota");
        let Outcome::Subset(subset) = apply(&text, Mode::Balanced, "who sets tenant_quota?") else {
            panic!("a subset")
        };
        assert!(subset.contains("105:        let tenant_quota = Cache::get(key, 15);"), "{subset}");
    }

    #[test]
    fn matches_without_numbers_are_not_read_as_paths_or_labels() {
        let odd = |line: usize| ["src/cache/core.rs", "[2 more]", "mod cache;"][line % 3];
        let mut text: String = (0..20)
            .flat_map(|file| (0..40).map(move |line| format!("src/part_{file}/mod.rs:{}{line}\n", odd(line))))
            .collect();
        text = text.replace("core.rs0\n", "core.rs\n").replace("more]1\n", "more]\n") + "src/odd.rs\n[2 more]\n";
        let Outcome::Subset(subset) = apply(&text, Mode::Aggressive, "") else { panic!("a subset") };
        assert!(subset.contains("\nsrc/part_0/mod.rs\n src/cache/core.rs\n"), "{subset}");
        let label = "\n[the next line is of no file]\n";
        assert!(subset.contains(&format!("{label}src/odd.rs{label}[2 more]\n")), "{subset}");
        assert!(subset.starts_with("[matches by file: path, then the lines, each behind a space]\n"), "{subset}");
    }

    #[test]
    fn further_lines_of_a_match_of_several_lines_are_set_off() {
        let event = |n: usize| {
            format!(
                r#"{{"type":"match","data":{{"path":{{"text":"src/a{}.rs"}},"lines":{{"text":"fn f(\n[2 more]\nsrc/b.rs\n"}},"line_number":{n}}}}}"#,
                n / 20
            ) + "\n"
        };
        let text: String = (1..200).map(event).collect();
        let Outcome::Subset(subset) = apply(&text, Mode::Balanced, "") else { panic!("a subset") };
        assert!(subset.contains("\nsrc/a0.rs\n1:fn f(\n [2 more]\n src/b.rs\n"), "{subset}");
        assert!(subset.contains("; further lines of a match each behind a space]\n"), "{subset}");
    }

    #[test]
    fn shown_and_left_out_lines_add_up_to_the_total() {
        let around = |line: &str| line.replacen(':', "-", 2).replace("value", "around");
        let text: String =
            results().lines().map(|line| format!("{line}\n{}\n--\n", around(line).replacen("7-", "8-", 1))).collect();
        for text in [results(), text] {
            let Outcome::Subset(subset) = apply(&text, Mode::Balanced, "") else { panic!("a subset") };
            let number = |text: &str| -> usize {
                let end = text.trim_end_matches(|c: char| !c.is_ascii_digit());
                end[end.rfind(|c: char| !c.is_ascii_digit()).map_or(0, |at| at + 1)..].parse().unwrap()
            };
            let (labels, marker) = subset.rsplit_once("\n[").unwrap();
            let mut left_out = 0;
            for line in labels.lines() {
                if line.starts_with("[matches by file") {
                    left_out += if line.contains(" left out") { number(line) } else { 0 };
                } else if line.starts_with('[') && line.ends_with(" more]") {
                    left_out += number(line);
                } else if let Some((count, _)) = line.split_once(" matches]") {
                    left_out += number(count);
                }
            }
            let (shown, total) = marker.split_once(" lines shown").unwrap().0.split_once('/').unwrap();
            assert_eq!(number(shown) + left_out, number(total), "{subset}");
        }
    }

    #[test]
    fn lossless_mode_gives_the_bytes_back() {
        let text = results();
        let Outcome::Lossless(folded) = apply(&text, Mode::Lossless, "") else { panic!("lossless") };
        assert!(folded.len() * 10 < text.len() * 8);
        assert_eq!(SearchResults.decode(&folded).as_deref(), Some(&*text));
        assert_eq!(SearchResults.fit(&part(&folded, &tool())), Fit::No);
    }

    #[test]
    fn a_search_that_reads_code_stays_whole() {
        let text = "12:pub struct Cache {\n".to_owned()
            + &(13..200).map(|line| format!("{line}-    field_{line}: u8,\n")).collect::<String>();
        assert_eq!(apply(&text, Mode::Balanced, ""), Outcome::Unchanged);
    }

    #[test]
    fn other_output_and_file_reads_do_not_fit() {
        let tool = tool();
        assert_eq!(SearchResults.fit(&part("no matches\nat all\n", &tool)), Fit::No);
        assert_eq!(SearchResults.fit(&Part { quotable: true, ..part(&results(), &tool) }), Fit::No);
    }

    proptest! {
        #[test]
        fn kept_matches_are_verbatim_and_in_order(
            picks in vec((0..4usize, 1..900usize, "[a-z =(){};]{0,60}"), 60..300),
        ) {
            let line = |(file, line, text): &(usize, usize, String)| format!("src/f{file}.rs:{line}:{text}\n");
            let text: String = picks.iter().map(line).collect();
            let (mut path, mut expected) = ("", text.lines());
            if let Outcome::Subset(subset) = apply(&text, Mode::Aggressive, "f a b") {
                for line in subset.lines().filter(|line| !line.starts_with('[')) {
                    if parse::numbered(line).is_none() {
                        path = line;
                    } else {
                        let whole = format!("{path}:{line}");
                        prop_assert!(expected.any(|other| other == whole), "{} in {}", whole, subset);
                    }
                }
            }
        }

        #[test]
        fn any_text_is_handled(text in "(\\PC|[:\\-0-9a-z/.\n]|\r|\0){0,400}") {
            let tool = tool();
            let _ = SearchResults.fit(&part(&text, &tool));
            for mode in [Mode::Lossless, Mode::Balanced, Mode::Aggressive] {
                if let Outcome::Lossless(folded) = apply(&text, mode, "a") {
                    prop_assert_eq!(SearchResults.decode(&folded), Some(text.clone()));
                }
            }
        }
    }
}
