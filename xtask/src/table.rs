//! Tables as columns of text and as Markdown.

/// A table: the first column holds names, the others numbers.
#[derive(Debug, Default)]
pub(crate) struct Table {
    heads: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// Columns of names and of numbers are at least this wide, so that a change of one row seldom moves the others.
const NAME_WIDTH: usize = 28;
const NUMBER_WIDTH: usize = 11;

impl Table {
    /// A table without rows.
    pub(crate) fn new<S: Into<String>>(heads: impl IntoIterator<Item = S>) -> Self {
        Self { heads: heads.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    /// Adds a row.
    pub(crate) fn push<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// Whether it has no rows.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Columns of text, numbers to the right.
    pub(crate) fn text(&self) -> String {
        let widths: Vec<usize> = (0..self.heads.len())
            .map(|column| {
                let least = if column == 0 { NAME_WIDTH } else { NUMBER_WIDTH };
                self.lines().map(|row| width(row, column)).max().unwrap_or(0).max(least)
            })
            .collect();
        let mut out = String::new();
        for row in self.lines() {
            let mut line = String::new();
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                line += &if column == 0 { format!("{cell:width$}") } else { format!(" {cell:>width$}") };
            }
            out += line.trim_end();
            out.push('\n');
        }
        out
    }

    /// A table of Markdown, numbers to the right.
    pub(crate) fn markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let rules: Vec<String> = (0..self.heads.len()).map(|at| if at == 0 { "---" } else { "---:" }.into()).collect();
        self.rows.iter().fold(line(&self.heads) + &line(&rules), |out, row| out + &line(row))
    }

    fn lines(&self) -> impl Iterator<Item = &Vec<String>> {
        std::iter::once(&self.heads).chain(&self.rows)
    }
}

fn width(row: &[String], column: usize) -> usize {
    row.get(column).map_or(0, |cell| cell.chars().count())
}

/// A number with a comma before every third digit from the end.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_hold_every_cell() {
        let mut table = Table::new(["kind", "tokens"]);
        table.push(["log", "12"]);
        assert_eq!(table.text(), format!("{:28} {:>11}\n{:28} {:>11}\n", "kind", "tokens", "log", "12"));
        assert_eq!(table.markdown(), "| kind | tokens |\n| --- | ---: |\n| log | 12 |\n");
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }
}
