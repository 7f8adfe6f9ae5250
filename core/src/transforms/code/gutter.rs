//! Line numbers that a tool shows before each line, and the code without them.

use std::borrow::Cow;

use super::super::lines::Lines;

/// A text as lines, with the code in it: the same number of lines, without line numbers, fences and what stands around.
#[derive(Debug)]
pub(super) struct Source<'a> {
    /// The lines of the text.
    pub(super) lines: Lines<'a>,
    /// The code, line for line; a line that is no code is empty.
    pub(super) code: Cow<'a, str>,
    /// What to add to a line's place, counted from 1, to get the number that the text shows.
    pub(super) shift: isize,
    /// The number that the first line of code shows; 1 when there are none.
    pub(super) first_number: usize,
    /// The word behind the opening fence.
    pub(super) fence: Option<&'a str>,
}

/// Fewer numbered lines are a coincidence.
const MIN_NUMBERED: usize = 5;

/// How many lines may stand around the numbered ones: a heading, a closing tag, a reminder. Chosen by hand.
const MAX_AROUND: usize = 20;

impl<'a> Source<'a> {
    /// Splits a text. `None` for a text of 4 GB and more.
    pub(super) fn of(text: &'a str) -> Option<Self> {
        let lines = Lines::of(text)?;
        if let Some(gutter) = Gutter::of(&lines) {
            let code = gutter.strip(&lines).into();
            return Some(Self { lines, code, shift: gutter.shift(), first_number: gutter.first_number, fence: None });
        }
        if let Some((fence, end)) = fenced(&lines) {
            let mut code = String::with_capacity(text.len());
            for row in 0..lines.len() {
                code.push_str(if row > 0 && row < end { lines.get(row) } else { "" });
                code.push('\n');
            }
            return Some(Self { lines, code: code.into(), shift: 0, first_number: 1, fence: Some(fence) });
        }
        Some(Self { lines, code: text.into(), shift: 0, first_number: 1, fence: None })
    }
}

/// The word behind the fence and the line that closes it, when all of a text is one fenced block.
fn fenced<'a>(lines: &Lines<'a>) -> Option<(&'a str, usize)> {
    let word = lines.get(0).trim_end().strip_prefix("```")?;
    let last = (1..lines.len()).rev().find(|&row| !lines.get(row).trim().is_empty())?;
    let fences = lines.iter().filter(|line| line.starts_with("```")).count();
    (fences == 2 && lines.get(last).trim_end() == "```").then_some((word.trim(), last))
}

/// What stands between a line number and its line.
const SEPARATORS: [&str; 7] = ["\t", "→", " │ ", " | ", "| ", "|", ":"];

/// Numbered lines.
#[derive(Debug, PartialEq, Eq)]
struct Gutter {
    first_row: usize,
    end_row: usize,
    first_number: usize,
    separator: &'static str,
    /// Whether a space follows the separator on every line that is not empty.
    space: bool,
}

impl Gutter {
    /// Finds lines whose numbers count up from one to the next, when they are nearly all lines.
    fn of(lines: &Lines<'_>) -> Option<Self> {
        let total = lines.count();
        let starts_here = |row: usize| {
            let line = lines.get(row);
            let (number, rest) = number(line)?;
            let (next, _) = number_of_line(lines, row + 1)?;
            (next == number + 1).then_some(())?;
            SEPARATORS.iter().find(|separator| rest.starts_with(**separator)).map(|separator| (row, number, *separator))
        };
        let (first_row, first_number, separator) = (0..total.min(MAX_AROUND)).find_map(starts_here)?;
        let mut space = !matches!(separator, "\t" | "→");
        let mut row = first_row;
        while row < total {
            let Some((number, rest)) = number_of_line(lines, row) else { break };
            // Tools cut the spaces at the end of an empty line's number.
            let Some(code) =
                rest.strip_prefix(separator).or_else(|| separator.trim_end().starts_with(rest).then_some(""))
            else {
                break;
            };
            if number != first_number + (row - first_row) {
                break;
            }
            space &= code.trim_end().is_empty() || code.starts_with(' ');
            row += 1;
        }
        let around = first_row + total - row;
        (row - first_row >= MIN_NUMBERED && around <= MAX_AROUND.min(row - first_row)).then_some(Self {
            first_row,
            end_row: row,
            first_number,
            separator,
            space,
        })
    }

    fn strip(&self, lines: &Lines<'_>) -> String {
        let mut code = String::with_capacity(lines.span(0, lines.len()).len());
        for row in 0..lines.len() {
            if (self.first_row..self.end_row).contains(&row) {
                let line = number(lines.get(row)).and_then(|(_, rest)| rest.strip_prefix(self.separator)).unwrap_or("");
                code.push_str(line.strip_prefix(' ').filter(|_| self.space).unwrap_or(line));
            }
            code.push('\n');
        }
        code
    }

    fn shift(&self) -> isize {
        self.first_number.cast_signed() - (self.first_row + 1).cast_signed()
    }
}

fn number_of_line<'a>(lines: &Lines<'a>, row: usize) -> Option<(usize, &'a str)> {
    number(lines.get(row))
}

/// The number at the start of a line and what follows it.
fn number(line: &str) -> Option<(usize, &str)> {
    let digits = line.trim_start_matches(' ');
    let end = digits.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
    let (number, rest) = digits.split_at_checked(end)?;
    (end <= 9).then(|| number.parse().ok()).flatten().map(|number| (number, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(format: impl Fn(usize, &str) -> String, from: usize) -> String {
        CODE.split('\n').enumerate().map(|(at, line)| format(at + from, line) + "\n").collect()
    }

    const CODE: &str = "import os\n\ndef f(x):\n    if x:\n        return 1: 2\n    return 3";

    #[test]
    fn numbers_of_every_tool_are_taken_off() {
        let formats: [fn(usize, &str) -> String; 7] = [
            |n, line| format!("{n:6}\t{line}"),
            |n, line| format!("{n:6}→{line}"),
            |n, line| format!("{n}:{line}"),
            |n, line| format!("{n}: {line}").trim_end().to_owned(),
            |n, line| format!("{n:05}| {line}"),
            |n, line| format!("{n:3} | {line}"),
            |n, line| format!("{n:4} │ {line}"),
        ];
        for (nth, format) in formats.into_iter().enumerate() {
            let text = numbered(format, 7);
            let source = Source::of(&text).unwrap();
            assert_eq!(source.code.trim_end(), CODE, "format {nth}");
            assert_eq!(source.shift, 6);
            assert_eq!(source.code.lines().count(), source.lines.len());
        }
    }

    #[test]
    fn lines_around_the_numbered_ones_are_no_code() {
        let text = format!("[File: a.py]\n{}</file>\n", numbered(|n, line| format!("{n:6}\t{line}"), 1));
        let source = Source::of(&text).unwrap();
        assert!(source.code.starts_with("\nimport os\n\ndef f") && !source.code.contains("file"), "{}", source.code);
        assert_eq!(source.shift, -1);
        let fenced = format!("```python\n{CODE}\n```\n");
        let source = Source::of(&fenced).unwrap();
        assert_eq!((source.fence, source.code.trim()), (Some("python"), CODE));
    }

    #[test]
    fn code_that_starts_with_numbers_is_left_as_it_is() {
        for text in ["1\n2\n3\n4\n5\n6\n7\n", CODE, "", "10: a\n9: b\n8: c\n", "1:a\n2:b\nthen\nother\nlines\n"] {
            assert_eq!(Source::of(text).unwrap().code, text);
        }
    }

    #[test]
    fn a_fence_among_others_is_prose() {
        let text = "```python\na\n```\nand\n```\nb\n```";
        assert_eq!(Source::of(text).unwrap().code, text);
    }
}
