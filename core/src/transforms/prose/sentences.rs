//! Where sentences start.

/// A sentence longer than this is cut between words, in bytes.
///
/// # Sources
/// Chosen by hand: some 90 words.
pub(super) const LONGEST_SENTENCE_BYTES: usize = 500;

/// Abbreviations that do not end a sentence although a capital follows them.
const ABBREVIATIONS: [&str; 34] = [
    "e.g", "i.e", "etc", "vs", "cf", "mr", "mrs", "ms", "dr", "prof", "st", "no", "nos", "fig", "figs", "eq", "vol",
    "pp", "p", "al", "approx", "inc", "ltd", "co", "corp", "jr", "sr", "sec", "ch", "ed", "z.b", "bzw", "nr", "u.s",
];

/// Where the sentences of a text start, the first at 0; each takes the blanks behind it. Line breaks end a sentence only
/// where `breaks` says so, by the offset of the break.
///
/// Ends are `.`, `!` and `?` with blanks behind them and no lower-case letter after those, and the full stops of other
/// scripts wherever they stand. Sentences longer than [`LONGEST_SENTENCE_BYTES`] are cut between words.
///
/// # Sources
/// The rules SB8 to SB11 of Unicode Standard Annex 29, and a list of abbreviations, which the annex leaves to its users.
/// In one pass over the bytes, because the general algorithm takes most of the time that a transform has.
pub(super) fn sentence_starts(text: &str, breaks: impl Fn(usize) -> bool) -> Vec<usize> {
    let mut starts = vec![0];
    let mut from = 0;
    let mut characters = text.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        let ends = match c {
            '.' | '!' | '?' => {
                let before = text.get(from..at).unwrap_or_default();
                let rest = text.get(at + 1..).unwrap_or_default().trim_start_matches(CLOSERS);
                let next = rest.trim_start();
                next.len() < rest.len()
                    && !(c == '.' && next.starts_with(char::is_lowercase))
                    && !(c == '.' && is_abbreviation(before))
            }
            '。' | '！' | '？' | '｡' | '．' | '؟' | '۔' | '।' => true,
            '\n' => breaks(at),
            _ => false,
        };
        if !ends && at - from <= LONGEST_SENTENCE_BYTES {
            continue;
        }
        if !ends && !c.is_whitespace() && at - from <= 2 * LONGEST_SENTENCE_BYTES {
            continue;
        }
        if ends {
            while characters.next_if(|(_, c)| CLOSERS.contains(c)).is_some() {}
        }
        while characters.next_if(|(_, c)| c.is_whitespace()).is_some() {}
        if let Some(&(start, _)) = characters.peek() {
            starts.push(start);
            from = start;
        }
    }
    starts
}

/// What may stand between the end of a sentence and the blank behind it.
const CLOSERS: &[char] = &[')', ']', '"', '\'', '”', '’', '»', '*', '_', '`', '」', '』', '）'];

/// Whether the last word is an abbreviation, an initial, or the number of a list item.
fn is_abbreviation(sentence: &str) -> bool {
    let start = sentence.rfind(|c: char| c.is_whitespace() || matches!(c, '(' | '[')).map_or(0, |at| at + 1);
    let word = sentence.get(start..).unwrap_or_default();
    let mut characters = word.chars();
    let initial = characters.next().is_some_and(char::is_uppercase) && characters.next().is_none();
    let number = start == 0 && !word.is_empty() && word.len() <= 3 && word.bytes().all(|byte| byte.is_ascii_digit());
    initial || number || ABBREVIATIONS.iter().any(|known| word.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentences(text: &str) -> Vec<&str> {
        let mut starts = sentence_starts(text, |_| false);
        starts.push(text.len());
        starts.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect()
    }

    #[test]
    fn sentences_end_at_full_stops_and_not_at_abbreviations() {
        assert_eq!(
            sentences("See e.g. Fig. 3 of Dr. J. Doe. It works (really!). Does it?  \"Yes.\" v1.2 is out. the end"),
            ["See e.g. Fig. 3 of Dr. J. Doe. ", "It works (really!). ", "Does it?  ", "\"Yes.\" v1.2 is out. the end"]
        );
        assert_eq!(sentences("1. Install it. 2. Run it."), ["1. Install it. ", "2. Run it."]);
    }

    #[test]
    fn other_scripts_end_sentences_without_blanks() {
        assert_eq!(sentences("数据库坏了。「真的！」请重试。"), ["数据库坏了。", "「真的！」", "请重试。"]);
        assert_eq!(sentences("動きません。再起動してください。").len(), 2);
        assert_eq!(sentences("작동하지 않습니다. 다시 시작하세요.").len(), 2);
    }

    #[test]
    fn endless_sentences_are_cut_between_words_and_words_anywhere() {
        let words = "word ".repeat(1000);
        assert!(sentences(&words).iter().all(|part| part.len() < LONGEST_SENTENCE_BYTES + 10 && part.ends_with(' ')));
        for unit in ["a", "漢", "👍", "é"] {
            let text = unit.repeat(5000);
            let parts = sentences(&text);
            assert!(parts.len() > 4 && parts.concat() == text, "{unit}");
        }
    }

    #[test]
    fn a_break_ends_a_sentence_where_it_is_told_to() {
        assert_eq!(sentence_starts("a b\nC d\ne", |at| at == 3), [0, 4]);
    }

    #[test]
    fn hostile_text_takes_one_pass() {
        for unit in [".", ". ", ".)", "!\n", " ", "。", "a.", "\"", ".    "] {
            assert!(!sentence_starts(&unit.repeat(2_000_000 / unit.len()), |_| true).is_empty());
        }
    }
}
