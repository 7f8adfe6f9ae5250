//! Parsing with bounds.

use std::cell::Cell;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use tree_sitter::{ParseOptions, ParseState, Parser, Tree};

use super::language::Language;

/// Why there is no tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unparsed {
    /// The text is too long or takes too many steps, here and everywhere.
    #[error("the text is too long or takes too many steps")]
    TooHard,
    /// It took too long, which may be another time on another machine.
    #[error("expected a tree within {} ms, found none", TIME_LIMIT.as_millis())]
    TooSlow,
}

/// The longest code that is parsed.
///
/// # Sources
/// Grammars read 2 to 10 MB of source code a second; at most 200 ms.
pub(super) const MAX_BYTES: usize = 512 * 1024;

/// The parser reports progress every hundred steps. It may report this often at once, and then once in so many bytes.
///
/// Steps come before the clock, so that a text that is parsed is parsed everywhere. Text that is no code takes more steps,
/// each of them slower.
///
/// # Sources
/// Source code in all languages takes a report for 66 to 1,000 bytes; brackets, quotes and markup one for 8 to 40. Of 1,158
/// source files none needed more than 5 to spare but 3 large tables of numbers, which need over 100.
const SPARE_REPORTS: usize = 12;
const BYTES_A_REPORT: usize = 60;

/// What no source code takes, not even on a machine that is ten times slower. Some text that is no code takes a
/// millisecond for a word.
const TIME_LIMIT: Duration = Duration::from_secs(1);

/// How much the lexer gets at once, and how often it may ask, times the size of the text: some scanners look ahead to the
/// end again and again.
///
/// # Sources
/// Source code in all languages is read 1.0 to 2.6 times over.
const READ_BYTES: usize = 1024;
const READS: usize = 8;

/// The tree of a text.
pub(super) fn parse(code: &str, language: Language) -> Result<Tree, Unparsed> {
    let mut parser = Parser::new();
    if code.len() > MAX_BYTES || parser.set_language(&language.grammar()).is_err() {
        return Err(Unparsed::TooHard);
    }
    let bytes = code.as_bytes();
    let reads_left = Cell::new((bytes.len() / READ_BYTES + 8) * READS);
    let started = Instant::now();
    let mut reports = 0;
    let mut stopped = None;
    let mut progress = |state: &ParseState| {
        reports += 1;
        if reads_left.get() == 0 || reports > SPARE_REPORTS + state.current_byte_offset() / BYTES_A_REPORT {
            stopped = Some(Unparsed::TooHard);
        } else if started.elapsed() > TIME_LIMIT {
            stopped = Some(Unparsed::TooSlow);
        }
        if stopped.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let mut read = |at: usize, _| {
        if reads_left.get() == 0 {
            // The end of the text for the lexer, which makes it stop.
            return &bytes[bytes.len()..];
        }
        reads_left.update(|left| left - 1);
        bytes.get(at..(at + READ_BYTES).min(bytes.len())).unwrap_or_default()
    };
    let options = ParseOptions::new().progress_callback(&mut progress);
    let tree = parser.parse_with_options(&mut read, None, Some(options));
    match (tree, stopped) {
        (_, Some(why)) => Err(why),
        (Some(tree), None) if reads_left.get() > 0 => Ok(tree),
        _ => Err(Unparsed::TooHard),
    }
}

/// How many tokens the grammar has no place for, as a share of all nodes. A class that is cut off is an error around whole
/// methods, whose tokens are in place.
pub(super) fn misplaced_share(tree: &Tree) -> f32 {
    let mut misplaced = 0_u32;
    let mut cursor = tree.walk();
    let mut in_error = vec![false];
    loop {
        let node = cursor.node();
        if node.child_count() == 0 {
            misplaced += u32::from(node.is_missing() || node.is_error() || in_error.last() == Some(&true));
        }
        if node.has_error() && cursor.goto_first_child() {
            in_error.push(node.is_error());
            continue;
        }
        while !cursor.goto_next_sibling() {
            in_error.pop();
            if !cursor.goto_parent() {
                return misplaced as f32 / tree.root_node().descendant_count().max(1) as f32;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_in_place_and_prose_is_not() {
        let share = |code: &str, language| misplaced_share(&parse(code, language).unwrap());
        let cut_off =
            "class A {\n    int f(int x) {\n        return x + 1;\n    }\n    int g() {\n        return 2;\n    }\n";
        assert!(share(cut_off, Language::Java) < 0.2, "{}", share(cut_off, Language::Java));
        let prose =
            "It is a truth universally acknowledged, that a single man in possession of a fortune, must want.\n";
        assert!(share(&prose.repeat(9), Language::Rust) > 0.3, "{}", share(&prose.repeat(9), Language::Rust));
        assert_eq!(share("", Language::Python), 0.0);
    }

    #[test]
    fn source_code_is_parsed_whole() {
        let code = include_str!("outline.rs").repeat(20);
        let tree = parse(&code, Language::Rust).unwrap();
        assert_eq!(tree.root_node().end_byte(), code.len());
        assert!(!tree.root_node().has_error());
    }

    #[test]
    fn what_takes_too_many_steps_is_given_up_soon() {
        assert_eq!(parse(&"x".repeat(MAX_BYTES + 1), Language::Python).err(), Some(Unparsed::TooHard));
        let started = Instant::now();
        for language in super::super::language::ALL {
            for unit in ["[", "\"", "${", "x?", "a(", "<a>", "\\", "<<A\n", "/*\n", "\0", "`${", "日本"] {
                let _ = parse(&unit.repeat(20_000 / unit.len()), language);
            }
        }
        // Unbounded, some take half a minute alone.
        assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
    }
}
