//! Whether a line of code defines or imports a name.

/// What a line does with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    /// It defines it, with a word that does nothing else.
    Definition,
    /// It assigns it, or has the shape of a function's head.
    Assignment,
    /// It imports or exports it.
    Import,
    /// It uses or mentions it.
    Use,
}

const DEFINING: [&str; 34] = [
    "def",
    "class",
    "fn",
    "struct",
    "enum",
    "trait",
    "type",
    "interface",
    "function",
    "function*",
    "const",
    "let",
    "var",
    "val",
    "static",
    "func",
    "fun",
    "macro",
    "macro_rules!",
    "module",
    "namespace",
    "union",
    "object",
    "record",
    "protocol",
    "mod",
    "typedef",
    "#define",
    "actor",
    "sub",
    "package",
    "defmodule",
    "defp",
    "define",
];

const IMPORTING: [&str; 14] = [
    "import ",
    "from ",
    "use ",
    "pub use ",
    "pub(crate) use ",
    "export ",
    "require",
    "#include",
    "using ",
    "exports.",
    "module.exports",
    "include ",
    "extern crate ",
    "} from ",
];

/// What a line does with the first of the names that it holds as a whole word.
pub(super) fn role(text: &str, names: &[String]) -> Role {
    names.iter().map(|name| role_of(text, name)).min().unwrap_or(Role::Use)
}

fn role_of(text: &str, name: &str) -> Role {
    let line = text.trim();
    let mut role = Role::Use;
    // A name that repeats in one line says nothing new.
    for (at, _) in line.match_indices(name).take(4) {
        let (before, after) = (&line[..at], &line[at + name.len()..]);
        if before.ends_with(is_word) || after.starts_with(is_word) {
            continue;
        }
        role = role.min(at_place(text, before, after));
    }
    let binds = ["const ", "let ", "var ", "}"].iter().any(|word| line.starts_with(word));
    let imports = IMPORTING.iter().any(|word| line.starts_with(word))
        || (binds && (line.contains("require(") || line.contains(" from ")));
    if role > Role::Import && imports && line.contains(name) { Role::Import } else { role }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn at_place(text: &str, before: &str, after: &str) -> Role {
    let head = before.trim_end();
    let last = head.rsplit(|c: char| c.is_whitespace()).next().unwrap_or_default();
    let comment =
        ["//", "#", "*", "--", "\"\"\""].iter().any(|start| head.starts_with(start)) && !head.starts_with("#define");
    if comment {
        return Role::Use;
    }
    if before.ends_with(char::is_whitespace) && DEFINING.contains(&last) {
        return Role::Definition;
    }
    // A method of Go: `func (r *T) name(`.
    if head.starts_with("func (") && head.ends_with(')') {
        return Role::Definition;
    }
    // What is implemented for a type stands beside its definition.
    if head.starts_with("impl") && (last == "for" || !head.contains(" for")) && text.trim_end().ends_with('{') {
        return Role::Assignment;
    }
    let follows = after.trim_start();
    let assigned = (follows.starts_with('=') && !follows.starts_with("==") && !follows.starts_with("=>"))
        || follows.starts_with(":=");
    let opens = after.starts_with('(') || after.starts_with('<');
    let top_level = !text.starts_with(char::is_whitespace);
    let plain = !head.contains(['(', '=', '.', '{', '"', '\'']);
    let modifiers = head.split_whitespace().all(|word| {
        [
            "async",
            "static",
            "public",
            "private",
            "protected",
            "final",
            "get",
            "set",
            "abstract",
            "override",
            "export",
            "readonly",
            "default",
        ]
        .contains(&word)
    });
    if assigned && (head.is_empty() || modifiers || head.starts_with("export") || head.ends_with("exports.")) {
        return Role::Assignment;
    }
    let head_of_function = opens && text.trim_end().ends_with(['{', ')', ',', '(']) && !text.trim_end().ends_with(");");
    // `int name(`, at the start of a line; `  name(…) {` of a class.
    let returns =
        ["return", "else", "new", "throw", "await", "yield", "if", "while", "not", "in", "and", "or", "raise", "case"]
            .contains(&last);
    if head_of_function
        && plain
        && !returns
        && ((top_level && !head.is_empty()) || (modifiers && text.trim_end().ends_with('{')))
    {
        return Role::Assignment;
    }
    Role::Use
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role_in(line: &str) -> Role {
        role(line, &["Name".to_owned()])
    }

    #[test]
    fn definitions_of_many_languages_are_known() {
        for line in [
            "class Name(Enum):",
            "    pub(crate) enum Name {",
            "export interface Name<T> extends G<Name<T>> {",
            "pub struct Name(",
            "    async def Name(self):",
            "func (s *Server) Name(w int) {",
            "#define Name 1",
            "type Name = string;",
            "export default function Name() {",
        ] {
            assert_eq!(role_in(line), Role::Definition, "{line}");
        }
        for line in [
            "Name = 3",
            "static int Name(char *a,",
            "  async Name(a) {",
            "exports.Name = b",
            "Name := 1",
            "impl<T> fmt::Display for Name<T> {",
        ] {
            assert_eq!(role_in(line), Role::Assignment, "{line}");
        }
    }

    #[test]
    fn imports_and_exports_are_known() {
        for line in [
            "from a.b import Name",
            "use crate::{Name, Other};",
            "import { Name as N } from './a'",
            "const { Name } = require('a')",
        ] {
            assert_eq!(role_in(line), Role::Import, "{line}");
        }
    }

    #[test]
    fn uses_are_no_definitions() {
        for line in [
            "    x = Name(1)",
            "/// a struct Name",
            "return Name(1)",
            "if Name == 3:",
            "  Name(1);",
            "let a: Name = b;",
            "class NameTag:",
            "self.Name = 1",
        ] {
            assert_eq!(role_in(line), Role::Use, "{line}");
        }
    }
}
