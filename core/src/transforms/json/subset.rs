//! Writes a part of a document: the same tables with some of their rows, and what is computed of all of them.

use std::fmt::Write as _;

use crate::json::{Cursor, Kind};
use crate::transform::Context;

use super::cell;
use super::clip::{self, Clip, Shares};
use super::columns::{Columns, Shown};
use super::encode::{self, content};
use super::select::Candidates;
use super::stats;
use super::survey::{Survey, Weight};
use super::table::{Form, Row, Rows, Table};

/// Below this many bytes a table is not worth its header.
const MIN_TABLE_ROOM: usize = 300;

/// Tables of fewer rows have at most [`MAX_SHORT_COLUMNS`] columns; else JSON is easier to read.
const MIN_WIDE_ROWS: usize = 8;

/// See [`MIN_WIDE_ROWS`].
const MAX_SHORT_COLUMNS: usize = 24;

/// A table that can show this many rows leaves out no column for want of room.
const ENOUGH_ROWS: usize = 32;

/// Bytes of a nested value or a text in a row that is there as a sample.
const SAMPLE_CELL: usize = stats::LONG;

/// Bytes of a nested value in a row that must be there, at most.
const MAX_NESTED: usize = 4096;

/// Bytes of a text in a row that must be there.
const MUST_TEXT: usize = 600;

/// Writes the values of a document.
pub(super) struct Writer<'w, 'a, 'd> {
    pub(super) cx: &'w mut Context<'a>,
    /// What markers point at.
    pub(super) original: &'a str,
    pub(super) clip: Clip<'w, 'd>,
}

impl<'w, 'd> Writer<'w, '_, 'd> {
    fn survey(&self) -> &'w Survey<'d> {
        self.clip.survey
    }

    /// Writes a value in about `room` bytes, and what must be shown on top; `parent` is the object or list around it.
    pub(super) fn write(&mut self, value: Cursor<'d>, parent: Option<Cursor<'d>>, room: usize, out: &mut String) {
        let raw = value.raw();
        let start = out.len();
        // Whole when it fits; tables seldom save more than three quarters.
        if raw.len() <= room.saturating_mul(4) {
            if encode::write_value(value, start + room, out) {
                return;
            }
            out.truncate(start);
        }
        let is_container = matches!(value.kind(), Kind::Array | Kind::Object);
        if !is_container || room < MIN_TABLE_ROOM {
            return self.clip.write(&Form::Plain, value, room, out);
        }
        let table = Table::of(value).or_else(|| Table::of_lists(value)).map(|table| table.named(parent));
        let table = table.filter(|table| {
            value.len() >= MIN_WIDE_ROWS || value.len() > 3 && table.columns.len() <= MAX_SHORT_COLUMNS
        });
        match table {
            Some(table) => self.table(&table, room, out),
            None if Rows::of(value).any(|row| matches!(row.value.kind(), Kind::Array | Kind::Object)) => {
                self.members(value, room, out);
            }
            None => self.clip.write(&Form::Plain, value, room, out),
        }
    }

    /// An object or a list of unlike things.
    fn members(&mut self, value: Cursor<'d>, room: usize, out: &mut String) {
        let mut shares = Shares::of(value, self.survey());
        let end = out.len() + room;
        let is_object = value.kind() == Kind::Object;
        out.push(if is_object { '{' } else { '[' });
        let mut skipped = 0;
        let mut is_first = true;
        for row in Rows::of(value) {
            let raw = row.value.raw();
            let left = end.saturating_sub(out.len());
            let share = shares.next(&row, self.survey(), left);
            let is_dull = value.len() > 8 && content(raw).is_some_and(stats::is_dull);
            let is_full = left == 0 && (value.len() > 64 || !is_object);
            if (is_full || is_dull) && !self.clip.is_hit(row.value) {
                skipped += 1;
                self.clip.left_out += self.survey().count(row.value.span());
                continue;
            }
            clip::gap(&mut skipped, &mut is_first, out);
            if !std::mem::take(&mut is_first) {
                out.push(',');
            }
            if matches!(row.value.kind(), Kind::Array | Kind::Object) && raw.len() > 120 {
                out.push('\n');
            }
            if let Some(key) = row.key {
                out.push_str(key.raw());
                out.push(':');
            }
            self.write(row.value, Some(value), share.max(40), out);
        }
        clip::gap(&mut skipped, &mut is_first, out);
        out.push(if is_object { '}' } else { ']' });
    }

    fn table(&mut self, table: &Table<'d>, room: usize, out: &mut String) {
        let is_map = table.source.kind() == Kind::Object;
        let total = table.len();
        let candidates = Candidates::of(table, self.survey());
        let mut columns = Columns::of(table, self.survey());
        columns.fit(room / candidates.count().max(total.min(ENOUGH_ROWS)));
        let must_room = room as f32 / candidates.must().max(1) as f32;
        out.push(if is_map { '{' } else { '[' });
        let unit = if table.is_of_lists() { "lists" } else { "rows" };
        out.push_str(&format!("{total} {unit}: {}", if is_map { "key\t" } else { "" }));
        self.clip.is_generous = true;
        columns.write_header(table, &mut self.clip, out);
        out.push('\n');
        let fitting = room / self.row_bytes(table, &columns);
        let chosen = candidates.choose(table, &columns, fitting.max(3));
        let left_out = self.clip.left_out;
        for (index, row) in table.rows().enumerate() {
            match chosen.binary_search_by_key(&index, |(index, _)| *index) {
                Ok(place) => {
                    let relevance = chosen.get(place).and_then(|(_, relevance)| *relevance);
                    // The best answers get five times as much as what must be shown for another reason.
                    let nested = relevance.map(|relevance| (must_room * (0.4 + 1.6 * relevance)) as usize);
                    self.row(table, &columns, &row, nested.map(|nested| nested.clamp(SAMPLE_CELL, MAX_NESTED)), out);
                    out.push('\n');
                }
                Err(_) => self.clip.left_out += self.survey().count(row.value.span()),
            }
        }
        let is_sample = chosen.len() < total;
        if is_sample {
            out.push_str(&self.cx.marker(self.original, chosen.len(), total, unit));
            out.push('\n');
        } else if self.clip.left_out > left_out {
            // The marker at the end of the whole counts the values and has the hash.
            let _ = writeln!(out, "[all {total} {unit} shown, values of them left out or cut]");
        }
        columns.write_summary(table, is_sample, out);
        out.push(if is_map { '}' } else { ']' });
    }

    /// The mean bytes of a row that is there as a sample, from some of the rows.
    fn row_bytes(&mut self, table: &Table<'d>, columns: &Columns<'d>) -> usize {
        let left_out = self.clip.left_out;
        let mut scratch = String::new();
        let step = table.len().div_ceil(24).max(1);
        let mut rows = 0;
        for row in table.rows().step_by(step) {
            self.row(table, columns, &row, None, &mut scratch);
            rows += 1;
        }
        self.clip.left_out = left_out;
        (scratch.len() / rows.max(1)).max(1)
    }

    /// Writes a row; `must_room` is what nested values of a row that must be shown may take.
    fn row(
        &mut self,
        table: &Table<'d>,
        columns: &Columns<'d>,
        row: &Row<'d>,
        must_room: Option<usize>,
        out: &mut String,
    ) {
        let outer = std::mem::replace(&mut self.clip.is_generous, must_room.is_some());
        let nested = must_room.unwrap_or(SAMPLE_CELL);
        let text = if must_room.is_some() { MUST_TEXT } else { SAMPLE_CELL };
        encode::write_key(row, out);
        let mut cells = Vec::new();
        if table.cells(row.value, &mut cells) {
            let mut is_first = true;
            for (column, cell) in columns.list.iter().zip(&cells) {
                if !column.is_in_cells() {
                    continue;
                }
                if !std::mem::take(&mut is_first) {
                    out.push('\t');
                }
                let Some(value) = cell else { continue };
                match content(value.raw()) {
                    Some(content) => {
                        let shown = self.clip.text(*value, content, text);
                        cell::write_string(shown, column.is_text, out);
                        out.push_str(if shown.len() < content.len() { "…" } else { "" });
                    }
                    None => self.clip.write(column.form(table), *value, nested, out),
                }
            }
            out.truncate(out.trim_end_matches('\t').len());
            self.exceptions(table, columns, &cells, must_room, out);
        } else {
            out.push('=');
            self.clip.write(&Form::Plain, row.value, nested, out);
        }
        self.clip.is_generous = outer;
    }

    /// What a row has in columns that are not shown: other than the usual values, and what must be shown.
    fn exceptions(
        &mut self,
        table: &Table<'d>,
        columns: &Columns<'d>,
        cells: &[Option<Cursor<'d>>],
        must_room: Option<usize>,
        out: &mut String,
    ) {
        for (column, cell) in columns.list.iter().zip(cells) {
            let Some(value) = cell else { continue };
            let is_exception = match &column.shown {
                Shown::Cells | Shown::Constant(_) | Shown::Same(_) => false,
                Shown::Mostly(usual) => usual.is_none_or(|usual| usual.raw() != value.raw()),
                Shown::Dropped => self.survey().weight(value.span()) == Some(Weight::Must),
            };
            if matches!(column.shown, Shown::Dropped) && !is_exception {
                self.clip.left_out += self.survey().count(value.span());
            }
            if is_exception {
                // No cell without quotes starts with the sign.
                out.push_str("\t@");
                out.push_str(&column.name);
                out.push('=');
                self.clip.write(column.form(table), *value, must_room.unwrap_or(SAMPLE_CELL), out);
            }
        }
    }
}
