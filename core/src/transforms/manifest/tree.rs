//! Which line of a manifest stands below which.

use crate::conversation::ToolCall;
use crate::transforms::lines::Lines;

/// Manifests that no call names have at least so many lines.
const MIN_LINES: usize = 30;

/// Of the lines so many are of the syntax, in percent, when a call names a manifest, and when none does.
const SURE_PERCENT: (usize, usize) = (80, 97);

/// How sure it is that a text is a manifest, when a call names one, and when none does: then others may be surer.
const CONFIDENCE: (f32, f32) = (0.9, 0.6);

/// What calls name manifests by.
const NAMED: [&str; 6] = [".yaml", ".yml", ".toml", ".lock", "-o yaml", "-oyaml"];

/// Tables of TOML whose names have more dots than this stand beside each other.
const DEEPEST_TABLE: usize = 4;

/// No line.
pub(super) const NONE: u32 = u32::MAX;

/// The syntaxes of manifests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Syntax {
    /// YAML, and lock files that are indented as it is.
    Yaml,
    /// TOML.
    Toml,
}

/// The syntax of a text and how sure it is; `None` for other texts.
pub(super) fn syntax(text: &str, tool: Option<&ToolCall>) -> Option<(Syntax, f32)> {
    let is_named = tool.is_some_and(|tool| NAMED.iter().any(|name| tool.arguments.contains(name)));
    let (sure_percent, confidence) =
        if is_named { (SURE_PERCENT.0, CONFIDENCE.0) } else { (SURE_PERCENT.1, CONFIDENCE.1) };
    let (mut filled, mut yaml, mut toml, mut tables, mut keys, mut nested) = (0, 0, 0, 0, 0, 0);
    for line in text.split('\n').filter(|line| !line.trim().is_empty()) {
        filled += 1;
        if line.trim_start().starts_with('#') {
            yaml += 1;
            toml += 1;
            continue;
        }
        tables += usize::from(is_table(line));
        toml += usize::from(is_table(line) || is_toml(line));
        // What is indented may be the text of a block.
        keys += usize::from(is_key(line));
        nested += usize::from(line.starts_with([' ', '-']));
        yaml += usize::from(is_key(line) || line.trim() == "---" || line.starts_with("    "));
    }
    if filled < MIN_LINES {
        return None;
    }
    if tables > 0 && toml * 100 >= filled * sure_percent {
        return Some((Syntax::Toml, confidence));
    }
    // Prose and settings have colons, too, and nothing below them.
    let is_nested = is_named || nested * 4 >= filled;
    (is_nested && keys * 2 >= filled && yaml * 100 >= filled * sure_percent).then_some((Syntax::Yaml, confidence))
}

/// `[table]`, `[[package]]`.
fn is_table(line: &str) -> bool {
    let name = line.trim_end().strip_prefix('[').and_then(|line| line.strip_suffix(']'));
    name.is_some_and(|name| {
        !name.is_empty()
            && name
                .chars()
                .all(|char| char.is_alphanumeric() || matches!(char, '[' | ']' | '.' | '-' | '_' | '"' | ' ' | '\''))
    })
}

/// `name = …`, and the lines of a list of several lines.
fn is_toml(line: &str) -> bool {
    let line = line.trim();
    let key = line.split_once('=').map(|(key, _)| key.trim());
    let is_key = key.is_some_and(|key| {
        !key.is_empty()
            && key.chars().all(|char| char.is_alphanumeric() || matches!(char, '-' | '_' | '.' | '"' | '\''))
    });
    is_key
        || line == "]"
        || line.ends_with(',') && line.starts_with(['"', '{', '\''])
        || line.starts_with('"') && line.ends_with('"')
}

/// `key: …`, `- item`, `"key@^1":`.
fn is_key(line: &str) -> bool {
    let text = line.trim_start();
    if text.starts_with("- ") || text == "-" {
        return true;
    }
    let key = match text.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"').map(|(key, rest)| (key, rest.starts_with(':'))),
        None => {
            text.find(':').map(|at| (&text[..at], text[at + 1..].is_empty() || text[at + 1..].starts_with([' ', '\r'])))
        }
    };
    // Version 1 of yarn writes keys and values with a blank between them.
    key.is_some_and(|(key, ends)| {
        ends && !key.is_empty() && !key.trim_start_matches('?').contains([' ', '(', '{', '='])
    }) || text.len() < line.len() && text.split(' ').count() == 2 && text.ends_with('"')
}

/// The lines of a manifest as a tree.
#[derive(Debug)]
pub(super) struct Tree {
    /// The line above each line, or [`NONE`]; blank lines and comments belong to the line before them.
    pub(super) parents: Vec<u32>,
    /// The line after the last one below each line.
    pub(super) ends: Vec<u32>,
    /// Whether a line is neither blank nor a comment.
    pub(super) is_filled: Vec<bool>,
}

impl Tree {
    pub(super) fn of(lines: &Lines<'_>, syntax: Syntax) -> Self {
        let count = lines.count();
        let mut tree = Self { parents: vec![NONE; count], ends: vec![0; count], is_filled: vec![false; count] };
        let mut above: Vec<(usize, u32)> = Vec::new();
        for (at, line) in (0u32..).zip(lines.iter()).take(count) {
            let Some(level) = level(line, syntax) else {
                tree.set(at, above.last().map_or(NONE, |(_, parent)| *parent), false);
                continue;
            };
            while above.last().is_some_and(|(other, _)| *other >= level) {
                tree.close(above.pop(), at);
            }
            tree.set(at, above.last().map_or(NONE, |(_, parent)| *parent), true);
            above.push((level, at));
        }
        let end = u32::try_from(count).unwrap_or(NONE);
        while !above.is_empty() {
            tree.close(above.pop(), end);
        }
        tree
    }

    fn set(&mut self, at: u32, parent: u32, is_filled: bool) {
        let index = at as usize;
        if let (Some(slot), Some(end), Some(filled)) =
            (self.parents.get_mut(index), self.ends.get_mut(index), self.is_filled.get_mut(index))
        {
            (*slot, *end, *filled) = (parent, at + 1, is_filled);
        }
    }

    fn close(&mut self, line: Option<(usize, u32)>, end: u32) {
        if let Some(slot) = line.and_then(|(_, line)| self.ends.get_mut(line as usize)) {
            *slot = end;
        }
    }
}

/// How far inside a line stands; `None` for blank lines and comments.
fn level(line: &str, syntax: Syntax) -> Option<usize> {
    let text = line.trim_start_matches([' ', '\t']);
    let indent = line.len() - text.len();
    if text.trim().is_empty() || text.starts_with('#') {
        return None;
    }
    match syntax {
        // `[package.dependencies]` stands below the `[[package]]` before it.
        Syntax::Toml if indent == 0 && text.starts_with('[') => {
            Some(1 + text.bytes().filter(|byte| *byte == b'.').count().min(DEEPEST_TABLE))
        }
        Syntax::Toml => Some(2 + DEEPEST_TABLE + 2 * indent),
        Syntax::Yaml if indent == 0 && text.starts_with("---") => Some(0),
        // Items may stand below their key without being indented.
        Syntax::Yaml => Some(1 + 2 * indent + usize::from(text.starts_with("- ") || text.trim_end() == "-")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_stand_below_their_key_and_members_below_their_item() {
        let lines = Lines::of("items:\n- a: 1\n  b:\n    c: 2\n\n- a: 2\nkind: List\n").unwrap();
        let tree = Tree::of(&lines, Syntax::Yaml);
        assert_eq!(tree.parents, [NONE, 0, 1, 2, 3, 0, NONE]);
        assert_eq!(tree.ends, [6, 5, 5, 5, 5, 6, 7]);
    }

    #[test]
    fn keys_stand_below_their_table() {
        let lines =
            Lines::of("version = 4\n\n[[package]]\nname = \"a\"\ndependencies = [\n \"b\",\n]\n\n[[package]]\n")
                .unwrap();
        let tree = Tree::of(&lines, Syntax::Toml);
        assert_eq!(tree.parents, [NONE, 0, NONE, 2, 2, 4, 2, 6, NONE]);
        assert_eq!(tree.ends[2], 8);
    }

    #[test]
    fn any_depth_takes_linear_time() {
        let started = std::time::Instant::now();
        let deep: String = (0..4000).map(|depth| format!("{}a:\n", " ".repeat(depth % 3000))).collect();
        for text in [deep, "- ".repeat(500_000), "\n".repeat(1_000_000), "a:\n".repeat(500_000), "[".repeat(1_000_000)]
        {
            let lines = Lines::of(&text).unwrap();
            for syntax in [Syntax::Yaml, Syntax::Toml] {
                assert_eq!(Tree::of(&lines, syntax).parents.len(), lines.count());
            }
            let _ = super::syntax(&text, None);
        }
        assert!(started.elapsed().as_secs() < 20);
    }
}
