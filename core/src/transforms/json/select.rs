//! Which rows of a table a sample shows.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::columns::{Columns, Shown};
use super::encode::content;
use super::survey::{Survey, Weight};
use super::table::{Row, Table};

/// Rows at the start, which show the shape.
const FIRST: usize = 2;

/// At most this many different sets of keys get a row of their own.
const MAX_KINDS: usize = 12;

/// The rows to show, in order, each with whether it must be shown; `room` is how many rows fit.
///
/// First and last rows, rows with something that must be shown, then rows that answer the question best, rows of every
/// set of keys and rows with something remarkable, up to twice the room together; then rows spread evenly until the
/// room is filled, of which those that differ from the ones before in nothing but digits are passed over.
pub(super) fn rows(table: &Table<'_>, survey: &Survey<'_>, columns: &Columns<'_>, room: usize) -> Vec<(usize, bool)> {
    let total = table.source.len();
    let mut chosen = Chosen { must: vec![None; total], count: 0 };
    let mut wanted = Vec::new();
    let mut scored = Vec::new();
    let mut kinds = HashSet::new();
    let mut cells = Vec::new();
    for (index, row) in table.rows().enumerate() {
        let span = span_of(&row);
        if index < FIRST || index + 1 == total {
            chosen.add(index, false);
        }
        match survey.weight(span.clone()) {
            Some(Weight::Must) => chosen.add(index, true),
            Some(Weight::Wanted) => wanted.push(index),
            None => {}
        }
        let score = survey.score(span);
        if score > 0.0 {
            scored.push((score, index));
        }
        let fits = table.cells(row.value, &mut cells);
        let kind: Vec<bool> = cells.iter().map(|cell| fits && cell.is_some()).collect();
        if kinds.len() < MAX_KINDS && kinds.insert(kind) {
            wanted.push(index);
        }
    }
    // Scores are finite; equal ones keep their order.
    scored.sort_by(|left, right| right.0.total_cmp(&left.0).then(left.1.cmp(&right.1)));
    let best = scored.first().map_or(0.0, |(score, _)| *score);
    for (score, index) in scored.iter().take((total / 50).max(6)) {
        if *score * 2.0 >= best {
            chosen.add(*index, true);
        }
    }
    let limit = 2 * room;
    let open: Vec<_> = wanted.into_iter().filter(|index| !chosen.has(*index)).collect();
    let step = open.len().div_ceil(limit.saturating_sub(chosen.count).max(1)).max(1);
    for index in open.into_iter().step_by(step).take(limit.saturating_sub(chosen.count)) {
        chosen.add(index, false);
    }
    fill(table, columns, room, &mut chosen);
    chosen.must.iter().enumerate().filter_map(|(index, must)| Some((index, (*must)?))).collect()
}

struct Chosen {
    must: Vec<Option<bool>>,
    count: usize,
}

impl Chosen {
    fn has(&self, index: usize) -> bool {
        self.must.get(index).is_some_and(Option::is_some)
    }

    fn add(&mut self, index: usize, must: bool) {
        if let Some(slot) = self.must.get_mut(index) {
            self.count += usize::from(slot.is_none());
            *slot = (*slot).max(Some(must));
        }
    }
}

fn fill(table: &Table<'_>, columns: &Columns<'_>, room: usize, chosen: &mut Chosen) {
    let total = chosen.must.len();
    let Some(free) = room.checked_sub(chosen.count).filter(|free| *free > 0) else { return };
    let step = (total / (free + 1)).max(1);
    let mut known = HashSet::new();
    let mut cells = Vec::new();
    for (index, row) in table.rows().enumerate() {
        if index % step != step / 2 && !chosen.has(index) {
            continue;
        }
        table.cells(row.value, &mut cells);
        let mut hasher = DefaultHasher::new();
        for (column, cell) in columns.list.iter().zip(&cells) {
            if let (Shown::Cells, Some(value)) = (&column.shown, cell) {
                wording(content(value.raw()).unwrap_or(""), &mut hasher);
            }
        }
        if known.insert(hasher.finish()) && !chosen.has(index) && chosen.count < room {
            chosen.add(index, false);
        }
    }
}

/// Hashes a string without its digits; numbers do not count.
fn wording(text: &str, hasher: &mut DefaultHasher) {
    for byte in text.bytes().take(200).filter(|byte| !byte.is_ascii_digit()) {
        byte.hash(hasher);
    }
    0xffu8.hash(hasher);
}

fn span_of(row: &Row<'_>) -> std::ops::Range<usize> {
    row.key.map_or(row.value.span().start, |key| key.span().start)..row.value.span().end
}
