//! What each line of a document is.

use crate::transforms::lines::Lines;

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineKind {
    /// Nothing, or a rule.
    Blank,
    /// A heading of a level: [`DOCUMENT`], 1 to 6, or [`WEAK`].
    Heading(u8),
    /// The line under a heading.
    Underline,
    /// The line that opens a block of code.
    Fence,
    /// The line that closes it.
    FenceEnd,
    /// A line of code, or of the front matter.
    Code,
    /// A row of a table.
    Table,
    /// The first line of a list item.
    Item,
    /// A quoted line.
    Quote,
    /// Any other line.
    Text,
}

/// The level of a line that starts one of several documents, as search tools give them.
pub(super) const DOCUMENT: u8 = 0;
/// The level of a short line that stands alone.
pub(super) const WEAK: u8 = 7;

/// Lines of front matter at most.
const FRONT_MATTER_LINES: usize = 60;
/// Fences among which the end of a block of code is looked for.
const FENCES_AHEAD: usize = 64;
/// A line that stands alone and is not longer may be a heading, in bytes.
const WEAK_HEADING_BYTES: usize = 80;

/// Whether the lines of a text carry numbers in front, as file viewers write them, and the first of these.
pub(super) fn first_number(lines: &Lines<'_>) -> Option<usize> {
    let numbers: Vec<usize> = lines.iter().take(60).filter_map(|line| number_before(line).map(|(n, _)| n)).collect();
    let looked_at = lines.iter().take(60).filter(|line| !line.is_empty()).count();
    let counts_up = numbers.windows(2).all(|pair| pair[1] == pair[0].saturating_add(1));
    (numbers.len() >= 8 && numbers.len() * 10 >= looked_at * 8 && counts_up).then(|| numbers[0])
}

/// The number in front of a line and where the line's own text starts: `  12<tab>text`, `12→text`, `12|text`.
fn number_before(line: &str) -> Option<(usize, usize)> {
    let start = line.len() - line.trim_start_matches(' ').len();
    let digits = line[start..].bytes().take(9).take_while(u8::is_ascii_digit).count();
    let number = line[start..start + digits].parse().ok()?;
    let rest = &line[start + digits..];
    let separator = rest.chars().next().filter(|c| matches!(c, '\t' | '→' | '|'))?;
    Some((number, start + digits + separator.len_utf8()))
}

/// A line without the number that a file viewer wrote in front.
pub(super) fn own_text(line: &str, numbered: bool) -> &str {
    number_before(line).filter(|_| numbered).map_or(line, |(_, start)| &line[start..])
}

/// The kind of every line.
pub(super) fn classify(lines: &Lines<'_>, numbered: bool) -> Vec<LineKind> {
    let own = |at: usize| own_text(lines.get(at), numbered);
    let mut kinds = vec![LineKind::Blank; lines.len()];
    let starts_document = documents(lines, numbered);
    let fences = Fences::of(lines, numbered);
    let mut at = 0;
    if own(0).trim_end() == "---"
        && let Some(end) = (1..lines.len().min(FRONT_MATTER_LINES)).find(|&at| own(at).trim_end() == "---")
        && (1..end).any(|at| own(at).contains(':'))
    {
        kinds[0] = LineKind::Fence;
        kinds[1..end].fill(LineKind::Code);
        kinds[end] = LineKind::FenceEnd;
        at = end + 1;
    }
    while at < lines.len() {
        if let Some(end) = fences.end_of(at) {
            kinds[at] = LineKind::Fence;
            kinds[at + 1..end].fill(LineKind::Code);
            kinds[end] = LineKind::FenceEnd;
            at = end + 1;
            continue;
        }
        let after_text = at > 0 && kinds[at - 1] == LineKind::Text;
        let stands_first = at == 0 || matches!(kinds[at - 1], LineKind::Blank | LineKind::Heading(_));
        kinds[at] = if starts_document[at] {
            LineKind::Heading(DOCUMENT)
        } else {
            match kind(own(at)) {
                // `=====` under a line of text makes that line a heading; a row of a table has bars beside its dashes.
                Kind::Underline(level) if after_text && (at < 2 || kinds[at - 2] != LineKind::Text) => {
                    kinds[at - 1] = LineKind::Heading(level);
                    LineKind::Underline
                }
                Kind::Underline(_) => LineKind::Blank,
                Kind::Is(LineKind::Text)
                    if own(at).contains('|')
                        && ((at > 0 && kinds[at - 1] == LineKind::Table) || is_table_rule(own(at + 1))) =>
                {
                    LineKind::Table
                }
                Kind::Is(found)
                    if (found == LineKind::Text || (found == LineKind::Item && is_numbered(own(at))))
                        && stands_first
                        && is_weak_heading(own(at))
                        && own(at + 1).trim().is_empty()
                        && at + 1 < lines.count() =>
                {
                    LineKind::Heading(WEAK)
                }
                Kind::Is(kind) => kind,
            }
        };
        at += 1;
    }
    kinds
}

enum Kind {
    Is(LineKind),
    /// A line of `=` or `-` alone, and the level of the heading above it.
    Underline(u8),
}

fn kind(line: &str) -> Kind {
    let text = line.trim();
    let Some(first) = text.chars().next() else { return Kind::Is(LineKind::Blank) };
    let only = |c: char| text.len() >= 3 && text.chars().all(|other| other == c);
    let hashes = text.bytes().take_while(|&byte| byte == b'#').count();
    let marked = |marks: usize| text.as_bytes().get(marks).is_none_or(|byte| matches!(byte, b' ' | b'\t'));
    let digits = text.bytes().take(4).take_while(u8::is_ascii_digit).count();
    Kind::Is(match first {
        '=' if only('=') => return Kind::Underline(1),
        '-' if only('-') => return Kind::Underline(2),
        '~' | '^' if only(first) => return Kind::Underline(3),
        '*' | '_' if only(first) => LineKind::Blank,
        '#' if (1..=6).contains(&hashes) && marked(hashes) =>
        {
            #[expect(clippy::cast_possible_truncation, reason = "at most 6")]
            LineKind::Heading(hashes as u8)
        }
        '|' if text.len() > 1 && text.ends_with('|') => LineKind::Table,
        '>' => LineKind::Quote,
        '-' | '*' | '+' if marked(1) => LineKind::Item,
        '•' | '‣' | '◦' | '・' => LineKind::Item,
        '0'..='9' if matches!(text.as_bytes().get(digits), Some(b'.' | b')')) && marked(digits + 1) => LineKind::Item,
        _ => LineKind::Text,
    })
}

/// `2. Terms`: a heading of a contract or an item of a list.
fn is_numbered(line: &str) -> bool {
    line.starts_with(|c: char| c.is_ascii_digit())
}

/// `--- | :---:`: the line under the names of a table's columns.
fn is_table_rule(line: &str) -> bool {
    line.contains('|')
        && line.contains("--")
        && line.bytes().all(|byte| matches!(byte, b'|' | b'-' | b':' | b' ' | b'\r'))
}

/// A short line without the end of a sentence, such as `Chapter 3` or `**Options**`.
fn is_weak_heading(line: &str) -> bool {
    let text = line.trim();
    text.len() <= WEAK_HEADING_BYTES
        && text.chars().any(char::is_alphabetic)
        && !text.ends_with(['.', '!', '?', ',', ';', ':', '。', '！', '？', '、', '：', '»', '"', '”'])
        && !text.starts_with(|c: char| c.is_lowercase() || matches!(c, '<' | '[' | '!' | '(' | '{'))
}

/// Which lines start one of several documents: `[3] address`, `<document …>`, `--- Document 3 ---`, `Title: …`,
/// `commit 1f3a…`.
fn documents(lines: &Lines<'_>, numbered: bool) -> Vec<bool> {
    /// Lines of a document on average; less is a list.
    const MIN_LINES: usize = 3;
    let mut starts = vec![false; lines.len()];
    let looks: [fn(&str) -> bool; 5] = [
        |line| bracketed_number(line).is_some(),
        |line| {
            const NAMES: [&str; 8] =
                ["<document", "<doc ", "<doc>", "<result", "<search_result", "<chunk", "<passage", "<source"];
            NAMES.iter().any(|name| line.starts_with(name))
        },
        |line| {
            const NAMES: [&str; 7] = ["document", "result", "source", "chunk", "passage", "doc", "file"];
            let inner = line.trim_matches(|c: char| !c.is_alphanumeric());
            let name = inner.split(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
            let rest = inner.get(name.len()..).unwrap_or_default();
            line.len() <= 200
                && NAMES.iter().any(|known| name.eq_ignore_ascii_case(known))
                && rest.trim_start_matches([' ', '#', ':']).starts_with(|c: char| c.is_ascii_digit())
        },
        |line| {
            let hash = line.strip_prefix("commit ").and_then(|rest| rest.split_ascii_whitespace().next());
            hash.is_some_and(|hash| hash.len() == 40 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
        },
        |line| line.len() > 7 && ["Title:", "TITLE:", "title:"].iter().any(|name| line.starts_with(name)),
    ];
    for look in looks {
        let found: Vec<usize> =
            (0..lines.len()).filter(|&at| look(own_text(lines.get(at), numbered).trim_start())).collect();
        let counts_up = || {
            let numbers =
                found.iter().filter_map(|&at| bracketed_number(own_text(lines.get(at), numbered).trim_start()));
            numbers.collect::<Vec<_>>().windows(2).all(|pair| pair[1] == pair[0].saturating_add(1))
        };
        let filled = lines.iter().filter(|line| !line.trim().is_empty()).count();
        if found.len() >= 2 && filled >= found.len() * MIN_LINES && counts_up() {
            found.into_iter().for_each(|at| starts[at] = true);
            break;
        }
    }
    starts
}

fn bracketed_number(line: &str) -> Option<usize> {
    let (number, rest) = line.strip_prefix('[')?.split_once(']')?;
    (number.len() <= 4 && rest.starts_with([' ', ':'])).then(|| number.parse().ok()).flatten()
}

/// The lines that open and close blocks of code.
struct Fences(Vec<(usize, usize)>);

impl Fences {
    fn of(lines: &Lines<'_>, numbered: bool) -> Self {
        struct Fence {
            line: usize,
            mark: u8,
            marks: usize,
            bare: bool,
        }
        let fences: Vec<Fence> = (0..lines.len())
            .filter_map(|line| {
                let text = own_text(lines.get(line), numbered).trim();
                let mark = *text.as_bytes().first().filter(|mark| matches!(mark, b'`' | b'~'))?;
                let marks = text.bytes().take_while(|&byte| byte == mark).count();
                let rest = text.get(marks..).unwrap_or_default();
                (marks >= 3 && !rest.contains('`')).then_some(Fence { line, mark, marks, bare: rest.is_empty() })
            })
            .collect();
        let mut pairs = Vec::new();
        let mut at = 0;
        while let Some(open) = fences.get(at) {
            let closes = |fence: &Fence| fence.bare && fence.mark == open.mark && fence.marks >= open.marks;
            // A fence that nothing closes is text.
            if let Some(ahead) = fences[at + 1..].iter().take(FENCES_AHEAD).position(closes) {
                pairs.push((open.line, fences[at + 1 + ahead].line));
                at += ahead + 1;
            }
            at += 1;
        }
        Self(pairs)
    }

    /// The line that closes the block of code which this line opens.
    fn end_of(&self, line: usize) -> Option<usize> {
        let at = self.0.binary_search_by_key(&line, |(open, _)| *open).ok()?;
        self.0.get(at).map(|(_, close)| *close)
    }
}

#[cfg(test)]
mod tests {
    use super::LineKind::*;
    use super::*;

    fn kinds(text: &str) -> Vec<LineKind> {
        let lines = Lines::of(text).unwrap();
        classify(&lines, first_number(&lines).is_some())
    }

    #[test]
    fn lines_of_markdown_have_their_kinds() {
        let text = "---\ntitle: a\n---\n# One\ntext\n- item\n1. item\n> said\n\n```sh\n# no heading\n```\nTwo\n---\na | b\n--|--\n1 | 2\n***\n";
        assert_eq!(
            kinds(text),
            [
                Fence,
                Code,
                FenceEnd,
                Heading(1),
                Text,
                Item,
                Item,
                Quote,
                Blank,
                Fence,
                Code,
                FenceEnd,
                Heading(2),
                Underline,
                Table,
                Table,
                Table,
                Blank,
                Blank
            ]
        );
    }

    #[test]
    fn a_fence_that_nothing_closes_is_text() {
        assert_eq!(kinds("a\n```\nb\n# c"), [Text, Text, Text, Heading(1)]);
        assert_eq!(kinds(&"```sh\n".repeat(5000)).len(), 5001);
    }

    #[test]
    fn short_lines_that_stand_alone_are_weak_headings() {
        assert_eq!(
            kinds("Chapter 3\n\nIt was dark.\n\nand so on\n\nDone\n"),
            [Heading(WEAK), Blank, Text, Blank, Text, Blank, Text, Blank]
        );
    }

    #[test]
    fn documents_of_a_search_start_at_their_titles() {
        let body = "words of it\nmore words\n\nlast words\n";
        for title in [
            "[@] http://a/b",
            "<document index=\"@\">",
            "--- Document @ ---",
            "Title: number @",
            "commit @aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        ] {
            let text: String = (1..4).map(|at| title.replace('@', &at.to_string()) + "\n" + body).collect();
            let found = kinds(&text);
            assert_eq!(found.iter().filter(|kind| **kind == Heading(DOCUMENT)).count(), 3, "{title}");
        }
        let list: String = (1..9).map(|at| format!("[{at}] A. Author, a book\n")).collect();
        assert!(!kinds(&list).contains(&Heading(DOCUMENT)));
    }

    #[test]
    fn numbers_of_a_file_viewer_are_looked_through() {
        let text: String = (0..12).map(|at| format!("{:>6}\t## Part {at}\n", at + 7)).collect();
        let lines = Lines::of(&text).unwrap();
        assert_eq!(first_number(&lines), Some(7));
        assert!(kinds(&text).iter().take(12).all(|kind| *kind == Heading(2)));
        assert_eq!(own_text("12→ a", true), " a");
        assert_eq!(own_text("99999999999 a", true), "99999999999 a");
    }
}
