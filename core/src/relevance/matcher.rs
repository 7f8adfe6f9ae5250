//! Finding the terms of a question in a text, all in one pass.

use aho_corasick::automaton::Automaton as _;
use aho_corasick::dfa::DFA;
use aho_corasick::{Anchored, MatchKind};

use super::lexicon::is_inflection;
use super::number::{Number, is_whole_number};
use super::script::continues_word;
use super::terms::{Term, TermKind};

/// An automaton over the forms of all terms.
pub(super) struct Matcher {
    automaton: Option<DFA>,
    patterns: Vec<Pattern>,
    /// Bytes of the shortest pattern.
    shortest: usize,
    /// Whether a term has a letter whose upper case ASCII folding does not find.
    folds_text: bool,
}

struct Pattern {
    term: usize,
    rule: Rule,
    is_ascii: bool,
}

/// What must stand around a match.
#[derive(Clone, Copy)]
enum Rule {
    /// A form of an English word; inner capitals, digits and `_` end a word.
    EnglishWord,
    /// No letter or digit on either side.
    Word,
    /// No letter, digit or `_` on a side where the term itself ends in one.
    Name,
    /// The whole of a number.
    Number { has_fraction: bool },
    /// Anything.
    Anywhere,
}

impl Matcher {
    pub(super) fn new(terms: &[Term]) -> Self {
        let (mut texts, mut patterns) = (Vec::new(), Vec::new());
        for (term, Term { kind, text, .. }) in terms.iter().enumerate() {
            let (forms, rule) = match (kind, Number::read(text)) {
                (TermKind::Number, Some(number)) => {
                    (number.forms(), Rule::Number { has_fraction: number.has_fraction() })
                }
                (TermKind::Word, _) if text.bytes().all(|byte| byte.is_ascii_alphabetic()) => {
                    (vec![text.clone()], Rule::EnglishWord)
                }
                (TermKind::Word, _) => (vec![text.clone()], Rule::Word),
                (TermKind::Pair, _) => (vec![text.clone()], Rule::Anywhere),
                _ => (vec![text.clone()], Rule::Name),
            };
            for form in forms {
                patterns.push(Pattern { term, rule, is_ascii: form.is_ascii() });
                texts.push(form);
            }
        }
        let folds_text = texts.iter().any(|text| text.chars().any(|c| !c.is_ascii() && c.is_alphabetic()));
        // Terms may lie inside each other, so every occurrence is wanted: the standard match kind with overlaps. Building
        // fails only beyond billions of states; without an automaton nothing matches.
        let automaton = DFA::builder()
            .match_kind(MatchKind::Standard)
            .ascii_case_insensitive(true)
            .prefilter(false)
            .build(&texts)
            .ok();
        let shortest = texts.iter().map(String::len).min().unwrap_or(0);
        Self { automaton, patterns, shortest, folds_text }
    }

    /// Calls `found` with the term of every occurrence in `unit`, until it answers `false`.
    pub(super) fn find(&self, unit: &str, mut found: impl FnMut(usize) -> bool) {
        if !self.folds_text || unit.is_ascii() {
            self.find_in(unit, |_| true, &mut found);
            return;
        }
        // Inner capitals end words, so terms in ASCII are looked for in the text as it is.
        if self.find_in(unit, |pattern| pattern.is_ascii, &mut found) {
            self.find_in(&unit.to_lowercase(), |pattern| !pattern.is_ascii, &mut found);
        }
    }

    /// Whether all occurrences were passed on.
    fn find_in(&self, text: &str, wanted: impl Fn(&Pattern) -> bool, found: &mut impl FnMut(usize) -> bool) -> bool {
        let Some(automaton) = self.automaton.as_ref().filter(|_| text.len() >= self.shortest) else { return true };
        let Ok(mut state) = automaton.start_state(Anchored::No) else { return true };
        // Units are cells and words as often as lines, and an iterator takes longer to set up than a cell to read.
        for (end, byte) in (1..).zip(text.bytes()) {
            state = automaton.next_state(Anchored::No, state, byte);
            if !automaton.is_match(state) {
                continue;
            }
            for index in 0..automaton.match_len(state) {
                let id = automaton.match_pattern(state, index);
                let Some(pattern) = self.patterns.get(id.as_usize()) else { continue };
                let start = end - automaton.pattern_len(id);
                if wanted(pattern) && pattern.rule.holds(text, start, end) && !found(pattern.term) {
                    return false;
                }
            }
        }
        true
    }
}

impl Rule {
    fn holds(self, text: &str, start: usize, end: usize) -> bool {
        match self {
            Self::Anywhere => true,
            Self::Number { has_fraction } => is_whole_number(text.as_bytes(), start, end, has_fraction),
            Self::EnglishWord => starts_english_word(text, start) && ends_english_word(text, start, end),
            Self::Word => {
                !char_before(text, start).is_some_and(continues_word) && !char_at(text, end).is_some_and(continues_word)
            }
            Self::Name => {
                let joins = |c: char| c == '_' || continues_word(c);
                let meets = |inside: Option<char>, outside: Option<char>| {
                    inside.is_some_and(joins) && outside.is_some_and(joins)
                };
                !meets(char_at(text, start), char_before(text, start))
                    && !meets(char_before(text, end), char_at(text, end))
            }
        }
    }
}

fn char_at(text: &str, at: usize) -> Option<char> {
    text.get(at..)?.chars().next()
}

fn char_before(text: &str, at: usize) -> Option<char> {
    text.get(..at)?.chars().next_back()
}

/// A word starts where no letter stands before it, or at an inner capital: `readTimeout`, `HTTPServer`.
fn starts_english_word(text: &str, start: usize) -> bool {
    let bytes = text.as_bytes();
    let Some(before) = start.checked_sub(1).and_then(|at| bytes.get(at)) else { return true };
    if !before.is_ascii() {
        return !char_before(text, start).is_some_and(continues_word);
    }
    if !before.is_ascii_alphabetic() {
        return true;
    }
    bytes.get(start).is_some_and(u8::is_ascii_uppercase)
        && (before.is_ascii_lowercase() || bytes.get(start + 1).is_some_and(u8::is_ascii_lowercase))
}

/// A word ends, perhaps after an English ending, where no letter follows or at an inner capital.
fn ends_english_word(text: &str, start: usize, end: usize) -> bool {
    const LONGEST_ENDING: usize = 4;
    let bytes = text.as_bytes();
    let Some(stem) = bytes.get(start..end) else { return false };
    let mut last = stem.last().copied().unwrap_or_default();
    for length in 0..=LONGEST_ENDING {
        let next = bytes.get(end + length).copied().unwrap_or_default();
        let ends = if next.is_ascii() {
            !next.is_ascii_alphabetic() || (last.is_ascii_lowercase() && next.is_ascii_uppercase())
        } else {
            !char_at(text, end + length).is_some_and(continues_word)
        };
        if ends {
            return bytes.get(end..end + length).is_some_and(|ending| is_inflection(stem, ending));
        }
        if !next.is_ascii() {
            return false;
        }
        last = next;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relevance::terms::read;

    fn holds(question: &str, unit: &str) -> bool {
        holds_one_of(&read(question, ""), unit)
    }

    fn holds_specific(question: &str, unit: &str) -> bool {
        let mut terms = read(question, "");
        terms.retain(|term| term.specific);
        holds_one_of(&terms, unit)
    }

    fn holds_one_of(terms: &[Term], unit: &str) -> bool {
        let mut any = false;
        Matcher::new(terms).find(unit, |_| {
            any = true;
            false
        });
        any
    }

    #[test]
    fn words_match_in_their_forms_and_inside_identifiers() {
        for unit in
            ["retry", "3 retries", "RETRYING", "maxRetries", "retry_count", "HTTPRetry2", "重retry试", "(retried)"]
        {
            assert!(holds("retries?", unit), "{unit}");
        }
        for unit in ["retrofit", "xretry", "retryable", "éretry", "retryé"] {
            assert!(!holds("retries?", unit), "{unit}");
        }
    }

    #[test]
    fn names_match_as_a_whole() {
        assert!(holds_specific("10.0.0.1", "from 10.0.0.1:5432"));
        assert!(!holds_specific("10.0.0.1", "from 10.0.0.17") && !holds_specific("10.0.0.1", "110.0.0.1"));
        assert!(
            holds_specific("`user_id`", "x.USER_ID=3")
                && !holds_specific("`user_id`", "user_id2")
                && !holds_specific("`user_id`", "new_user_id")
        );
        assert!(holds_specific("`--force now`", "git push --force now!"));
    }

    #[test]
    fn numbers_match_in_equal_forms() {
        for unit in ["1710", "1,710.00", "total=1_710;", "1710.0"] {
            assert!(holds("who paid 1710.00", unit), "{unit}");
        }
        for unit in ["17100", "1710.5", "171000", "21,710"] {
            assert!(!holds("who paid 1710.00", unit), "{unit}");
        }
    }

    #[test]
    fn other_alphabets_match_in_any_case() {
        assert!(holds("ошибка сервера", "ОШИБКА 500") && !holds("ошибка", "ошибками"));
        assert!(holds("Größe", "die GRÖSSE ist GRÖßE"));
        assert!(holds("数据库", "无法连接数据库") && !holds("数据库", "数 据"));
        assert!(holds("エラー", "致命的なエラーです") && holds("오류", "서버오류가"));
    }
}
