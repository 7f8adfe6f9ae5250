//! What makes a passage worth reading whatever is asked.

use std::sync::LazyLock;

use regex::bytes::Regex;

/// Words that warn, forbid, demand or bound something.
///
/// # Sources
/// The key words of RFC 2119 and words of admonitions in manuals; chosen by hand, with those of other languages that are
/// written the same in no other sense.
static WARNINGS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        "(?i-u:\\b(?:warn|caution|danger|important|note that|note:|must|never|deprecat|not supported|unsupported|required|\
         default|only|cannot|limit|except|however|removed|breaking|breach|error|fail|security|at least|at most|up to|\
         maximum|minimum|conclu|decided|because|therefore|verboten|achtung|wichtig|prohib|obligato|importante)|\
         (?:注意|警告|必須|必须|禁止|重要|废弃|失败|不支持|错误|エラー|非推奨|주의|경고|필수|중요|오류))",
    )
    .expect("a fixed pattern is valid")
});

/// Words that deny something.
static NEGATIONS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        "(?i-u:\\b(?:not|no longer|none|nobody|nothing|without|nor|nicht|kein|keine|sans|jamais|ninguno|nunca)\\b|n't\\b|n\\xE2\\x80\\x99t\\b|\
         (?:不是|没有|不能|不会|無い|ません|ない|않|없))",
    )
    .expect("a fixed pattern is valid")
});

/// How much a passage says by itself, from 0.0 up: warnings, negations, numbers, names, code in the text.
///
/// # Sources
/// Weights chosen by hand.
pub(super) fn notability(text: &str) -> f32 {
    let bytes = text.as_bytes();
    let digits = bytes.iter().skip(4).filter(|byte| byte.is_ascii_digit()).count();
    let names = text
        .split_ascii_whitespace()
        .skip(1)
        .filter(|word| {
            word.starts_with(|c: char| c.is_uppercase()) && word.chars().nth(1).is_some_and(char::is_alphabetic)
        })
        .take(3)
        .count();
    let mut worth = 0.0;
    if WARNINGS.is_match(bytes) {
        worth += 0.6;
    }
    if NEGATIONS.is_match(bytes) {
        worth += 0.3;
    }
    if digits > 0 {
        worth += 0.3;
    }
    if names > 0 {
        worth += 0.2;
    }
    if memchr::memchr(b'`', bytes).is_some() {
        worth += 0.2;
    }
    worth
}

/// Whether a text is little more than links: an entry of a table of contents, badges, navigation.
pub(super) fn is_links(text: &str) -> bool {
    let Some(first) = memchr::memchr(b'[', text.as_bytes()) else { return false };
    let (mut depth, mut outside) = (0_usize, first);
    for byte in text.bytes().skip(first) {
        match byte {
            b'[' | b'(' => depth += 1,
            b']' | b')' => depth = depth.saturating_sub(1),
            b' ' | b'*' | b'-' | b'!' | b'|' | b'\n' | b'\r' | b'\t' => {}
            _ if depth == 0 => outside += 1,
            _ => {}
        }
    }
    text.contains("](") && outside * 5 < text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_negations_and_numbers_are_notable() {
        let plain = notability("the weather is fine and the sea is calm");
        assert_eq!(plain, 0.0);
        for text in [
            "it does not work there",
            "you must restart it",
            "the pool holds 500 of them",
            "请注意备份",
            "動きません",
            "they saw Jamie Zawinski there",
            "run `make` there",
            "it isn’t so",
        ] {
            assert!(notability(text) > plain, "{text}");
        }
    }

    #[test]
    fn links_alone_are_no_text() {
        assert!(is_links("* [Basics](#basics)") && is_links("[![Build](a.svg)](b) [![Docs](c.svg)](d)"));
        assert!(
            !is_links("* [Basics](#basics) tells how to search for patterns in files") && !is_links("plain (text)")
        );
    }
}
