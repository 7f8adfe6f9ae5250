//! Which language a text is in.

use tree_sitter::Node;

use super::gutter::Source;
use super::kinds::{Role, Roles};
use super::language::Language;
use super::parse::{misplaced_share, parse};
use crate::conversation::ToolCall;
use crate::detect::file_read;

use Language::{Bash, C, CSharp, Cpp, Go, Java, JavaScript, Php, Python, Ruby, Rust, Tsx, TypeScript};

/// The language of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Guess {
    pub(super) language: Language,
    /// Whether the call that gave the text read a file of the language.
    pub(super) is_read: bool,
}

/// How much of a text is parsed to see whether it is code, and how much at most where a comment goes on.
const SAMPLE_BYTES: usize = 4 * 1024;
const LONG_SAMPLE_BYTES: usize = 24 * 1024;

/// How many tokens of a sample may be out of place: in what a file's name says, and in what looks like code.
///
/// # Sources
/// In code of its own language a grammar has a place for all but 0 to 2 % of the tokens, in code of others and in prose it
/// has none for 12 to 100 %.
pub(super) const MAX_MISPLACED_IN_READ: f32 = 0.2;
const MAX_MISPLACED: f32 = 0.05;

/// Beginnings of lines by which code is known.
const CUES: [(&str, &[Language]); 44] = [
    ("def ", &[Python, Ruby]),
    ("class ", &[Python, JavaScript, TypeScript, Java, CSharp, Cpp, Php, Ruby]),
    ("import ", &[Python, JavaScript, TypeScript, Java, Go]),
    ("from ", &[Python]),
    ("@", &[Python, Java, TypeScript]),
    ("elif ", &[Python]),
    ("except ", &[Python]),
    ("self.", &[Python]),
    ("async def ", &[Python]),
    ("const ", &[JavaScript, TypeScript, Go]),
    ("let ", &[JavaScript, TypeScript, Rust]),
    ("var ", &[JavaScript, TypeScript, Go]),
    ("function ", &[JavaScript, TypeScript, Php, Bash]),
    ("export ", &[JavaScript, TypeScript, Bash]),
    ("async function ", &[JavaScript, TypeScript]),
    ("module.exports", &[JavaScript]),
    ("interface ", &[TypeScript, Java, CSharp, Php]),
    ("export type ", &[TypeScript]),
    ("export interface ", &[TypeScript]),
    ("fn ", &[Rust]),
    ("pub ", &[Rust]),
    ("use ", &[Rust, Php]),
    ("impl", &[Rust]),
    ("#[", &[Rust, Php]),
    ("func ", &[Go]),
    ("package ", &[Go, Java]),
    ("type ", &[Go, TypeScript]),
    ("public ", &[Java, CSharp, Php, TypeScript]),
    ("private ", &[Java, CSharp, Php, TypeScript]),
    ("protected ", &[Java, CSharp, Php]),
    ("using ", &[CSharp, Cpp]),
    ("namespace ", &[CSharp, Cpp, Php]),
    ("#include ", &[C, Cpp]),
    ("#define ", &[C, Cpp]),
    ("static ", &[C, Cpp, Java, Rust, CSharp]),
    ("typedef ", &[C, Cpp]),
    ("struct ", &[C, Cpp, Rust]),
    ("template", &[Cpp]),
    ("require ", &[Ruby]),
    ("module ", &[Ruby]),
    ("attr_", &[Ruby]),
    ("<?php", &[Php]),
    ("local ", &[Bash]),
    ("if [", &[Bash]),
];

/// What the kinds of nodes that import something have in their names.
const IMPORTS: [&str; 6] = ["import", "include", "use_", "using", "package", "export"];

/// The cues of a language must begin this many lines, and one line in so many.
const MIN_CUES: usize = 5;
const LINES_A_CUE: usize = 16;

/// In code that nothing but a name around it or its cues tells, one line in so many looks like code.
const LINES_A_CODE_LINE: usize = 4;

/// Guesses the language of a text, from what gave it and from its first lines; a sample of it must parse.
pub(super) fn guess(source: &Source<'_>, tool: Option<&ToolCall>) -> Option<Guess> {
    let code = &*source.code;
    let start = sample(code, SAMPLE_BYTES);
    if let Some(path) = tool.and_then(file_read)
        && let Some(language) = Language::of_path(&path)
    {
        let language = dialect(language, start);
        return is_in_place(code, language, MAX_MISPLACED_IN_READ).then_some(Guess { language, is_read: true });
    }
    let first = source.code.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let named = source.fence.and_then(Language::named).or_else(|| Language::of_shebang(first));
    let guessed = || named_around(source, tool).or_else(|| by_cues(start)).filter(|_| looks_like_code(start));
    let language = dialect(named.or_else(guessed)?, start);
    is_in_place(code, language, MAX_MISPLACED).then_some(Guess { language, is_read: false })
}

/// Whether a sample is code of a language.
fn is_in_place(code: &str, language: Language, max_misplaced: f32) -> bool {
    misplaced(sample(code, sample_bytes(code)), language).is_some_and(|share| share <= max_misplaced)
}

/// How much of a text is parsed: a little, and where that would end within a comment or a long string, as much behind its end.
fn sample_bytes(code: &str) -> usize {
    let start = sample(code, SAMPLE_BYTES);
    let is_open = |open: &str, close: &str| match open == close {
        true => memchr::memmem::find_iter(start.as_bytes(), open).count() % 2 == 1,
        false => start.rfind(open) > start.rfind(close),
    };
    let open = [("/*", "*/"), ("\"\"\"", "\"\"\""), ("'''", "'''"), ("\n=begin", "\n=end")];
    let Some((_, close)) = open.into_iter().find(|(open, close)| is_open(open, close)) else { return SAMPLE_BYTES };
    let end = code.get(start.len()..).and_then(|rest| rest.find(close)).map_or(0, |at| start.len() + at);
    (end + SAMPLE_BYTES).min(LONG_SAMPLE_BYTES)
}

/// Whether so many lines begin or end as lines of code do that a sample is worth parsing: a grammar takes its time to find
/// out that a text is none of its own.
///
/// # Sources
/// Chosen by hand: of code at least half of the lines do, of logs and prose at most one in ten.
fn looks_like_code(sample: &str) -> bool {
    let lines = || sample.lines().map(str::trim).filter(|line| !line.is_empty());
    let is_code = |line: &str| {
        line.ends_with([';', '{', '}', '(', ')', '[', ']', ',', ':', '\\'])
            || ["//", "#", "*", "return", "end"].iter().any(|start| line.starts_with(start))
            || CUES.iter().any(|(cue, _)| line.starts_with(cue))
            || line.contains(" = ")
    };
    lines().filter(|line| is_code(line)).count() * LINES_A_CODE_LINE >= lines().count()
}

/// The first lines, whole ones.
fn sample(code: &str, bytes: usize) -> &str {
    let code = code.trim_start_matches(['\n', '\r']);
    let start = code.get(..code.floor_char_boundary(bytes)).unwrap_or_default();
    if start.len() == code.len() { code } else { start.rsplit_once('\n').map_or("", |(lines, _)| lines) }
}

/// The language of a path in the call or above the code.
fn named_around(source: &Source<'_>, tool: Option<&ToolCall>) -> Option<Language> {
    let above = (0..2).map(|row| source.lines.get(row));
    let arguments = tool.map_or("", |tool| tool.arguments.as_str());
    let arguments = arguments.get(..arguments.floor_char_boundary(4096)).unwrap_or_default();
    let is_end = |c: char| !(c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | '\\' | '+'));
    std::iter::once(arguments).chain(above).flat_map(|text| text.split(is_end)).find_map(Language::of_path)
}

/// The language whose cues begin the most lines.
fn by_cues(sample: &str) -> Option<Language> {
    let mut counts = [0_usize; super::language::ALL.len()];
    let mut total = 0;
    for line in sample.lines().map(str::trim_start).filter(|line| !line.is_empty()) {
        total += 1;
        let languages = CUES.iter().filter(|(cue, _)| line.starts_with(cue)).flat_map(|(_, languages)| *languages);
        for count in languages.filter_map(|language| super::language::ALL.iter().position(|known| known == language)) {
            counts[count] += 1;
        }
    }
    let (count, language) = counts.iter().zip(super::language::ALL).rev().max_by_key(|(count, _)| **count)?;
    (*count >= MIN_CUES && count * LINES_A_CUE >= total).then_some(language)
}

/// Which of two related languages it is.
fn dialect(language: Language, sample: &str) -> Language {
    let has = |cues: &[&str]| cues.iter().any(|cue| sample.contains(cue));
    match language {
        C if has(&["namespace ", "template <", "template<", "std::", "public:", "private:", "class "]) => Cpp,
        JavaScript if has(&["interface ", ": string", ": number", "export type ", " as const", "import type "]) => Tsx,
        language => language,
    }
}

/// The share of a text's tokens that are out of place in a language; nothing when there is nothing in it to outline.
fn misplaced(text: &str, language: Language) -> Option<f32> {
    // Text outside of its tags is no error to PHP.
    if language == Php && !text.contains("<?") {
        return None;
    }
    let tree = parse(text, language).ok()?;
    let roles = Roles::of(&tree);
    let mut cursor = tree.walk();
    cursor.goto_first_child();
    let is_outlined = |node: Node<'_>| {
        let kind = node.kind();
        !matches!(roles.get(node.kind_id()), Role::Literal | Role::Other)
            || IMPORTS.iter().any(|word| kind.contains(word))
    };
    while !is_outlined(cursor.node()) {
        if !cursor.goto_next_sibling() {
            return None;
        }
    }
    Some(misplaced_share(&tree))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn language(text: &str, tool: Option<(&str, &str)>) -> Option<Language> {
        let tool = tool.map(|(name, arguments)| ToolCall {
            id: String::new(),
            name: name.to_owned(),
            arguments: arguments.to_owned(),
        });
        guess(&Source::of(text).unwrap(), tool.as_ref()).map(|guess| guess.language)
    }

    const PYTHON: &str = "import os\nfrom a import b\n\nclass A:\n    def f(self):\n        self.x = 1\n        return os.getcwd()\n\n    def g(self):\n        return b(self.x)\n";
    const JAVA: &str = "package a.b;\n\nimport java.util.List;\n\npublic class A {\n    private int x;\n    public int f(List<String> a) {\n        return a.size() + x;\n    }\n}\n";
    const SHELL: &str = "set -e\nlocal x=1\nif [ -n \"$x\" ]; then\n  echo hi\nfi\n# done\n";

    #[test]
    fn a_read_file_has_the_language_of_its_name_if_it_parses() {
        assert_eq!(language(PYTHON, Some(("read_file", r#"{"path":"a/b.py"}"#))), Some(Python));
        assert_eq!(language(JAVA, Some(("bash", r#"{"command":"cat A.java"}"#))), Some(Java));
        assert_eq!(
            language("#include <a>\nclass A { public:\n int f(); };\n", Some(("read", r#"{"path":"a.h"}"#))),
            Some(Cpp)
        );
        let page = "<html><body><p>404 not found</p> there is: no, such file</body></html>\n".repeat(20);
        assert_eq!(language(&page, Some(("read_file", r#"{"path":"a/b.py"}"#))), None);
        assert_eq!(language(PYTHON, Some(("read_file", r#"{"path":"a/b.md"}"#))), Some(Python));
    }

    #[test]
    fn code_is_known_without_a_name() {
        for (text, expected) in [(PYTHON, Python), (JAVA, Java), (include_str!("gutter.rs"), Rust)] {
            assert_eq!(language(text, None), Some(expected));
            assert_eq!(language(&format!("```\n{text}```\n"), None), Some(expected));
        }
        assert_eq!(language(&format!("#!/bin/sh\n{SHELL}"), None), Some(Bash));
        assert_eq!(language(SHELL, Some(("bash", r#"{"command":"git show HEAD:bin/run.sh"}"#))), Some(Bash));
    }

    #[test]
    fn other_texts_are_no_code() {
        let log = (0..99).map(|n| format!("2024-01-01 INFO server: handled request {n} in {} ms\n", n * 3));
        let prose = "# Use\n\nimport the thing, then use it as follows.\nuse it, or not.\nuse this.\n".repeat(9);
        let json = "{\n  \"import \": [1, 2, 3],\n  \"class \": {\"a\": \"b\"}\n}\n".repeat(9);
        for text in
            [log.collect::<String>(), prose, json, include_str!("../../../Cargo.toml").to_owned(), String::new()]
        {
            assert_eq!(language(&text, None), None, "{text}");
        }
        let trace =
            "Traceback (most recent call last):\n  File \"a.py\", line 3, in f\n    return g()\nValueError: bad\n";
        assert_eq!(language(&trace.repeat(9), Some(("bash", r#"{"command":"python a.py"}"#))), None);
    }
}
