//! Reads the output of grep, ripgrep and their like.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;

use crate::transforms::lines::Lines;

/// How a search prints its matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// `path:12:text`, `path-11-text` around it.
    Prefixed,
    /// `path:text`, without numbers.
    Unnumbered,
    /// The path on a line of its own, then `12:text`.
    Heading,
    /// `12:text`, from one file.
    Numbered,
    /// One JSON value a line.
    Json,
}

/// A line of a file that was searched.
#[derive(Debug, Clone)]
pub(super) struct Entry<'a> {
    /// Index of its file.
    pub(super) file: usize,
    /// What stands after the path and its separator: number, separator, text.
    pub(super) rest: Cow<'a, str>,
    /// Where in `rest` the text starts.
    pub(super) text_at: usize,
    /// Whether it matches, not only surrounds a match.
    pub(super) is_match: bool,
}

impl Entry<'_> {
    pub(super) fn text(&self) -> &str {
        self.rest.get(self.text_at..).unwrap_or_default()
    }
}

/// A search's output.
#[derive(Debug)]
pub(super) struct Results<'a> {
    pub(super) style: Style,
    /// Paths in order of their first entry; empty where the output has none.
    pub(super) files: Vec<Cow<'a, str>>,
    pub(super) entries: Vec<Entry<'a>>,
    /// Lines that are no entry, no path and no separator, each with the index of the entry that follows it.
    pub(super) others: Vec<(usize, &'a str)>,
}

/// `12:` or `12-` at the start: where the text starts, and whether the line matches.
pub(super) fn numbered(line: &str) -> Option<(usize, bool)> {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let separator = *line.as_bytes().get(digits)?;
    let number = (1..=9).contains(&digits) && !line.starts_with('0') && matches!(separator, b':' | b'-');
    number.then_some((digits + 1, separator == b':'))
}

/// A path before `:12:`.
fn prefixed(line: &str) -> Option<usize> {
    let mut from = 0;
    // A longer prefix is no path that anyone has.
    let head = &line.as_bytes()[..line.len().min(400)];
    while let Some(found) = memchr::memchr(b':', &head[from..]) {
        let at = from + found;
        if at > 0 && numbered(&line[at + 1..]).is_some_and(|(_, is_match)| is_match) {
            return is_path(&line[..at]).then_some(at);
        }
        from = at + 1;
    }
    None
}

/// A path before the first `:`.
fn unnumbered(line: &str) -> Option<usize> {
    let at = memchr::memchr(b':', &line.as_bytes()[..line.len().min(400)])?;
    (is_path(&line[..at]) && !line[..at].contains(' ')).then_some(at)
}

/// Whether a text looks like the path of a file.
pub(super) fn is_path(text: &str) -> bool {
    let named = text.contains('/')
        || text.contains('\\')
        || text.rsplit('.').next().is_some_and(|extension| {
            extension.len() < text.len()
                && (1..=10).contains(&extension.len())
                && extension.bytes().all(|byte| byte.is_ascii_alphanumeric())
                && !extension.bytes().all(|byte| byte.is_ascii_digit())
        })
        || matches!(text, "Makefile" | "Dockerfile" | "LICENSE" | "README");
    let blank = text.starts_with([' ', '\t', '"', '{', '[', '(', '<', '#']) || text.ends_with([' ', '\t']);
    // A drive may have a colon.
    let colon = text.as_bytes().iter().skip(2).any(|byte| *byte == b':');
    named && !blank && !colon && text.len() < 400 && text.bytes().filter(|byte| *byte == b' ').count() <= 3
}

/// Reads an output in the style that most of its first lines have; `None` when it has none.
pub(super) fn read<'a>(text: &'a str, lines: &Lines<'a>) -> Option<Results<'a>> {
    match style(lines)? {
        Style::Json => json(text),
        style @ (Style::Prefixed | Style::Unnumbered) => Some(read_prefixed(lines, style)),
        style @ (Style::Heading | Style::Numbered) => Some(read_grouped(lines, style)),
    }
}

/// Lines looked at to find the style.
const SAMPLE_LINES: usize = 200;

/// The style of an output.
///
/// # Sources
/// Shares chosen by hand.
pub(super) fn style(lines: &Lines<'_>) -> Option<Style> {
    let (mut filled, mut prefixes, mut numbers, mut context, mut json, mut paths, mut plain) = (0, 0, 0, 0, 0, 0, 0);
    let mut counts = 0;
    // The lines of one file come in order; hours at the start of a line repeat.
    let (mut rising, mut previous) = (true, 0);
    for line in lines.iter().take(SAMPLE_LINES).filter(|line| !line.is_empty() && *line != "--") {
        filled += 1;
        if line.starts_with("{\"type\":\"") {
            json += usize::from(
                ["begin\"", "match\"", "context\"", "end\"", "summary\""]
                    .iter()
                    .any(|kind| line[9..].starts_with(kind)),
            );
        } else if let Some((_, is_match)) = numbered(line) {
            numbers += 1;
            context += usize::from(!is_match);
            let number =
                line.bytes().take_while(u8::is_ascii_digit).fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
            rising &= number > previous;
            previous = number;
        } else if prefixed(line).is_some() {
            prefixes += 1;
        } else if context_splits(line).next().is_some() {
            context += 1;
        } else if is_path(line) {
            paths += 1;
        } else if let Some(at) = unnumbered(line) {
            plain += 1;
            counts += usize::from(line.bytes().skip(at + 1).all(|byte| byte.is_ascii_digit()));
        }
    }
    let most = |count: usize| count * 10 >= filled * 7 && count >= 2;
    if most(json) {
        Some(Style::Json)
    } else if prefixes > 0 && most(prefixes + context) && numbers * 4 < prefixes {
        Some(Style::Prefixed)
    } else if paths > 0 && numbers >= paths && most(numbers + paths) {
        Some(Style::Heading)
    } else if most(numbers) && paths == 0 && numbers > context && rising {
        Some(Style::Numbered)
    } else if plain >= prefixes.max(1) && most(plain + prefixes) && counts < plain {
        // Where all texts are numbers, as of `grep -c`, they count matches and are none.
        Some(Style::Unnumbered)
    } else {
        None
    }
}

/// Every place where `path-12-text` could end its path.
fn context_splits(line: &str) -> impl Iterator<Item = usize> + '_ {
    let head = &line.as_bytes()[..line.len().min(400)];
    memchr::memchr_iter(b'-', head)
        .filter(|&at| at > 0 && numbered(&line[at + 1..]).is_some_and(|(_, is_match)| !is_match))
        .take(12)
}

fn read_prefixed<'a>(lines: &Lines<'a>, style: Style) -> Results<'a> {
    let prefixed = if style == Style::Prefixed { prefixed } else { unnumbered };
    let mut paths: HashMap<&str, usize> = HashMap::new();
    for line in lines.iter() {
        if let Some(at) = prefixed(line) {
            paths.insert(&line[..at], usize::MAX);
        }
    }
    // `a.rs-7-x:12:y` is context of a.rs when a.rs has matches, not a match of a file with an odd name.
    let split = |line: &'a str| {
        let context = context_splits(line).find(|&at| style == Style::Prefixed && paths.contains_key(&line[..at]));
        context.or_else(|| prefixed(line))
    };
    let splits: Vec<Option<usize>> = lines.iter().map(split).collect();
    let mut results = Results { style, files: Vec::new(), entries: Vec::new(), others: Vec::new() };
    for (line, split) in lines.iter().zip(splits) {
        let Some(at) = split else {
            if !line.is_empty() && line != "--" {
                results.others.push((results.entries.len(), line));
            }
            continue;
        };
        let file = paths.entry(&line[..at]).or_insert(usize::MAX);
        if *file == usize::MAX {
            *file = results.files.len();
            results.files.push(Cow::Borrowed(&line[..at]));
        }
        let rest = &line[at + 1..];
        let (text_at, is_match) = numbered(rest).filter(|_| style == Style::Prefixed).unwrap_or((0, true));
        results.entries.push(Entry { file: *file, rest: Cow::Borrowed(rest), text_at, is_match });
    }
    results
}

fn read_grouped<'a>(lines: &Lines<'a>, style: Style) -> Results<'a> {
    let mut results = Results { style, files: Vec::new(), entries: Vec::new(), others: Vec::new() };
    if style == Style::Numbered {
        results.files.push(Cow::Borrowed(""));
    }
    for line in lines.iter().filter(|line| !line.is_empty() && *line != "--") {
        match numbered(line) {
            Some((text_at, is_match)) if !results.files.is_empty() => {
                let file = results.files.len() - 1;
                results.entries.push(Entry { file, rest: Cow::Borrowed(line), text_at, is_match });
            }
            None if style == Style::Heading && is_path(line) => results.files.push(Cow::Borrowed(line)),
            _ => results.others.push((results.entries.len(), line)),
        }
    }
    results
}

/// What ripgrep prints with `--json`.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    data: Data<'a>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow, default)]
    path: Option<Text<'a>>,
    #[serde(borrow, default)]
    lines: Option<Text<'a>>,
    #[serde(default)]
    line_number: Option<u64>,
}

#[derive(Deserialize)]
struct Text<'a> {
    /// Missing where the bytes are no UTF-8.
    #[serde(borrow, default)]
    text: Option<Cow<'a, str>>,
}

fn json(text: &str) -> Option<Results<'_>> {
    let mut results = Results { style: Style::Json, files: Vec::new(), entries: Vec::new(), others: Vec::new() };
    for line in text.split('\n').filter(|line| !line.trim().is_empty()) {
        // A cut last line is usual in recorded output.
        let Ok(event) = serde_json::from_str::<Event<'_>>(line) else {
            results.others.push((results.entries.len(), line));
            continue;
        };
        let is_match = match &*event.kind {
            "match" => true,
            "context" => false,
            "begin" | "end" | "summary" => continue,
            _ => return None,
        };
        let (Some(path), Some(lines), Some(number)) = (
            event.data.path.and_then(|path| path.text),
            event.data.lines.and_then(|lines| lines.text),
            event.data.line_number,
        ) else {
            results.others.push((results.entries.len(), line));
            continue;
        };
        if results.files.last() != Some(&path) {
            results.files.push(path);
        }
        let start = format!("{number}{}", if is_match { ':' } else { '-' });
        let text_at = start.len();
        let rest = Cow::Owned(start + lines.trim_end_matches(['\n', '\r']));
        results.entries.push(Entry { file: results.files.len() - 1, rest, text_at, is_match });
    }
    Some(results)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<Results<'_>> {
        read(text, &Lines::of(text).unwrap())
    }

    #[test]
    fn every_style_gives_the_same_entries() {
        let prefixed = "src/a-1-b.rs:12:fn a() {\nsrc/a-1-b.rs-13-    x:1:y\n--\nsrc/c.rs:7:a();\n";
        let heading = "src/a-1-b.rs\n12:fn a() {\n13-    x:1:y\n\nsrc/c.rs\n7:a();\n";
        let json = concat!(
            r#"{"type":"begin","data":{"path":{"text":"src/a-1-b.rs"}}}"#,
            "\n",
            r#"{"type":"match","data":{"path":{"text":"src/a-1-b.rs"},"lines":{"text":"fn a() {\n"},"line_number":12}}"#,
            "\n",
            r#"{"type":"context","data":{"path":{"text":"src/a-1-b.rs"},"lines":{"text":"    x:1:y\n"},"line_number":13}}"#,
            "\n",
            r#"{"type":"match","data":{"path":{"text":"src/c.rs"},"lines":{"text":"a();\n"},"line_number":7}}"#,
            "\n",
        );
        for text in [prefixed, heading, json] {
            let results = parse(text).unwrap();
            let entries: Vec<_> = results
                .entries
                .iter()
                .map(|entry| (&*results.files[entry.file], &*entry.rest, entry.is_match))
                .collect();
            assert_eq!(
                entries,
                [
                    ("src/a-1-b.rs", "12:fn a() {", true),
                    ("src/a-1-b.rs", "13-    x:1:y", false),
                    ("src/c.rs", "7:a();", true)
                ],
                "{text}"
            );
        }
    }

    #[test]
    fn paths_without_numbers_are_read() {
        let results = parse("src/a.rs:fn a() {\nsrc/a.rs:    a:1:b\nb.py:def c():\n").unwrap();
        assert_eq!(
            (results.style, results.files.len(), &*results.entries[1].rest),
            (Style::Unnumbered, 2, "    a:1:b")
        );
    }

    #[test]
    fn counts_of_matches_are_no_matches() {
        assert!(parse("src/a.rs:7\nsrc/b.rs:0\nsrc/c.rs:12\n").is_none());
        assert!(parse("src/a.rs:7\nsrc/b.rs:0\nsrc/c.rs:twelve\n").is_some());
    }

    #[test]
    fn logs_and_prose_have_no_style() {
        for text in [
            "10:00:01 INFO a\n10:00:02 INFO b\n10:00:03 INFO c\n",
            "2024-05-01T10:15:30 x\n2024-05-01T10:15:31 y\n2024-05-01T10:15:32 z\n",
            "First: see 12.\nThen: nothing.\nEnd.\n",
            "",
        ] {
            assert!(parse(text).is_none(), "{text}");
        }
    }
}
