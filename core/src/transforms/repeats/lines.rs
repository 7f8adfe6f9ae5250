//! The lines of a text, with the line numbers apart that a tool printed before them.

/// A text in lines.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    /// The lines as they are, with their line breaks.
    pub(super) whole: Vec<&'a str>,
    /// The lines without printed numbers; the same as `whole` when the text is not numbered.
    pub(super) contents: Vec<&'a str>,
    /// The printed numbers; empty when the text is not numbered.
    numbers: Vec<Option<u32>>,
}

impl<'a> Lines<'a> {
    /// Splits a text. It counts as numbered when at least [`NUMBERED_PERCENT`] of its lines carry the number that
    /// follows the one before.
    pub(super) fn of(text: &'a str) -> Self {
        let whole: Vec<&str> = text.split_inclusive('\n').collect();
        let split: Vec<_> = whole.iter().map(|line| split_number(line)).collect();
        let rising = split.windows(2).filter(|pair| match (pair[0], pair[1]) {
            (Some((before, _)), Some((after, _))) => after == before + 1,
            _ => false,
        });
        if (rising.count() + 1) * 100 < whole.len() * NUMBERED_PERCENT || whole.len() < 2 {
            return Self { contents: whole.clone(), whole, numbers: Vec::new() };
        }
        let contents =
            whole.iter().zip(&split).map(|(line, split)| split.map_or(*line, |(_, content)| content)).collect();
        let numbers = split.iter().map(|split| split.map(|(number, _)| number)).collect();
        Self { whole, contents, numbers }
    }

    /// What a reader calls the line at `index`: its printed number, else its place from 1 when the text is not numbered.
    pub(super) fn name(&self, index: usize) -> Option<usize> {
        match self.numbers.get(index) {
            Some(number) => number.map(|number| number as usize),
            None => Some(index + 1),
        }
    }
}

/// Chosen by hand: a header and a note of the tool around a short file.
const NUMBERED_PERCENT: usize = 60;

/// Splits `  12→text`, `12: text` or `12<tab>text` at the end of the separator.
fn split_number(line: &str) -> Option<(u32, &str)> {
    let spaces = line.bytes().take_while(|byte| *byte == b' ').count();
    let trimmed = &line[spaces..];
    let digits = trimmed.bytes().take(8).take_while(u8::is_ascii_digit).count();
    if digits == 0 {
        return None;
    }
    let (number, rest) = trimmed.split_at(digits);
    let content = ['\t', '→', ':', '|'].iter().find_map(|separator| rest.strip_prefix(*separator))?;
    // At most eight digits, so the next number fits too.
    number.parse().ok().map(|number| (number, content))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_apart_when_the_lines_are_numbered_in_a_row() {
        let lines = Lines::of("<file>\n   9→fn a() {\n  10→\n  11→}\n  12→end\n");
        assert_eq!(lines.contents, ["<file>\n", "fn a() {\n", "\n", "}\n", "end\n"]);
        assert_eq!((lines.name(0), lines.name(3)), (None, Some(11)));
    }

    #[test]
    fn other_numbers_belong_to_the_text() {
        for text in
            ["12:00 a\n12:01 b\n12:02 c\n", "1: one\n7: seven\n9: nine\n", "a\nb\n", "", "1: one\n", "99999999:\n"]
        {
            let lines = Lines::of(text);
            assert_eq!(lines.contents, lines.whole, "{text:?}");
            assert_eq!(lines.name(1), Some(2));
        }
    }
}
