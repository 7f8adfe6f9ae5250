//! Which rows of a table a sample shows.

use std::hash::{BuildHasher as _, Hash, Hasher};
use std::ops::Range;

use foldhash::HashSet;
use foldhash::quality::FixedState;

use super::columns::{Columns, Shown};
use super::encode::content;
use super::survey::{Survey, Weight};
use super::table::{MAX_COLUMNS, Row, Table};

/// Rows at the start, which show the shape.
const FIRST: usize = 2;

/// At most this many different sets of keys get a row of their own.
const MAX_KINDS: usize = 12;

/// The columns that a row has, a bit each.
type Kind = [u64; MAX_COLUMNS.div_ceil(64)];

/// What is known of the rows of a table before some are chosen.
pub(super) struct Candidates {
    /// Which rows are chosen already; of one that must be shown how well it answers the question, from 0.0 to 1.0.
    chosen: Vec<Option<Option<f32>>>,
    count: usize,
    extremes: Vec<usize>,
    wanted: Vec<usize>,
}

impl Candidates {
    /// Chooses the first and the last rows, and what must be shown: rows with something that must be, and the rows that
    /// answer the question best.
    pub(super) fn of(table: &Table<'_>, survey: &Survey<'_>) -> Self {
        let total = table.len();
        let mut candidates = Self { chosen: vec![None; total], count: 0, extremes: Vec::new(), wanted: Vec::new() };
        let mut scored = Vec::new();
        let mut kinds = HashSet::default();
        let mut cells = Vec::new();
        for (index, row) in table.rows().enumerate() {
            let span = span_of(&row);
            if index < FIRST || index + 1 == total {
                candidates.add(index, None);
            }
            match survey.weight(span.clone()) {
                Some(Weight::Must) => candidates.add(index, Some(0.0)),
                Some(Weight::Extreme) => candidates.extremes.push(index),
                Some(Weight::Wanted) => candidates.wanted.push(index),
                None => {}
            }
            let score = survey.score(span);
            if score > 0.0 {
                scored.push((score, index));
            }
            if kinds.len() < MAX_KINDS {
                let mut kind = Kind::default();
                if table.is_of_lists() {
                    // Lists have all places up to their last.
                    kind[0] = row.value.len() as u64;
                } else if table.cells(row.value, &mut cells) {
                    for (word, cells) in kind.iter_mut().zip(cells.chunks(64)) {
                        *word = cells.iter().fold(0, |word, cell| word << 1 | u64::from(cell.is_some()));
                    }
                }
                if kinds.insert(kind) {
                    candidates.extremes.push(index);
                }
            }
        }
        // Scores are finite; equal ones keep their order.
        scored.sort_by(|left, right| right.0.total_cmp(&left.0).then(left.1.cmp(&right.1)));
        let best = scored.first().map_or(0.0, |(score, _)| *score);
        for (score, index) in scored.iter().take((total / 25).max(6)) {
            if *score * 2.0 >= best {
                candidates.add(*index, Some(0.0));
            }
        }
        for (score, index) in scored {
            if let Some(Some(Some(relevance))) = candidates.chosen.get_mut(index) {
                *relevance = score / best.max(f32::MIN_POSITIVE);
            }
        }
        candidates
    }

    /// How many rows are chosen already.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// How many rows must be shown, apart from those that show the shape.
    pub(super) fn must(&self) -> usize {
        self.chosen.iter().filter(|must| matches!(must, Some(Some(_)))).count()
    }

    /// The rows to show, in order, each that must be shown with how well it answers the question;
    /// `room` is how many fit.
    ///
    /// Ends of ranges, rows of every set of keys and then rows with something else that is remarkable fill half as much
    /// again as fits, if need be evenly thinned out. Rows spread evenly fill the rest of the room; those that differ from
    /// the ones before in nothing but digits are passed over.
    pub(super) fn choose(mut self, table: &Table<'_>, columns: &Columns<'_>, room: usize) -> Vec<(usize, Option<f32>)> {
        self.exceptional(table, columns);
        let limits = [(2 * room).max(24), room + room / 2];
        for (list, limit) in
            [std::mem::take(&mut self.extremes), std::mem::take(&mut self.wanted)].into_iter().zip(limits)
        {
            let open: Vec<_> = list.into_iter().filter(|index| !self.has(*index)).collect();
            let free = limit.saturating_sub(self.count);
            let step = open.len().div_ceil(free.max(1)).max(1);
            for index in open.into_iter().step_by(step).take(free) {
                self.add(index, None);
            }
        }
        self.fill(table, columns, room);
        self.chosen.iter().enumerate().filter_map(|(index, must)| Some((index, (*must)?))).collect()
    }

    /// Adds the rows that have a member which nearly all others lack to those that are worth showing.
    fn exceptional(&mut self, table: &Table<'_>, columns: &Columns<'_>) {
        let is_rare: Vec<bool> =
            columns.list.iter().map(|column| matches!(column.shown, Shown::Mostly(None))).collect();
        if !is_rare.contains(&true) {
            return;
        }
        let mut cells = Vec::new();
        for (index, row) in table.rows().enumerate() {
            if table.cells(row.value, &mut cells)
                && is_rare.iter().zip(&cells).any(|(is_rare, cell)| *is_rare && cell.is_some())
            {
                self.wanted.push(index);
            }
        }
        self.wanted.sort_unstable();
        self.wanted.dedup();
    }

    fn has(&self, index: usize) -> bool {
        self.chosen.get(index).is_some_and(Option::is_some)
    }

    fn add(&mut self, index: usize, must: Option<f32>) {
        if let Some(slot) = self.chosen.get_mut(index) {
            self.count += usize::from(slot.is_none());
            *slot = Some(slot.flatten().or(must));
        }
    }

    fn fill(&mut self, table: &Table<'_>, columns: &Columns<'_>, room: usize) {
        let total = self.chosen.len();
        let Some(free) = room.checked_sub(self.count).filter(|free| *free > 0) else { return };
        let wordings = FixedState::with_seed(0);
        let mut known = HashSet::default();
        let mut cells = Vec::new();
        let open = total - self.count;
        let mut share = 0;
        for (index, row) in table.rows().enumerate() {
            let is_open = !self.has(index);
            if is_open {
                // Of the open rows those at which one more of the free places is due.
                share += free;
                if share < open {
                    continue;
                }
                share -= open;
            }
            table.cells(row.value, &mut cells);
            let mut hasher = wordings.build_hasher();
            for (column, cell) in columns.list.iter().zip(&cells) {
                if let (Shown::Cells, Some(value)) = (&column.shown, cell) {
                    match content(value.raw()) {
                        Some(text) => hash_wording(text, &mut hasher),
                        None => value.raw().len().min(4).hash(&mut hasher),
                    }
                }
            }
            // All rows of a small table may be alike, and are still shown when there is room.
            let is_new = known.insert(hasher.finish()) || total <= room;
            if is_new && is_open {
                self.add(index, None);
            }
        }
    }
}

/// Hashes a string without its digits.
fn hash_wording(text: &str, hasher: &mut impl Hasher) {
    let text = text.get(..text.floor_char_boundary(200)).unwrap_or(text);
    for words in text.split(|character: char| character.is_ascii_digit()).filter(|words| !words.is_empty()) {
        words.hash(hasher);
    }
    hasher.write_u8(0xfe);
}

fn span_of(row: &Row<'_>) -> Range<usize> {
    row.key.map_or(row.value.span().start, |key| key.span().start)..row.value.span().end
}
