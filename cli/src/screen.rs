//! Standard output and standard error: data on one, words on the other, colour where it helps.

use std::borrow::Cow;
use std::env;
use std::io::{self, BufWriter, IsTerminal as _, Stdout, Write};

use clap::ValueEnum;
use clap::builder::styling::{AnsiColor, Style};

use crate::failure::Failure;

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What a piece of text is, for its colour.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Tone {
    /// A title.
    Title,
    /// Stayed, or went well.
    Good,
    /// Left out, or went wrong.
    Bad,
    /// Was added: markers, tables.
    New,
    /// Beside the point.
    Faint,
}

impl Tone {
    const fn style(self) -> Style {
        match self {
            Self::Title => Style::new().bold(),
            Self::Good => AnsiColor::Green.on_default(),
            Self::Bad => AnsiColor::Red.on_default(),
            Self::New => AnsiColor::Cyan.on_default(),
            Self::Faint => Style::new().dimmed(),
        }
    }
}

/// Where a command writes.
pub(crate) struct Screen {
    out: BufWriter<Stdout>,
    color_out: bool,
    color_words: bool,
}

impl Screen {
    /// Decides about colour once.
    pub(crate) fn new(color: Color) -> Self {
        let is_welcome = env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            && env::var_os("TERM").is_none_or(|value| value != "dumb");
        let decide = |is_terminal: bool| match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => is_terminal && is_welcome,
        };
        Self {
            out: BufWriter::new(io::stdout()),
            color_out: decide(io::stdout().is_terminal()),
            color_words: decide(io::stderr().is_terminal()),
        }
    }

    /// Text for standard output in a tone, if colours are wanted there.
    pub(crate) fn paint<'a>(&self, tone: Tone, text: impl Into<Cow<'a, str>>) -> Cow<'a, str> {
        painted(self.color_out, tone, text.into())
    }

    /// Says something on standard error.
    pub(crate) fn say(&self, words: &str) {
        // Whoever closed standard error does not want to hear it.
        let _ = writeln!(io::stderr(), "{words}");
    }

    /// Says what went wrong.
    pub(crate) fn say_failure(&self, failure: &Failure) {
        if let Failure::Told { message, hint } = failure {
            let label = painted(self.color_words, Tone::Bad, "error:".into());
            self.say(&format!("{label} {}", visible(message)));
            if let Some(hint) = hint {
                let label = painted(self.color_words, Tone::New, "hint:".into());
                self.say(&format!("{label} {}", visible(hint)));
            }
        }
    }

    /// Ends the line where a person looks at it; data in a pipe stays as it is.
    pub(crate) fn end_line_on_terminal(&mut self) -> io::Result<()> {
        if io::stdout().is_terminal() { self.out.write_all(b"\n") } else { Ok(()) }
    }

    /// Hands everything over to the reader.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn painted(wanted: bool, tone: Tone, text: Cow<'_, str>) -> Cow<'_, str> {
    if wanted {
        let style = tone.style();
        Cow::Owned(format!("{style}{text}{style:#}"))
    } else {
        text
    }
}

/// The text with control characters made visible, so that recorded data cannot steer the reader's terminal.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| c.is_control() && c != '\t') {
        return Cow::Borrowed(text);
    }
    let show = |c: char| match c {
        '\t' => '\t',
        // The block of control pictures lies in the order of the characters that it shows.
        c if (c as u32) < 0x20 => char::from_u32(0x2400 + c as u32).unwrap_or('\u{fffd}'),
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    Cow::Owned(text.chars().map(show).collect())
}

/// The text on one line, cut to `width` characters.
pub(crate) fn one_line(text: &str, width: usize) -> String {
    let mut line = String::new();
    let mut count = 0;
    for word in text.split_whitespace() {
        for c in (count > 0).then_some(' ').into_iter().chain(word.chars()) {
            if count == width {
                line.pop();
                line.push('…');
                return line;
            }
            line.push(c);
            count += 1;
        }
    }
    visible(&line).into_owned()
}

/// A number with commas between groups of three digits.
pub(crate) fn number(value: impl TryInto<u64>) -> String {
    let digits = value.try_into().unwrap_or(u64::MAX).to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A share as whole percent; never 0 % or 100 % of what is not.
pub(crate) fn percent(part: u64, whole: u64) -> String {
    let share = (u128::from(part) * 100 + u128::from(whole) / 2).checked_div(u128::from(whole)).unwrap_or(0);
    let share = if part > 0 && part < whole { share.clamp(1, 99) } else { share };
    format!("{share} %")
}

/// A size for people.
#[expect(clippy::cast_precision_loss, reason = "shown with one digit")]
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} KB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_escapes_do_not_reach_the_terminal() {
        assert_eq!(visible("a\u{1b}[31mb\u{9b}c\td"), "a␛[31mb\u{fffd}c\td");
        assert_eq!(one_line("a\n b\u{7}", 10), "a b␇");
    }

    #[test]
    fn a_line_is_never_wider_than_asked_and_says_that_it_was_cut() {
        assert_eq!(one_line("one two three", 7), "one tw…");
        assert_eq!(one_line("one two", 7), "one two");
        assert_eq!(one_line("ééééé", 3), "éé…");
    }

    #[test]
    fn numbers_are_grouped_and_shares_never_lie_at_the_ends() {
        assert_eq!(number(1_234_567_u64), "1,234,567");
        assert_eq!(number(123_u64), "123");
        assert_eq!(percent(999, 1000), "99 %");
        assert_eq!(percent(1, 1000), "1 %");
        assert_eq!(percent(0, 0), "0 %");
        assert_eq!(percent(5, 5), "100 %");
    }
}
