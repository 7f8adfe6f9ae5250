//! Which columns the objects of a list have in common.

use crate::json::{Cursor, Items, Kind, Members};

use super::names::Names;

/// More keys than this make no table that anyone can read.
pub(super) const MAX_COLUMNS: usize = 160;

/// Nested objects of more keys than this stay JSON in a cell: nobody counts the places of a longer tuple.
const MAX_TUPLE: usize = 8;

/// Tuples hold tuples this deep.
const TUPLE_DEPTH: usize = 3;

/// One key that rows have.
#[derive(Debug)]
pub(super) struct Field<'d> {
    /// As it is written, with quotes.
    pub(super) key: &'d str,
    present: usize,
    /// How many values are objects with members.
    objects: usize,
    /// How many values are lists that begin with an object.
    lists: usize,
    inner: Fields<'d>,
}

/// The keys of some objects, in the order that most of them have.
#[derive(Debug, Default)]
pub(super) struct Fields<'d> {
    list: Vec<Field<'d>>,
    objects: usize,
    members: usize,
    /// Comparisons that did not hit at once; bounds the work on objects that have nothing in common.
    misses: usize,
    overflow: bool,
}

impl<'d> Fields<'d> {
    fn observe(&mut self, object: Cursor<'d>, depth: usize) {
        self.objects += 1;
        let mut next = 0;
        for (key, value) in object.members() {
            if self.overflow {
                return;
            }
            self.members += 1;
            let at = self.find_or_insert(key.raw(), next);
            next = at + 1;
            let Some(field) = self.list.get_mut(at) else { return };
            field.present += 1;
            match value.kind() {
                Kind::Object if !value.is_empty() => {
                    field.objects += 1;
                    if depth > 0 {
                        field.inner.observe(value, depth - 1);
                    }
                }
                Kind::Array if value.items().next().is_some_and(|item| item.kind() == Kind::Object) => {
                    field.lists += 1;
                    if depth > 0 {
                        for item in value.items().filter(|item| item.kind() == Kind::Object) {
                            field.inner.observe(item, depth - 1);
                        }
                    }
                }
                _ => {}
            }
        }
    }

    fn find_or_insert(&mut self, key: &'d str, next: usize) -> usize {
        if self.list.get(next).is_some_and(|field| field.key == key) {
            return next;
        }
        let later = self.list.iter().skip(next).position(|field| field.key == key).map(|offset| next + offset);
        let found = later.or_else(|| self.list.iter().take(next).position(|field| field.key == key));
        self.misses += self.list.len();
        self.overflow |= self.misses > 10_000 + 32 * self.members;
        found.unwrap_or_else(|| {
            self.overflow |= self.list.len() >= MAX_COLUMNS;
            let at = next.min(self.list.len());
            let field = Field { key, present: 0, objects: 0, lists: 0, inner: Fields::default() };
            self.list.insert(at, field);
            at
        })
    }
}

/// How the values of a column or of a place in a tuple are written.
#[derive(Debug)]
pub(super) enum Form<'d> {
    /// As cells or JSON.
    Plain,
    /// Objects as tuples of their values.
    Tuple(Vec<(&'d str, Form<'d>)>),
    /// Lists whose objects are tuples.
    Tuples(Vec<(&'d str, Form<'d>)>),
}

impl<'d> Form<'d> {
    fn of(field: &Field<'d>, depth: usize) -> Self {
        let inner = &field.inner;
        let is_short = (1..=MAX_TUPLE).contains(&inner.list.len()) && !inner.overflow;
        // Keys must come often enough to pay for the header, and be there often enough not to leave holes.
        if depth == 0 || !is_short || inner.objects < 2 || inner.members * 2 < inner.objects * inner.list.len() {
            return Self::Plain;
        }
        let parts = || inner.list.iter().map(|field| (field.key, Self::of(field, depth - 1))).collect();
        match (field.objects, field.lists) {
            (1.., 0) => Self::Tuple(parts()),
            (0, 1..) => Self::Tuples(parts()),
            _ => Self::Plain,
        }
    }
}

/// A column.
#[derive(Debug)]
pub(super) struct Column<'d> {
    /// The keys that lead to it, as they are written, with quotes.
    pub(super) path: Vec<&'d str>,
    pub(super) form: Form<'d>,
}

/// What becomes of a field: a column, or the columns of what is inside.
#[derive(Debug)]
enum Slot<'d> {
    Column(usize),
    Group(Vec<(&'d str, Slot<'d>)>),
}

/// A row of a table: an item, or a member with its key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'d> {
    pub(super) key: Option<Cursor<'d>>,
    pub(super) value: Cursor<'d>,
}

/// The rows of a list, or of an object whose members are alike.
#[derive(Debug, Clone)]
pub(super) enum Rows<'d> {
    Items(Items<'d>),
    Members(Members<'d>),
}

impl<'d> Rows<'d> {
    pub(super) fn of(cursor: Cursor<'d>) -> Self {
        match cursor.kind() {
            Kind::Object => Self::Members(cursor.members()),
            _ => Self::Items(cursor.items()),
        }
    }
}

impl<'d> Iterator for Rows<'d> {
    type Item = Row<'d>;

    fn next(&mut self) -> Option<Row<'d>> {
        match self {
            Self::Items(items) => items.next().map(|value| Row { key: None, value }),
            Self::Members(members) => members.next().map(|(key, value)| Row { key: Some(key), value }),
        }
    }
}

/// The columns of a list of objects.
#[derive(Debug)]
pub(super) struct Table<'d> {
    pub(super) columns: Vec<Column<'d>>,
    slots: Vec<(&'d str, Slot<'d>)>,
    pub(super) source: Cursor<'d>,
    /// What the places of lists are called.
    pub(super) names: Names<'d>,
}

impl<'d> Table<'d> {
    /// Reads the columns of a list of objects, or of an object of objects; `None` when they have too little in common.
    pub(super) fn of(source: Cursor<'d>) -> Option<Self> {
        let rows = source.len();
        let is_row = |row: &Row<'d>| row.value.kind() == Kind::Object && !row.value.is_empty();
        if rows < 2 || Rows::of(source).filter(|row| !is_row(row)).count() * 10 > rows {
            return None;
        }
        let mut fields = Fields::default();
        for row in Rows::of(source).filter(is_row) {
            fields.observe(row.value, 12);
            // Rows that share next to nothing are recognised early.
            if fields.overflow || fields.objects == 64 && fields.members * 2 < fields.list.len() * 3 {
                return None;
            }
        }
        if fields.members * 2 < fields.list.len() * 3 {
            return None;
        }
        let mut columns = Vec::new();
        let slots = slots(&fields, fields.objects, &mut Vec::new(), &mut columns);
        Some(Self { columns, slots, source, names: Names::default() })
    }

    /// Names the places of lists, which may make the first list a header; `parent` is the object around the lists.
    pub(super) fn named(mut self, parent: Option<Cursor<'d>>) -> Self {
        if self.is_of_lists() {
            self.names = Names::of(self.source, self.columns.len(), parent);
        }
        self
    }

    pub(super) fn rows(&self) -> Rows<'d> {
        let mut rows = Rows::of(self.source);
        if self.names.is_first_list {
            rows.next();
        }
        rows
    }

    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.source.len() - usize::from(self.names.is_first_list)
    }

    /// The columns of a list of lists of scalars, by their places.
    pub(super) fn of_lists(source: Cursor<'d>) -> Option<Self> {
        let is_row = |item: &Cursor<'d>| {
            let is_scalar = |cell: Cursor<'d>| !matches!(cell.kind(), Kind::Array | Kind::Object);
            item.kind() == Kind::Array && !item.is_empty() && item.items().all(is_scalar)
        };
        if source.kind() != Kind::Array || source.len() < 3 || !source.items().all(|item| is_row(&item)) {
            return None;
        }
        let width = source.items().map(|item| item.len()).max().filter(|width| *width <= MAX_COLUMNS)?;
        let columns = (0..width).map(|_| Column { path: Vec::new(), form: Form::Plain }).collect();
        Some(Self { columns, slots: Vec::new(), source, names: Names::default() })
    }

    /// Whether the rows are lists.
    pub(super) fn is_of_lists(&self) -> bool {
        self.slots.is_empty()
    }

    /// Puts the values of a row in `cells`, one a column. `false` when the row does not have the shape of the table.
    pub(super) fn cells(&self, row: Cursor<'d>, cells: &mut Vec<Option<Cursor<'d>>>) -> bool {
        cells.clear();
        if self.is_of_lists() {
            cells.extend(row.items().map(Some));
            return true;
        }
        cells.resize(self.columns.len(), None);
        row.kind() == Kind::Object && !row.is_empty() && gather(&self.slots, row, cells)
    }
}

fn slots<'d>(
    fields: &Fields<'d>,
    rows: usize,
    path: &mut Vec<&'d str>,
    columns: &mut Vec<Column<'d>>,
) -> Vec<(&'d str, Slot<'d>)> {
    let mut slots = Vec::with_capacity(fields.list.len());
    for field in &fields.list {
        path.push(field.key);
        let inner = &field.inner;
        let is_group = field.objects == rows
            && field.lists == 0
            && !inner.overflow
            && columns.len() + inner.list.len() < MAX_COLUMNS
            && inner.members * 2 >= inner.objects * inner.list.len();
        let slot = if is_group {
            Slot::Group(self::slots(inner, rows, path, columns))
        } else {
            columns.push(Column { path: path.clone(), form: Form::of(field, TUPLE_DEPTH) });
            Slot::Column(columns.len() - 1)
        };
        slots.push((field.key, slot));
        path.pop();
    }
    slots
}

fn gather<'d>(slots: &[(&'d str, Slot<'d>)], object: Cursor<'d>, cells: &mut [Option<Cursor<'d>>]) -> bool {
    let mut rest = slots.iter();
    let mut groups = 0;
    for (key, value) in object.members() {
        let Some((_, slot)) = rest.by_ref().find(|(name, _)| *name == key.raw()) else { return false };
        match slot {
            Slot::Column(at) => cells[*at] = Some(value),
            Slot::Group(inner) => {
                groups += 1;
                if value.kind() != Kind::Object || value.is_empty() || !gather(inner, value, cells) {
                    return false;
                }
            }
        }
    }
    groups == slots.iter().filter(|(_, slot)| matches!(slot, Slot::Group(_))).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Document;

    fn paths(text: &str) -> Option<Vec<String>> {
        let document = Document::parse(text, 64).expect("JSON");
        let table = Table::of(document.root())?;
        Some(table.columns.iter().map(|column| column.path.concat().replace("\"\"", ".").replace('"', "")).collect())
    }

    #[test]
    fn nested_objects_become_columns_when_every_row_has_them() {
        let text = r#"[{"a":1,"b":{"c":2,"d":{"e":1}}},{"a":1,"x":0,"b":{"c":2,"d":{"e":1}}}]"#;
        assert_eq!(paths(text).expect("a table"), ["a", "x", "b.c", "b.d.e"]);
        let text = r#"[{"a":1,"b":{"c":2}},{"a":1,"b":null}]"#;
        assert_eq!(paths(text).expect("a table"), ["a", "b"]);
    }

    #[test]
    fn rows_without_common_keys_are_no_table() {
        assert_eq!(paths(r#"[{"a":1},{"b":2}]"#), None);
        assert_eq!(paths(r#"[{"a":1},2]"#), None);
        assert_eq!(paths(r#"[{"a":1}]"#), None);
        let wide: Vec<_> = (0..5000).map(|n| format!("{{\"k{}\":1,\"k{}\":2}}", n, n * 7 % 5000)).collect();
        assert_eq!(paths(&format!("[{}]", wide.join(","))), None);
    }

    #[test]
    fn a_row_of_another_shape_is_told() {
        let document = Document::parse(r#"[{"a":1,"b":2},{"b":2,"a":1},{"a":1,"a":2},{"b":3}]"#, 64).expect("JSON");
        let table = Table::of(document.root()).expect("a table");
        let mut cells = Vec::new();
        let fits: Vec<_> = table.rows().map(|row| table.cells(row.value, &mut cells)).collect();
        assert_eq!(fits, [true, false, false, true]);
    }
}
