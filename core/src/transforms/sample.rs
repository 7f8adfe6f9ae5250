//! Parts of a text by which a transform recognises it.

use std::borrow::Cow;

/// Lines of a part at most. Lines of two bytes take as long to look at as lines of a hundred, and 16 KB of them would take
/// longer than everything else that is done to a text.
///
/// # Sources
/// Chosen by hand: 16 KB of usual text are 150 to 600 lines.
const MAX_LINES: usize = 1000;

/// The first lines of a text, whole ones: about so many bytes. A text that is not longer as it is.
pub(super) fn head(text: &str, bytes: usize) -> &str {
    let start = &text[..text.floor_char_boundary(bytes)];
    let start = &start[..end_of_line(start, MAX_LINES)];
    if start.len() == text.len() { text } else { &start[..start.rfind('\n').unwrap_or(0)] }
}

/// Lines from the start, the middle and the end, about so many bytes of each, whole lines if these are not longer than that.
/// A text that is not longer as it is.
pub(super) fn spread(text: &str, bytes: usize) -> Cow<'_, str> {
    if text.len() <= 3 * bytes && memchr::memchr_iter(b'\n', text.as_bytes()).count() <= 3 * MAX_LINES {
        return text.into();
    }
    let cut = |from: usize| {
        let part = &text[text.floor_char_boundary(from)..text.floor_char_boundary(from + bytes)];
        let start = if from == 0 { 0 } else { part.find('\n').map_or(0, |at| at + 1) };
        &part[start..part.rfind('\n').filter(|end| *end > start).unwrap_or(part.len())]
    };
    let first = |part: &'_ str| part[..end_of_line(part, MAX_LINES)].trim_end_matches('\n').to_owned();
    let last = |part: &'_ str| {
        let mut breaks = memchr::memrchr_iter(b'\n', part.as_bytes());
        breaks.nth(MAX_LINES - 1).map_or(part, |at| &part[at + 1..]).to_owned()
    };
    [first(cut(0)), first(cut(text.len() / 2)), last(cut(text.len().saturating_sub(bytes)))].join("\n").into()
}

/// Where the line with this number ends, behind its line break, or the text.
fn end_of_line(text: &str, number: usize) -> usize {
    memchr::memchr_iter(b'\n', text.as_bytes()).nth(number - 1).map_or(text.len(), |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_texts_are_their_own_sample() {
        for text in ["", "a", "a\n", "a\nb", "é\n"] {
            assert_eq!((head(text, 100), &*spread(text, 100)), (text, text));
        }
    }

    #[test]
    fn a_sample_has_whole_lines_and_few_of_them() {
        assert_eq!(head("one\ntwo\nthree", 9), "one\ntwo");
        assert_eq!(head("ééé", 3), "");
        assert_eq!(head(&"a\n".repeat(5000), 16_000).lines().count(), MAX_LINES);
        let text: String = (0..9000).map(|line| format!("{line}\n")).collect();
        let sample = spread(&text, 16_000);
        let numbers: Vec<usize> = sample.lines().map(|line| line.parse().unwrap()).collect();
        assert_eq!((numbers.len(), numbers[0], numbers[999], numbers[2999]), (3000, 0, 999, 8999));
        assert!((4400..4700).contains(&numbers[1000]), "{}", numbers[1000]);
        assert_eq!(spread(&"x".repeat(100), 10).len(), 32);
    }
}
