//! The terms of a question.

use unicode_segmentation::UnicodeSegmentation;

use super::lexicon::{is_stop_word, stem};
use super::number::Number;
use super::script::{is_hiragana, is_unspaced};

/// A text longer than twice this is read at its start and its end, where people put the question around what they paste.
/// In bytes.
const READ_BYTES: usize = 8 * 1024;

/// Quoted text longer than this is no phrase to look for. In bytes.
const PHRASE_BYTES: usize = 200;

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
        if chunk.is_empty() || is_stop_word(&lower) {
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

/// Whether most words are in capitals: then capitals say nothing.
fn is_shouted(text: &str) -> bool {
    let (mut words, mut capitals) = (0_usize, 0_usize);
    for word in text.split_whitespace().filter(|word| word.contains(char::is_alphabetic)) {
        words += 1;
        capitals += usize::from(!word.contains(char::is_lowercase));
    }
    capitals > 2 && capitals * 2 > words
}

/// Text between quotation marks. An apostrophe opens only where no word stands before it and closes only where none follows.
fn quoted(text: &str) -> Vec<&str> {
    const MARKS: [(char, char); 9] = [
        ('"', '"'),
        ('`', '`'),
        ('\'', '\''),
        ('“', '”'),
        ('„', '“'),
        ('‘', '’'),
        ('«', '»'),
        ('「', '」'),
        ('『', '』'),
    ];
    let mut phrases = Vec::new();
    let mut read_to = 0;
    for (at, opening) in text.char_indices() {
        let Some((_, closing)) = MARKS.iter().find(|(mark, _)| *mark == opening && at >= read_to) else { continue };
        if opening == '\'' && text.get(..at).is_some_and(|before| before.ends_with(char::is_alphanumeric)) {
            continue;
        }
        let start = at + opening.len_utf8();
        let limit = text.floor_char_boundary(text.len().min(start + PHRASE_BYTES));
        let Some(inside) = text.get(start..limit) else { continue };
        let end = inside.char_indices().find(|&(offset, c)| {
            let next = inside.get(offset + c.len_utf8()..).and_then(|rest| rest.chars().next());
            c == '\n' || (c == *closing && (opening != '\'' || !next.is_some_and(char::is_alphanumeric)))
        });
        if let Some((offset, c)) = end
            && c == *closing
            && let Some(phrase) = inside.get(..offset)
        {
            read_to = start + offset + c.len_utf8();
            if phrase.trim().chars().nth(1).is_some() {
                phrases.push(phrase.trim());
            }
        }
    }
    phrases
}

/// Cuts a text at whitespace, quotation marks, brackets and the like, and between scripts with and without spaces.
fn chunks(text: &str) -> Vec<&str> {
    let mut chunks = Vec::new();
    let (mut start, mut before) = (0, None);
    let mut characters = text.char_indices().peekable();
    let mut close = |from: usize, to: usize| {
        if let Some(chunk) = text.get(from..to).filter(|chunk| !chunk.is_empty()) {
            chunks.push(chunk);
        }
    };
    while let Some((at, c)) = characters.next() {
        let next = characters.peek().map(|&(_, next)| next);
        let in_number = c == ','
            && before.is_some_and(|c: char| c.is_ascii_digit())
            && next.is_some_and(|next| next.is_ascii_digit());
        // An apostrophe inside a word belongs to it.
        let in_word = matches!(c, '\'' | '’')
            && before.is_some_and(char::is_alphanumeric)
            && next.is_some_and(char::is_alphanumeric);
        let separates = c.is_whitespace()
            || matches!(
                c,
                '"' | '`' | '(' | ')' | '[' | ']' | '{' | '}' | '<' | '>' | ';' | '|' | '=' | '*' | '…' | '–' | '—'
            )
            || matches!(c, '“' | '”' | '„' | '‘' | '«' | '»' | '\u{3001}'..='\u{3004}' | '\u{3008}'..='\u{3020}')
            || matches!(c, '\u{FF01}'..='\u{FF0F}' | '\u{FF1A}'..='\u{FF20}')
            || (matches!(c, '\'' | '’') && !in_word)
            || (c == ',' && !in_number);
        if separates {
            close(start, at);
            start = at + c.len_utf8();
        } else if before.is_some_and(|before| is_unspaced(before) != is_unspaced(c)) {
            close(start, at);
            start = at;
        }
        before = Some(c);
    }
    close(start, text.len());
    chunks
}

/// A chunk without the punctuation around it; what starts a path stays.
fn trimmed(chunk: &str) -> &str {
    let chunk = chunk.trim_end_matches(|c: char| !c.is_alphanumeric() && c != '/' && c != '_');
    let chunk = chunk.trim_start_matches(|c: char| !c.is_alphanumeric() && !matches!(c, '/' | '~' | '.' | '_'));
    match chunk.chars().find(|c| *c != '.') {
        Some('/') if chunk.starts_with('.') => chunk,
        Some(c) if chunk.starts_with('.') && c.is_alphanumeric() && !chunk.starts_with("..") => chunk,
        _ => chunk.trim_start_matches('.'),
    }
}

/// `/var/log`, `src/main.rs`, `https://…`, `C:\…`, and not `and/or` or `read/write`.
fn is_path(chunk: &str) -> bool {
    let separators = chunk.matches(['/', '\\']).count();
    let inner = chunk.trim_matches(['/', '\\', '.', '~']);
    inner.chars().any(char::is_alphabetic)
        && inner.len() > 1
        && separators > 0
        && (separators > 1
            || chunk.starts_with(['/', '~', '.'])
            || chunk.contains('\\')
            || chunk.chars().any(|c| matches!(c, '.' | '_') || c.is_ascii_digit()))
}

/// Whether a chunk is a name out of code or data and no word.
fn is_identifier(chunk: &str, shouts: bool) -> bool {
    let length = chunk.chars().count();
    if length < 3 || !chunk.chars().any(char::is_alphanumeric) {
        return false;
    }
    let letters = chunk.chars().filter(|c| c.is_alphabetic()).count();
    let digits = chunk.chars().filter(char::is_ascii_digit).count();
    if digits > 0 {
        // Ordinals are words. Digits with punctuation alone are dates, times, versions and addresses.
        let lower = chunk.to_lowercase();
        let ordinal = letters == 2 && ["st", "nd", "rd", "th"].iter().any(|end| lower.ends_with(end));
        return !ordinal;
    }
    let inner = chunk.trim_matches(|c: char| !c.is_alphanumeric());
    if inner.contains(['_', '.', '@', '\\']) || inner.contains("::") || inner.contains("->") || chunk.contains('_') {
        return true;
    }
    if inner.contains('-') {
        return is_hyphenated_name(inner);
    }
    let all_capitals = letters == length && chunk.chars().all(char::is_uppercase);
    if all_capitals {
        return length >= 5 && !shouts;
    }
    chunk.chars().zip(chunk.chars().skip(1)).any(|(a, b)| a.is_lowercase() && b.is_uppercase())
}

/// `kube-system` is a name; `follow-up`, `out-of-date` and `non-zero` are words.
fn is_hyphenated_name(chunk: &str) -> bool {
    const PREFIXES: [&str; 14] =
        ["non", "pre", "re", "sub", "multi", "anti", "semi", "self", "well", "co", "un", "follow", "long", "real"];
    let lower = chunk.to_lowercase();
    let mut parts = lower.split('-');
    let first_fits =
        parts.next().is_some_and(|first| first.len() > 1 && !PREFIXES.contains(&first) && !is_stop_word(first));
    first_fits && parts.all(|part| part.len() > 1 && !is_stop_word(part))
}

/// Cuts an identifier at punctuation, between letters and digits, and at inner capitals (`HTTPServer2` is three parts).
fn parts(identifier: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    let characters: Vec<(usize, char)> = identifier.char_indices().collect();
    for (index, &(at, c)) in characters.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|index| characters.get(index)).map(|&(_, c)| c);
        let next = characters.get(index + 1).map(|&(_, c)| c);
        let Some(before) = before else { continue };
        let cuts = c.is_alphanumeric() != before.is_alphanumeric()
            || c.is_numeric() != before.is_numeric()
            || (c.is_uppercase() && (before.is_lowercase() || next.is_some_and(char::is_lowercase)));
        if cuts {
            parts.extend(identifier.get(start..at));
            start = at;
        }
    }
    parts.extend(identifier.get(start..));
    parts.retain(|part| part.starts_with(char::is_alphanumeric));
    parts
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
