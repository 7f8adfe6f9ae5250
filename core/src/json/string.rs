//! JSON strings: decoding escapes, and the shortest encoding.

use std::borrow::Cow;

use super::word::{backslashes, plain_end};

/// Appends a text as a JSON string with its quotes: only quotes, backslashes and control characters are escaped, each
/// in its shortest form.
///
/// # Examples
/// ```
/// let mut out = String::new();
/// headroom_core::json::encode_string("é\t\"", &mut out);
/// assert_eq!(out, r#""é\t\"""#);
/// ```
pub fn encode_string(text: &str, out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.reserve(text.len() + 2);
    out.push('"');
    let bytes = text.as_bytes();
    let mut start = 0;
    loop {
        let end = plain_end(bytes, start);
        out.push_str(&text[start..end]);
        let Some(byte) = bytes.get(end) else { break };
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0x08 => out.push_str("\\b"),
            0x0c => out.push_str("\\f"),
            control => {
                out.push_str("\\u00");
                out.push(char::from(HEX[usize::from(control >> 4)]));
                out.push(char::from(HEX[usize::from(control & 15)]));
            }
        }
        start = end + 1;
    }
    out.push('"');
}

/// The text of what stands between the quotes of a valid JSON string; `None` when it holds half of a surrogate pair.
pub(super) fn decode(content: &str) -> Option<Cow<'_, str>> {
    decode_with(content, || None)
}

/// As [`decode`], with U+FFFD for every half of a surrogate pair that stands alone.
pub(super) fn decode_lossy(content: &str) -> Cow<'_, str> {
    decode_with(content, || Some(char::REPLACEMENT_CHARACTER)).unwrap_or(Cow::Borrowed(content))
}

fn decode_with(content: &str, lone: impl Fn() -> Option<char>) -> Option<Cow<'_, str>> {
    let bytes = content.as_bytes();
    let Some(first) = memchr::memchr(b'\\', bytes) else { return Some(Cow::Borrowed(content)) };
    // Never longer than the source.
    let mut out = vec![0; bytes.len()];
    out[..first].copy_from_slice(&bytes[..first]);
    let (mut from, mut to) = (first, first);
    while let Some(window) = bytes[from..].first_chunk::<{ 2 * BLOCK }>()
        && let Some(bytes_of_block) = window.first_chunk()
    {
        let (block, end) = (from, from + BLOCK);
        let mut escapes = backslashes(bytes_of_block);
        while escapes != 0 {
            let at = block + escapes.trailing_zeros() as usize;
            to = copy(&bytes[from..], at - from, &mut out, to);
            (from, to) = escape(bytes, at, &mut out, to, &lone)?;
            // What the escape took is no escape of its own.
            let done = from - block;
            escapes = if done < BLOCK { escapes >> done << done } else { 0 };
        }
        if from < end {
            to = copy(&bytes[from..], end - from, &mut out, to);
            from = end;
        }
    }
    while from < bytes.len() {
        if bytes[from] == b'\\' {
            (from, to) = escape(bytes, from, &mut out, to, &lone)?;
        } else {
            out[to] = bytes[from];
            from += 1;
            to += 1;
        }
    }
    out.truncate(to);
    String::from_utf8(out).ok().map(Cow::Owned)
}

/// How many bytes are searched for escapes at once.
const BLOCK: usize = 64;

/// Copies `length` bytes, at most [`BLOCK`], to `to` and gives where they end: always as much as a short run or a whole
/// block has, of which the end is overwritten later, because copies of a fixed length need no call.
#[inline(always)]
fn copy(bytes: &[u8], length: usize, out: &mut [u8], to: usize) -> usize {
    const SHORT: usize = 16;
    if length <= SHORT {
        out[to..to + SHORT].copy_from_slice(&bytes[..SHORT]);
    } else {
        out[to..to + BLOCK].copy_from_slice(&bytes[..BLOCK]);
    }
    to + length
}

/// Writes what the escape at `at` stands for to `to`, and gives where both end.
#[inline(always)]
fn escape(
    bytes: &[u8],
    at: usize,
    out: &mut [u8],
    to: usize,
    lone: &impl Fn() -> Option<char>,
) -> Option<(usize, usize)> {
    // Most escapes are of two bytes and stand for one.
    match SHORT_ESCAPES[usize::from(*bytes.get(at + 1)?)] {
        0 => {
            let (character, length) = unicode_escape(bytes, at, lone)?;
            Some((at + length, to + character.encode_utf8(&mut out[to..]).len()))
        }
        byte => {
            out[to] = byte;
            Some((at + 2, to + 1))
        }
    }
}

/// What a backslash and this byte stand for; 0 when more bytes say it.
const SHORT_ESCAPES: [u8; 256] = {
    let mut table = [0; 256];
    let pairs = [*b"\"\"", *b"\\\\", *b"//", *b"b\x08", *b"f\x0c", *b"n\n", *b"r\r", *b"t\t"];
    let mut index = 0;
    while index < pairs.len() {
        table[pairs[index][0] as usize] = pairs[index][1];
        index += 1;
    }
    table
};

/// The character of the `\uXXXX` escape at `at`, and how many bytes it takes: never fewer than its character in UTF-8.
#[cold]
fn unicode_escape(bytes: &[u8], at: usize, lone: &impl Fn() -> Option<char>) -> Option<(char, usize)> {
    Some(match unit(bytes, at)? {
        high @ 0xD800..=0xDBFF => match unit(bytes, at + 6) {
            Some(low @ 0xDC00..=0xDFFF) => (char::from_u32(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))?, 12),
            _ => (lone()?, 6),
        },
        0xDC00..=0xDFFF => (lone()?, 6),
        code => (char::from_u32(code)?, 6),
    })
}

/// The UTF-16 unit of a `\uXXXX` escape at `at`.
fn unit(bytes: &[u8], at: usize) -> Option<u32> {
    let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0, |code, digit| Some(code * 16 + char::from(*digit).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn decodes_every_escape() {
        let content = r#"\"\\\/\b\f\n\r\t\u0000\u00e9\uD83D\uDE00é\u0041"#;
        assert_eq!(decode(content).as_deref(), Some("\"\\/\u{8}\u{c}\n\r\t\0é😀éA"));
    }

    #[test]
    fn half_a_pair_is_no_text() {
        for content in [r"\ud800", r"a\udc00b", r"\ud800\ud800", r"\ud800x", r"\ud800\n", r"\udc00\ud800"] {
            assert_eq!(decode(content), None, "{content}");
            assert!(decode_lossy(content).contains('\u{fffd}'), "{content}");
        }
        assert_eq!(decode_lossy(r"\ud800\ud83d\ude00x"), "\u{fffd}😀x");
    }

    #[test]
    fn encodes_controls_in_their_shortest_form() {
        let mut out = String::new();
        encode_string("\0\u{1f}\u{8}\u{c}\n\r\t\"\\/\u{7f}\u{2028}", &mut out);
        assert_eq!(out, "\"\\u0000\\u001f\\b\\f\\n\\r\\t\\\"\\\\/\u{7f}\u{2028}\"");
    }

    proptest! {
        #[test]
        fn encoding_is_undone_by_decoding_and_is_what_serde_json_writes(text in any::<String>()) {
            let mut out = String::new();
            encode_string(&text, &mut out);
            prop_assert_eq!(&out, &serde_json::to_string(&text).unwrap());
            prop_assert_eq!(decode(&out[1..out.len() - 1]).map(Cow::into_owned), Some(text));
        }

        #[test]
        fn decoding_agrees_with_serde_json(text in "(\\\\u[dD][89a-fA-F][0-9a-f]{2}|\\\\n|\\\\\\\\|[a-zé]|\\\\u00[0-9]{2}){0,60}") {
            let expected = serde_json::from_str::<String>(&format!("\"{text}\"")).ok();
            prop_assert_eq!(decode(&text).map(Cow::into_owned), expected);
        }
    }
}
