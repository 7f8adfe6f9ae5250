//! What a diff leaves out, and the label that says so in its place.

use super::paths::PathClass;
use super::scan::{Role, Scan, Section};

/// Why a line is not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fold {
    /// A title or index line that repeats what the lines around it say.
    Header,
    /// An unchanged line away from every change.
    Context,
    /// Inside a long change of a document.
    Change,
    /// A hunk that changes blanks only.
    Whitespace,
    /// A file of a class that is folded whole.
    File(PathClass),
    /// A file that only changed its name.
    Rename,
    /// A file that only changed its mode.
    Mode,
    /// A binary file.
    Binary,
}

impl Fold {
    /// Why a file without hunks is folded; `None` when its header says something that a count would not.
    pub(super) fn of_section_without_hunks(scan: &Scan<'_>, section: &Section<'_>) -> Option<Self> {
        let lines = section.lines.clone();
        if scan.roles[lines.clone()].contains(&Role::Binary) {
            return Some(Self::Binary);
        }
        let has = |start: &str| scan.lines[lines.clone()].iter().any(|line| line.starts_with(start));
        if has("rename from ") {
            return has("similarity index 100%").then_some(Self::Rename);
        }
        (has("old mode ") && has("new mode ")).then_some(Self::Mode)
    }
}

/// Consecutive lines that are left out for one reason.
#[derive(Debug, Default)]
pub(super) struct Gap<'a> {
    pub(super) fold: Option<Fold>,
    pub(super) start: usize,
    changed: usize,
    context: usize,
    hunks: usize,
    files: usize,
    bytes: usize,
    lines: usize,
    path: &'a str,
    first: String,
    last: String,
}

impl<'a> Gap<'a> {
    /// Adds the line at `index`, which is of the file `path`.
    pub(super) fn add(&mut self, scan: &Scan<'a>, index: usize, path: &'a str) {
        if self.bytes == 0 {
            (self.start, self.path) = (index, path);
        }
        self.lines += 1;
        self.bytes += scan.lines[index].len();
        let role = scan.roles[index];
        self.changed += usize::from(role.is_change());
        self.context += usize::from(role == Role::Context);
        self.hunks += usize::from(role == Role::HunkHeader);
    }

    /// Says that the next line starts a file.
    pub(super) fn add_file(&mut self, scan: &Scan<'_>, section: &Section<'_>) {
        self.last = name(scan, section);
        if self.files == 0 {
            self.first.clone_from(&self.last);
        }
        self.files += 1;
    }

    /// Whether it has whole files, from their first lines on.
    pub(super) fn has_files(&self) -> bool {
        self.files > 0
    }

    /// Whether the lines cost so little that a label would not be shorter.
    pub(super) fn is_tiny(&self) -> bool {
        self.fold == Some(Fold::Context) && self.bytes <= TINY_BYTES
    }

    /// The label, without a line break; the `first` one of its kind says what later ones mean.
    pub(super) fn label(&self, is_first: bool) -> String {
        let Self { changed, context, hunks, files, lines, path, ref first, ref last, .. } = *self;
        let (one, many) = match self.fold {
            Some(Fold::Context) | None if is_first => {
                return format!("[{} of context, as below]", counted(context, "line"));
            }
            Some(Fold::Context) | None => return format!("[{}]", counted(context, "line")),
            Some(Fold::Header) => return String::new(),
            Some(Fold::Whitespace) if hunks == 1 => {
                return format!("[whitespace-only hunk folded: {}]", counted(changed, "changed line"));
            }
            Some(Fold::Whitespace) => {
                return format!("[{hunks} whitespace-only hunks folded: {changed} changed lines]");
            }
            Some(Fold::Change) => {
                return format!("[{changed} changed and {context} context lines of {path} left out]");
            }
            Some(Fold::File(_)) if files == 0 && changed == 0 => {
                return format!("[{} of {path} left out, none changed]", counted(lines, "line"));
            }
            Some(Fold::File(_)) if files == 0 => {
                return format!("[{} of {path} left out]", counted(changed, "changed line"));
            }
            Some(Fold::File(class)) => class.folded_as().unwrap_or(("file", "files")),
            Some(Fold::Rename) => ("pure rename", "pure renames"),
            Some(Fold::Mode) => ("mode change", "mode changes"),
            Some(Fold::Binary) => ("binary file", "binary files"),
        };
        let (count, names) = match files {
            0 | 1 => (one.to_owned(), first.to_owned()),
            2 => (format!("2 {many}"), format!("{first}, {last}")),
            _ => (format!("{files} {many}"), format!("{first} … {last}")),
        };
        match hunks {
            0 => format!("[{count} folded: {names}]"),
            _ => {
                format!("[{count} folded: {names}; {} in {}]", counted(changed, "changed line"), counted(hunks, "hunk"))
            }
        }
    }
}

fn counted(count: usize, unit: &str) -> String {
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// A file's path, with the one it had before it was renamed, and its modes when these changed.
fn name(scan: &Scan<'_>, section: &Section<'_>) -> String {
    let header = section.hunks.first().map_or(section.lines.end, |hunk| hunk.start);
    let after = |start: &str| {
        let mut lines = scan.lines[section.lines.start..header].iter();
        lines.find_map(|line| line.strip_prefix(start)).map(|rest| rest.trim_end().trim_matches('"'))
    };
    let mut name = section.path.to_owned();
    if let (Some(old), Some(new)) = (after("rename from "), after("rename to ")) {
        name = format!("{old} → {new}");
    }
    if let (Some(old), Some(new)) = (after("old mode "), after("new mode ")) {
        name.push_str(&format!(" {old}→{new}"));
    }
    name
}

/// Context of at most this many bytes stays. Chosen by hand: a label has about as many.
const TINY_BYTES: usize = 24;

/// Whether a hunk changes nothing but blanks at line ends, blank lines, the number of blanks between words of a line
/// without quotes, and indentation, the last only if every line stays as deep as the others see it: where indentation
/// has a meaning, moving one line of a block is a change.
pub(super) fn is_whitespace_only(lines: &[&str], roles: &[Role]) -> bool {
    let side = |role: Role| {
        lines
            .iter()
            .zip(roles)
            .filter(move |(line, is)| **is == role && !line[1..].trim().is_empty())
            .map(|(line, _)| &line[1..])
    };
    let (mut old, mut new) = (side(Role::Removed), side(Role::Added));
    let context = lines.iter().zip(roles).filter(|(_, role)| **role == Role::Context);
    let context = context.filter_map(|(line, _)| line.get(1..)).filter(|line| !line.trim().is_empty());
    let mut depths: Vec<_> = context.map(|line| (depth(line), depth(line))).collect();
    loop {
        match (old.next(), new.next()) {
            (Some(old), Some(new)) if same_words(old.trim(), new.trim()) => depths.push((depth(old), depth(new))),
            (None, None) => break,
            _ => return false,
        }
    }
    depths.sort_unstable();
    depths.dedup();
    depths.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 < pair[1].1)
}

fn same_words(old: &str, new: &str) -> bool {
    let quoted = |line: &str| line.contains(['"', '\'', '`']);
    old == new || (!quoted(old) && !quoted(new) && old.split_whitespace().eq(new.split_whitespace()))
}

/// The column of the first character that is not blank, with tabs of eight.
fn depth(line: &str) -> usize {
    line.bytes().take_while(|byte| matches!(byte, b' ' | b'\t')).fold(0, |column, byte| match byte {
        b'\t' => column / 8 * 8 + 8,
        _ => column + 1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(hunk: &str) -> bool {
        let lines: Vec<&str> = hunk.split_inclusive('\n').collect();
        let role = |line: &&str| match line.as_bytes()[0] {
            b'+' => Role::Added,
            b'-' => Role::Removed,
            _ => Role::Context,
        };
        is_whitespace_only(&lines, &lines.iter().map(role).collect::<Vec<_>>())
    }

    #[test]
    fn tabs_for_spaces_and_trailing_blanks_and_alignment_are_whitespace() {
        assert!(check(" def f():\n-    a = 1\n-    if a:\n-        b()\n+\ta = 1\n+\tif a:\n+\t\tb()\n"));
        assert!(check("-a  \n+a\n-\n"));
        assert!(check("-int    a;\n+int a;\n"));
    }

    #[test]
    fn a_line_that_leaves_its_block_is_a_change() {
        assert!(!check(" for x in y:\n     go(x)\n-    stop()\n+stop()\n"));
    }

    #[test]
    fn words_and_quoted_blanks_are_changes() {
        assert!(!check("-a\n+b\n"));
        assert!(!check("-print('a  b')\n+print('a b')\n"));
        assert!(!check("-return x\n+returnx\n"));
        assert!(!check("-a\n-b\n+a\n"));
    }
}
