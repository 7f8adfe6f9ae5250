//! Reads what the encoder writes back into minified JSON.

use super::cell;
use super::encode::{CONSTANTS, PLACES, content};
use super::spelling::string_end;

/// More than this is not written, whatever a header asks for.
const MAX_BYTES: usize = 1 << 28;

/// One part of a header: the keys that lead to a column and what its cells are.
struct Column<'t> {
    path: Vec<&'t str>,
    kind: ColumnKind<'t>,
}

enum ColumnKind<'t> {
    Constant(&'t str),
    Text,
    /// Strings without what they all begin and end with.
    Inside(&'t str, &'t str),
    Cells(Form<'t>),
}

enum Form<'t> {
    Plain,
    Tuple(Vec<(&'t str, Form<'t>)>),
    Tuples(Vec<(&'t str, Form<'t>)>),
}

/// Reads one value with its tables: the minified JSON, and what is left of the text.
pub(super) fn decode(text: &str) -> Option<(String, &str)> {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len() * 2);
    let (mut at, mut depth) = (0, 0usize);
    loop {
        match *bytes.get(at)? {
            b'"' => {
                let end = string_end(bytes, at)?;
                out.push_str(text.get(at..end)?);
                at = end;
            }
            b'\n' => at += 1,
            open @ (b'{' | b'[') => {
                if let Some(length) = read_table(&text[at..], open, &mut out) {
                    at += length;
                    if out.len() > MAX_BYTES {
                        return None;
                    }
                } else {
                    out.push(char::from(open));
                    depth += 1;
                    at += 1;
                }
            }
            close @ (b'}' | b']') => {
                out.push(char::from(close));
                depth = depth.checked_sub(1)?;
                at += 1;
            }
            _ => {
                let end = bytes[at..].iter().position(|byte| matches!(byte, b'"' | b'\n' | b'{' | b'[' | b'}' | b']'));
                let end = end.map_or(bytes.len(), |length| at + length);
                out.push_str(text.get(at..end)?);
                at = end;
            }
        }
        if depth == 0 {
            return Some((out, text.get(at..)?));
        }
    }
}

/// Reads a table at the start of `text` and gives its length; `None` when there is none.
fn read_table(text: &str, open: u8, out: &mut String) -> Option<usize> {
    let digits = text.bytes().skip(1).take_while(u8::is_ascii_digit).count();
    let count: usize = text.get(1..=digits)?.parse().ok()?;
    let rest = &text[1 + digits..];
    let start = out.len();
    let left = match (rest.strip_prefix(" rows: "), rest.strip_prefix(" lists:\n"), open) {
        (Some(table), _, _) => read_rows(table, count, open == b'{', out),
        (_, Some(lists), b'[') => read_lists(lists, count, out),
        _ => return None,
    };
    let Some(left) = left.and_then(|left| left.strip_prefix(if open == b'{' { '}' } else { ']' })) else {
        out.truncate(start);
        return None;
    };
    Some(text.len() - left.len())
}

fn read_rows<'t>(table: &'t str, count: usize, is_map: bool, out: &mut String) -> Option<&'t str> {
    let (header, mut rest) = table.split_once('\n')?;
    let header = if is_map { header.strip_prefix("key\t")? } else { header };
    let columns = read_header(header)?;
    out.push(if is_map { '{' } else { '[' });
    for index in 0..count {
        let mut line;
        (line, rest) = rest.split_once('\n')?;
        if index > 0 {
            out.push(',');
        }
        if is_map {
            let key;
            (key, line) = line.split_once('\t').unwrap_or((line, ""));
            out.push_str(&cell::read(key, true));
            out.push(':');
        }
        match line.strip_prefix('=') {
            Some(raw) => out.push_str(raw),
            None => read_row(&columns, line, out)?,
        }
        if out.len() > MAX_BYTES {
            return None;
        }
    }
    out.push(if is_map { '}' } else { ']' });
    Some(rest)
}

fn read_row(columns: &[Column<'_>], line: &str, out: &mut String) -> Option<()> {
    let mut cells = line.split('\t');
    let mut open: Vec<&str> = Vec::new();
    out.push('{');
    for column in columns {
        let cell = match column.kind {
            ColumnKind::Constant(value) => value,
            ColumnKind::Text | ColumnKind::Inside(..) | ColumnKind::Cells(_) => cells.next().unwrap_or(""),
        };
        if cell.is_empty() {
            continue;
        }
        let (key, groups) = column.path.split_last()?;
        let shared = open.iter().zip(groups).take_while(|(left, right)| left == right).count();
        for _ in shared..open.len() {
            out.push('}');
        }
        open.truncate(shared);
        separate(out);
        for group in &groups[shared..] {
            write_key(group, out);
            out.push('{');
            open.push(group);
        }
        write_key(key, out);
        match &column.kind {
            ColumnKind::Constant(_) | ColumnKind::Cells(Form::Plain) => out.push_str(&cell::read(cell, false)),
            ColumnKind::Text => out.push_str(&cell::read(cell, true)),
            ColumnKind::Inside(prefix, suffix) => {
                let string = cell::read(cell, true);
                let inside = string.strip_prefix('"')?.strip_suffix('"')?;
                out.extend(["\"", prefix, inside, suffix, "\""]);
            }
            ColumnKind::Cells(form) => {
                if cell.starts_with(['(', '[']) {
                    let left = read_nested(form, cell, out)?;
                    left.is_empty().then_some(())?;
                } else {
                    out.push_str(&cell::read(cell, false));
                }
            }
        }
    }
    for _ in open {
        out.push('}');
    }
    out.push('}');
    // A row of constants alone is an empty line, which splits into one empty cell.
    cells.all(str::is_empty).then_some(())
}

/// A comma unless a container was just opened.
fn separate(out: &mut String) {
    if !out.ends_with(['{', '[']) {
        out.push(',');
    }
}

fn write_key(key: &str, out: &mut String) {
    if key.starts_with('"') {
        out.push_str(key);
    } else {
        out.push('"');
        out.push_str(key);
        out.push('"');
    }
    out.push(':');
}

/// Reads a value with tuples and gives what is left.
fn read_nested<'t>(form: &Form<'_>, text: &'t str, out: &mut String) -> Option<&'t str> {
    match (form, text.as_bytes().first()?) {
        (Form::Tuple(parts), b'(') => read_tuple(parts, text, out),
        (Form::Tuples(parts), b'[') => {
            out.push('[');
            let mut rest = text.get(1..)?;
            loop {
                rest = match rest.as_bytes().first()? {
                    b']' => break,
                    b',' => {
                        out.push(',');
                        rest.get(1..)?
                    }
                    b'(' => read_tuple(parts, rest, out)?,
                    _ => read_raw(rest, out)?,
                };
            }
            out.push(']');
            rest.get(1..)
        }
        _ => read_raw(text, out),
    }
}

fn read_tuple<'t>(parts: &[(&str, Form<'_>)], text: &'t str, out: &mut String) -> Option<&'t str> {
    let mut rest = text;
    out.push('{');
    for (index, (key, form)) in parts.iter().enumerate() {
        rest = rest.strip_prefix(if index == 0 { '(' } else { ',' })?;
        if !rest.starts_with([',', ')']) {
            separate(out);
            write_key(key, out);
            rest = read_nested(form, rest, out)?;
        }
    }
    out.push('}');
    rest.strip_prefix(')')
}

/// Copies one JSON value and gives what is left.
fn read_raw<'t>(text: &'t str, out: &mut String) -> Option<&'t str> {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (0, 0usize);
    loop {
        match bytes.get(at) {
            Some(b'"') => at = string_end(bytes, at)?,
            Some(b'{' | b'[') => {
                depth += 1;
                at += 1;
            }
            Some(b'}' | b']') if depth > 0 => {
                depth -= 1;
                at += 1;
            }
            Some(b',' | b'}' | b']' | b')') | None if depth == 0 => break,
            Some(_) => {
                at += 1;
                continue;
            }
            None => return None,
        }
        if depth == 0 {
            break;
        }
    }
    if at == 0 {
        return None;
    }
    out.push_str(text.get(..at)?);
    text.get(at..)
}

fn read_lists<'t>(lists: &'t str, count: usize, out: &mut String) -> Option<&'t str> {
    let mut rest = lists;
    out.push('[');
    for index in 0..count {
        let line;
        (line, rest) = rest.split_once('\n')?;
        out.push_str(if index > 0 { ",[" } else { "[" });
        for cell in line.split('\t') {
            separate(out);
            out.push_str(&cell::read(cell, false));
        }
        out.push(']');
    }
    out.push(']');
    Some(rest)
}

/// The columns in the order that the rows' members have.
fn read_header(header: &str) -> Option<Vec<Column<'_>>> {
    let (cells, constants) = match header.rsplit_once('\t') {
        Some((cells, last)) if is_constants(last) => (cells, last),
        None if is_constants(header) => ("", header),
        _ => return header.split('\t').map(read_column).collect(),
    };
    let cells: Vec<_> = cells.split('\t').filter(|cell| !cell.is_empty()).collect();
    let mut rest = constants.strip_prefix(CONSTANTS)?;
    let mut places = None;
    if let Some(note) = rest.strip_prefix(PLACES) {
        let (note, left) = note.split_once(')')?;
        (places, rest) = (Some(read_places(note)?), left);
    }
    rest = rest.strip_prefix(": ")?;
    let mut columns = cells.into_iter().map(read_column).collect::<Option<Vec<_>>>()?;
    let mut places = places.into_iter().flatten();
    loop {
        let (path, left) = read_path(rest)?;
        let value = left.strip_prefix('=')?;
        let left = read_raw(value, &mut String::new())?;
        let column = Column { path, kind: ColumnKind::Constant(value.strip_suffix(left)?) };
        // Places count from one and rise, so that every column is put before the ones that are to follow it.
        columns.insert(places.next().map_or(columns.len(), |place| (place - 1).min(columns.len())), column);
        if left.is_empty() {
            return Some(columns);
        }
        rest = left.strip_prefix(", ")?;
    }
}

/// Whether a part of a header holds what all rows have.
fn is_constants(part: &str) -> bool {
    part.strip_prefix(CONSTANTS).is_some_and(|rest| rest.starts_with(": ") || rest.starts_with(PLACES))
}

fn read_places(note: &str) -> Option<Vec<usize>> {
    let mut places = Vec::new();
    for run in note.split(' ') {
        let (first, last) = run.split_once('-').unwrap_or((run, run));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        // No header has more columns than that.
        if first == 0 || last > 4096 || places.last().is_some_and(|place| *place >= first) {
            return None;
        }
        places.extend(first..=last);
    }
    Some(places)
}

fn read_column(header: &str) -> Option<Column<'_>> {
    let (path, rest) = read_path(header)?;
    let kind = if rest == ":str" {
        ColumnKind::Text
    } else if let Some(affix) = rest.strip_prefix(':') {
        let (prefix, suffix) = affix.split_at(string_end(affix.as_bytes(), 0).filter(|_| affix.starts_with('"'))?);
        let suffix = suffix.strip_prefix('+')?;
        let suffix = if suffix.is_empty() { "\"\"" } else { suffix };
        ColumnKind::Inside(content(prefix)?, content(suffix)?)
    } else {
        let (form, left) = read_form(rest)?;
        left.is_empty().then_some(())?;
        ColumnKind::Cells(form)
    };
    Some(Column { path, kind })
}

/// A dotted name, and what is left.
fn read_path(text: &str) -> Option<(Vec<&str>, &str)> {
    let mut path = Vec::new();
    let mut rest = text;
    loop {
        let key;
        (key, rest) = read_key(rest)?;
        path.push(key);
        match rest.strip_prefix('.') {
            Some(more) => rest = more,
            None => return Some((path, rest)),
        }
    }
}

fn read_key(text: &str) -> Option<(&str, &str)> {
    let end = if text.starts_with('"') {
        string_end(text.as_bytes(), 0)?
    } else {
        text.find(['.', '=', '[', ']', '{', '}', ',', ':']).unwrap_or(text.len())
    };
    (end > 0).then(|| text.split_at(end))
}

fn read_form(text: &str) -> Option<(Form<'_>, &str)> {
    let (is_list, mut rest) = match (text.strip_prefix("[]{"), text.strip_prefix('{')) {
        (Some(rest), _) => (true, rest),
        (_, Some(rest)) => (false, rest),
        _ => return Some((Form::Plain, text)),
    };
    let mut parts = Vec::new();
    loop {
        let (key, form);
        (key, rest) = read_key(rest)?;
        (form, rest) = read_form(rest)?;
        parts.push((key, form));
        if let Some(left) = rest.strip_prefix('}') {
            return Some((if is_list { Form::Tuples(parts) } else { Form::Tuple(parts) }, left));
        }
        rest = rest.strip_prefix(',')?;
    }
}
