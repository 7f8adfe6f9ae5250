//! Writes a minified JSON value with its tables. In the example two spaces stand for a tab.
//!
//! ```text
//! {"kind":"List","items":[3 rows: id  name:str  status.phase  ports[]{port,name}  in every row (columns 2): kind="Pod"
//! 1  web-1  Running  [(80,"http")]
//! 2  7  Failed  []
//! ={"status":{"phase":"Running"},"id":3}
//! ]}
//! ```
//!
//! A list of objects is `[` *rows* ` rows: `, the columns, one row a line, `]`; an object of like objects is the same
//! in braces, with the key in the first cell. Cells and columns are separated by tabs.
//!
//! - `in every row: name=value, …`: every row has these values, and no cells for them. When they are not the last members
//!   of a row, their places among all columns stand behind in brackets, counted from one: `(columns 2 5-7)`.
//! - `name:str`: every cell is a string; elsewhere a cell that reads as a number, `true`, `false` or `null` is one.
//! - `name:"prefix"+"suffix"`: every cell is what stands between them in a string.
//! - `a.b`: the member `b` of the member `a`. `a{x,y}`: an object, written `(x,y)`; `a[]{x,y}`: a list of them.
//! - An empty cell or place is a member that is not there; `""` is the empty string.
//! - `=` and a JSON value: a row of another shape.
//!
//! A list of lists is `[` *rows* ` lists:`, one list a line. Everything else is minified JSON.

use crate::json::{Cursor, Kind};

use super::affix::Affix;
use super::cell;
use super::table::{Column, Form, Row, Table};
use super::traits::{self, Traits};

/// Values of fewer bytes are minified JSON, whatever is in them.
const SMALL: usize = 120;

/// Behind the columns of the cells: what all rows have. A name without quotes holds no colon, and no column begins so.
pub(super) const CONSTANTS: &str = "in every row";

/// Behind [`CONSTANTS`]: which columns they are.
pub(super) const PLACES: &str = " (columns ";

/// Writes a value. `None` when it would take more than `limit` bytes.
pub(super) fn encode(root: Cursor<'_>, limit: usize) -> Option<String> {
    let mut out = String::with_capacity(limit.min(root.raw().len()));
    let within = write_value(root, limit, &mut out);
    within.then_some(out)
}

pub(super) fn write_value(value: Cursor<'_>, limit: usize, out: &mut String) -> bool {
    let raw = value.raw();
    if raw.len() >= SMALL && matches!(value.kind(), Kind::Array | Kind::Object) {
        let start = out.len();
        // A table that is larger than JSON is not written to its end.
        let room = limit.min(start + raw.len());
        if let Some(table) = Table::of(value).or_else(|| Table::of_lists(value)) {
            if if table.is_of_lists() { write_lists(value, room, out) } else { write_table(&table, room, out) } {
                return true;
            }
        } else {
            return write_members(value, limit, out);
        }
        out.truncate(start);
    }
    out.push_str(raw);
    out.len() <= limit
}

/// An object or a list, every large part in the form that suits it, on a line of its own.
fn write_members(value: Cursor<'_>, limit: usize, out: &mut String) -> bool {
    let (open, close) = if value.kind() == Kind::Object { ('{', '}') } else { ('[', ']') };
    out.push(open);
    for (index, row) in super::table::Rows::of(value).enumerate() {
        if index > 0 {
            out.push(',');
            if row.value.raw().len() >= SMALL && matches!(row.value.kind(), Kind::Array | Kind::Object) {
                out.push('\n');
            }
        }
        if let Some(key) = row.key {
            out.push_str(key.raw());
            out.push(':');
        }
        if !write_value(row.value, limit, out) {
            return false;
        }
    }
    out.push(close);
    out.len() <= limit
}

/// Between the quotes of a string.
pub(super) fn content(raw: &str) -> Option<&str> {
    raw.strip_prefix('"')?.strip_suffix('"')
}

fn write_table(table: &Table<'_>, limit: usize, out: &mut String) -> bool {
    let (traits, shaped) = traits::of(table);
    let is_map = table.source.kind() == Kind::Object;
    out.push(if is_map { '{' } else { '[' });
    out.push_str(&format!("{} rows: {}", table.source.len(), if is_map { "key\t" } else { "" }));
    write_header(table, &traits, shaped, out);
    out.push('\n');
    let mut cells = Vec::new();
    for row in table.rows() {
        write_key(&row, out);
        if table.cells(row.value, &mut cells) {
            let mut is_first = true;
            for ((column, traits), cell) in table.columns.iter().zip(&traits).zip(&cells) {
                if traits.constant(shaped).is_some() {
                    continue;
                }
                if !std::mem::take(&mut is_first) {
                    out.push('\t');
                }
                let Some(value) = cell else { continue };
                match (traits.affix(), content(value.raw())) {
                    (Some(affix), Some(content)) => {
                        let Some(inside) = Affix::inside(affix, content) else { return false };
                        cell::write_string(inside, true, out);
                    }
                    _ => write_cell(&column.form, *value, traits.is_text(), out),
                }
            }
            // Members that are not there need no tabs at the end of a row.
            out.truncate(out.trim_end_matches('\t').len());
        } else {
            out.push('=');
            out.push_str(row.value.raw());
        }
        out.push('\n');
        if out.len() > limit {
            return false;
        }
    }
    out.push(if is_map { '}' } else { ']' });
    out.len() < limit
}

/// The key of a row of a map and the tab behind it.
pub(super) fn write_key(row: &Row<'_>, out: &mut String) {
    if let Some(key) = row.key.and_then(|key| content(key.raw())) {
        cell::write_string(key, true, out);
        out.push('\t');
    }
}

/// The columns of the cells, then those that need none.
fn write_header(table: &Table<'_>, traits: &[Traits<'_>], rows: usize, out: &mut String) {
    let mut separator = "";
    for (column, traits) in table.columns.iter().zip(traits).filter(|(_, traits)| traits.constant(rows).is_none()) {
        out.push_str(separator);
        write_column(column, traits, out);
        separator = "\t";
    }
    let places: Vec<_> = (1..).zip(traits).filter(|(_, traits)| traits.constant(rows).is_some()).collect();
    let Some((first, _)) = places.first() else { return };
    out.push_str(separator);
    out.push_str(CONSTANTS);
    if first + places.len() <= table.columns.len() {
        out.push_str(PLACES);
        write_places(places.iter().map(|(place, _)| *place), out);
        out.push(')');
    }
    let mut separator = ": ";
    for (column, traits) in table.columns.iter().zip(traits) {
        if let Some(value) = traits.constant(rows) {
            out.push_str(separator);
            write_path(&column.path, out);
            out.push('=');
            out.push_str(value);
            separator = ", ";
        }
    }
}

/// Numbers that rise, those that follow one another as `first-last`.
fn write_places(places: impl Iterator<Item = usize>, out: &mut String) {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for place in places {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == place => *last = place,
            _ => runs.push((place, place)),
        }
    }
    for (index, (first, last)) in runs.into_iter().enumerate() {
        out.push_str(if index > 0 { " " } else { "" });
        out.push_str(&first.to_string());
        if last > first {
            out.push_str(&format!("-{last}"));
        }
    }
}

/// The dotted name of a column.
pub(super) fn write_path(path: &[&str], out: &mut String) {
    for (index, key) in path.iter().enumerate() {
        if index > 0 {
            out.push('.');
        }
        cell::write_key(key, out);
    }
}

fn write_column(column: &Column<'_>, traits: &Traits<'_>, out: &mut String) {
    write_path(&column.path, out);
    if let Some((prefix, suffix)) = traits.affix() {
        out.push_str(&format!(":\"{prefix}\"+"));
        if !suffix.is_empty() {
            out.push_str(&format!("\"{suffix}\""));
        }
    } else {
        write_kind(column, traits, out);
    }
}

/// What the cells of a column are.
pub(super) fn write_kind(column: &Column<'_>, traits: &Traits<'_>, out: &mut String) {
    if traits.is_text() {
        out.push_str(":str");
    } else {
        write_form(&column.form, out);
    }
}

pub(super) fn write_form(form: &Form<'_>, out: &mut String) {
    let (sign, parts) = match form {
        Form::Plain => return,
        Form::Tuple(parts) => ("{", parts),
        Form::Tuples(parts) => ("[]{", parts),
    };
    out.push_str(sign);
    for (index, (key, form)) in parts.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        cell::write_key(key, out);
        write_form(form, out);
    }
    out.push('}');
}

pub(super) fn write_cell(form: &Form<'_>, value: Cursor<'_>, is_text: bool, out: &mut String) {
    match (form, content(value.raw())) {
        (_, Some(content)) => cell::write_string(content, is_text, out),
        (form, None) => write_nested(form, value, out),
    }
}

/// A value as JSON, with tuples where the form has them and the value fits.
pub(super) fn write_nested(form: &Form<'_>, value: Cursor<'_>, out: &mut String) {
    match (form, value.kind()) {
        (Form::Tuple(parts), Kind::Object) => write_tuple(parts, value, out),
        (Form::Tuples(parts), Kind::Array) => {
            out.push('[');
            for (index, item) in value.items().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                if item.kind() == Kind::Object {
                    write_tuple(parts, item, out);
                } else {
                    out.push_str(item.raw());
                }
            }
            out.push(']');
        }
        _ => out.push_str(value.raw()),
    }
}

pub(super) fn write_tuple(parts: &[(&str, Form<'_>)], object: Cursor<'_>, out: &mut String) {
    let start = out.len();
    let mut members = object.members().peekable();
    for (index, (name, form)) in parts.iter().enumerate() {
        out.push(if index == 0 { '(' } else { ',' });
        if let Some((_, value)) = members.next_if(|(key, _)| key.raw() == *name) {
            write_nested(form, value, out);
        }
    }
    out.push(')');
    // Other keys, another order or the same key twice stay JSON, and so does an object without members.
    if members.next().is_some() || object.is_empty() {
        out.truncate(start);
        out.push_str(object.raw());
    }
}

fn write_lists(value: Cursor<'_>, limit: usize, out: &mut String) -> bool {
    out.push_str(&format!("[{} lists:\n", value.len()));
    for list in value.items() {
        for (index, item) in list.items().enumerate() {
            if index > 0 {
                out.push('\t');
            }
            write_cell(&Form::Plain, item, false, out);
        }
        out.push('\n');
        if out.len() > limit {
            return false;
        }
    }
    out.push(']');
    out.len() < limit
}
