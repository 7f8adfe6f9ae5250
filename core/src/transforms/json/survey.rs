//! Every scalar of a document by its path, and what is remarkable about it.

use std::ops::Range;

use foldhash::{HashMap, HashSet};

use crate::json::{Cursor, Kind};
use crate::relevance::Question;

use super::encode::content;
use super::marks;
use super::stats::Stats;
use super::table::Table;

/// An object of at least this many members whose values are all objects is read as a map from ids to records.
const MAP_MEMBERS: usize = 8;

/// A record of no more members than this belongs to the key it stands under.
const SMALL_RECORD: usize = 4;

/// How remarkable a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weight {
    /// It makes a sample more telling: an outlier, a rare value.
    Wanted,
    /// It is an end of a range.
    Extreme,
    /// It must be shown: an error, or what the question names.
    Must,
}

/// A scalar.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leaf {
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) path: u32,
    /// The innermost item of a list, or record of a map, that is a container and holds it.
    pub(super) record: u32,
}

impl Leaf {
    pub(super) fn span(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// One way down from the root; the items of a list, and the records of a map, are all on the same path.
#[derive(Debug)]
pub(super) struct Path<'d> {
    /// The last key on it, without quotes; empty at the root.
    pub(super) key: &'d str,
    /// Whether the question has a word of the key.
    pub(super) is_asked: bool,
    /// Whether a list or a map is on the way.
    pub(super) is_column: bool,
    pub(super) stats: Stats<'d>,
    pub(super) parent: u32,
    children: Vec<u32>,
}

/// What is known of a document before anything is left out of it.
pub(super) struct Survey<'d> {
    leaves: Vec<Leaf>,
    paths: Vec<Path<'d>>,
    /// Offsets of the remarkable values, in order.
    marked: Vec<(u32, Weight)>,
    /// The sums of the scores of the leaves before each leaf.
    scores: Vec<f32>,
    asked_keys: HashSet<&'d str>,
}

impl<'d> Survey<'d> {
    /// Reads the document whose text is `text` and whose root is `root`.
    pub(super) fn of(text: &'d str, root: Cursor<'d>, question: &Question) -> Self {
        let mut walk = Walk { leaves: Vec::new(), paths: Vec::new(), known: HashMap::default(), records: vec![0] };
        walk.add_path("", 0, false);
        walk.value(root, None, 0, 0);
        let Walk { leaves, mut paths, records, .. } = walk;
        let mut measured = Vec::with_capacity(leaves.len());
        for leaf in &leaves {
            let stats = paths.get_mut(leaf.path as usize).map(|path| &mut path.stats);
            measured.push(stats.and_then(|stats| stats.observe(&text[leaf.span()], leaf.start)).unwrap_or(f64::NAN));
        }
        let keys: Vec<_> = paths.iter().map(|path| path.key).collect();
        let scores = question.scores(&keys);
        // Keys of addresses repeat the names of what they lead to.
        let telling = scores.iter().zip(&paths).filter(|(_, path)| !path.stats.is_opaque());
        let best = telling.map(|(score, _)| *score).fold(0.0, f32::max);
        let asked: Vec<_> = scores.into_iter().map(|score| score > 0.0 && score * 2.5 >= best).collect();
        let asked_keys = keys.iter().zip(&asked).filter(|(_, asked)| **asked).map(|(key, _)| *key).collect();
        for index in 0..paths.len() {
            // A small record under a key that is asked for is asked for with all its members.
            let parent = paths[index].parent as usize;
            paths[index].is_asked = asked[index] || asked[parent] && paths[parent].children.len() <= SMALL_RECORD;
        }
        let units: Vec<_> = leaves.iter().map(|leaf| marks::unit(&text[leaf.span()])).collect();
        let matches = question.matches(&units);
        drop(units);
        let mut order = marks::Marks::new(text, &leaves, &matches, &measured, records.len());
        order.matches();
        let mut by_path: Vec<Vec<u32>> = paths.iter().map(|path| Vec::with_capacity(path.stats.count)).collect();
        for (index, leaf) in (0u32..).zip(&leaves) {
            if let Some(list) = by_path.get_mut(leaf.path as usize) {
                list.push(index);
            }
        }
        order.errors(&paths, &by_path);
        for (path, indexes) in paths.iter().zip(&by_path) {
            order.column(path, indexes, question.asks_extreme());
        }
        order.groups(&paths, &by_path);
        order.relations(&paths, &by_path, &records);
        order.references(&paths, &records);
        let marked = order.finish();
        let mut total = 0.0;
        let scores = matches
            .iter()
            .map(|found| {
                let before = total;
                total += found.score;
                before
            })
            .collect();
        Self { leaves, paths, marked, scores, asked_keys }
    }

    /// The most remarkable value in a span.
    pub(super) fn weight(&self, span: Range<usize>) -> Option<Weight> {
        let from = self.marked.partition_point(|(start, _)| (*start as usize) < span.start);
        let inside = self.marked.get(from..)?.iter().take_while(|(start, _)| (*start as usize) < span.end);
        inside.map(|(_, weight)| *weight).max()
    }

    /// How well what stands in a span answers the question.
    pub(super) fn score(&self, span: Range<usize>) -> f32 {
        let at = |offset: usize| {
            let index = self.leaves.partition_point(|leaf| (leaf.start as usize) < offset);
            self.scores.get(index).or(self.scores.last()).copied().unwrap_or_default()
        };
        at(span.end) - at(span.start)
    }

    /// Whether the question has a word of a key, given as it is written.
    pub(super) fn is_asked_key(&self, raw: &str) -> bool {
        content(raw).is_some_and(|key| self.asked_keys.contains(key))
    }

    /// How many scalars stand in a span.
    pub(super) fn count(&self, span: Range<usize>) -> usize {
        let before = |offset: usize| self.leaves.partition_point(|leaf| (leaf.start as usize) < offset);
        before(span.end) - before(span.start)
    }

    /// The path of the scalar that starts at an offset.
    pub(super) fn path_at(&self, offset: usize) -> Option<&Path<'d>> {
        let index = self.leaves.partition_point(|leaf| (leaf.start as usize) < offset);
        let leaf = self.leaves.get(index).filter(|leaf| leaf.start as usize == offset)?;
        self.paths.get(leaf.path as usize)
    }
}

struct Walk<'d> {
    leaves: Vec<Leaf>,
    paths: Vec<Path<'d>>,
    known: HashMap<(u32, &'d str), u32>,
    /// The record around each record.
    records: Vec<u32>,
}

impl<'d> Walk<'d> {
    fn add_path(&mut self, key: &'d str, parent: u32, is_column: bool) -> u32 {
        let path = Path { key, is_asked: false, is_column, stats: Stats::default(), parent, children: Vec::new() };
        self.paths.push(path);
        u32::try_from(self.paths.len() - 1).unwrap_or(0)
    }

    /// The path of a child; `hint` is its place among its siblings in objects of the usual key order.
    fn child(&mut self, parent: u32, raw: &'d str, hint: usize) -> u32 {
        let key = raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')).unwrap_or(raw);
        let children = self.paths.get(parent as usize).map_or(&[][..], |path| &path.children);
        if let Some(child) = children.get(hint)
            && self.paths.get(*child as usize).is_some_and(|path| path.key == key)
        {
            return *child;
        }
        if let Some(child) = self.known.get(&(parent, raw)) {
            return *child;
        }
        let is_column = raw.is_empty() || self.paths.get(parent as usize).is_some_and(|path| path.is_column);
        // What items are called is the name of their list.
        let name = if raw.is_empty() { self.paths.get(parent as usize).map_or("", |path| path.key) } else { key };
        let child = self.add_path(name, parent, is_column);
        self.known.insert((parent, raw), child);
        if let Some(path) = self.paths.get_mut(parent as usize) {
            path.children.push(child);
        }
        child
    }

    fn value(&mut self, value: Cursor<'d>, parent: Option<Cursor<'d>>, path: u32, record: u32) {
        match value.kind() {
            Kind::Array => {
                if let Some(table) = Table::of_lists(value) {
                    return self.lists(&table.named(parent), path, record);
                }
                let item_path = if value.is_empty() { path } else { self.child(path, "", 0) };
                for item in value.items() {
                    let record = self.record(item, record);
                    self.value(item, None, item_path, record);
                }
            }
            Kind::Object => {
                let is_map = value.len() >= MAP_MEMBERS && is_map(value);
                for (hint, (key, member)) in value.members().enumerate() {
                    if is_map {
                        let records = self.child(path, "", 0);
                        let keys = self.child(records, "\"key\"", 0);
                        let record = self.record(member, record);
                        self.leaf(key, keys, record);
                        self.value(member, None, records, record);
                    } else {
                        let child = self.child(path, key.raw(), hint);
                        self.value(member, Some(value), child, record);
                    }
                }
            }
            _ => self.leaf(value, path, record),
        }
    }

    /// A list of lists: their places are the columns.
    fn lists(&mut self, table: &Table<'d>, path: u32, around: u32) {
        if table.names.is_first_list {
            // The header is no value of the columns.
            let header = self.add_path("", path, false);
            for name in table.source.items().next().into_iter().flat_map(|names| names.items()) {
                self.leaf(name, header, around);
            }
        }
        let names = table.names.list.iter().map(|raw| content(raw).unwrap_or("")).chain(std::iter::repeat(""));
        let columns: Vec<u32> = names.take(table.columns.len()).map(|name| self.add_path(name, path, true)).collect();
        for row in table.rows() {
            let record = self.record(row.value, around);
            for (value, column) in row.value.items().zip(&columns) {
                self.leaf(value, *column, record);
            }
        }
    }

    /// The record of an item of the record around it.
    fn record(&mut self, item: Cursor<'d>, around: u32) -> u32 {
        if !matches!(item.kind(), Kind::Array | Kind::Object) {
            return around;
        }
        self.records.push(around);
        u32::try_from(self.records.len() - 1).unwrap_or(0)
    }

    fn leaf(&mut self, value: Cursor<'d>, path: u32, record: u32) {
        let span = value.span();
        // A document is shorter than 4 GiB.
        if let (Ok(start), Ok(end)) = (u32::try_from(span.start), u32::try_from(span.end)) {
            self.leaves.push(Leaf { start, end, path, record });
        }
    }
}

/// Whether the members of an object are records of one kind, or so many scalars that their keys must be data.
pub(super) fn is_map(object: Cursor<'_>) -> bool {
    let mut kinds = object.members().map(|(_, value)| value.kind());
    let Some(first) = kinds.next() else { return false };
    if !kinds.all(|kind| kind == first) {
        return false;
    }
    match first {
        Kind::Object => {
            let mut first_keys =
                object.members().filter_map(|(_, value)| value.members().next()).map(|(key, _)| key.raw());
            first_keys.next().is_some_and(|first| first_keys.filter(|key| *key == first).count() * 2 >= object.len())
        }
        Kind::Array => false,
        _ => {
            object.len() >= 2 * MAP_MEMBERS
                && object.members().filter(|(key, _)| has_digit(key.raw())).count() * 2 > object.len()
        }
    }
}

fn has_digit(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_digit())
}
