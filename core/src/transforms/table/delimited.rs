//! Comma- and tab-separated values, and their relatives.

use std::ops::Range;

use csv::{ReaderBuilder, StringRecord};

use super::grid::Grid;
use super::header;
use crate::transforms::sample::head;

/// What separates cells, the most certain first.
const DELIMITERS: [u8; 4] = [b'\t', b',', b';', b'|'];

/// Lines before the header that are looked past: comments, a prompt, the name of a file.
const MAX_LINES_BEFORE: usize = 3;

/// Bytes that are looked at to recognise a table.
const SAMPLE_BYTES: usize = 16 * 1024;

/// Tables of fewer rows are left alone.
///
/// # Sources
/// Chosen by hand.
const MIN_ROWS: usize = 7;

/// Where a table begins and what separates its cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    start: usize,
    delimiter: u8,
}

/// Looks whether a text is a table; `is_named` says that its call names such a file.
pub(super) fn shape(text: &str, is_named: bool) -> Option<Shape> {
    let sample = head(text, SAMPLE_BYTES);
    let is_cut = sample.len() < text.len();
    let breaks = memchr::memchr_iter(b'\n', sample.as_bytes()).map(|at| at + 1);
    for start in std::iter::once(0).chain(breaks).take(MAX_LINES_BEFORE + 1) {
        for delimiter in DELIMITERS {
            if is_table(&sample[start..], delimiter, is_cut, is_named) {
                return Some(Shape { start, delimiter });
            }
        }
    }
    None
}

fn is_table(sample: &str, delimiter: u8, is_cut: bool, is_named: bool) -> bool {
    let first = sample.split('\n').next().unwrap_or_default();
    if memchr::memchr(delimiter, first.as_bytes()).is_none() {
        return false;
    }
    let mut reader = Records::of(sample, delimiter);
    let mut records: Vec<StringRecord> = Vec::new();
    while let Some((record, _)) = reader.next() {
        records.push(record.clone());
    }
    if is_cut {
        // The sample may end within quotes.
        records.pop();
    }
    let mut rows: Vec<Vec<&str>> = records.iter().map(|record| record.iter().collect()).collect();
    if rows.len() <= MIN_ROWS {
        return false;
    }
    let names = rows.remove(0);
    let width = names.len();
    let fitting = rows.iter().filter(|row| row.len() == width).count();
    width >= 2
        && fitting * 100 >= rows.len() * 98
        && header::are_names(&names)
        && (is_named || header::differs(&names, &rows))
}

/// The records of a text. Line breaks within quotes are part of a record, which begins with the blank lines before it.
struct Records<'t> {
    reader: csv::Reader<&'t [u8]>,
    record: StringRecord,
}

impl<'t> Records<'t> {
    fn of(text: &'t str, delimiter: u8) -> Self {
        let mut options = ReaderBuilder::new();
        let reader = options.delimiter(delimiter).has_headers(false).flexible(true).from_reader(text.as_bytes());
        Self { reader, record: StringRecord::new() }
    }

    /// The next record, and where it begins and ends.
    fn next(&mut self) -> Option<(&StringRecord, Range<usize>)> {
        let offset = |position: &csv::Position| usize::try_from(position.byte()).unwrap_or(usize::MAX);
        let start = offset(self.reader.position());
        let is_one = self.reader.read_record(&mut self.record).unwrap_or(false);
        is_one.then(|| (&self.record, start..offset(self.reader.position())))
    }
}

/// The records of a text without quotes: its lines, but blank ones, each with where it stands, without line breaks.
fn lines_of(text: &str) -> impl Iterator<Item = (&str, Range<usize>)> {
    let mut from = 0;
    let breaks = memchr::memchr2_iter(b'\n', b'\r', text.as_bytes()).chain([text.len()]);
    let lines = breaks.map(move |end| std::mem::replace(&mut from, end + 1)..end);
    lines.filter(|span| !span.is_empty()).map(|span| (&text[span.clone()], span))
}

/// The cells of a line without quotes. Cells are a few bytes long, for which a search for a `char` takes long to set up.
fn cells_of(line: &str, delimiter: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let text = rest?;
        let end = text.bytes().position(|byte| byte == delimiter);
        rest = end.map(|end| &text[end + 1..]);
        Some(end.map_or(text, |end| &text[..end]))
    })
}

/// Reads a table of a known shape.
pub(super) fn read(text: &str, shape: Shape) -> Option<Grid> {
    let Shape { start, delimiter } = shape;
    let mut records = Records::of(&text[start..], delimiter);
    let (names, header) = records.next()?;
    let first_row = start + header.end;
    // A header that ends with CRLF ends behind both, and blank lines below it belong to it.
    let rows = text[first_row..].trim_start_matches(['\r', '\n']);
    let first_row = text.len() - rows.len();
    let mut grid = Grid::new(names, 0..first_row)?;
    grid.delimiter = Some(delimiter);
    if memchr::memchr(b'"', rows.as_bytes()).is_none() {
        for (line, span) in lines_of(rows) {
            let width = line.bytes().filter(|byte| *byte == delimiter).count() + 1;
            grid.push(first_row + span.start..first_row + span.end, width, cells_of(line, delimiter));
        }
    } else {
        while let Some((record, span)) = records.next() {
            let from = start + span.start;
            let raw = text.get(from..start + span.end)?;
            let blank = raw.len() - raw.trim_start_matches(['\r', '\n']).len();
            let span = from + blank..from + raw.trim_end_matches(['\r', '\n']).len();
            grid.push(span, record.len(), record);
        }
    }
    grid.tail = text.len()..text.len();
    grid.checked(MIN_ROWS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Option<Vec<&str>> {
        let grid = read(text, shape(text, false)?)?;
        Some(grid.rows.into_iter().map(|span| &text[span]).collect())
    }

    #[test]
    fn quoted_cells_hold_line_breaks_and_delimiters() {
        let text = "# export\nid,note,team\n1,\"a\nb, c\",x\r\n\n2,plain,x\n".to_owned()
            + &"3,\"say \"\"hi\"\"\",y\n".repeat(7);
        let rows = rows(&text).unwrap();
        assert_eq!(rows[..3], ["1,\"a\nb, c\",x", "2,plain,x", "3,\"say \"\"hi\"\"\",y"]);
        assert_eq!(rows.len(), 9);
    }

    #[test]
    fn a_header_that_ends_with_crlf_is_a_line_of_its_own() {
        let text = "id,name\r\n".to_owned() + &(0..9).map(|row| format!("{row},a\r\n")).collect::<String>();
        assert_eq!(&text[read(&text, shape(&text, false).unwrap()).unwrap().head], "id,name\r\n");
    }

    #[test]
    fn other_delimiters_are_recognised() {
        for delimiter in ["\t", ";", "|"] {
            let text = "id,name,size\n".to_owned()
                + &(0..20).map(|row| format!("{row},n{row},{}\n", row * 3)).collect::<String>();
            assert_eq!(rows(&text.replace(',', delimiter)).unwrap().len(), 20, "{delimiter:?}");
        }
    }

    #[test]
    fn logs_code_prose_and_paths_are_no_tables() {
        for line in [
            "2024-05-01 10:00:00,123 INFO started worker 7\n",
            "INSERT INTO t (a, b) VALUES ('x', 1);\n",
            "let (a, b) = f(1, 2);\n",
            "Hello, my dear friend.\n",
            "src/a.rs\n",
            "import a, b\n",
            "| a | b |\n",
            "a,b\n",
        ] {
            assert_eq!(rows(&line.repeat(30)), None, "{line}");
        }
    }

    #[test]
    fn a_quote_that_never_ends_is_no_table() {
        let text = "id,name\n1,\"x\n".to_owned() + &"2,y\n".repeat(9000);
        assert_eq!(rows(&text), None);
    }
}
