//! Rows of tables that are not JSON, chosen as those of JSON are.

use crate::json::{Document, encode_string};
use crate::relevance::Question;

use super::MAX_DEPTH;
use super::cell;
use super::columns::Columns;
use super::select::Candidates;
use super::survey::Survey;
use super::table::{MAX_COLUMNS, Table};

/// Of longer cells the start is looked at. In bytes.
const LOOKED_AT: usize = 2048;

/// Of longer names of columns the start is used. In bytes.
const LONGEST_NAME: usize = 36;

/// The cells of a table, as JSON.
pub(in crate::transforms) struct Cells {
    json: String,
    columns: usize,
    rows: usize,
}

/// Which rows are worth showing.
pub(in crate::transforms) struct Sample {
    /// Their places, in order.
    pub(in crate::transforms) rows: Vec<usize>,
    /// What is computed of all rows, without brackets; empty when there is nothing to tell.
    pub(in crate::transforms) computed: String,
}

impl Cells {
    /// A table without rows; `None` when it has no columns or more than anyone can read.
    pub(in crate::transforms) fn new<'n>(names: impl IntoIterator<Item = &'n str>) -> Option<Self> {
        let mut known: Vec<String> = Vec::new();
        let mut json = String::from("{\"columns\":[");
        for name in names {
            let place = known.len() + 1;
            let name = name.get(..name.floor_char_boundary(LONGEST_NAME)).unwrap_or_default().trim();
            let mut name = name.replace('[', "(").replace(']', ")");
            if name.is_empty() || known.contains(&name) {
                name = format!("column {place}");
            }
            if place > 1 {
                json.push(',');
            }
            encode_string(&name, &mut json);
            known.push(name);
            if place > MAX_COLUMNS {
                return None;
            }
        }
        json.push_str("],\"rows\":[");
        (!known.is_empty()).then_some(Self { json, columns: known.len(), rows: 0 })
    }

    /// How many columns there are.
    pub(in crate::transforms) fn columns(&self) -> usize {
        self.columns
    }

    /// Adds a row; cells that are missing are empty, and what is too many belongs to none.
    pub(in crate::transforms) fn push<'c>(&mut self, cells: impl IntoIterator<Item = &'c str>) {
        self.json.push_str(if self.rows > 0 { ",[" } else { "[" });
        self.rows += 1;
        let padding = std::iter::repeat("");
        for (place, cell) in cells.into_iter().chain(padding).take(self.columns).enumerate() {
            if place > 0 {
                self.json.push(',');
            }
            let is_trimmed = |end: Option<&u8>| end.is_none_or(u8::is_ascii_graphic);
            let bytes = cell.as_bytes();
            let cell = if is_trimmed(bytes.first()) && is_trimmed(bytes.last()) { cell } else { cell.trim() };
            if cell.is_empty() {
                self.json.push_str("null");
            } else if cell::is_literal(cell) && cell != "null" && cell.len() < LOOKED_AT {
                self.json.push_str(cell);
            } else {
                encode_string(cell.get(..cell.floor_char_boundary(LOOKED_AT)).unwrap_or(cell), &mut self.json);
            }
        }
        self.json.push(']');
    }

    /// Chooses first and last rows, failures, what the question names, outliers, rare values and rows of each distinct
    /// kind, and rows spread evenly while there is room for `room` rows.
    pub(in crate::transforms) fn sample(mut self, question: &Question, room: usize) -> Option<Sample> {
        self.json.push_str("]}");
        let document = Document::parse(&self.json, MAX_DEPTH).ok()?;
        let root = document.root();
        let (_, rows) = root.members().last()?;
        let table = Table::of_lists(rows)?.named(Some(root));
        let survey = Survey::of(document.source(), root, question);
        let columns = Columns::of(&table, &survey);
        let chosen = Candidates::of(&table, &survey).choose(&table, &columns, room.max(3));
        Some(Sample {
            rows: chosen.into_iter().map(|(row, _)| row).collect(),
            computed: columns.computed(self.rows, "empty", |description| !description.contains(['[', ']'])),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: usize) -> Cells {
        let mut cells = Cells::new(["host", "load", "state"]).expect("columns");
        for row in 0..rows {
            let (host, load) = (format!("node-{row}"), format!("{}", row % 61 + if row == 77 { 900 } else { 0 }));
            cells.push([host.as_str(), &load, if row == 50 { "failed" } else { "ready" }]);
        }
        cells
    }

    #[test]
    fn failures_outliers_the_ends_and_what_is_asked_are_chosen() {
        let sample = table(200).sample(&Question::new("what is with node-123?", ""), 12).expect("a table");
        for row in [0, 1, 50, 77, 123, 199] {
            assert!(sample.rows.contains(&row), "{row} in {:?}", sample.rows);
        }
        assert!(sample.rows.len() < 40 && sample.rows.is_sorted());
        assert!(sample.computed.starts_with("computed over all 200: "), "{}", sample.computed);
        assert!(sample.computed.contains("load 0..916 "), "{}", sample.computed);
    }

    #[test]
    fn the_rows_around_a_change_of_level_are_chosen() {
        let mut cells = Cells::new(["host", "load", "version"]).expect("columns");
        for row in 0..400 {
            let load = (row * 37 % 61 + if row >= 271 { 900 } else { 0 }).to_string();
            cells.push([format!("node-{row}").as_str(), &load, if row >= 133 { "v1.8" } else { "v1.7" }]);
        }
        let sample = cells.sample(&Question::default(), 12).expect("a table");
        for row in [132, 133, 270, 271] {
            assert!(sample.rows.contains(&row), "{row} in {:?}", sample.rows);
        }
    }

    #[test]
    fn short_and_long_rows_and_odd_names_are_taken() {
        let mut cells = Cells::new(["", "a[1]", "a[1]"]).expect("columns");
        for row in ["1", "x\"\\\u{0}", "", "01", "1e5"] {
            cells.push([row]);
            cells.push([row, row, row, row]);
        }
        assert!(cells.sample(&Question::default(), 5).is_some());
        assert!(Cells::new([]).is_none() && Cells::new(vec!["x"; 500]).is_none());
    }
}
