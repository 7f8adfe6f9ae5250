//! Writes a part of a document: the same tables with some of their rows, and what is computed of all of them.

use crate::json::{Cursor, Kind};
use crate::transform::Context;

use super::clip::{self, Clip};
use super::columns::{Columns, Shown};
use super::encode::{self, content};
use super::select;
use super::survey::{Survey, Weight};
use super::table::{Form, Row, Rows, Table};
use super::{cell, stats};

/// Below this many bytes a table is not worth its header.
const MIN_TABLE_ROOM: usize = 300;

/// Bytes of a nested value in a row that is there as a sample, and in one that must be there.
const NESTED: [usize; 2] = [160, 1200];

/// Bytes of a string in a row that is there as a sample, and in one that must be there.
const TEXT: [usize; 2] = [160, 600];

/// Writes the values of a document.
pub(super) struct Writer<'w, 'a, 'd> {
    pub(super) cx: &'w mut Context<'a>,
    /// What markers point at.
    pub(super) original: &'a str,
    pub(super) clip: Clip<'w, 'd>,
    /// Whether a marker was written.
    pub(super) is_marked: bool,
}

impl<'d> Writer<'_, '_, 'd> {
    fn survey(&self) -> &Survey<'d> {
        self.clip.survey
    }

    /// Writes a value in about `room` bytes, and what must be shown on top.
    pub(super) fn write(&mut self, value: Cursor<'d>, room: usize, out: &mut String) {
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
        match Table::of(value).or_else(|| Table::of_lists(value)) {
            Some(table) if value.len() > 3 => self.table(&table, room, out),
            _ if Rows::of(value).any(|row| matches!(row.value.kind(), Kind::Array | Kind::Object)) => {
                self.members(value, room, out);
            }
            _ => self.clip.write(&Form::Plain, value, room, out),
        }
    }

    /// An object or a list of unlike things: every part gets a share of the room that grows with the root of its size.
    fn members(&mut self, value: Cursor<'d>, room: usize, out: &mut String) {
        let is_object = value.kind() == Kind::Object;
        let root = |row: &Row<'d>| (row.value.raw().len() as f64).sqrt();
        let mut weights: f64 = Rows::of(value).map(|row| root(&row)).sum();
        let end = out.len() + room;
        out.push(if is_object { '{' } else { '[' });
        let mut skipped = 0;
        let mut is_first = true;
        for row in Rows::of(value) {
            let weight = root(&row);
            let left = end.saturating_sub(out.len());
            let share = (left as f64 * weight / weights.max(1.0)) as usize;
            weights -= weight;
            let raw = row.value.raw();
            let must = self.survey().weight(row.value.span()) == Some(Weight::Must);
            let is_dull = value.len() > 8 && content(raw).is_some_and(stats::is_opaque);
            if !must && (left == 0 || is_dull) {
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
            self.write(row.value, share.max(40), out);
        }
        clip::gap(&mut skipped, &mut is_first, out);
        out.push(if is_object { '}' } else { ']' });
    }

    fn table(&mut self, table: &Table<'d>, room: usize, out: &mut String) {
        let columns = Columns::of(table, self.survey());
        let is_map = table.source.kind() == Kind::Object;
        let total = table.source.len();
        out.push(if is_map { '{' } else { '[' });
        if table.is_of_lists() {
            out.push_str(&format!("{total} lists:\n"));
        } else {
            out.push_str(&format!("{total} rows: {}", if is_map { "key\t" } else { "" }));
            columns.write_header(out);
            out.push('\n');
        }
        let sample = total.div_ceil(24).max(1);
        let sampled = table.rows().step_by(sample).count();
        let mut scratch = String::new();
        for row in table.rows().step_by(sample) {
            let left_out = self.clip.left_out;
            self.row(table, &columns, &row, false, &mut scratch);
            self.clip.left_out = left_out;
        }
        let row_bytes = (scratch.len() / sampled.max(1)).max(1);
        let chosen = select::rows(table, self.survey(), &columns, (room / row_bytes).max(3));
        for (index, row) in table.rows().enumerate() {
            match chosen.binary_search_by_key(&index, |(index, _)| *index) {
                Ok(place) => {
                    let must = chosen.get(place).is_some_and(|(_, must)| *must);
                    self.row(table, &columns, &row, must, out);
                    out.push('\n');
                }
                Err(_) => self.clip.left_out += self.survey().count(row.value.span()),
            }
        }
        if chosen.len() < total || columns.leaves_out() {
            let unit = if table.is_of_lists() { "lists" } else if is_map { "members" } else { "rows" };
            out.push_str(&self.cx.marker(self.original, chosen.len(), total, unit));
            out.push('\n');
            self.is_marked = true;
            columns.write_summary(total, out);
        }
        out.push(if is_map { '}' } else { ']' });
    }

    fn row(&mut self, table: &Table<'d>, columns: &Columns<'d>, row: &Row<'d>, must: bool, out: &mut String) {
        encode::write_key(row, out);
        let (text, nested) = (TEXT[usize::from(must)], NESTED[usize::from(must)]);
        let mut cells = Vec::new();
        if !table.cells(row.value, &mut cells) {
            out.push('=');
            return self.clip.write(&Form::Plain, row.value, nested, out);
        }
        let mut is_first = true;
        for (column, cell) in columns.list.iter().zip(&cells) {
            if !matches!(column.shown, Shown::Cells) {
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
                    if shown.len() < content.len() {
                        out.push('…');
                    }
                }
                None => self.clip.write(column.form(table), *value, nested, out),
            }
        }
        out.truncate(out.trim_end_matches('\t').len());
        for (column, cell) in columns.list.iter().zip(&cells) {
            let Some(value) = cell else { continue };
            let is_exception = match &column.shown {
                Shown::Cells | Shown::Constant => false,
                Shown::Mostly(usual) => value.raw() != *usual,
                Shown::Dropped => {
                    self.survey().weight(value.span()) == Some(Weight::Must)
                        || must && value.raw().len() <= 60 && !value.raw().starts_with("\"http")
                }
            };
            if is_exception {
                out.push('\t');
                out.push_str(&column.name);
                out.push('=');
                self.clip.write(column.form(table), *value, nested, out);
            }
        }
    }
}
