//! Unified diffs as lines with a role each, whatever stands around them.
//!
//! A scanner of our own and not the crate `diffy`: the result must be lines of the input, in order, and `diffy` parses
//! away preambles, commit messages, trailers and line positions, and gives an error for a diff that a tool cut short.

use std::ops::Range;

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Outside of every hunk and header: commit messages, notes of the tool, anything else.
    Loose,
    /// `diff --git`, or what other tools write in its place.
    Title,
    /// `index 3b18e51..a04fd2b 100644`.
    Index,
    /// Another line of a file's header: modes, renames, `--- `, `+++ `.
    Header,
    /// A line of a binary patch, or the sentence that stands for one.
    Binary,
    /// `@@ -1,7 +1,6 @@`.
    HunkHeader,
    /// A line that both sides have.
    Context,
    /// A line of the new side.
    Added,
    /// A line of the old side.
    Removed,
    /// `\ No newline at end of file`.
    Note,
}

impl Role {
    pub(super) fn is_change(self) -> bool {
        matches!(self, Self::Added | Self::Removed)
    }
}

/// One file of a diff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Section<'a> {
    /// The path on the new side, or on the old one for a deleted file.
    pub(super) path: &'a str,
    /// Its lines, the header included.
    pub(super) lines: Range<usize>,
    /// Its hunks, the hunk header included.
    pub(super) hunks: Vec<Range<usize>>,
}

/// A text with its diffs found.
#[derive(Debug, Default)]
pub(super) struct Scan<'a> {
    /// Every line with its line break.
    pub(super) lines: Vec<&'a str>,
    /// The role of every line.
    pub(super) roles: Vec<Role>,
    /// The files, in order.
    pub(super) sections: Vec<Section<'a>>,
}

impl<'a> Scan<'a> {
    /// Reads a text; linear, and never fails: what is not a diff is [`Role::Loose`].
    pub(super) fn of(text: &'a str) -> Self {
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let mut scan = Self { roles: Vec::with_capacity(lines.len()), lines, sections: Vec::new() };
        while let Some(line) = scan.line(0) {
            if is_title(line) || (line.starts_with("--- ") && scan.line(1).is_some_and(|next| next.starts_with("+++ ")))
            {
                scan.section();
            } else {
                scan.roles.push(Role::Loose);
            }
        }
        scan
    }

    /// The line `ahead` of the first one without a role.
    fn line(&self, ahead: usize) -> Option<&'a str> {
        self.lines.get(self.roles.len() + ahead).copied()
    }

    /// Reads one file: its header, and its hunks with what stands between them.
    fn section(&mut self) {
        let start = self.roles.len();
        let mut section = Section { path: "", lines: start..start, hunks: Vec::new() };
        let (mut old, mut new) = ("", "");
        if let Some(line) = self.line(0).filter(|line| is_title(line)) {
            (old, new) = paths_of_title(line);
            self.roles.push(Role::Title);
        }
        while let Some(line) = self.line(0) {
            if line.starts_with("@@") {
                match hunk_counts(line) {
                    Some(counts) => section.hunks.push(self.hunk(&counts)),
                    None => break,
                }
            } else if !section.hunks.is_empty() {
                // A file ends with its last hunk; the next title, commit or sentence is not part of it.
                break;
            } else if let Some(path) = line.strip_prefix("--- ") {
                old = path;
                self.roles.push(Role::Header);
            } else if let Some(path) = line.strip_prefix("+++ ") {
                new = path;
                self.roles.push(Role::Header);
            } else if line.starts_with("index ") {
                self.roles.push(Role::Index);
            } else if line.starts_with("Binary files ") {
                self.roles.push(Role::Binary);
            } else if line.starts_with("GIT binary patch") {
                self.binary_patch();
            } else if HEADERS.iter().any(|start| line.starts_with(start)) {
                self.roles.push(Role::Header);
            } else {
                break;
            }
        }
        section.path = [new, old].map(clean_path).into_iter().find(|path| *path != "/dev/null").unwrap_or_default();
        section.lines.end = self.roles.len();
        self.sections.push(section);
    }

    /// Reads a hunk by the line counts of its header, so that a removed line `-- x` is not taken for a header.
    fn hunk(&mut self, counts: &HunkCounts) -> Range<usize> {
        let start = self.roles.len();
        let HunkCounts { parents, mut old, mut new } = *counts;
        self.roles.push(Role::HunkHeader);
        while let Some(line) = self.line(0) {
            let signs = line.as_bytes().get(..parents).unwrap_or(line.as_bytes());
            let role = match signs.first() {
                Some(b'\\') => Role::Note,
                _ if old == 0 && new == 0 => break,
                // An empty context line whose one space a tool took away.
                Some(b'\n' | b'\r') | None => Role::Context,
                _ if !signs.iter().all(|sign| matches!(sign, b' ' | b'+' | b'-')) => break,
                _ if signs.contains(&b'+') => Role::Added,
                _ if signs.contains(&b'-') => Role::Removed,
                _ => Role::Context,
            };
            // A line that its side has no place for is not of the hunk.
            match role {
                Role::Added if new == 0 => break,
                Role::Removed if old == 0 && parents == 1 => break,
                Role::Context if new == 0 => break,
                _ => {}
            }
            new -= usize::from(matches!(role, Role::Added | Role::Context));
            old = old.saturating_sub(usize::from(matches!(role, Role::Removed | Role::Context)));
            self.roles.push(role);
        }
        start..self.roles.len()
    }

    /// Reads `GIT binary patch` and its one or two parts, each of which ends with an empty line.
    fn binary_patch(&mut self) {
        self.roles.push(Role::Binary);
        while self.line(0).is_some_and(|line| line.starts_with("literal ") || line.starts_with("delta ")) {
            while let Some(line) = self.line(0) {
                self.roles.push(Role::Binary);
                if line.trim_end().is_empty() {
                    break;
                }
            }
        }
    }
}

const HEADERS: &[&str] = &[
    "old mode ",
    "new mode ",
    "deleted file mode ",
    "new file mode ",
    "copy from ",
    "copy to ",
    "rename from ",
    "rename to ",
    "rename old ",
    "rename new ",
    "similarity index ",
    "dissimilarity index ",
    "mode ",
    "=======",
];

fn is_title(line: &str) -> bool {
    ["diff --git ", "diff --cc ", "diff --combined ", "diff -", "Index: "].iter().any(|start| line.starts_with(start))
}

/// How many lines a hunk has on each side, and how many sides a combined diff compares with.
struct HunkCounts {
    parents: usize,
    old: usize,
    new: usize,
}

/// Reads `@@ -1,7 +1,6 @@` and `@@@ -1,7 -1,7 +1,6 @@@`; `None` when the line is neither.
fn hunk_counts(line: &str) -> Option<HunkCounts> {
    let parents = line.bytes().take_while(|byte| *byte == b'@').count().checked_sub(1).filter(|count| *count > 0)?;
    let mut counts = HunkCounts { parents, old: 0, new: 0 };
    let mut words = line[parents + 1..].split_ascii_whitespace();
    for _ in 0..parents {
        counts.old = counts.old.max(lines_of_range(words.next()?.strip_prefix('-')?)?);
    }
    counts.new = lines_of_range(words.next()?.strip_prefix('+')?)?;
    if parents > 1 {
        // Lines of several old sides: their number follows from none of the counts alone.
        counts.old = usize::MAX;
    }
    words.next()?.starts_with("@@").then_some(counts)
}

fn lines_of_range(range: &str) -> Option<usize> {
    let (start, count) = range.split_once(',').unwrap_or((range, "1"));
    start.parse::<usize>().ok()?;
    count.parse().ok()
}

/// The two paths of `diff --git a/x b/x`; with spaces in them, the middle is where both halves are equal.
fn paths_of_title(line: &str) -> (&str, &str) {
    let paths = line.trim_end().trim_start_matches("diff ").trim_start_matches("--git ").trim_start_matches("--cc ");
    let paths = paths.trim_start_matches("--combined ").trim_start_matches("Index: ");
    let middle = paths.len() / 2;
    if paths.len() % 2 == 1 && paths.is_char_boundary(middle) && paths.as_bytes()[middle] == b' ' {
        let (old, new) = (&paths[..middle], &paths[middle + 1..]);
        if clean_path(old) == clean_path(new) {
            return (old, new);
        }
    }
    paths.rsplit_once(' ').unwrap_or((paths, paths))
}

/// A path without quotes, time stamp and the one-letter prefix of its side.
pub(super) fn clean_path(path: &str) -> &str {
    let path = path.split('\t').next().unwrap_or(path).trim_end().trim_matches('"');
    match path.as_bytes() {
        [b'a' | b'b' | b'c' | b'i' | b'o' | b'w', b'/', ..] => &path[2..],
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roles(text: &str) -> Vec<Role> {
        Scan::of(text).roles
    }

    #[test]
    fn a_removed_line_that_looks_like_a_header_is_a_removed_line() {
        let text = "--- a/x.sql\n+++ b/x.sql\n@@ -1,2 +1,1 @@\n--- old\n keep\n-- \n2.43\n";
        use Role::{Context, Header, HunkHeader, Loose, Removed};
        assert_eq!(roles(text), [Header, Header, HunkHeader, Removed, Context, Loose, Loose]);
    }

    #[test]
    fn finds_paths_of_renames_deletions_quotes_and_paths_with_spaces() {
        let text = "diff --git a/my file b/my file\nold mode 100644\nnew mode 100755\n\
                    diff --git a/x b/y\nsimilarity index 100%\nrename from x\nrename to y\n\
                    diff --git a/gone b/gone\n--- a/gone\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n\
                    diff --git \"a/caf\\303\\251\" \"b/caf\\303\\251\"\nindex 1..2\n";
        let scan = Scan::of(text);
        let paths: Vec<_> = scan.sections.iter().map(|section| section.path).collect();
        assert_eq!(paths, ["my file", "y", "gone", "caf\\303\\251"]);
        assert_eq!(scan.sections[2].hunks.first(), Some(&(10..12)));
    }

    #[test]
    fn a_hunk_that_a_tool_cut_short_ends_where_the_diff_ends() {
        use Role::{Added, Context, HunkHeader, Loose, Title};
        let text = "diff --git a/x b/x\n@@ -1,9 +1,9 @@\n a\n\n+b\n[output truncated]\n";
        assert_eq!(roles(text), [Title, HunkHeader, Context, Context, Added, Loose]);
    }

    #[test]
    fn reads_combined_diffs_of_merges() {
        use Role::{Added, Context, HunkHeader, Loose, Removed, Title};
        let text = "diff --cc x\n@@@ -1,2 -1,2 +1,3 @@@\n  a\n +b\n- c\n++d\ncommit 1\n";
        assert_eq!(roles(text), [Title, HunkHeader, Context, Added, Removed, Added, Loose]);
    }

    #[test]
    fn steps_over_binary_patches() {
        let text = "diff --git a/x b/x\nindex 1..2 100644\nGIT binary patch\nliteral 3\nabc\n\ndelta 2\nab\n\nend\n";
        let roles = roles(text);
        assert_eq!(roles.iter().filter(|role| **role == Role::Binary).count(), 7);
        assert_eq!(roles.last(), Some(&Role::Loose));
    }
}
