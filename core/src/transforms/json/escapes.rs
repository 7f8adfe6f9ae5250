//! Escapes that a serialiser writes although JSON does not ask for them.

use std::fmt::Write as _;

/// Which characters are escaped beyond need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Escapes {
    /// Every character above U+007F is written as a lower-case `\u` escape.
    pub(super) ascii: bool,
    /// Every slash is written as `\/`.
    pub(super) slashes: bool,
}

/// Writes `\u` escapes as the characters they name and `\/` as `/`, when [`escape`] can undo it.
pub(super) fn unescape(text: &str) -> Option<(String, Escapes)> {
    let bytes = text.as_bytes();
    memchr::memchr(b'\\', bytes)?;
    let unicode = memchr::memmem::find(bytes, b"\\u").is_some() && text.is_ascii();
    let slashes = memchr::memmem::find(bytes, b"\\/").is_some();
    if !unicode && !slashes {
        return None;
    }
    let mut out = String::with_capacity(text.len());
    let (mut at, mut run) = (0, 0);
    while let Some(found) = memchr::memchr(b'\\', &bytes[at..]).map(|offset| at + offset) {
        at = (found + 2).min(bytes.len());
        match bytes.get(found + 1) {
            Some(b'/') if slashes => {
                out.push_str(&text[run..found]);
                run = found + 1;
            }
            Some(b'u') if unicode => {
                if let Some((character, length)) = escaped_character(&bytes[found..]) {
                    out.push_str(&text[run..found]);
                    out.push(character);
                    at = found + length;
                    run = at;
                }
            }
            _ => {}
        }
    }
    out.push_str(&text[run..]);
    let escapes = Escapes { ascii: unicode && !out.is_ascii(), slashes };
    let is_undone = out.len() < text.len() && escape(&out, escapes, text.len()).is_some_and(|again| again == text);
    is_undone.then_some((out, escapes))
}

/// The character of a lower-case `\uXXXX` or of a surrogate pair of them, above U+007F, and how many bytes it takes.
fn escaped_character(bytes: &[u8]) -> Option<(char, usize)> {
    let unit = |at: usize| -> Option<u32> {
        let digits = bytes.get(at..at + 6).filter(|digits| digits.starts_with(b"\\u"))?;
        digits[2..].iter().try_fold(0, |value, digit| match digit {
            b'0'..=b'9' => Some(value * 16 + u32::from(digit - b'0')),
            b'a'..=b'f' => Some(value * 16 + u32::from(digit - b'a') + 10),
            _ => None,
        })
    };
    let first = unit(0)?;
    if (0xd800..0xdc00).contains(&first) {
        let second = unit(6).filter(|second| (0xdc00..0xe000).contains(second))?;
        return Some((char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00))?, 12));
    }
    (first > 0x7f).then_some(())?;
    Some((char::from_u32(first)?, 6))
}

/// Writes the escapes of a minified text; `None` when it gets longer than `limit` bytes.
pub(super) fn escape(text: &str, Escapes { ascii, slashes }: Escapes, limit: usize) -> Option<String> {
    let mut out = String::with_capacity(limit.min(text.len() * 2));
    let mut run = 0;
    for (at, byte) in text.bytes().enumerate() {
        if slashes && byte == b'/' {
            out.push_str(&text[run..at]);
            out.push('\\');
            run = at;
        } else if ascii && byte >= 0xc0 {
            let character = text[at..].chars().next()?;
            out.push_str(&text[run..at]);
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                write!(out, "\\u{unit:04x}").ok()?;
            }
            run = at + character.len_utf8();
        }
        if out.len() > limit {
            return None;
        }
    }
    out.push_str(&text[run..]);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_that_can_be_written_again_are_undone() {
        let (text, escapes) = unescape(r#"["\u00e9\ud83d\ude00","a\\u00e9","\u0007\ud800"]"#).expect("escapes");
        assert_eq!(text, r#"["é😀","a\\u00e9","\u0007\ud800"]"#);
        assert_eq!(escapes, Escapes { ascii: true, slashes: false });
        let (text, escapes) = unescape(r#"["http:\/\/x\/\\y"]"#).expect("escapes");
        assert_eq!(text, r#"["http://x/\\y"]"#);
        assert_eq!(escapes, Escapes { ascii: false, slashes: true });
    }

    #[test]
    fn mixed_escapes_stay() {
        for text in [r#"["\u00E9"]"#, r#"["\u00e9é"]"#, r#"["\/ /"]"#, r#"["\n"]"#, "[]"] {
            assert_eq!(unescape(text), None, "{text}");
        }
    }
}
