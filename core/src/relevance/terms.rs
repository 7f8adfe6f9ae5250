//! The terms of a question.

use unicode_segmentation::UnicodeSegmentation;

use super::chunk::{PHRASE_BYTES, chunks, is_identifier, is_path, is_shouted, parts, quoted, trimmed};
use super::lexicon::{is_stop_word, stem};
use super::number::Number;
use super::script::{is_hiragana, is_unspaced};

/// A text longer than twice this is read at its start and its end, where people put the question around what they paste.
/// In bytes.
const READ_BYTES: usize = 8 * 1024;

/// How many terms a question keeps: the specific ones first, then the heavier, then the earlier. The matcher has one bit
/// for each.
pub(super) const MAX_TERMS: usize = 64;

/// What a term is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TermKind {
    /// Quoted text.
    Phrase,
    /// A path or an address.
    Path,
    /// A name out of code or data, an id, a date, an error code.
    Identifier,
    /// A number.
    Number,
    /// A word, matched in its English forms.
    Word,
    /// A pair of characters of a script without spaces between words.
    Pair,
}

/// Something to look for.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Term {
    /// What it is.
    pub kind: TermKind,
    /// The text to look for, in lower case; the stem of a word; a number without separators and trailing zeros.
    pub text: String,
    /// How much it weighs beside its rarity; a word of the user is 1.0.
    pub weight: f32,
    /// Whether a unit that holds it answers the question whatever else it holds: quoted text, ids, paths, numbers of three
    /// digits and more, and names with `_`, `.`, `/`, `-`, digits or inner capitals.
    pub specific: bool,
}

/// Reads the terms of the user's text and of the arguments of a call, most important first in each kind's own order.
///
/// # Sources
/// Weights chosen by hand: what few texts hold by accident weighs more.
pub(super) fn read(user_text: &str, call_arguments: &str) -> Vec<Term> {
    let mut terms = Terms::default();
    for part in start_and_end(user_text) {
        terms.read_text(part);
    }
    let asked = terms.list.len();
    for value in argument_texts(call_arguments) {
        terms.read_text(&value);
    }
    for term in terms.list.iter_mut().skip(asked) {
        term.weight *= 0.5;
        // A path names where the text came from and a number is most often a limit; neither says what is asked.
        term.specific &= !matches!(term.kind, TermKind::Path | TermKind::Number);
    }
    terms.most_important()
}

/// The start and the end of a long text, or all of a short one.
pub(super) fn start_and_end(text: &str) -> Vec<&str> {
    if text.len() <= 2 * READ_BYTES {
        return vec![text];
    }
    let start = text.get(..text.floor_char_boundary(READ_BYTES));
    let end = text.get(text.ceil_char_boundary(text.len() - READ_BYTES)..);
    start.into_iter().chain(end).collect()
}

/// The string values of JSON arguments, or the arguments as they are when they are no JSON. Very long arguments are content,
/// such as a file to write, and not read.
fn argument_texts(arguments: &str) -> Vec<String> {
    if arguments.len() > 8 * READ_BYTES {
        return Vec::new();
    }
    let Ok(value) = serde_json::from_str::<serde_json::Value>(arguments) else {
        return start_and_end(arguments).into_iter().map(str::to_owned).collect();
    };
    let (mut waiting, mut texts, mut bytes) = (vec![value], Vec::new(), 0);
    while let Some(value) = waiting.pop() {
        match value {
            serde_json::Value::String(text) if bytes < READ_BYTES => {
                let text = text.get(..text.floor_char_boundary(READ_BYTES)).unwrap_or_default();
                bytes += text.len();
                texts.push(text.to_owned());
            }
            serde_json::Value::Array(values) => waiting.extend(values.into_iter().rev()),
            serde_json::Value::Object(fields) => {
                let values: Vec<_> = fields.into_iter().map(|(_, value)| value).collect();
                waiting.extend(values.into_iter().rev());
            }
            _ => {}
        }
    }
    texts
}

#[derive(Default)]
struct Terms {
    list: Vec<Term>,
    index: std::collections::HashMap<String, usize>,
}

impl Terms {
    fn add(&mut self, kind: TermKind, text: &str, weight: f32, specific: bool) {
        let text = text.to_lowercase();
        if let Some(known) = self.index.get(&text).and_then(|&at| self.list.get_mut(at)) {
            known.weight = known.weight.max(weight);
            known.specific |= specific;
            return;
        }
        self.index.insert(text.clone(), self.list.len());
        self.list.push(Term { kind, text, weight, specific });
    }

    fn most_important(self) -> Vec<Term> {
        let mut ranked: Vec<(usize, Term)> = self.list.into_iter().enumerate().collect();
        ranked.sort_by(|(a_at, a), (b_at, b)| {
            b.specific.cmp(&a.specific).then(b.weight.total_cmp(&a.weight)).then(a_at.cmp(b_at))
        });
        ranked.truncate(MAX_TERMS);
        ranked.sort_by_key(|(at, _)| *at);
        ranked.into_iter().map(|(_, term)| term).collect()
    }

    fn read_text(&mut self, text: &str) {
        for phrase in quoted(text) {
            if phrase.contains(char::is_whitespace) {
                self.add(TermKind::Phrase, phrase, 3.0, true);
            } else if phrase.chars().nth(2).is_some() && !is_stop_word(&phrase.to_lowercase()) {
                self.add(TermKind::Identifier, phrase, 3.0, true);
            }
        }
        let shouts = is_shouted(text);
        let mut sentence_starts = true;
        for chunk in chunks(text) {
            if chunk.chars().next().is_some_and(is_unspaced) {
                self.read_unspaced(chunk);
            } else {
                self.read_chunk(chunk, shouts, sentence_starts);
            }
            sentence_starts = chunk.ends_with(['.', '!', '?', ':']);
        }
    }

    /// Pairs of neighbouring characters, or the character itself when it stands alone.
    fn read_unspaced(&mut self, run: &str) {
        let characters: Vec<char> = run.chars().collect();
        if let [single] = characters.as_slice()
            && !is_hiragana(*single)
        {
            self.add(TermKind::Pair, &single.to_string(), 0.5, false);
        }
        for pair in characters.windows(2) {
            let weight = if pair.iter().all(|&c| is_hiragana(c)) { 0.2 } else { 0.7 };
            self.add(TermKind::Pair, &pair.iter().collect::<String>(), weight, false);
        }
    }

    fn read_chunk(&mut self, chunk: &str, shouts: bool, sentence_starts: bool) {
        let chunk = trimmed(chunk);
        let lower = chunk.to_lowercase();
        if chunk.is_empty() || chunk.len() > PHRASE_BYTES || is_stop_word(&lower) {
            return;
        }
        if let Some(number) = Number::read(chunk) {
            let digits = number.digits();
            let weight = if digits >= 3 { 2.0 } else { 0.5 };
            self.add(TermKind::Number, &number.to_string(), weight, digits >= 3);
        } else if is_path(chunk) {
            self.add(TermKind::Path, chunk.trim_end_matches('/'), 3.0, true);
            let last = chunk.rsplit(['/', '\\']).find(|part| !part.is_empty()).unwrap_or_default();
            if last.len() < chunk.len() && is_identifier(last, shouts) {
                self.add(TermKind::Identifier, last, 2.5, true);
            }
            self.read_parts(chunk);
        } else if is_identifier(chunk, shouts) {
            self.add(TermKind::Identifier, chunk, 2.5, true);
            self.read_parts(chunk);
        } else {
            let named = !shouts && !sentence_starts && chunk.starts_with(char::is_uppercase);
            for word in chunk.unicode_words() {
                let word = word.to_lowercase();
                if word.chars().nth(1).is_some() && !is_stop_word(&word) {
                    let word = word.strip_suffix("'s").unwrap_or(&word);
                    self.add(TermKind::Word, stem(word), if named { 1.5 } else { 1.0 }, false);
                }
            }
        }
    }

    /// The words and numbers that an identifier is made of.
    fn read_parts(&mut self, identifier: &str) {
        for part in parts(identifier) {
            if let Some(number) = Number::read(part) {
                if number.digits() >= 3 {
                    self.add(TermKind::Number, &number.to_string(), 0.5, false);
                }
                continue;
            }
            let part = part.to_lowercase();
            if part.len() >= 3 && part.chars().all(char::is_alphabetic) && !is_stop_word(&part) {
                self.add(TermKind::Word, stem(&part), 0.5, false);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(question: &str) -> Vec<String> {
        read(question, "").into_iter().map(|term| term.text).collect()
    }

    fn specific(question: &str) -> Vec<String> {
        read(question, "").into_iter().filter(|term| term.specific).map(|term| term.text).collect()
    }

    #[test]
    fn stop_words_are_left_out_and_words_are_folded() {
        assert_eq!(
            texts("Which connections were closed by the server's workers?"),
            ["connection", "clos", "server", "worker"]
        );
    }

    #[test]
    fn finds_what_is_specific() {
        for (question, expected) in [
            ("what happened to user_id here", vec!["user_id"]),
            ("where is getUserName called?", vec!["getusername"]),
            ("look at numpy.linalg.norm, e.g. its axis", vec!["numpy.linalg.norm"]),
            ("Is CVE-2019-14697 fixed?", vec!["cve-2019-14697"]),
            ("order B071ZN4K8V failed", vec!["b071zn4k8v"]),
            ("commit deadbee1f", vec!["deadbee1f"]),
            ("open src/parser/mod.rs.", vec!["src/parser/mod.rs", "mod.rs"]),
            ("why ECONNREFUSED?", vec!["econnrefused"]),
            ("who paid $1,710.00?", vec!["1710"]),
            ("the 3rd of 12", vec![]),
            ("at 04:47:44 from 10.0.0.17", vec!["04:47:44", "10.0.0.17"]),
            ("is the kube-system namespace up-to-date and non-empty?", vec!["kube-system"]),
            ("the no-image-deployment, long-running and read-only", vec!["no-image-deployment"]),
            ("read/write and/or either", vec![]),
            ("who said \"child not found\" and 'mod jk', isn't it the child's?", vec!["child not found", "mod jk"]),
            ("PLEASE FIX THE BROKEN BUILD", vec![]),
            (".gitignore and ./run.sh and ~/x and ...", vec![".gitignore", "./run.sh", "run.sh"]),
        ] {
            assert_eq!(specific(question), expected, "{question}");
        }
    }

    #[test]
    fn parts_of_identifiers_weigh_less_than_words() {
        let terms = read("HTTPServerError2 retries", "");
        let weight = |text: &str| terms.iter().find(|term| term.text == text).map(|term| term.weight);
        assert_eq!((weight("http"), weight("server"), weight("retr")), (Some(0.5), Some(0.5), Some(1.0)));
        assert!(weight("httpservererror2") > weight("retr"));
    }

    #[test]
    fn chinese_japanese_and_korean_become_pairs() {
        assert_eq!(texts("数据库连接"), ["数据", "据库", "库连", "连接"]);
        assert!(texts("カタカナのテスト").contains(&"カタ".to_owned()));
        assert!(texts("서버 오류").contains(&"오류".to_owned()));
        assert_eq!(specific("在src/main.rs文件中的错误"), ["src/main.rs", "main.rs"]);
    }

    #[test]
    fn strings_of_arguments_weigh_less_and_their_paths_are_not_specific() {
        let terms =
            read("the parser", r#"{"path":"src/lib.rs","query":"parse_header","limit":4000,"deep":[{"x":"alpha"}]}"#);
        let find = |text: &str| terms.iter().find(|term| term.text == text).cloned();
        assert_eq!(find("src/lib.rs").map(|term| term.specific), Some(false));
        assert_eq!(find("parse_header").map(|term| (term.specific, term.weight)), Some((true, 1.25)));
        assert_eq!(find("alpha").map(|term| term.weight), Some(0.5));
        assert!(find("4000").is_none() && find("limit").is_none());
        assert!(read("", "grep needle_x").iter().any(|term| term.text == "needle_x"));
    }

    #[test]
    fn the_number_of_terms_is_bounded_and_specific_ones_stay() {
        let long = (0..5000).map(|index| format!("word{}x ", "abcdefghij".repeat(index % 7 + 1))).collect::<String>();
        let terms = read(&format!("{long} find needle_one"), &"[".repeat(1_000_000));
        assert!(terms.len() <= MAX_TERMS);
        let many =
            (0..500).map(|index| format!("word{} ", "abcdefghijklmnop".get(index % 16..).unwrap())).collect::<String>();
        assert!(read(&format!("{many} find needle_one"), "").iter().any(|term| term.text == "needle_one"));
    }
}
