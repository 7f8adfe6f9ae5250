//! The entries of the long lists of a manifest.

use std::ops::Range;

use super::tree::{NONE, Tree};
use crate::transforms::lines::Lines;

/// A list of fewer entries is shown whole.
///
/// # Sources
/// Chosen by hand.
const MIN_RECORDS: usize = 8;

/// A list takes at least one of so many bytes of the text.
const MIN_SHARE: usize = 12;

/// The entries, in order.
#[derive(Debug, Default)]
pub(super) struct Records {
    /// The lines of each.
    pub(super) spans: Vec<Range<usize>>,
    /// Which are the first or the last of their list.
    pub(super) is_end: Vec<bool>,
}

/// What stands directly below a line, or at the top.
#[derive(Debug, Clone, Default)]
struct Below {
    count: usize,
    bytes: usize,
    largest: usize,
}

impl Records {
    /// Finds the outermost lists that are long and of which no entry is more than half.
    pub(super) fn of(lines: &Lines<'_>, tree: &Tree) -> Self {
        let count = tree.parents.len();
        let bytes = |from: usize, to: usize| lines.span(from, to).len() + 1;
        // The last place is the top.
        let place = |parent: u32| if parent == NONE { count } else { parent as usize };
        let mut below = vec![Below::default(); count + 1];
        for at in (0..count).filter(|at| tree.is_filled[*at]) {
            let size = bytes(at, tree.ends[at] as usize);
            if let Some(below) = below.get_mut(place(tree.parents[at])) {
                below.count += 1;
                below.bytes += size;
                below.largest = below.largest.max(size);
            }
        }
        let all = bytes(0, count);
        let is_list = |below: &Below| {
            below.count >= MIN_RECORDS && below.bytes * MIN_SHARE >= all && below.largest * 2 <= below.bytes
        };
        let mut records = Self::default();
        let mut open_until = 0;
        for at in 0..count {
            if at < open_until || !tree.is_filled[at] || !below.get(place(tree.parents[at])).is_some_and(is_list) {
                continue;
            }
            open_until = tree.ends[at] as usize;
            records.spans.push(at..open_until);
        }
        let parent = |span: &Range<usize>| tree.parents.get(span.start).copied();
        let spans = &records.spans;
        records.is_end = (0..spans.len())
            .map(|at| {
                let same =
                    |other: Option<&Range<usize>>| other.is_some_and(|other| parent(other) == parent(&spans[at]));
                !same(at.checked_sub(1).and_then(|before| spans.get(before))) || !same(spans.get(at + 1))
            })
            .collect();
        records
    }

    /// How many entries begin from a line to before another.
    pub(super) fn begun(&self, first: usize, end: usize) -> usize {
        let before = |line: usize| self.spans.partition_point(|span| span.start < line);
        before(end) - before(first)
    }
}
