//! What is true of the columns of a table in all rows.

use crate::json::Cursor;

use super::affix::Affix;
use super::cell;
use super::encode::content;
use super::table::Table;

/// What is true of a column in all rows.
#[derive(Debug, Clone, Default)]
pub(super) struct Traits<'d> {
    pub(super) first: Option<Cursor<'d>>,
    varies: bool,
    pub(super) present: usize,
    strings: usize,
    /// Strings that need quotes unless the whole column is known to hold strings.
    literal_strings: usize,
    affix: Affix<'d>,
}

impl<'d> Traits<'d> {
    pub(super) fn observe(&mut self, value: Cursor<'d>) {
        let raw = value.raw();
        self.present += 1;
        match self.first {
            None => self.first = Some(value),
            Some(first) => self.varies = self.varies || first.raw() != raw,
        }
        if let Some(content) = content(raw) {
            self.strings += 1;
            self.affix.observe(content);
            self.literal_strings += usize::from(cell::is_bare_only_as_text(content));
        }
    }

    /// The value that all of `rows` rows have.
    pub(super) fn constant(&self, rows: usize) -> Option<&'d str> {
        self.first.map(|first| first.raw()).filter(|_| !self.varies && self.present == rows)
    }

    /// What all cells begin and end with, when they are addresses.
    pub(super) fn affix(&self) -> Option<(&'d str, &'d str)> {
        self.affix.parts().filter(|_| self.strings == self.present && self.present > 1)
    }

    /// Whether the header says once that all cells are strings.
    pub(super) fn is_text(&self) -> bool {
        self.literal_strings > 0 && self.strings == self.present
    }
}

/// The traits of all columns, and how many rows have the shape of the table.
pub(super) fn of<'d>(table: &Table<'d>) -> (Vec<Traits<'d>>, usize) {
    let mut traits = vec![Traits::default(); table.columns.len()];
    let mut rows = 0;
    let mut cells = Vec::new();
    for row in table.rows() {
        if table.cells(row.value, &mut cells) {
            rows += 1;
            for (traits, cell) in traits.iter_mut().zip(&cells) {
                if let Some(value) = cell {
                    traits.observe(*value);
                }
            }
        }
    }
    (traits, rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Document;

    #[test]
    fn a_constant_is_in_every_row_and_texts_are_told_from_numbers() {
        let text = r#"[{"a":1,"b":"7","c":1,"d":"x"},{"a":1,"b":"x","d":"y"},[],{"a":1,"b":"z","c":1,"d":"z"}]"#;
        let document = Document::parse(text, 8).expect("JSON");
        assert!(Table::of(document.root()).is_none());
        let text = text.replace("[],", "");
        let document = Document::parse(&text, 8).expect("JSON");
        let (traits, rows) = of(&Table::of(document.root()).expect("a table"));
        assert_eq!(rows, 3);
        let constants: Vec<_> = traits.iter().map(|traits| traits.constant(rows)).collect();
        assert_eq!(constants, [Some("1"), None, None, None]);
        let texts: Vec<_> = traits.iter().map(Traits::is_text).collect();
        assert_eq!(texts, [false, true, false, false]);
    }
}
