//! Hashes of originals and the marker line that names them.

use std::fmt;
use std::str::FromStr;

use memchr::memmem;

use crate::error::{Error, ErrorKind};

/// The tool that gives an original back, the same name on every face of the product.
pub const RETRIEVE_TOOL: &str = "headroom_retrieve";

/// Whether a tool is the retrieval tool, also under the prefix that an MCP client puts before its name, as in
/// `mcp__headroom__headroom_retrieve`.
#[must_use]
pub fn is_retrieve_tool(name: &str) -> bool {
    name.strip_suffix(RETRIEVE_TOOL).is_some_and(|prefix| !prefix.ends_with(|char: char| char.is_ascii_alphanumeric()))
}

/// The first 12 bytes of the BLAKE3 hash of an original's UTF-8 bytes, written as 24 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash(pub [u8; 12]);

impl Hash {
    /// Hashes an original.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self::from_digest(&blake3::hash(text.as_bytes()))
    }

    /// The short form of a full digest.
    #[must_use]
    pub fn from_digest(digest: &blake3::Hash) -> Self {
        let mut bytes = [0; 12];
        bytes.copy_from_slice(&digest.as_bytes()[..12]);
        Self(bytes)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Hash {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let mut bytes = [0; 12];
        // `from_str_radix` alone would take a sign, too.
        let valid = text.len() == 24
            && text.bytes().all(|byte| byte.is_ascii_hexdigit())
            && bytes.iter_mut().enumerate().all(|(index, byte)| {
                u8::from_str_radix(&text[index * 2..index * 2 + 2], 16).map(|value| *byte = value).is_ok()
            });
        if valid {
            Ok(Self(bytes))
        } else {
            let found: String = text.chars().take(64).collect();
            Err(Error::new(ErrorKind::InvalidInput, format!("hash: expected 24 hex digits, found {found:?}")))
        }
    }
}

/// The line that announces an omission: `[30/1707 rows shown; headroom_retrieve hash=…]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marker<'a> {
    /// How many units are shown.
    pub shown: usize,
    /// How many there are.
    pub total: usize,
    /// What a unit is, in the plural.
    pub unit: &'a str,
    /// The original.
    pub hash: Hash,
}

impl fmt::Display for Marker<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { shown, total, unit, hash } = self;
        write!(f, "[{shown}/{total} {unit} shown; {RETRIEVE_TOOL} hash={hash}]")
    }
}

/// How far from its hash the rest of a marker is looked for, in bytes of the same line.
///
/// # Sources
/// Chosen by hand: markers are below 120 bytes; a bound keeps hostile text linear.
const MARKER_REACH_BYTES: usize = 512;

/// The hashes of our own markers in a text, in order, repeated ones included.
pub fn markers_in(text: &str) -> impl Iterator<Item = Hash> + '_ {
    const LEAD: &str = " shown; headroom_retrieve hash=";
    memmem::find_iter(text.as_bytes(), LEAD).filter_map(move |start| {
        let hash = start + LEAD.len();
        let digits = hash_at(text.as_bytes(), hash).filter(|digits| digits.len() == 24)?;
        digits.parse().ok().filter(|_| text.as_bytes().get(hash + digits.len()) == Some(&b']'))
    })
}

/// Whether a text carries a marker line, ours or of an older product; such a text is never compressed again.
///
/// Recognised are `[… shown; headroom_retrieve hash=HASH]`, `<<ccr:HASH …>>`, `[… compressed to … hash=HASH]`,
/// `[… Retrieve original: hash=HASH]` and `[… Retrieve full diff: hash=HASH]`, each within one line and with 12 to 24
/// lower-case hex digits. The marker may have something before and after it in its line, as in a JSON string.
#[must_use]
pub fn carries_marker(text: &str) -> bool {
    let bytes = text.as_bytes();
    memmem::find_iter(bytes, "hash=").any(|start| is_bracket_marker(bytes, start))
        || memmem::find_iter(bytes, "<<ccr:").any(|start| is_angle_marker(bytes, start))
}

/// Whether the `hash=` at `start` ends a marker in square brackets.
fn is_bracket_marker(bytes: &[u8], start: usize) -> bool {
    let Some(digits) = hash_at(bytes, start + "hash=".len()) else { return false };
    if bytes.get(start + "hash=".len() + digits.len()) != Some(&b']') {
        return false;
    }
    let window = &bytes[start.saturating_sub(MARKER_REACH_BYTES)..start];
    let line = memchr::memrchr(b'\n', window).map_or(window, |end| &window[end + 1..]);
    // Brackets may also stand before the marker in its line, so every one may be its first character.
    let before = match memchr::memchr(b'[', line) {
        Some(open) => &line[open + 1..],
        None => return false,
    };
    before.ends_with(b" shown; headroom_retrieve ")
        || before.ends_with(b"Retrieve original: ")
        || before.ends_with(b"Retrieve full diff: ")
        || memmem::find(before, b"compressed to ").is_some()
}

/// Whether the `<<ccr:` at `start` begins a marker in angle brackets.
fn is_angle_marker(bytes: &[u8], start: usize) -> bool {
    let hash = start + "<<ccr:".len();
    let Some(digits) = hash_at(bytes, hash) else { return false };
    let rest = &bytes[hash + digits.len()..];
    let window = &rest[..rest.len().min(MARKER_REACH_BYTES)];
    let line = memchr::memchr(b'\n', window).map_or(window, |end| &window[..end]);
    memmem::find(line, b">>").is_some()
}

/// The 12 to 24 lower-case hex digits at `start`, if exactly so many are there.
fn hash_at(bytes: &[u8], start: usize) -> Option<&str> {
    let rest = bytes.get(start..)?;
    let digits = rest.iter().take(25).take_while(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')).count();
    let ends_a_word = rest.get(digits).is_none_or(|byte| !byte.is_ascii_alphanumeric());
    if (12..=24).contains(&digits) && ends_a_word { std::str::from_utf8(&rest[..digits]).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "0123456789abcdef01234567";

    #[test]
    fn a_hash_is_the_start_of_the_blake3_of_its_text() {
        let hash = Hash::of("abc");
        assert_eq!(hash.to_string(), "6437b3ac38465133ffb63b75");
        assert_eq!(hash.to_string().parse::<Hash>().unwrap(), hash);
    }

    #[test]
    fn what_is_no_hash_is_refused_and_quoted_briefly() {
        for text in ["", "abc", "+f+f+f+f+f+f+f+f+f+f+f+f", "0123456789abcdef0123456é", &"a".repeat(1_000)] {
            let error = text.parse::<Hash>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.to_string().len() < 200, "{error}");
        }
    }

    #[test]
    fn finds_its_own_markers_in_order() {
        let (one, two) = (Hash::of("1"), Hash::of("2"));
        let marker = |hash| Marker { shown: 3, total: 90, unit: "rows", hash }.to_string();
        let text = format!("a\n{}\nheadroom_retrieve hash=12 {}\n{}", marker(two), marker(one), marker(two));
        assert_eq!(markers_in(&text).collect::<Vec<_>>(), [two, one, two]);
        assert!(carries_marker(&text));
    }

    #[test]
    fn recognises_the_markers_of_older_products() {
        for text in [
            format!("<<ccr:{HASH} 40 rows>>"),
            format!("a\n  <<ccr:{HASH}>>\nb"),
            "<<ccr:0123456789ab,base64,2.5KB>>".into(),
            format!("[100 items compressed to 10. Retrieve more: hash={HASH}]"),
            format!("{{\"text\": \"x [90 lines] [100 lines compressed to 10. hash={HASH}]\"}}"),
            format!("[Content omitted. Retrieve original: hash={HASH}]"),
            "[3 files, +20 -8. Retrieve full diff: hash=0123456789abcdef]".into(),
        ] {
            assert!(carries_marker(&text), "{text}");
        }
    }

    #[test]
    fn other_text_with_hashes_carries_no_marker() {
        for text in [
            "hash=0123456789abcdef01234567".into(),
            "[git commit hash=0123456789abcdef01234567]".into(),
            format!("Retrieve original: hash={HASH}]"),
            format!("[\nRetrieve original: hash={HASH}]"),
            format!("[a compressed to b hash={HASH}ff]"),
            format!("[a compressed to b hash={}]", "0123456789ABCDEF01234567"),
            "[a compressed to b hash=0123456789a]".into(),
            format!("<<ccr:{HASH}\n>>"),
            "<<ccr:HASH rows>>".into(),
            "call headroom_retrieve with the hash= of the marker".into(),
        ] {
            assert!(!carries_marker(&text), "{text}");
        }
    }

    #[test]
    fn hostile_text_stays_fast() {
        let started = std::time::Instant::now();
        for unit in ["hash=", "<<ccr:", "hash=0123456789ab]", "<<ccr:0123456789ab ", "[", "[x; headroom_retrieve hash="]
        {
            let text = unit.repeat(4_000_000 / unit.len());
            assert!(!carries_marker(&text), "{unit}");
            assert_eq!(markers_in(&text).count(), 0);
        }
        assert!(started.elapsed().as_secs() < 20);
    }
}
