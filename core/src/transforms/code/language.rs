//! The languages that are read, how files and scripts name them, and their grammars.

/// A language with a grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Language {
    Python,
    JavaScript,
    TypeScript,
    Tsx,
    Rust,
    Go,
    Java,
    C,
    Cpp,
    CSharp,
    Ruby,
    Php,
    Bash,
}

use Language::{Bash, C, CSharp, Cpp, Go, Java, JavaScript, Php, Python, Ruby, Rust, Tsx, TypeScript};

/// Every language.
pub(super) const ALL: [Language; 13] =
    [Python, JavaScript, TypeScript, Tsx, Rust, Go, Java, C, Cpp, CSharp, Ruby, Php, Bash];

/// Names of a language: extensions of files, names of interpreters, words behind a fence.
const NAMES: [(Language, &[&str]); 13] = [
    (Python, &["py", "pyi", "pyw", "pyx", "python", "python2", "python3"]),
    (JavaScript, &["js", "jsx", "mjs", "cjs", "javascript", "node"]),
    (TypeScript, &["ts", "mts", "cts", "typescript", "deno"]),
    (Tsx, &["tsx"]),
    (Rust, &["rs", "rust"]),
    (Go, &["go", "golang"]),
    (Java, &["java"]),
    (C, &["c", "h"]),
    (Cpp, &["cc", "cpp", "cxx", "c++", "hh", "hpp", "hxx", "h++", "ipp", "inl", "tpp", "ino", "cu", "cuh"]),
    (CSharp, &["cs", "csharp", "c#", "csx"]),
    (Ruby, &["rb", "ruby", "rake", "gemspec", "podspec", "ru"]),
    (Php, &["php", "phtml", "php5", "php7", "php8"]),
    (Bash, &["sh", "bash", "zsh", "ksh", "dash", "shell", "bats"]),
];

/// Files that are known by their whole name.
const FILES: [(&str, Language); 6] = [
    ("rakefile", Ruby),
    ("gemfile", Ruby),
    ("vagrantfile", Ruby),
    ("podfile", Ruby),
    (".bashrc", Bash),
    (".bash_profile", Bash),
];

impl Language {
    /// The language that an extension, an interpreter or a fence names.
    pub(super) fn named(name: &str) -> Option<Self> {
        let is_it = |known: &&str| known.eq_ignore_ascii_case(name);
        NAMES.iter().find(|(_, names)| names.iter().any(is_it)).map(|(language, _)| *language)
    }

    /// The language of a file by its path.
    pub(super) fn of_path(path: &str) -> Option<Self> {
        let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
        let whole = FILES.iter().find(|(file, _)| file.eq_ignore_ascii_case(name)).map(|(_, language)| *language);
        whole.or_else(|| Self::of_extension(name.rsplit_once('.')?.1))
    }

    /// As [`Self::named`], for what may stand behind the dot of a file's name.
    fn of_extension(extension: &str) -> Option<Self> {
        Self::named(extension).filter(|_| extension.len() <= 5)
    }

    /// The language of a script by its first line, `#!/usr/bin/env python3`.
    pub(super) fn of_shebang(line: &str) -> Option<Self> {
        let command = line.strip_prefix("#!")?;
        let mut words = command.split_ascii_whitespace().filter(|word| !word.starts_with('-'));
        let program = words.next()?.rsplit('/').next()?;
        let program = if program == "env" { words.next()? } else { program };
        Self::named(program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.'))
    }

    /// The grammar.
    pub(super) fn grammar(self) -> tree_sitter::Language {
        match self {
            Python => tree_sitter_python::LANGUAGE,
            JavaScript => tree_sitter_javascript::LANGUAGE,
            TypeScript => tree_sitter_typescript::LANGUAGE_TYPESCRIPT,
            Tsx => tree_sitter_typescript::LANGUAGE_TSX,
            Rust => tree_sitter_rust::LANGUAGE,
            Go => tree_sitter_go::LANGUAGE,
            Java => tree_sitter_java::LANGUAGE,
            C => tree_sitter_c::LANGUAGE,
            Cpp => tree_sitter_cpp::LANGUAGE,
            CSharp => tree_sitter_c_sharp::LANGUAGE,
            Ruby => tree_sitter_ruby::LANGUAGE,
            Php => tree_sitter_php::LANGUAGE_PHP,
            Bash => tree_sitter_bash::LANGUAGE,
        }
        .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_scripts_name_their_language() {
        for (path, language) in [
            ("/repo/a.b/parser.py", Some(Python)),
            ("src\\main.CPP", Some(Cpp)),
            ("Rakefile", Some(Ruby)),
            ("web/app.tsx", Some(Tsx)),
            ("include/x.h", Some(C)),
            ("run.bash", Some(Bash)),
            ("Makefile", None),
            ("notes.python", None),
            ("a/py", None),
        ] {
            assert_eq!(Language::of_path(path), language, "{path}");
        }
        for (line, language) in [
            ("#!/usr/bin/env python3.12", Some(Python)),
            ("#! /bin/sh -e", Some(Bash)),
            ("#!/usr/bin/env -S node --harmony", Some(JavaScript)),
            ("#!/usr/bin/perl", None),
            ("# python", None),
        ] {
            assert_eq!(Language::of_shebang(line), language, "{line}");
        }
    }

    #[test]
    fn every_language_has_a_grammar_that_the_library_reads() {
        for language in ALL {
            tree_sitter::Parser::new().set_language(&language.grammar()).unwrap();
            assert!(NAMES.iter().any(|(known, _)| *known == language));
        }
    }
}
