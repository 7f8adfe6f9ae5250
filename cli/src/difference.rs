//! What went and what stayed: a line-by-line view of a text before and after.

use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use similar::{Algorithm, DiffTag, capture_diff_slices_deadline};

use crate::arguments::Detail;
use crate::screen::{Screen, Tone, number, visible};

/// After this long the search for the smallest difference ends and a coarser one is shown.
const TIME_LIMIT: Duration = Duration::from_millis(300);
/// Lines at each end of a run that the short view shows.
const RUN_END: usize = 4;
/// Characters of a line that the short view shows.
const LINE_WIDTH: usize = 240;

/// Which side a line is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Before and after.
    Stayed,
    /// Only before.
    Went,
    /// Only after: a marker or a re-encoding.
    Came,
}

/// A line without its line break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    pub(crate) side: Side,
    pub(crate) text: &'a str,
}

/// The lines of both texts in order, each on its side.
pub(crate) fn lines<'a>(before: &'a str, after: &'a str) -> Vec<Line<'a>> {
    let (before, after): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let deadline = Instant::now().checked_add(TIME_LIMIT);
    let mut lines = Vec::with_capacity(before.len() + after.len());
    for operation in capture_diff_slices_deadline(Algorithm::Patience, &before, &after, deadline) {
        let (tag, old, new) = operation.as_tag_tuple();
        let side = |side, texts: &[&'a str]| texts.iter().map(|text| Line { side, text }).collect::<Vec<_>>();
        if tag == DiffTag::Equal {
            lines.extend(side(Side::Stayed, &before[old]));
        } else {
            lines.extend(side(Side::Went, &before[old]));
            lines.extend(side(Side::Came, &after[new]));
        }
    }
    lines
}

/// Writes the lines with a sign in front; in the short view runs and lines are cut, and say so.
pub(crate) fn write(screen: &mut Screen, lines: &[Line<'_>], detail: Detail) -> io::Result<()> {
    for run in lines.chunk_by(|a, b| a.side == b.side) {
        let hidden = run.len().saturating_sub(2 * RUN_END);
        if detail == Detail::Full || hidden < 2 {
            run.iter().try_for_each(|line| write_line(screen, line, detail))?;
            continue;
        }
        run[..RUN_END].iter().try_for_each(|line| write_line(screen, line, detail))?;
        let what = match run[0].side {
            Side::Stayed => "stayed",
            Side::Went => "went",
            Side::Came => "came",
        };
        let note = format!("  … {} more lines {what}", number(hidden as u64));
        let note = screen.paint(Tone::Faint, note);
        writeln!(screen, "{note}")?;
        run[run.len() - RUN_END..].iter().try_for_each(|line| write_line(screen, line, detail))?;
    }
    Ok(())
}

fn write_line(screen: &mut Screen, line: &Line<'_>, detail: Detail) -> io::Result<()> {
    let (sign, tone) = match line.side {
        Side::Stayed => (' ', None),
        Side::Went => ('-', Some(Tone::Bad)),
        Side::Came => ('+', Some(Tone::New)),
    };
    let cut = match detail {
        Detail::Full => None,
        Detail::Short => line.text.char_indices().nth(LINE_WIDTH).map(|(at, _)| at),
    };
    let shown = visible(&line.text[..cut.unwrap_or(line.text.len())]);
    let text = match cut {
        Some(at) => format!("{sign} {shown} … {} more characters", number(line.text[at..].chars().count() as u64)),
        None => format!("{sign} {shown}"),
    };
    let text = match tone {
        Some(tone) => screen.paint(tone, text),
        None => text.into(),
    };
    writeln!(screen, "{}", text.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_both_texts_is_on_one_side() {
        let found = lines("a\nb\nc\n", "a\n[2/3 lines shown]\nc");
        let sides: Vec<_> = found.iter().map(|line| (line.side, line.text)).collect();
        assert!(sides.contains(&(Side::Stayed, "a")), "{sides:?}");
        assert!(sides.contains(&(Side::Went, "b")), "{sides:?}");
        assert!(sides.contains(&(Side::Came, "[2/3 lines shown]")), "{sides:?}");
    }

    #[test]
    fn hostile_texts_do_not_take_long() {
        let before: String = (0..60_000_u64).map(|n| format!("{}\n", n * 7919 % 10_007)).collect();
        let after: String = (0..60_000_u64).map(|n| format!("{}\n", n * 104_729 % 10_007)).collect();
        let start = std::time::Instant::now();
        assert!(!lines(&before, &after).is_empty());
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    }
}
