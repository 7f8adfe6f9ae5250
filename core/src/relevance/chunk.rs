//! Cutting a question into chunks, and telling names and paths from words.

use super::lexicon::is_stop_word;
use super::script::is_unspaced;

/// Longer than this, quoted text is no phrase and a chunk no name to look for. In bytes.
pub(super) const PHRASE_BYTES: usize = 200;

/// Whether most words are in capitals: then capitals say nothing.
pub(super) fn is_shouted(text: &str) -> bool {
    let (mut words, mut capitals) = (0_usize, 0_usize);
    for word in text.split_whitespace().filter(|word| word.contains(char::is_alphabetic)) {
        words += 1;
        capitals += usize::from(!word.contains(char::is_lowercase));
    }
    capitals > 2 && capitals * 2 > words
}

/// Text between quotation marks. An apostrophe opens only where no word stands before it and closes only where none follows.
pub(super) fn quoted(text: &str) -> Vec<&str> {
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
pub(super) fn chunks(text: &str) -> Vec<&str> {
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
pub(super) fn trimmed(chunk: &str) -> &str {
    let chunk = chunk.trim_end_matches(|c: char| !c.is_alphanumeric() && c != '/' && c != '_');
    let chunk = chunk.trim_start_matches(|c: char| !c.is_alphanumeric() && !matches!(c, '/' | '~' | '.' | '_'));
    match chunk.chars().find(|c| *c != '.') {
        Some('/') if chunk.starts_with('.') => chunk,
        Some(c) if chunk.starts_with('.') && c.is_alphanumeric() && !chunk.starts_with("..") => chunk,
        _ => chunk.trim_start_matches('.'),
    }
}

/// `/var/log`, `src/main.rs`, `https://…`, `C:\…`, and not `and/or` or `read/write`.
pub(super) fn is_path(chunk: &str) -> bool {
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
pub(super) fn is_identifier(chunk: &str, shouts: bool) -> bool {
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
    if inner.contains(['_', '.', '@', '\\'])
        || inner.contains("::")
        || inner.contains("->")
        || chunk.contains('_')
        || chunk.starts_with('.')
    {
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

/// `kube-system` and `no-image-deployment` are names, with two parts that say something; `follow-up`, `out-of-date` and
/// `non-zero` are words.
fn is_hyphenated_name(chunk: &str) -> bool {
    const PREFIXES: [&str; 14] =
        ["non", "pre", "re", "sub", "multi", "anti", "semi", "self", "well", "co", "un", "follow", "long", "real"];
    let lower = chunk.to_lowercase();
    lower.split('-').filter(|part| part.len() > 1 && !PREFIXES.contains(part) && !is_stop_word(part)).count() > 1
}

/// Cuts an identifier at punctuation, between letters and digits, and at inner capitals (`HTTPServer2` is three parts).
pub(crate) fn parts(identifier: &str) -> Vec<&str> {
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

    #[test]
    fn quotation_marks_hold_phrases_and_apostrophes_do_not() {
        assert_eq!(quoted("a \"b c\" `d` 'e f' “g h” 「你好」"), ["b c", "e f", "g h", "你好"]);
        assert!(quoted("isn't the child's, 'tis").is_empty());
        assert!(quoted("open \" and\n closed \" later").is_empty());
        assert!(quoted(&"\"".repeat(10_000)).is_empty());
    }

    #[test]
    fn a_text_is_cut_between_words_and_scripts() {
        assert_eq!(
            chunks("id=5, (1,710.00) x::y在a.rs中,it's"),
            ["id", "5", "1,710.00", "x::y", "在", "a.rs", "中", "it's"]
        );
        assert_eq!(chunks("，。！"), Vec::<&str>::new());
    }

    #[test]
    fn punctuation_around_a_chunk_goes_and_the_start_of_a_path_stays() {
        let trims = ["...end.", "$5!", "./run.sh,", ".gitignore", "~/x", "--verbose", "...", "/tmp/"];
        assert_eq!(trims.map(trimmed), ["end", "5", "./run.sh", ".gitignore", "~/x", "verbose", "", "/tmp/"]);
    }

    #[test]
    fn identifiers_are_cut_at_capitals_digits_and_punctuation() {
        assert_eq!(parts("HTTPServer2_maxRetries"), ["HTTP", "Server", "2", "max", "Retries"]);
        assert_eq!(parts("__"), Vec::<&str>::new());
    }
}
