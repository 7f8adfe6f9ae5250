//! Tables: separated values, Markdown and boxes, columns of fixed width.

mod columns;
mod delimited;
mod grid;
mod header;
mod ruled;

use self::grid::Grid;
use super::lines::{Lines, NO_LABEL, close_small_gaps, is_like_label, write_subset};
use super::sample::head;
use super::shared_start;
use crate::conversation::ToolCall;
use crate::detect::ContentKind;
use crate::relevance::Question;
use crate::transform::{Context, Fit, Outcome, Part, Transform, TransformError};

/// Shows the rows of a table that are worth reading, as they are.
///
/// Tables are comma-, tab-, semicolon- and pipe-separated values (cells in quotes may hold line breaks), tables of
/// Markdown, psql and mysql, boxes, and the columns of commands such as `kubectl get`, `docker ps`, `ps` and `df`. Their
/// rows are chosen as those of JSON are: first and last rows, failures, what the question names, ends of ranges,
/// outliers, rare values, a row of each distinct kind, and rows spread evenly. Header and rows are verbatim; a label
/// tells what is computed of all rows.
///
/// Without loss, separated values whose neighbouring rows begin with the same cells have these once;
/// [`decode`](Transform::decode) gives the bytes back.
///
/// Of files that may be edited ([`Part::quotable`]) whole lines stay, and each gap says which lines are missing.
///
/// # When it declines
/// Texts with more than a few lines around the table, tables without a
/// header, and what does not get smaller.
///
/// # What is lost and how to get it back
/// Rows; the marker below those that are shown counts them and has the hash of the whole text.
///
/// # Errors
/// None.
///
/// # Examples
/// ```text
/// date,rain,wind                date,rain,wind
/// 2012-01-01,0.0,4.7            2012-01-01,0.0,4.7
/// 2012-01-02,10.9,4.5      →    2015-03-15,55.9,4.2
/// …                             2015-12-31,0.0,3.5
/// 2015-12-31,0.0,3.5            [computed over all 1461: rain 0.0..55.9 111 distinct; wind 0.4..9.5 79 distinct]
///                               [3/1461 rows shown; headroom_retrieve hash=…]
/// ```
///
/// # Sources
/// RFC 4180 for separated values. Shares and limits are chosen by hand, each beside its constant.
#[derive(Debug, Clone, Copy, Default)]
pub struct Table;

/// Shorter texts are left alone: the labels would cost what the rows save. In bytes.
const MIN_BYTES: usize = 600;

/// A subset that leaves less out than this is not worth it: in percent of what it would else be.
///
/// # Sources
/// Chosen by hand.
const WORTH_PERCENT: usize = 80;

/// Bytes that are looked at to recognise a table.
const SAMPLE_BYTES: usize = 16 * 1024;

/// A lossless form that must be smaller by more than this is not tried.
const MAX_LOSSLESS_RATIO: usize = 6;

/// Lines that answer the question and stay whole in the lossless form, at most.
const MAX_WHOLE: usize = 40;

impl Transform for Table {
    fn name(&self) -> &'static str {
        "table"
    }

    fn fit(&self, part: &Part<'_>) -> Fit {
        if part.text.len() < MIN_BYTES || shared_start::is_encoded(part.text) {
            return Fit::No;
        }
        let sample = head(part.text, SAMPLE_BYTES);
        let is_table = grid(&Part { text: sample, ..*part }).is_some();
        if is_table { Fit::Yes(ContentKind::Table, 0.92) } else { Fit::No }
    }

    fn apply<'a>(&self, part: &Part<'a>, cx: &mut Context<'a>) -> Result<Outcome, TransformError> {
        let text = part.text;
        let Some(grid) = grid(part).filter(|_| text.len() >= MIN_BYTES) else {
            return Ok(Outcome::Unchanged);
        };
        let room = cx.target_bytes(text.len());
        if part.quotable {
            let subset = if cx.lossless_only() { None } else { lines_of(text, grid, room, cx) };
            return Ok(subset.map_or(Outcome::Unchanged, Outcome::Subset));
        }
        let lossless = lossless(text, &grid, cx);
        match lossless {
            Some(encoded) if cx.lossless_only() || encoded.len() <= room => Ok(Outcome::Lossless(encoded)),
            lossless if !cx.lossless_only() => {
                let enough = lossless.as_ref().map_or(text.len(), String::len) * WORTH_PERCENT / 100;
                match subset(text, grid, room, cx).filter(|subset| subset.len() < enough) {
                    Some(subset) => Ok(Outcome::Subset(subset)),
                    None => Ok(lossless.map_or(Outcome::Unchanged, Outcome::Lossless)),
                }
            }
            _ => Ok(Outcome::Unchanged),
        }
    }

    fn decode(&self, encoded: &str) -> Option<String> {
        shared_start::decode(encoded)
    }
}

/// The table of a text.
fn grid(part: &Part<'_>) -> Option<Grid> {
    let text = part.text;
    let lines = Lines::of(text)?;
    // The pipes of a table with a rule separate values, too.
    if ruled::rule(&lines).is_some() {
        return ruled::read(text, &lines);
    }
    if let Some(shape) = delimited::shape(text, names_a_table(part.tool)) {
        return delimited::read(text, shape);
    }
    columns::read(text, &lines, &columns::header(&lines, part.tool)?)
}

/// Whether a call names a file of separated values.
fn names_a_table(tool: Option<&ToolCall>) -> bool {
    tool.is_some_and(|tool| {
        [".csv", ".tsv"].iter().any(|extension| {
            let after = |at: usize| tool.arguments.as_bytes().get(at + extension.len());
            memchr::memmem::find_iter(tool.arguments.as_bytes(), extension.as_bytes())
                .any(|at| after(at).is_none_or(|byte| !byte.is_ascii_alphanumeric()))
        })
    })
}

/// The lossless form, if it is worth reading it and its decoder gives the text back.
fn lossless(text: &str, grid: &Grid, cx: &Context<'_>) -> Option<String> {
    let is_hopeless = text.len() / MAX_LOSSLESS_RATIO > cx.target_bytes(text.len());
    let delimiter = grid.delimiter.filter(|_| !is_hopeless)?;
    let mut asked: Vec<&str> = Vec::new();
    if !cx.lossless_only() {
        let rows: Vec<&str> = grid.rows.iter().map(|span| &text[span.clone()]).collect();
        let matches = cx.question().matches(&rows);
        asked = rows
            .into_iter()
            .zip(matches)
            .filter(|(_, found)| found.strong)
            .map(|(row, _)| row)
            .take(MAX_WHOLE)
            .collect();
        asked.sort_unstable();
    }
    shared_start::encode(text, &[delimiter, b'-'], |line| asked.binary_search(&line).is_ok())
        .filter(|encoded| encoded.len() < text.len() / 10 * 9)
        .filter(|encoded| shared_start::decode(encoded).as_deref() == Some(text))
}

/// The rows that are worth showing, in order, and what is computed of all; `None` when these are all.
fn choose(grid: Grid, room: usize, question: &Question) -> Option<(Vec<usize>, String)> {
    let total = grid.rows.len();
    let bytes: usize = grid.rows.iter().map(|row| row.len() + 1).sum();
    let fitting = room.saturating_sub(grid.head.len()) * total / bytes.max(1);
    let sample = grid.cells.sample(question, fitting)?;
    let mut chosen = sample.rows;
    chosen.extend(&grid.ragged);
    chosen.sort_unstable();
    chosen.dedup();
    (chosen.len() < total).then_some((chosen, sample.computed))
}

/// The lines of the rows that are worth showing, of the header and around the table, with the numbers of those between.
fn lines_of<'a>(text: &'a str, grid: Grid, room: usize, cx: &mut Context<'a>) -> Option<String> {
    let lines = Lines::of(text)?;
    let (rows, outside) = (grid.rows.clone(), [grid.head.clone(), grid.tail.clone()]);
    let (chosen, computed) = choose(grid, room, cx.question())?;
    let spans = chosen.iter().filter_map(|row| rows.get(*row)).chain(&outside);
    let mut keep = vec![false; lines.len()];
    for span in spans.filter(|span| !span.is_empty()) {
        keep[lines.at(span.start)..=lines.at(span.end - 1)].fill(true);
    }
    close_small_gaps(&lines, &mut keep);
    let shown = (0..lines.count()).filter(|&at| keep[at]).count();
    // Nothing tells a label from a line of the file that reads like one.
    if shown == lines.count() || (0..lines.count()).any(|at| keep[at] && is_like_label(lines.get(at))) {
        return None;
    }
    let mut out = write_subset(&lines, &keep, |line, out| out.push_str(line), |_, _, _| ());
    if !computed.is_empty() {
        out.push_str(&format!("[{computed}]\n"));
    }
    out.push_str(&cx.marker(text, shown, lines.count(), "lines"));
    (out.len() < text.len() * WORTH_PERCENT / 100).then_some(out)
}

/// The rows that are worth showing, with the lines around the table.
fn subset<'a>(text: &'a str, grid: Grid, room: usize, cx: &mut Context<'a>) -> Option<String> {
    let total = grid.rows.len();
    let (head, rows, tail) = (&text[grid.head.clone()], grid.rows.clone(), grid.tail.clone());
    let (chosen, computed) = choose(grid, room, cx.question())?;
    let mut out = String::with_capacity(room * 2);
    out.push_str(head);
    for row in &chosen {
        let row = rows.get(*row).map_or("", |span| &text[span.clone()]);
        // Rows that could be taken for a label say that they are none.
        if row.split('\n').any(|line| line.trim_start().starts_with('[')) {
            out.push_str(NO_LABEL);
        }
        out.push_str(row);
        out.push('\n');
    }
    if !computed.is_empty() {
        out.push('[');
        out.push_str(&computed);
        out.push_str("]\n");
    }
    out.push_str(&cx.marker(text, chosen.len(), total, "rows"));
    let tail = text[tail].trim_matches(['\r', '\n']);
    if !tail.is_empty() {
        out.push('\n');
        out.push_str(tail);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Mode;
    use crate::transforms::testing::{Quarter, declines, run, subset};

    fn stations() -> String {
        let row = |n: usize| {
            let (state, rain) = (if n == 131 { "sensor failed" } else { "ok" }, if n == 77 { 990 } else { n * 7 % 31 });
            format!(
                "{},2031-{:02}-{:02},{rain}.5,{state}\n",
                ["north", "south", "hill"][n % 3],
                n / 28 % 12 + 1,
                n % 28 + 1
            )
        };
        "station,date,rain,state\n".to_owned() + &(0..400).map(row).collect::<String>()
    }

    #[test]
    fn rows_are_verbatim_below_their_header_and_counts_are_labelled() {
        let text = stations();
        let folded = subset(&Table, &text, "When did it rain most?");
        assert!(folded.starts_with("station,date,rain,state\nnorth,2031-01-01,0.5,ok\n"), "{folded}");
        for row in [77, 131, 399] {
            assert!(folded.contains(text.lines().nth(row + 1).expect("a row")), "{row} in {folded}");
        }
        assert!(folded.contains("\n[computed over all 400: ") && folded.contains("rain 0.5..990.5 "), "{folded}");
        assert!(folded.contains("/400 rows shown; ") && folded.len() * 4 < text.len(), "{folded}");
    }

    #[test]
    fn of_what_the_question_names_every_kind_has_a_row() {
        let text: String = (0..2000)
            .map(|n| {
                let library = ["alder", "birch", "cedar", "doum", "elm"][n / 400];
                let result = n % 400 != 123 || library != "cedar";
                format!("{library},test-{},{}\n", n % 400, if result { "passed" } else { "skipped" })
            })
            .collect();
        let folded = subset(&Table, &("library,test,result\n".to_owned() + &text), "Which test does cedar not pass?");
        assert!(folded.contains("\ncedar,test-123,skipped\n"), "{folded}");
    }

    #[test]
    fn rows_that_begin_alike_come_back_byte_for_byte() {
        let text: String =
            (0..300).map(|n| format!("1. validation of input,library {},case {n},{}\r\n", n / 60, n % 7)).collect();
        let text = "kind,library,case,result\r\n".to_owned() + &text;
        let question = Question::default();
        let mut cx = Context::new(Mode::Lossless, 1.0, &question, &Quarter);
        let part = Part { text: &text, tool: None, quotable: false };
        let Ok(Outcome::Lossless(folded)) = Table.apply(&part, &mut cx) else { panic!("a lossless form") };
        assert!(folded.len() * 2 < text.len(), "{folded}");
        assert_eq!(Table.decode(&folded).as_deref(), Some(&*text));
        assert_eq!(Table.fit(&Part { text: &folded, ..part }), Fit::No);
    }

    #[test]
    fn what_stands_around_a_table_stays() {
        let rows: String =
            (0..300).map(|n| format!(" {n:3} | person{n}@example.org | {} \n", ["free", "team"][n % 2])).collect();
        let text = format!(" id  |  email  | plan \n-----+---------+------\n{rows}(300 rows)\n\n");
        let folded = subset(&Table, &text, "Which plan has person217@example.org?");
        assert!(folded.contains(" 217 | person217@example.org | team \n"), "{folded}");
        assert!(folded.ends_with("]\n(300 rows)") && folded.contains("/300 rows shown; "), "{folded}");
    }

    #[test]
    fn of_files_to_edit_whole_lines_stay_with_the_numbers_of_the_others() {
        let csv = stations().replace("sensor failed", "\"sensor\nfailed\"");
        let markdown: String =
            stations().lines().skip(1).map(|line| format!("| {} |\n", line.replace(',', " | "))).collect();
        let markdown = format!("# Stations\n\n| station | date | rain | state |\n|---|---|---|---|\n{markdown}");
        for text in [&csv, &markdown] {
            let part = Part { text, tool: None, quotable: true };
            assert_eq!(Table.fit(&part), Fit::Yes(ContentKind::Table, 0.92));
            let (Outcome::Subset(folded), _) = run(&Table, text, true, "When did it rain most?") else {
                panic!("{text}")
            };
            let mut next = 0;
            for line in folded.lines() {
                if let Some(lines) = line.strip_prefix("[line").and_then(|line| line.strip_suffix(" omitted]")) {
                    let lines = lines.trim_start_matches(['s', ' ']);
                    let (first, last) = lines.split_once('-').unwrap_or((lines, lines));
                    assert_eq!(first.parse(), Ok(next + 1), "{folded}");
                    next = last.parse().expect("a number");
                } else if let Some(at) = text.lines().skip(next).position(|original| original == line) {
                    assert_eq!(at, 0, "{line} in {folded}");
                    next += 1;
                } else {
                    assert!(line.starts_with("[computed over all 400: ") || line.contains("lines shown; "), "{line}");
                }
            }
            assert_eq!(next, text.lines().count());
            assert!(folded.contains("990.5") && folded.len() * 3 < text.len(), "{folded}");
        }
        let question = Question::default();
        let mut cx = Context::new(Mode::Lossless, 1.0, &question, &Quarter);
        let part = Part { text: &csv, tool: None, quotable: true };
        assert_eq!(Table.apply(&part, &mut cx).unwrap(), Outcome::Unchanged);
    }

    #[test]
    fn other_texts_are_left_alone() {
        for text in [
            "It was late, and we went home.\n".repeat(90),
            "fn f(a: u8, b: u8) -> u8 {\n".repeat(90),
            "# a\n\n- b, c\n".repeat(90),
        ] {
            assert!(declines(&Table, &text), "{text}");
        }
    }
}
