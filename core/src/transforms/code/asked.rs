//! Which definitions a question names.

use std::collections::HashSet;

use super::language::Language;
use crate::relevance::{Question, TermKind, is_stop_word, parts, stem};

/// How surely a question names a definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Named {
    /// Not at all.
    No,
    /// By one word that may mean something else, as in "how does it load?" for `load`.
    Perhaps,
    /// By all its words, as in "missing arc description" for `missing_arc_description`.
    InWords,
    /// In another spelling, as in `getUserName` for `get_user_name`.
    Spelled,
    /// By its name.
    Exactly,
}

/// The names in a question.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// Names in lower case, with what they belong to: `cache.get` has `cache` and `get`.
    names: HashSet<String>,
    /// The same without `_`.
    spellings: HashSet<String>,
    /// Owners of names, in lower case: `cache`.
    owners: HashSet<String>,
    /// Stems of the user's words.
    words: HashSet<String>,
}

/// What the weight of a word is at least when the user wrote it himself, rather than as a part of a name or in the
/// arguments of a call.
const OWN_WORD: f32 = 1.0;

impl Asked {
    pub(super) fn of(question: &Question) -> Self {
        let mut asked = Self::default();
        for term in question.terms() {
            match term.kind {
                TermKind::Identifier => asked.add(&term.text),
                // A piece of code, such as `def load(self, path)`.
                TermKind::Phrase if term.text.contains('(') => {
                    let head = term.text.split('(').next().unwrap_or_default();
                    asked.add(head.split_whitespace().next_back().unwrap_or_default());
                }
                TermKind::Path => {
                    // `tests/test_a.py::test_b`
                    if let Some((_, name)) = term.text.rsplit_once("::") {
                        asked.add(name);
                    }
                }
                TermKind::Word if term.weight >= OWN_WORD => drop(asked.words.insert(term.text.clone())),
                _ => {}
            }
        }
        asked
    }

    fn add(&mut self, text: &str) {
        // `cache.py` is a file and says nothing of a class.
        if Language::of_path(text).is_some() {
            return;
        }
        let text = text.split(['(', '[', '<']).next().unwrap_or_default();
        let cuts = |c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '$'));
        let mut segments: Vec<&str> = text.split(cuts).filter(|segment| !segment.is_empty()).collect();
        let Some(name) = segments.pop() else { return };
        self.names.insert(name.to_owned());
        self.spellings.insert(spelling(name));
        self.owners.extend(segments.into_iter().map(str::to_owned));
    }

    /// Whether nothing could be named.
    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty() && self.words.is_empty()
    }

    /// Whether a name stands behind the name of what it belongs to, as in `Cache.get`.
    pub(super) fn is_owner(&self, name: &str) -> bool {
        self.owners.contains(&name.to_lowercase())
    }

    /// How surely the question names what is called `name`.
    pub(super) fn names(&self, name: &str) -> Named {
        let lower = name.to_lowercase();
        if self.names.contains(&lower) {
            return Named::Exactly;
        }
        if name.is_empty() {
            return Named::No;
        }
        if self.spellings.contains(&spelling(&lower)) {
            return Named::Spelled;
        }
        if self.words.is_empty() {
            return Named::No;
        }
        let words: Vec<String> = parts(name).into_iter().map(str::to_lowercase).collect();
        let telling: Vec<&String> = words.iter().filter(|word| !is_stop_word(word) && word.len() > 1).collect();
        match telling.len() {
            0 => Named::No,
            _ if !telling.iter().all(|word| self.words.contains(stem(word)) || self.words.contains(*word)) => Named::No,
            1 => Named::Perhaps,
            _ => Named::InWords,
        }
    }
}

fn spelling(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(question: &str, name: &str) -> Named {
        Asked::of(&Question::new(question, r#"{"path":"/repo/coverage/parser.py"}"#)).names(name)
    }

    #[test]
    fn names_are_found_in_every_spelling() {
        for (question, name, expected) in [
            ("How does `_read_block` work?", "_read_block", Named::Exactly),
            ("fix missing_arc_description please", "missing_arc_description", Named::Exactly),
            ("what does getUserName do", "get_user_name", Named::Spelled),
            ("Why does `Cache.get(key)` fail?", "get", Named::Exactly),
            ("Why does `cache::Store::put_all` fail?", "put_all", Named::Exactly),
            ("look at `fn add_edge(&mut self, a: usize)`", "add_edge", Named::Exactly),
            ("run tests/test_a.py::test_b", "test_b", Named::Exactly),
            ("how are arc descriptions that are missing made?", "missing_arc_description", Named::InWords),
            ("how does it load the file?", "load", Named::Perhaps),
            ("how does it load the file?", "load_arc", Named::No),
            ("why is the parser slow?", "parser", Named::Perhaps),
            ("what is in coverage/parser.py?", "parser", Named::No),
            ("what happens here?", "", Named::No),
        ] {
            assert_eq!(names(question, name), expected, "{question} {name}");
        }
    }

    #[test]
    fn owners_are_known_and_not_named_themselves() {
        let asked = Asked::of(&Question::new("Why does `Cache.get` fail?", ""));
        assert!(asked.is_owner("Cache") && !asked.is_owner("get"));
        assert_eq!(asked.names("Cache"), Named::No);
        assert!(!Asked::of(&Question::new("What is `get` in src/cache.py and cache.py?", "")).is_owner("Cache"));
    }
}
