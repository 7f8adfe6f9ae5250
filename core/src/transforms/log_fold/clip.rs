//! Very long lines of a log: their beginning, the first failure behind it, and their end.

use std::fmt::Write as _;

use super::notable::first_failure;

/// Lines up to this long are shown whole, in bytes.
///
/// # Sources
/// Chosen by hand: some twenty lines of a usual log.
pub(super) const LONG_LINE_BYTES: usize = 2000;
/// About what a longer line costs when it is shown.
pub(super) const CLIPPED_BYTES: usize = HEAD_BYTES + 2 * AROUND_BYTES + TAIL_BYTES + 80;

/// How the label inside of a line ends.
pub(super) const CLIP_LABEL: &str = " bytes of this line omitted]";

const HEAD_BYTES: usize = 500;
const AROUND_BYTES: usize = 150;
const TAIL_BYTES: usize = 200;

/// Writes runs of characters of a long line, with a label where some are left out: `[12345 bytes of this line
/// omitted]`.
pub(super) fn write_clipped(line: &str, out: &mut String) {
    let failure = first_failure(line, HEAD_BYTES).unwrap_or_default();
    let runs = [
        (0, HEAD_BYTES),
        (failure.saturating_sub(AROUND_BYTES), failure + AROUND_BYTES),
        (line.len().saturating_sub(TAIL_BYTES), line.len()),
    ];
    let mut shown = 0;
    for (start, end) in runs {
        let (start, end) = (line.floor_char_boundary(start.max(shown)), line.floor_char_boundary(end));
        if end <= start {
            continue;
        }
        if start > shown {
            // Writing to a string cannot fail.
            let _ = write!(out, "[{}{CLIP_LABEL}", start - shown);
        }
        out.push_str(&line[start..end]);
        shown = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_keeps_its_start_its_failure_and_its_end() {
        let line = format!("start{}fatal: disk{}end", "a".repeat(5000), "b".repeat(5000));
        let mut out = String::new();
        write_clipped(&line, &mut out);
        assert!(out.starts_with("startaaa") && out.contains("fatal: disk") && out.ends_with("end"), "{out}");
        assert!(out.len() < CLIPPED_BYTES && out.contains("[4355 bytes of this line omitted]"), "{out}");
    }

    #[test]
    fn a_failure_behind_the_start_stays_whatever_the_start_has() {
        let line = format!("no fatal {}fatal: disk{}end", "a".repeat(5000), "b".repeat(5000));
        let mut out = String::new();
        write_clipped(&line, &mut out);
        assert!(out.contains("aafatal: diskbb"), "{out}");
    }

    #[test]
    fn characters_stay_whole_and_in_order() {
        let line = "\u{1f600}ä".repeat(2000);
        let mut out = String::new();
        write_clipped(&line, &mut out);
        assert!(out.chars().all(|c| c == '\u{1f600}' || c == 'ä' || c.is_ascii()));
        assert_eq!(out.matches("omitted").count(), 1);
    }
}
