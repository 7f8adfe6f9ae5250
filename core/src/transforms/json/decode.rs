//! Reads what the encoder writes back into minified JSON.

use super::cell;
use super::header::{self, Column, ColumnKind, Form};
use super::spelling::string_end;

/// More than this is not written, whatever a header asks for.
const MAX_BYTES: usize = 1 << 28;

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
    let columns = header::read(header)?;
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
pub(super) fn read_raw<'t>(text: &'t str, out: &mut String) -> Option<&'t str> {
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
