//! Reads the header of a table.

use super::decode::read_raw;
use super::encode::{CONSTANTS, PLACES, content};
use super::spelling::string_end;

/// One part of a header: the keys that lead to a column and what its cells are.
pub(super) struct Column<'t> {
    pub(super) path: Vec<&'t str>,
    pub(super) kind: ColumnKind<'t>,
}

/// What the cells of a column are.
pub(super) enum ColumnKind<'t> {
    Constant(&'t str),
    Text,
    /// Strings without what they all begin and end with.
    Inside(&'t str, &'t str),
    Cells(Form<'t>),
}

/// How the values of a column are written.
pub(super) enum Form<'t> {
    Plain,
    Tuple(Vec<(&'t str, Form<'t>)>),
    Tuples(Vec<(&'t str, Form<'t>)>),
}

/// The columns in the order that the rows' members have.
pub(super) fn read(header: &str) -> Option<Vec<Column<'_>>> {
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
            return places.next().is_none().then_some(columns);
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
        if first == 0 || last < first || last > 4096 || places.last().is_some_and(|place| *place >= first) {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(header: &str) -> Option<Vec<String>> {
        Some(read(header)?.iter().map(|column| column.path.join(".")).collect())
    }

    #[test]
    fn what_all_rows_have_goes_back_to_its_place() {
        assert_eq!(paths("b\te:str\tin every row (columns 1 3-4): a=\"x, y\", c.x=[1,2], c.y=3"), {
            Some(["a", "b", "c.x", "c.y", "e"].map(str::to_owned).to_vec())
        });
        assert_eq!(paths("a\tin every row: b=1").expect("a header"), ["a", "b"]);
        assert_eq!(paths("in every row: b=1").expect("a header"), ["b"]);
        assert_eq!(paths("in every row").expect("a header"), ["in every row"]);
    }

    #[test]
    fn a_broken_header_is_none() {
        for header in [
            "a\tin every row: ",
            "a\tin every row: b",
            "a\tin every row: b=1,c=2",
            "a\tin every row (columns 0): b=1",
            "a\tin every row (columns 1-2): b=1",
            "a\tin every row (columns 3-2 1): b=1",
            "a\tin every row (columns 1-99999999): b=1",
            "",
        ] {
            assert_eq!(paths(header), None, "{header}");
        }
    }
}
