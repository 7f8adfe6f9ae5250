//! Tables with a rule below their header: Markdown, psql, mysql, boxes, and columns underlined with dashes.

use std::ops::Range;

use super::columns::{Cuts, MAX_TAIL};
use super::grid::Grid;
use crate::transforms::lines::Lines;

/// Lines before the header that are looked past.
const MAX_LINES_BEFORE: usize = 4;

/// Tables of fewer rows are left alone.
const MIN_ROWS: usize = 7;

/// Reads a table with a rule.
pub(super) fn read(text: &str, lines: &Lines<'_>) -> Option<Grid> {
    let at = rule(lines)?;
    let (header, rule) = (lines.get(at - 1), lines.get(at));
    let head = 0..lines.span(0, at + 1).len() + 1;
    let separator = ['|', '│'].into_iter().find(|separator| header.contains(*separator));
    match separator.filter(|_| !is_packages(rule)) {
        Some(separator) => {
            let names: Vec<&str> = cells(header, separator).collect();
            let grid = Grid::new(names.iter().copied(), head).filter(|_| names.len() >= 2)?;
            fill(grid, text, lines, at + 1, |line, grid, span| {
                let is_row = line.contains(separator) && !is_rule(line);
                if is_row {
                    grid.push(span, cells(line, separator).count(), cells(line, separator));
                }
                is_row
            })
        }
        None => {
            let cuts = cuts(rule).filter(|cuts| cuts.len() >= 2)?;
            let grid = Grid::new(cuts.cells(header), head)?;
            fill(grid, text, lines, at + 1, |line, grid, span| {
                let is_row = !line.trim().is_empty() && !is_rule(line);
                if is_row {
                    let width = if cuts.are_between(line) { cuts.len() } else { 0 };
                    grid.push(span, width, cuts.cells(line));
                }
                is_row
            })
        }
    }
}

/// Adds the rows from a line on, up to the first line that is none; few may follow.
pub(super) fn fill(
    mut grid: Grid,
    text: &str,
    lines: &Lines<'_>,
    first: usize,
    mut row: impl FnMut(&str, &mut Grid, Range<usize>) -> bool,
) -> Option<Grid> {
    let mut from = grid.head.end;
    for at in first..lines.count() {
        let line = lines.get(at);
        if !row(line, &mut grid, from..from + line.len()) {
            if lines.count() - at > MAX_TAIL {
                return None;
            }
            break;
        }
        from += line.len() + 1;
    }
    grid.tail = from.min(text.len())..text.len();
    grid.checked(MIN_ROWS)
}

/// Where the rule stands below a line of names.
pub(super) fn rule(lines: &Lines<'_>) -> Option<usize> {
    (1..lines.len().min(MAX_LINES_BEFORE + 2)).find(|at| {
        let (header, rule) = (lines.get(at - 1), lines.get(*at));
        let separators = |line: &str, all: &[char]| line.chars().filter(|char| all.contains(char)).count();
        let has_names = header.chars().any(char::is_alphabetic) && !is_rule(header);
        has_names
            && is_rule(rule)
            && if header.contains(['|', '│']) && !is_packages(rule) {
                separators(header, &['|', '│']) == separators(rule, &['|', '+', '┼', '├', '┤', '│'])
            } else {
                // Dashes of several columns, each below the start of a name: a heading of Markdown has one.
                cuts(rule).is_some_and(|cuts| cuts.len() >= 2 && cuts.are_between(header))
            }
    })
}

/// `+++-====-====`, below the header of dpkg.
fn is_packages(rule: &str) -> bool {
    rule.starts_with("+++-=")
}

/// Where the columns below a rule of runs of dashes begin.
fn cuts(rule: &str) -> Option<Cuts> {
    if is_packages(rule) { Cuts::of_rule(&rule.replace('-', " ")) } else { Cuts::of_rule(rule) }
}

/// `|---|:-:|`, `---+---`, `+----+`, `├───┼───┤`, `---- ------`.
fn is_rule(line: &str) -> bool {
    let line = line.trim();
    line.len() >= 3
        && line
            .chars()
            .all(|char| matches!(char, '-' | '|' | '+' | ':' | ' ' | '=' | '─' | '━' | '┼' | '├' | '┤' | '│'))
        && line.chars().filter(|char| matches!(char, '-' | '=' | '─' | '━')).count() >= 3
}

/// The cells of a line, without those that the outer separators make.
fn cells(line: &str, separator: char) -> impl Iterator<Item = &str> {
    let line = line.trim();
    let line = line.strip_prefix(separator).unwrap_or(line);
    let line = line.strip_suffix(separator).filter(|rest| !rest.ends_with('\\')).unwrap_or(line);
    let mut previous = None;
    line.split(move |char: char| {
        let is_cut = char == separator && previous != Some('\\');
        previous = Some(char);
        is_cut
    })
    .map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Option<usize> {
        let lines = Lines::of(text)?;
        Some(read(text, &lines)?.rows.len())
    }

    #[test]
    fn every_kind_of_rule_is_recognised() {
        for (head, row, tail) in [
            ("| Name | Size |\n|:-----|-----:|\n", "| a \\| b | 12 |\n", ""),
            (" name | size \n------+------\n", " a    |   12\n", "(9 rows)\n\n"),
            (
                "+------+------+\n| name | size |\n+------+------+\n",
                "| a    |   12 |\n",
                "+------+------+\n9 rows in set\n",
            ),
            ("│ name │ size │\n├──────┼──────┤\n", "│ a    │   12 │\n", "└──────┴──────┘\n"),
            ("Package    Version\n---------- -------\n", "aiohttp    3.9.1\n", ""),
            (
                "Desired=Unknown/Install\n| Status=Not\n|/ Err?=(none)\n||/ Name    Version\n+++-=======-=======\n",
                "ii  adduser 3.134\n",
                "",
            ),
        ] {
            let text = [head, &row.repeat(9), tail].concat();
            assert_eq!(rows(&text), Some(9), "{text}");
        }
    }

    #[test]
    fn headings_lists_and_documents_with_a_table_are_left_alone() {
        let table = "| a | b |\n|---|---|\n".to_owned() + &"| 1 | 2 |\n".repeat(9);
        for text in [
            "Title\n-----\n".to_owned() + &"some words\n".repeat(20),
            table.clone() + "\n" + &"More words follow here.\n".repeat(9),
            "- a\n- b\n---\n".repeat(9),
            table.replace("|---|---|\n", ""),
        ] {
            assert_eq!(rows(&text), None, "{text}");
        }
    }
}
