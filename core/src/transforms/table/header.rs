//! Whether a line names columns.

use std::collections::HashSet;

/// Longer names are sentences. In bytes.
const LONGEST: usize = 60;

/// Names of more words are sentences.
const MAX_WORDS: usize = 6;

/// Whether cells of a first line can be names: short, all different, no numbers or dates, no code. Only the first, the
/// name of row numbers, may be empty.
pub(super) fn are_names(names: &[&str]) -> bool {
    let distinct: HashSet<&str> = names.iter().map(|name| name.trim()).collect();
    let may_be_empty = names.len() > 2;
    distinct.len() == names.len()
        && names
            .iter()
            .enumerate()
            .all(|(place, name)| is_name(name.trim()) || place == 0 && may_be_empty && name.is_empty())
}

fn is_name(name: &str) -> bool {
    let (mut depth, mut is_balanced) = (0_i32, true);
    for byte in name.bytes() {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth -= 1,
            b';' | b'{' | b'}' | b'=' | b'"' | b'`' | b'\\' => return false,
            _ => {}
        }
        is_balanced &= depth >= 0;
    }
    !name.is_empty()
        && name.len() <= LONGEST
        && is_balanced
        && depth == 0
        && !is_value(name)
        && name.split_whitespace().count() <= MAX_WORDS
        && name.chars().any(char::is_alphabetic)
        && !name.ends_with(['.', ',', ':', '!', '?'])
}

/// Whether a cell reads as a number, an amount, a date or a time: it begins with a digit, perhaps behind a sign.
pub(super) fn is_value(cell: &str) -> bool {
    cell.trim_start_matches(['$', '€', '£', '-', '+', '(', '.', '<', '~'])
        .starts_with(|first: char| first.is_ascii_digit())
}

/// Whether a header differs from its rows, as names do from data: there is a column of numbers, dates or amounts, or one
/// whose values come again and again, and no name comes again in its own column.
pub(super) fn differs(names: &[&str], rows: &[Vec<&str>]) -> bool {
    let mut any = false;
    for (place, name) in names.iter().enumerate() {
        let column =
            || rows.iter().filter_map(|row| row.get(place)).map(|cell| cell.trim()).filter(|cell| !cell.is_empty());
        if column().any(|cell| cell == name.trim()) {
            return false;
        }
        let filled = column().count();
        let values = column().filter(|cell| is_value(cell)).count();
        let distinct = column().collect::<HashSet<_>>().len();
        any |= filled * 2 > rows.len() && (values * 10 >= filled * 9 || distinct * 2 <= filled);
    }
    any
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_from_data_and_code() {
        for names in [&["date", "temp (°C)", "Use%"][..], &["", "city", "population"], &["名前", "年齢"]] {
            assert!(are_names(names), "{names:?}");
        }
        for names in [
            &["2024-01-01", "x"][..],
            &["a", "a"],
            &["INSERT INTO t (a", "b) VALUES (1"],
            &["let x = 1", "y"],
            &["", "b"],
            &["Dear Sir", "I write to you."],
            &["---", "|"],
        ] {
            assert!(!are_names(names), "{names:?}");
        }
    }

    #[test]
    fn a_header_is_unlike_its_rows() {
        let rows = vec![vec!["ada", "12", "x"], vec!["bob", "7", "y"], vec!["eve", "9", "z"]];
        assert!(differs(&["name", "age", "team"], &rows));
        assert!(!differs(&["name", "7", "team"], &rows));
        assert!(!differs(&["name", "team"], &[vec!["ada", "x"], vec!["bob", "y"], vec!["eve", "z"]]));
        assert!(differs(&["name", "team"], &[vec!["ada", "x"], vec!["bob", "x"], vec!["eve", "x"]]));
    }
}
