//! The lines of a text, and the verbatim subset of them that a line transform writes.

use std::fmt::Write as _;

/// Start offsets of the lines of a text. Lines end with `\n`; a `\r` before it belongs to the line.
#[derive(Debug)]
pub(crate) struct Lines<'a> {
    text: &'a str,
    starts: Vec<u32>,
}

impl<'a> Lines<'a> {
    /// Splits a text as [`str::split`] does at `\n`, so that joining the lines gives it back. `None` for a text of
    /// 4 GB and more.
    pub(crate) fn of(text: &'a str) -> Option<Self> {
        let end = u32::try_from(text.len()).ok()?;
        let mut starts = Vec::with_capacity(text.len() / 64 + 2);
        starts.push(0);
        #[expect(clippy::cast_possible_truncation, reason = "the length of the text fits")]
        starts.extend(memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at as u32 + 1));
        // A last entry one past the end, as if the text had one more line break.
        starts.push(end.checked_add(1)?);
        Some(Self { text, starts })
    }

    /// How many lines there are; a text that ends with `\n` has an empty last line.
    pub(crate) fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// How many lines a reader counts: without the empty one after a last line break.
    pub(crate) fn count(&self) -> usize {
        self.len() - usize::from(self.text.is_empty() || self.text.ends_with('\n'))
    }

    /// A line without its line break; empty past the end.
    pub(crate) fn get(&self, index: usize) -> &'a str {
        match (self.starts.get(index), self.starts.get(index + 1)) {
            (Some(&start), Some(&next)) => &self.text[start as usize..next as usize - 1],
            _ => "",
        }
    }

    /// The lines from `first` to before `end` with the line breaks between them.
    pub(crate) fn span(&self, first: usize, end: usize) -> &'a str {
        match (self.starts.get(first), self.starts.get(end)) {
            (Some(&start), Some(&next)) if first < end => &self.text[start as usize..next as usize - 1],
            _ => "",
        }
    }

    /// The line that holds a byte of the text, or its line break.
    pub(crate) fn at(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start as usize <= offset).saturating_sub(1).min(self.len() - 1)
    }

    /// All lines.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &'a str> + '_ {
        self.starts.windows(2).map(|pair| &self.text[pair[0] as usize..pair[1] as usize - 1])
    }
}

/// What a gap between shown lines costs, in bytes: the label of [`write_subset`].
pub(crate) const GAP_BYTES: usize = 28;

/// Shows the lines of gaps that cost no more than their label would.
pub(crate) fn close_small_gaps(lines: &Lines<'_>, keep: &mut [bool]) {
    close_gaps(lines, keep, GAP_BYTES);
}

/// Shows the lines of gaps of at most so many bytes.
pub(crate) fn close_gaps(lines: &Lines<'_>, keep: &mut [bool], gap_bytes: usize) {
    let mut at = 0;
    while at < keep.len() {
        if keep[at] {
            at += 1;
            continue;
        }
        let end = keep[at..].iter().position(|&kept| kept).map_or(keep.len(), |ahead| at + ahead);
        if lines.span(at, end).len() <= gap_bytes {
            keep[at..end].fill(true);
        }
        at = end;
    }
}

/// Stands before a shown line that reads like one of our labels.
pub(crate) const NO_LABEL: &str = "[the next line is of the text itself and no label]\n";

/// Whether a line reads like a label of [`write_subset`], like the counts below it, or like [`NO_LABEL`].
pub(crate) fn is_like_label(line: &str) -> bool {
    let line = line.trim_start();
    ["[line ", "[lines ", "[counted", "[the next line "].iter().any(|start| line.starts_with(start))
}

/// Writes the kept lines verbatim and in order, with a label of every gap: `[lines 17-428 omitted]`, numbered from 1 as
/// in the original. `show` writes a line; `note` may add to a gap's label what is in it.
pub(crate) fn write_subset(
    lines: &Lines<'_>,
    keep: &[bool],
    show: impl FnMut(&str, &mut String),
    note: impl FnMut(usize, usize, &mut String),
) -> String {
    write_subset_from(lines, 0, keep, show, note)
}

/// As [`write_subset`], with `shift` added to the numbers: the text has its own, which do not start at 1.
pub(crate) fn write_subset_from(
    lines: &Lines<'_>,
    shift: isize,
    keep: &[bool],
    mut show: impl FnMut(&str, &mut String),
    mut note: impl FnMut(usize, usize, &mut String),
) -> String {
    let number = |at: usize| at.saturating_add_signed(shift);
    let mut out = String::new();
    let (mut at, total) = (0, lines.count().min(keep.len()));
    while at < total {
        let kept = keep[at];
        let end = keep[at..total].iter().position(|&other| other != kept).map_or(total, |ahead| at + ahead);
        if kept {
            for line in at..end {
                show(lines.get(line), &mut out);
                out.push('\n');
            }
        } else {
            // Writing to a string cannot fail.
            let _ = match end - at {
                1 => write!(out, "[line {} omitted", number(end)),
                _ => write!(out, "[lines {}-{} omitted", number(at + 1), number(end)),
            };
            note(at, end, &mut out);
            out.push_str("]\n");
        }
        at = end;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_join_to_the_text() {
        for text in ["", "a", "a\n", "\n\n", "a\r\nb", "ä\n\u{1f600}\nz"] {
            let lines = Lines::of(text).unwrap();
            assert_eq!(lines.iter().collect::<Vec<_>>(), text.split('\n').collect::<Vec<_>>());
            assert_eq!((0..lines.len()).map(|at| lines.get(at)).collect::<Vec<_>>().join("\n"), text);
            assert_eq!(lines.span(0, lines.len()), text);
            let line_of = |at: usize| text[..at].matches('\n').count();
            let boundaries = (0..text.len()).filter(|at| text.is_char_boundary(*at));
            boundaries.for_each(|at| assert_eq!(lines.at(at), line_of(at)));
        }
    }

    #[test]
    fn gaps_carry_original_line_numbers() {
        let lines = Lines::of("a\nb\nc\nd\ne\n").unwrap();
        let text = write_subset(
            &lines,
            &[true, false, false, true, false],
            |line, out| out.push_str(line),
            |first, end, out| {
                let _ = write!(out, ": {}", end - first);
            },
        );
        assert_eq!(text, "a\n[lines 2-3 omitted: 2]\nd\n[line 5 omitted: 1]\n");
    }

    #[test]
    fn every_label_reads_like_one() {
        let lines = Lines::of("a\nb\nc\nd").unwrap();
        let text = write_subset(&lines, &[false, true, false, false], |line, out| out.push_str(line), |_, _, _| ());
        assert_eq!(text.lines().map(is_like_label).collect::<Vec<_>>(), [true, false, true]);
        assert!(is_like_label(NO_LABEL) && is_like_label("\t[line 7 omitted]") && !is_like_label("[linear]"));
    }

    #[test]
    fn a_gap_smaller_than_its_label_is_shown() {
        let lines = Lines::of("first\n\nlast\nsomething longer than what a label costs\nend").unwrap();
        let mut keep = [true, false, true, false, true];
        close_small_gaps(&lines, &mut keep);
        assert_eq!(keep, [true, true, true, false, true]);
    }
}
