//! A table in a text: where its header and its rows stand, and what their cells hold.

use std::ops::Range;

use crate::transforms::json::Cells;

/// Of the rows of a table, this share may have too few or too many cells, and [`MAX_RAGGED`] in any case: in percent.
const RAGGED_PERCENT: usize = 2;

/// See [`RAGGED_PERCENT`].
const MAX_RAGGED: usize = 3;

/// A table, and the lines around it.
pub(super) struct Grid {
    /// Everything up to the first row: lines before the table, its header, its rule.
    pub(super) head: Range<usize>,
    /// The rows, without the line break at their end; they may hold line breaks.
    pub(super) rows: Vec<Range<usize>>,
    /// Places of rows with too few or too many cells.
    pub(super) ragged: Vec<usize>,
    /// What stands behind the last row.
    pub(super) tail: Range<usize>,
    pub(super) cells: Cells,
    /// What separates cells, when lines that begin with the same cells can share them.
    pub(super) delimiter: Option<u8>,
}

impl Grid {
    /// A table whose rows begin at `start`; `None` without columns, or with too many.
    pub(super) fn new<'n>(names: impl IntoIterator<Item = &'n str>, head: Range<usize>) -> Option<Self> {
        let cells = Cells::new(names)?;
        let tail = head.end..head.end;
        Some(Self { head, rows: Vec::new(), ragged: Vec::new(), tail, cells, delimiter: None })
    }

    /// Adds a row of `width` cells.
    pub(super) fn push<'c>(&mut self, span: Range<usize>, width: usize, cells: impl IntoIterator<Item = &'c str>) {
        if width != self.cells.columns() {
            self.ragged.push(self.rows.len());
        }
        self.rows.push(span);
        self.cells.push(cells);
    }

    /// The table, if so many rows have the width of the header that it is certainly one.
    pub(super) fn checked(self, least_rows: usize) -> Option<Self> {
        let may_be_ragged = (self.rows.len() * RAGGED_PERCENT / 100).max(MAX_RAGGED);
        (self.rows.len() >= least_rows && self.ragged.len() <= may_be_ragged).then_some(self)
    }
}
