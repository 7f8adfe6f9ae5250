//! What the lines of a listing are.

use crate::conversation::ToolCall;
use crate::transforms::lines::Lines;

/// Listings of fewer entries are left alone.
const MIN_ENTRIES: usize = 8;

/// Of the lines of a listing so many are entries, headings or blank, in percent.
const SURE_PERCENT: usize = 95;

/// Longer lines are no entries. In bytes.
const LONGEST: usize = 400;

/// Commands and tools that list names.
const LISTERS: [&str; 16] = [
    "ls",
    "find",
    "fd",
    "fdfind",
    "tree",
    "du",
    "ls-files",
    "ls-tree",
    "--files",
    "glob",
    "list_dir",
    "list_directory",
    "list_files",
    "listdir",
    "find_files",
    "exa",
];

/// Commands beside which the names may be something else.
const PRINTERS: [&str; 9] = ["cat", "xargs", "exec", "-exec", "grep", "sed", "awk", "jq", "python"];

/// The forms of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// `-rw-r--r-- 1 root root 349 Apr 16 2024 name`, perhaps below `folder:`.
    Long,
    /// Names, perhaps below `folder:`.
    Names,
    /// `│   ├── name`.
    Tree,
    /// A path a line.
    Paths,
    /// `12K<tab>path`.
    Sizes,
}

/// No line.
pub(super) const NONE: u32 = u32::MAX;

/// What a line is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'a> {
    /// The line of the folder that holds it, or [`NONE`].
    pub(super) parent: u32,
    /// Whether it is a folder with entries below.
    pub(super) is_heading: bool,
    /// Whether it is a message of the command, such as `Permission denied`, or says that something is wrong with an entry.
    pub(super) is_notice: bool,
    /// Whether it is blank or a sum, and no entry.
    pub(super) is_aside: bool,
    /// How many folders are above it.
    pub(super) depth: usize,
    /// Bytes, or the unit of the command; 0 when it says nothing of it.
    pub(super) size: u64,
    /// What an entry has beside name, size and date: mode and owner.
    pub(super) class: &'a str,
    /// The path or the name.
    pub(super) name: &'a str,
}

/// One entry a line.
#[derive(Debug)]
pub(super) struct Entries<'a> {
    pub(super) style: Style,
    pub(super) entries: Vec<Entry<'a>>,
}

/// The form of a listing; `None` for other texts.
pub(super) fn style(lines: &Lines<'_>, tool: Option<&ToolCall>) -> Option<Style> {
    let called = tool.is_some_and(is_lister);
    let styles = [Style::Long, Style::Tree, Style::Sizes, Style::Paths, Style::Names];
    styles.into_iter().filter(|style| called || *style != Style::Names).find(|style| {
        let (mut filled, mut entries, mut others) = (0, 0, 0);
        for line in lines.iter().filter(|line| !line.trim().is_empty()) {
            filled += 1;
            match line {
                _ if line.len() > LONGEST => others += 1,
                _ if is_entry(line, *style, called) => entries += 1,
                _ if is_heading(line) || is_total(line) || is_message(line) || filled == 1 => {}
                _ => others += 1,
            }
        }
        entries >= MIN_ENTRIES && others * 100 <= filled * (100 - SURE_PERCENT) && entries * 2 > filled
    })
}

fn is_entry(line: &str, style: Style, called: bool) -> bool {
    match style {
        Style::Long => is_long(line),
        Style::Tree => branch(line).is_some(),
        Style::Sizes => sized(line).is_some(),
        Style::Paths => {
            let is_rooted = ["/", "./", "../", "~/"].iter().any(|root| line.starts_with(root));
            // Blanks stand in paths only where the command is known to print nothing else.
            (called && is_rooted || line.contains('/') && !line.contains([' ', '\t']))
                && !line.contains("://")
                && !line.contains(['"', '<', '>', '{', ';', '=', '|', ','])
                && !line.bytes().zip(line.bytes().skip(1)).any(|(one, next)| one == b':' && next != b':')
                && !is_heading(line)
        }
        Style::Names => {
            !line.contains(['\t', '"', '<', '{', ';', '|'])
                && line.len() <= 120
                && !is_heading(line)
                && !is_total(line)
                && !line.contains(": ")
                && line.split_whitespace().count() <= 2
        }
    }
}

/// Whether a call lists names.
fn is_lister(tool: &ToolCall) -> bool {
    let words = tool.arguments.split(|char: char| !(char.is_alphanumeric() || matches!(char, '-' | '_')));
    let (mut lists, mut prints) = (false, false);
    for word in words.chain([&*tool.name.to_ascii_lowercase()]) {
        lists |= LISTERS.contains(&word);
        prints |= PRINTERS.contains(&word);
    }
    lists && !prints
}

/// `-rw-r--r-- …`.
fn is_long(line: &str) -> bool {
    let bytes = line.as_bytes();
    bytes.len() > 20
        && matches!(bytes[0], b'-' | b'd' | b'l' | b'c' | b'b' | b'p' | b's')
        && bytes[1..10].iter().all(|byte| matches!(byte, b'r' | b'w' | b'x' | b's' | b't' | b'S' | b'T' | b'-'))
}

/// `./folder:`, above the entries of a folder.
fn is_heading(line: &str) -> bool {
    line.len() > 1 && line.ends_with(':') && !line.contains(' ') || line.starts_with(['.', '/']) && line.ends_with(':')
}

/// `total 52`, `13 directories, 360 files`, `12K total`.
fn is_total(line: &str) -> bool {
    let line = line.trim();
    line.strip_prefix("total ").is_some_and(|rest| rest.len() < 12)
        || line.starts_with(|first: char| first.is_ascii_digit())
            && ["director", " file", " entries", "total"].iter().any(|word| line.contains(word))
            && line.len() < 80
}

/// `find: ‘./x’: Permission denied`.
fn is_message(line: &str) -> bool {
    ["ls: ", "find: ", "tree: ", "du: ", "fatal: ", "error: ", "npm ERR", "npm error", "npm warn"]
        .iter()
        .any(|start| line.starts_with(start))
        || ["Permission denied", "No such file", "error opening", "UNMET ", " invalid", " extraneous", " missing:"]
            .iter()
            .any(|word| line.contains(word))
}

/// Where the name begins behind the lines of a tree, as an offset; `None` for a line without a branch.
fn branch(line: &str) -> Option<usize> {
    let is_drawn =
        |char: char| matches!(char, '│' | '├' | '└' | '─' | '┬' | '|' | '`' | '+' | '-' | '\\' | ' ' | '\u{a0}');
    let start = line.find(|char: char| !is_drawn(char))?;
    let drawn = &line[..start];
    // The name may begin with a sign of the tree; then it begins behind the blank.
    let end = drawn.trim_end_matches(['-', '+', '`', '|', '\\']);
    let end = if end.ends_with([' ', '\u{a0}']) { end } else { drawn };
    ["├─", "└─", "|--", "`--", "+--", "\\--"].iter().any(|sign| end.contains(sign)).then_some(end.len())
}

/// The size and the path of `12K<tab>path`.
fn sized(line: &str) -> Option<(u64, &str)> {
    let (size, path) = line.split_once('\t')?;
    let size = size.trim();
    let digits = size.trim_end_matches(|char: char| char.is_ascii_alphabetic());
    let unit: u64 = match size.as_bytes().get(digits.len()) {
        None | Some(b'B') => 1,
        Some(b'K' | b'k') => 1 << 10,
        Some(b'M') => 1 << 20,
        Some(b'G') => 1 << 30,
        Some(b'T') => 1 << 40,
        Some(_) => return None,
    };
    let number: f64 = digits.parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0)?;
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "sizes are compared, not computed with"
    )]
    let bytes = (number * unit as f64) as u64;
    (!path.is_empty() && !path.contains('\t')).then_some((bytes, path))
}

/// Reads the lines of a listing.
pub(super) fn read<'a>(lines: &Lines<'a>, style: Style) -> Entries<'a> {
    let mut entries: Vec<Entry<'a>> = Vec::with_capacity(lines.count());
    let mut heading = NONE;
    // The branch of a tree above the line at hand: columns and lines.
    let mut above: Vec<(usize, u32)> = Vec::new();
    for (at, line) in (0u32..).zip(lines.iter()).take(lines.count()) {
        let mut entry = Entry {
            parent: heading,
            is_heading: false,
            is_notice: is_message(line) && (style != Style::Paths || !line.starts_with(['.', '/'])),
            is_aside: line.trim().is_empty() || is_total(line),
            depth: 1,
            size: 0,
            class: "",
            name: line,
        };
        match style {
            Style::Long | Style::Names if is_heading(line) => {
                heading = at;
                entry = Entry {
                    parent: NONE,
                    is_heading: true,
                    depth: depth(line),
                    name: line.trim_end_matches(':'),
                    ..entry
                };
            }
            Style::Long => {
                let fields: Vec<&str> = line.split_ascii_whitespace().take(5).collect();
                entry.size = fields.get(4).and_then(|size| size.parse().ok()).unwrap_or(0);
                entry.class = class(line);
                entry.name = line.rsplit(' ').next().unwrap_or(line);
                if entry.class.starts_with('d') {
                    entry.size = 0;
                }
            }
            Style::Tree => {
                let start = branch(line).unwrap_or(0);
                // A line that is drawn and has no branch, such as `│   [build-dependencies]`, stands beside the entries.
                let is_root = start == 0 && !line.starts_with(['│', '|', ' ', '\u{a0}', '[']);
                entry.is_aside |= start == 0 && !is_root;
                let column = line.get(..start).map_or(0, |drawn| drawn.chars().count());
                if entry.is_aside {
                    entry.parent = above.last().map_or(NONE, |(_, parent)| *parent);
                } else {
                    while above.last().is_some_and(|(other, _)| *other >= column) {
                        above.pop();
                    }
                    entry.parent = above.last().map_or(NONE, |(_, parent)| *parent);
                    entry.depth = above.len();
                    if let Some(parent) = entries.get_mut(entry.parent as usize) {
                        parent.is_heading = true;
                    }
                    above.push((column, at));
                }
                entry.name = line.get(start..).unwrap_or(line);
            }
            Style::Sizes => {
                let (size, path) = sized(line).unwrap_or((0, line));
                entry = Entry { size, name: path, depth: depth(path), ..entry };
            }
            Style::Paths => entry.depth = depth(line),
            Style::Names => {}
        }
        entries.push(entry);
    }
    Entries { style, entries }
}

/// How many folders a path names.
fn depth(path: &str) -> usize {
    let path = path.strip_prefix("./").unwrap_or(path);
    path.trim_end_matches(['/', ':']).bytes().filter(|byte| *byte == b'/').count()
}

/// Mode, links and owners of a long line.
fn class(line: &str) -> &str {
    let mut end = 0;
    for _ in 0..4 {
        let rest = &line[end..];
        let word = rest.trim_start_matches(' ');
        end += rest.len() - word.len() + word.find(' ').unwrap_or(word.len());
    }
    &line[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn style_of(text: &str, command: &str) -> Option<Style> {
        let tool = ToolCall { arguments: format!("{{\"command\":\"{command}\"}}"), ..ToolCall::default() };
        style(&Lines::of(text)?, Some(&tool))
    }

    #[test]
    fn forms_are_told_apart() {
        for (line, command, expected) in [
            ("-rw-r--r-- 1 root root 349 Apr 16  2024 a b.py\n", "ls -l", Style::Long),
            ("│   ├── a.py\n", "tree", Style::Tree),
            ("|   `-- a.py\n", "tree", Style::Tree),
            ("├─┬ jsdom@24.1.0\n", "npm ls", Style::Tree),
            ("4.0K\t./a\n", "du -h", Style::Sizes),
            ("./a b/c.py\n", "find .", Style::Paths),
            ("a/c.py\n", "git ls-files", Style::Paths),
            ("a.py\n", "ls", Style::Names),
        ] {
            assert_eq!(style_of(&line.repeat(20), command), Some(expected), "{line}");
        }
        for line in ["a.py\n", "./a b/c.py\n", "x = a/b\n", "a/b: c\n", "12\tx\ty\n"] {
            assert_eq!(style_of(&line.repeat(20), "run"), None, "{line}");
        }
    }

    #[test]
    fn branches_lead_to_the_root() {
        let lines = Lines::of(".\n├── a\n│   ├── b\n│   │   └── c\n│   └── d\n└── e\n").unwrap();
        let listing = read(&lines, Style::Tree);
        let parents: Vec<_> = listing.entries.iter().map(|entry| entry.parent).collect();
        assert_eq!(parents, [NONE, 0, 1, 2, 1, 0]);
        assert_eq!(listing.entries[3].name, "c");
        let lines = Lines::of("app v1\n├── a v1\n│   ├── b v1\n│   [build-dependencies]\n│   └── c v1\n").unwrap();
        let parents: Vec<_> = read(&lines, Style::Tree).entries.iter().map(|entry| entry.parent).collect();
        assert_eq!(parents, [NONE, 0, 1, 2, 1]);
    }
}
