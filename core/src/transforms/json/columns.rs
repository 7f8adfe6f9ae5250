//! Which columns of a table a sample of its rows shows, and what is computed of each.

use std::fmt::Write as _;

use crate::json::{Cursor, Kind};

use super::cell;
use super::clip::Clip;
use super::encode::{self, content};
use super::stats::Stats;
use super::survey::Survey;
use super::table::{Form, Table};
use super::traits::{self, Traits};

/// A value that nine of ten rows have is stated once, and its exceptions in their rows.
const MOSTLY: usize = 9;

/// Tables of fewer rows state no usual values, and nothing is computed of them.
const MIN_ROWS: usize = 10;

/// Bytes of a value that all or nearly all rows have.
const CONSTANT: usize = 160;

/// Columns that are shorter on average than this are never left out for want of room. In bytes.
const SHORT: usize = 32;

/// Where a column is shown.
#[derive(Debug)]
pub(super) enum Shown<'d> {
    /// In the rows.
    Cells,
    /// In the header: all rows have the value, of which this is the first.
    Constant(Cursor<'d>),
    /// In the header, and in the rows that differ; the first such value, `None` for "not there".
    Mostly(Option<Cursor<'d>>),
    /// As the column of that place.
    Same(usize),
    /// Nowhere: addresses and hashes that nobody asked for, or what there is no room for.
    Dropped,
}

/// A column of a sample.
#[derive(Debug)]
pub(super) struct SampleColumn<'d> {
    pub(super) name: String,
    pub(super) shown: Shown<'d>,
    pub(super) is_text: bool,
    is_asked: bool,
    nested: usize,
    stats: Stats<'d>,
    index: usize,
    /// The column that has had the same contents so far.
    same: Option<usize>,
}

impl<'d> SampleColumn<'d> {
    pub(super) fn form<'t>(&self, table: &'t Table<'d>) -> &'t Form<'d> {
        table.columns.get(self.index).map_or(&Form::Plain, |column| &column.form)
    }

    pub(super) fn is_in_cells(&self) -> bool {
        matches!(self.shown, Shown::Cells)
    }

    fn is_dropped(&self) -> bool {
        matches!(self.shown, Shown::Dropped)
    }

    fn observe(&mut self, value: Cursor<'d>) {
        self.nested += usize::from(matches!(value.kind(), Kind::Array | Kind::Object));
        self.stats.observe(value.raw(), 0);
    }
}

/// The columns of a table, one for each of its own.
#[derive(Debug)]
pub(super) struct Columns<'d> {
    pub(super) list: Vec<SampleColumn<'d>>,
    traits: Vec<Traits<'d>>,
    shaped: usize,
}

impl<'d> Columns<'d> {
    /// Looks at all rows.
    pub(super) fn of(table: &Table<'d>, survey: &Survey<'d>) -> Self {
        let (traits, shaped) = traits::of(table);
        let names = header_names(table).into_iter().zip(&traits).enumerate();
        let list = names.map(|(index, (name, traits))| {
            let path = traits.first.and_then(|first| survey.path_at(first.span().start));
            // The path may have values of other tables too, or be one of several below a nested value.
            let stats = path.map(|path| &path.stats).filter(|stats| stats.count == traits.present);
            SampleColumn {
                name,
                shown: traits.first.filter(|_| traits.constant(shaped).is_some()).map_or(Shown::Cells, Shown::Constant),
                is_text: traits.is_text(),
                is_asked: path.is_some_and(|path| path.is_asked),
                nested: 0,
                stats: stats.cloned().unwrap_or_default(),
                index,
                same: None,
            }
        });
        let mut columns = Self { list: list.collect(), traits, shaped };
        let counted: Vec<bool> = columns.list.iter().map(|column| column.stats.count > 0).collect();
        let mut cells = Vec::new();
        let mut is_first = true;
        for row in table.rows() {
            if !table.cells(row.value, &mut cells) {
                continue;
            }
            for ((column, cell), counted) in columns.list.iter_mut().zip(&cells).zip(&counted) {
                if let (Some(value), Shown::Cells, false) = (cell, &column.shown, counted) {
                    column.observe(*value);
                }
            }
            columns.compare(&cells, is_first);
            is_first = false;
        }
        columns.decide(table);
        columns
    }

    /// Notes which columns have had the same contents in every row.
    fn compare(&mut self, cells: &[Option<Cursor<'d>>], is_first: bool) {
        let raw = |at: usize| cells.get(at).and_then(|cell| *cell).map(|value| value.raw());
        for index in 1..self.list.len() {
            let Some(column) = self.list.get(index).filter(|column| column.is_in_cells()) else { continue };
            let same = if is_first {
                // Short contents are the same by accident.
                let is_telling = raw(index).is_some_and(|raw| content(raw).unwrap_or(raw).len() > 3);
                (0..index).find(|other| is_telling && raw(*other) == raw(index) && self.list[*other].same.is_none())
            } else {
                column.same.filter(|other| raw(*other) == raw(index))
            };
            self.list[index].same = same.filter(|other| self.list[*other].is_in_cells());
        }
    }

    fn decide(&mut self, table: &Table<'d>) {
        let rows = self.shaped;
        let mut usual = Vec::new();
        for column in &mut self.list {
            if !column.is_in_cells() {
                continue;
            }
            let stats = &column.stats;
            let missing = rows - stats.count.min(rows);
            if let Some(other) = column.same {
                column.shown = Shown::Same(other);
            } else if stats.is_opaque() && !column.is_asked {
                column.shown = Shown::Dropped;
            } else if rows >= MIN_ROWS && missing * 10 >= rows * MOSTLY {
                column.shown = Shown::Mostly(None);
            } else if rows >= MIN_ROWS
                && missing == 0
                && let Some(raw) = stats.usual((rows * MOSTLY).div_ceil(10))
            {
                usual.push((column.index, raw));
            }
        }
        // Nine of ten rows have it, so that it comes soon.
        let mut cells = Vec::new();
        let mut rows = table.rows();
        while !usual.is_empty()
            && let Some(row) = rows.next()
        {
            if !table.cells(row.value, &mut cells) {
                continue;
            }
            usual.retain(|(index, raw)| {
                let first = cells.get(*index).copied().flatten().filter(|value| value.raw() == *raw);
                if let (Some(_), Some(column)) = (first, self.list.get_mut(*index)) {
                    column.shown = Shown::Mostly(first);
                }
                first.is_none()
            });
        }
    }

    /// Leaves out columns until a row takes no more than `room` bytes: nested values first, the longest first, then long
    /// texts, the shortest first, since the longest is what the rows are about; neither what the question names nor what
    /// is short.
    pub(super) fn fit(&mut self, room: usize) {
        let rows = self.shaped.max(1);
        loop {
            let shown = || self.list.iter().filter(|column| column.is_in_cells());
            let total: usize = shown().map(|column| column.stats.bytes / rows + 1).sum();
            let candidates = shown().filter(|column| !column.is_asked && column.stats.bytes > SHORT * rows);
            let next = candidates.max_by_key(|column| {
                let is_nested = column.nested * 2 > column.stats.count;
                let bytes = column.stats.bytes;
                (is_nested, if is_nested { bytes } else { usize::MAX - bytes }, column.index)
            });
            let texts =
                self.list.iter().filter(|column| column.is_in_cells() && column.stats.strings * 2 > column.stats.count);
            let is_last = texts.count() < 2;
            let next = next.filter(|column| total > room && !(is_last && column.stats.strings > 0));
            let Some(index) = next.map(|column| column.index) else { return };
            if let Some(column) = self.list.get_mut(index) {
                column.shown = Shown::Dropped;
            }
        }
    }

    /// Writes the columns of the cells, then those that need none.
    pub(super) fn write_header(&self, table: &Table<'d>, clip: &mut Clip<'_, 'd>, out: &mut String) {
        let mut separator = "";
        for ((column, of_table), traits) in self.list.iter().zip(&table.columns).zip(&self.traits) {
            if column.is_in_cells() {
                out.push_str(separator);
                out.push_str(&column.name);
                encode::write_kind(of_table, traits, out);
                separator = "\t";
            }
        }
        for column in &self.list {
            if let Shown::Same(other) = column.shown {
                let name = self.list.get(other).map_or("", |column| &column.name);
                let _ = write!(out, "{separator}{}=({name})", column.name);
                separator = "\t";
            }
        }
        let mut before = format!("{separator}{}: ", encode::CONSTANTS);
        for column in &self.list {
            if let Shown::Constant(value) = column.shown {
                let _ = write!(out, "{before}{}=", column.name);
                clip.write(&Form::Plain, value, CONSTANT, out);
                before = ", ".into();
                separator = "\t";
            }
        }
        let mut before = format!("{separator}unless a row says otherwise (@name=value): ");
        for column in &self.list {
            if let Shown::Mostly(value) = column.shown {
                let _ = write!(out, "{before}{}", column.name);
                match value {
                    Some(value) => {
                        out.push('=');
                        clip.write(&Form::Plain, value, CONSTANT, out);
                    }
                    None => out.push_str(" missing"),
                }
                before = ", ".into();
            }
        }
    }

    /// What is computed of the columns of `rows` rows that are shown and whose description is `wanted`, in one line; empty
    /// when there is nothing to tell. `nothing` is the name of `null`.
    pub(super) fn computed(&self, rows: usize, nothing: &str, wanted: impl Fn(&str) -> bool) -> String {
        let mut out = String::new();
        for column in self.list.iter().filter(|_| self.shaped >= MIN_ROWS) {
            let is_shown = matches!(column.shown, Shown::Cells | Shown::Mostly(_));
            if is_shown && column.nested * 2 <= column.stats.count && column.stats.count > 0 {
                let mut description = String::new();
                column.stats.describe(nothing, &mut description);
                if !wanted(&description) {
                    continue;
                }
                let _ = match (out.is_empty(), self.shaped == rows) {
                    (false, _) => write!(out, "; "),
                    (true, true) => write!(out, "computed over all {rows}: "),
                    (true, false) => write!(out, "computed over {} of {rows} rows: ", self.shaped),
                };
                out.push_str(&column.name);
                if column.stats.count < self.shaped {
                    let _ = write!(out, " in {} rows,", column.stats.count);
                }
                out.push_str(&description);
            }
        }
        out
    }

    /// Writes what is computed of all rows, and which columns no row shows.
    pub(super) fn write_summary(&self, table: &Table<'d>, is_sample: bool, out: &mut String) {
        if is_sample {
            let computed = self.computed(table.len(), "null", |_| true);
            if !computed.is_empty() {
                out.push_str(&computed);
                out.push('\n');
            }
        }
        let mut before = "columns not shown: ";
        for column in self.list.iter().filter(|column| column.is_dropped()) {
            let over = if column.stats.has_more { "over " } else { "" };
            let _ = write!(out, "{before}{} ({over}{} distinct)", column.name, column.stats.seen.len());
            before = ", ";
        }
        if before == ", " {
            out.push('\n');
        }
    }
}

/// The dotted names of the columns; of lists what their places are called, or where they are.
fn header_names(table: &Table<'_>) -> Vec<String> {
    let mut names = Vec::with_capacity(table.columns.len());
    for (place, column) in table.columns.iter().enumerate() {
        let mut name = String::new();
        match table.names.list.get(place) {
            _ if !table.is_of_lists() => encode::write_path(&column.path, &mut name),
            Some(raw) => cell::write_key(raw, &mut name),
            None => name = format!("[{place}]"),
        }
        names.push(name);
    }
    names
}
