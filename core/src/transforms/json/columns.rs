//! Which columns of a table a sample of its rows shows, and what is computed of each.

use std::fmt::Write as _;

use crate::json::Kind;

use super::encode::{self, Traits, content};
use super::stats::{Stats, short};
use super::survey::Survey;
use super::table::{Form, Table};

/// A value that nine of ten rows have is stated once, and its exceptions in their rows.
const MOSTLY: usize = 9;

/// Tables of fewer rows state no usual values.
const MIN_ROWS: usize = 10;

/// Where a column is shown.
#[derive(Debug)]
pub(super) enum Shown<'d> {
    /// In the rows.
    Cells,
    /// In the header: all rows have the value.
    Constant,
    /// In the header, and in the rows that differ; empty for "not there".
    Mostly(&'d str),
    /// Nowhere: addresses and hashes that nobody asked for.
    Dropped,
}

/// A column of a sample.
#[derive(Debug)]
pub(super) struct SampleColumn<'d> {
    pub(super) name: String,
    pub(super) shown: Shown<'d>,
    pub(super) is_text: bool,
    header: String,
    stats: Stats<'d>,
    index: usize,
}

impl SampleColumn<'_> {
    pub(super) fn form<'t, 'd>(&self, table: &'t Table<'d>) -> &'t Form<'d> {
        table.columns.get(self.index).map_or(&Form::Plain, |column| &column.form)
    }
}

/// The columns of a table, one for each of its own.
#[derive(Debug)]
pub(super) struct Columns<'d> {
    pub(super) list: Vec<SampleColumn<'d>>,
}

impl<'d> Columns<'d> {
    pub(super) fn of(table: &Table<'d>, survey: &Survey<'d>) -> Self {
        let (traits, shaped) = encode::traits(table);
        let mut stats = vec![(Stats::default(), false); table.columns.len()];
        let mut cells = Vec::new();
        for row in table.rows() {
            if !table.cells(row.value, &mut cells) {
                continue;
            }
            for (((stats, is_asked), traits), cell) in stats.iter_mut().zip(&traits).zip(&cells) {
                let Some(value) = cell else { continue };
                if traits.constant(shaped).is_some() {
                    continue;
                }
                if stats.count == 0 {
                    *is_asked = survey.path_at(value.span().start).is_some_and(|path| path.is_asked);
                }
                stats.observe(value.raw(), 0);
            }
        }
        let names = header_names(table);
        let list = stats.into_iter().zip(&traits).zip(names).enumerate();
        let list = list
            .map(|(index, (((stats, is_asked), traits), name))| {
                let shown = shown(table, traits, &stats, is_asked, shaped);
                let mut header = String::new();
                if let Some(column) = table.columns.get(index) {
                    match &shown {
                        Shown::Constant => {
                            let _ = write!(header, "{name}={}", short(traits.constant(shaped).unwrap_or(""), 160));
                        }
                        Shown::Cells => encode::write_column(column, traits, usize::MAX, &mut header),
                        Shown::Mostly(_) | Shown::Dropped => {}
                    }
                }
                SampleColumn { name, shown, is_text: traits.is_text(), header, stats, index }
            })
            .collect();
        Self { list }
    }

    /// Whether something of a column is in no row.
    pub(super) fn leaves_out(&self) -> bool {
        self.list.iter().any(|column| matches!(column.shown, Shown::Dropped))
    }

    pub(super) fn write_header(&self, out: &mut String) {
        let named = self.list.iter().filter(|column| !column.header.is_empty());
        for (place, column) in named.enumerate() {
            out.push_str(if place > 0 { "\t" } else { "" });
            out.push_str(&column.header);
        }
        let mut usual = self.list.iter().filter_map(|column| match column.shown {
            Shown::Mostly(value) => Some((&column.name, value)),
            _ => None,
        });
        if let Some((name, value)) = usual.next() {
            out.push_str("\tunless a row says otherwise: ");
            write_usual(name, value, out);
            for (name, value) in usual {
                out.push_str(", ");
                write_usual(name, value, out);
            }
        }
    }

    /// Writes one line about all rows.
    pub(super) fn write_summary(&self, total: usize, out: &mut String) {
        let _ = write!(out, "computed over all {total}:");
        let mut separator = "";
        for column in &self.list {
            if matches!(column.shown, Shown::Cells | Shown::Mostly(_)) && column.stats.count > 0 {
                let _ = write!(out, "{separator} {}", column.name);
                column.stats.describe(out);
                separator = ";";
            }
        }
        let dropped: Vec<_> = self.list.iter().filter(|column| matches!(column.shown, Shown::Dropped)).collect();
        for (place, column) in dropped.iter().enumerate() {
            out.push_str(if place > 0 { ", " } else { "\ncolumns not shown: " });
            let _ = write!(out, "{} ({} distinct)", column.name, column.stats.seen.len());
        }
        out.push('\n');
    }
}

fn write_usual(name: &str, value: &str, out: &mut String) {
    out.push_str(name);
    if value.is_empty() {
        out.push_str(" missing");
    } else {
        out.push('=');
        out.push_str(&short(value, 80));
    }
}

fn shown<'d>(table: &Table<'d>, traits: &Traits<'d>, stats: &Stats<'d>, is_asked: bool, rows: usize) -> Shown<'d> {
    if table.is_of_lists() {
        return Shown::Cells;
    }
    if traits.constant(rows).is_some() {
        return Shown::Constant;
    }
    if rows >= MIN_ROWS && !is_asked {
        let missing = rows - stats.count;
        if missing * 10 >= rows * MOSTLY {
            return Shown::Mostly("");
        }
        if let Some((raw, seen)) = stats.most_frequent().first()
            && missing == 0
            && seen.count as usize * 10 >= rows * MOSTLY
        {
            return Shown::Mostly(raw);
        }
    }
    if stats.is_opaque() && !is_asked { Shown::Dropped } else { Shown::Cells }
}

/// The dotted names of the columns; of lists the strings of a first row that names them, or their places.
fn header_names(table: &Table<'_>) -> Vec<String> {
    if table.is_of_lists() {
        let first = table.source.items().next();
        let names: Vec<_> = first.into_iter().flat_map(|row| row.items()).collect();
        let are_names = names.iter().all(|name| name.kind() == Kind::String && name.raw().len() <= 40);
        let name = |at: usize| names.get(at).filter(|_| are_names).and_then(|name| content(name.raw()));
        return (0..table.columns.len()).map(|at| name(at).map_or_else(|| format!("[{at}]"), str::to_owned)).collect();
    }
    let name = |path: &[&str]| {
        let mut name = String::new();
        for (index, key) in path.iter().enumerate() {
            name.push_str(if index > 0 { "." } else { "" });
            super::cell::write_key(key, &mut name);
        }
        name
    };
    table.columns.iter().map(|column| name(&column.path)).collect()
}
