//! The `lines` argument of a retrieval.

use std::ops::Range;
use std::str::FromStr;

use super::units::UnitKind;
use crate::error::{Error, ErrorKind, Result};

/// Ranges of lines, 1-based and inclusive, as they were written: `10-20`, `10`, `5-` (to the end), `-20` (the last 20),
/// several with commas between.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LineRanges {
    ranges: Vec<LineRange>,
    written: String,
}

#[derive(Debug, PartialEq, Eq)]
enum LineRange {
    Between(usize, usize),
    Last(usize),
}

impl FromStr for LineRanges {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let written: String = text.trim().chars().take(100).collect();
        let ranges = text.split(',').map(|range| LineRange::read(range.trim())).collect::<Option<Vec<_>>>();
        match ranges {
            Some(ranges) => Ok(Self { ranges, written }),
            None => {
                Err(unexpected("expected ranges from 1 such as 10-20, 10, 5-, -20 (the last 20) or 1-5,40", &written))
            }
        }
    }
}

impl LineRange {
    fn read(text: &str) -> Option<Self> {
        let number = |text: &str| {
            let text = text.trim();
            // `parse` alone would take a plus sign.
            let valid = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse().ok().filter(|number| valid && *number > 0)
        };
        match text.split_once('-') {
            None => number(text).map(|line| Self::Between(line, line)),
            Some(("", last)) => number(last).map(Self::Last),
            Some((first, "")) => number(first).map(|first| Self::Between(first, usize::MAX)),
            Some((first, last)) => {
                let (first, last) = (number(first)?, number(last)?);
                (first <= last).then_some(Self::Between(first, last))
            }
        }
    }
}

impl LineRanges {
    /// The 0-based ranges within `total` units, in order and apart from each other.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] when all of them lie behind the end.
    pub(super) fn within(&self, total: usize, kind: UnitKind) -> Result<Vec<Range<usize>>> {
        let mut ranges: Vec<_> = self
            .ranges
            .iter()
            .map(|range| match *range {
                LineRange::Between(first, last) => first - 1..last.min(total),
                LineRange::Last(count) => total.saturating_sub(count)..total,
            })
            .filter(|range| !range.is_empty())
            .collect();
        ranges.sort_unstable_by_key(|range| range.start);
        ranges.dedup_by(|next, range| {
            let joins = next.start <= range.end;
            if joins {
                range.end = range.end.max(next.end);
            }
            joins
        });
        if ranges.is_empty() {
            let name = kind.name(2);
            return Err(unexpected(
                &format!("expected ranges within the {total} {name} of the original"),
                &self.written,
            ));
        }
        Ok(ranges)
    }
}

fn unexpected(expected: &str, found: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, format!("lines: {expected}, found {found:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(text: &str, total: usize) -> Vec<(usize, usize)> {
        let ranges = text.parse::<LineRanges>().unwrap().within(total, UnitKind::Line).unwrap();
        ranges.into_iter().map(|range| (range.start, range.end)).collect()
    }

    #[test]
    fn reads_every_documented_form() {
        assert_eq!(ranges("10-20", 100), [(9, 20)]);
        assert_eq!(ranges(" 10 ", 100), [(9, 10)]);
        assert_eq!(ranges("95-", 100), [(94, 100)]);
        assert_eq!(ranges("-20", 100), [(80, 100)]);
        assert_eq!(ranges("-200", 100), [(0, 100)]);
        assert_eq!(ranges("40, 1 - 5,3-8,9,99-1000", 100), [(0, 9), (39, 40), (98, 100)]);
        assert_eq!(ranges("1,500", 100), [(0, 1)]);
    }

    #[test]
    fn anything_else_says_what_is_expected() {
        for text in ["", "a", "0", "5-3", "1-2-3", "--5", "-", "1,", "+1", "1.5", "99999999999999999999", "١"] {
            let error = text.parse::<LineRanges>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.to_string().starts_with("lines: expected ranges from 1 such as 10-20"), "{error}");
        }
    }

    #[test]
    fn ranges_behind_the_end_say_how_long_the_original_is() {
        let error = "500-600".parse::<LineRanges>().unwrap().within(100, UnitKind::Item).unwrap_err();
        assert_eq!(error.to_string(), "lines: expected ranges within the 100 items of the original, found \"500-600\"");
    }
}
