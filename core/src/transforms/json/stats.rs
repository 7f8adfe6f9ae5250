//! What is computed of a column.

use std::fmt::Write as _;

use foldhash::HashMap;

use super::quantity::quantity;

/// Different values are counted up to here.
const MAX_DISTINCT: usize = 4096;

/// More bytes of a value are not shown in a sample.
pub(super) const LONG: usize = 160;

/// A value that came up, how often, and where first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) count: u32,
    pub(super) first: u32,
}

/// The end of a range.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extreme<'d> {
    pub(super) value: f64,
    pub(super) raw: &'d str,
    /// Whether another value is written otherwise and may not be the same, though it has the same `value`.
    is_blurred: bool,
}

impl<'d> Extreme<'d> {
    /// Whichever of two values `is_beyond` the other.
    fn or(self, raw: &'d str, value: f64, is_beyond: impl Fn(f64, f64) -> bool) -> Self {
        let is_blurred = || is_long_number(raw) || is_long_number(self.raw);
        match () {
            () if is_beyond(value, self.value) => Self { value, raw, is_blurred: false },
            () if value == self.value && raw != self.raw && is_blurred() => Self { is_blurred: true, ..self },
            () => self,
        }
    }
}

/// Whether a number has digits that 64 bits may not hold.
fn is_long_number(raw: &str) -> bool {
    raw.contains(['e', 'E']) || raw.bytes().filter(u8::is_ascii_digit).count() > 15
}

/// Counts of the scalars of a column.
#[derive(Debug, Default, Clone)]
pub(super) struct Stats<'d> {
    pub(super) count: usize,
    pub(super) nulls: usize,
    pub(super) numbers: usize,
    pub(super) strings: usize,
    /// Addresses, hashes and the like: strings that say nothing by themselves.
    pub(super) opaque: usize,
    /// Bytes of the values, of long ones [`LONG`].
    pub(super) bytes: usize,
    /// Values by their source, up to [`MAX_DISTINCT`] of them.
    pub(super) seen: HashMap<&'d str, Seen>,
    pub(super) has_more: bool,
    /// Values with a magnitude.
    measured: usize,
    pub(super) min: Option<Extreme<'d>>,
    pub(super) max: Option<Extreme<'d>>,
}

impl<'d> Stats<'d> {
    /// Counts a scalar as it is written, at an offset, and tells its [`magnitude`].
    pub(super) fn observe(&mut self, raw: &'d str, offset: u32) -> Option<f64> {
        self.count += 1;
        match raw.as_bytes().first() {
            Some(b'n') => self.nulls += 1,
            Some(b'"') => {
                self.strings += 1;
                self.opaque += usize::from(is_opaque(&raw[1..raw.len() - 1]));
            }
            Some(b't' | b'f') => {}
            _ => self.numbers += 1,
        }
        let measured = magnitude(raw);
        if let Some(value) = measured {
            self.measured += 1;
            let first = Extreme { value, raw, is_blurred: false };
            self.min = Some(self.min.map_or(first, |min| min.or(raw, value, |new, old| new < old)));
            self.max = Some(self.max.map_or(first, |max| max.or(raw, value, |new, old| new > old)));
        }
        self.bytes += raw.len().min(LONG);
        // Counts are of no use when some values are not counted.
        if self.has_more {
            return measured;
        }
        if let Some(seen) = self.seen.get_mut(raw) {
            seen.count += 1;
        } else if self.seen.len() < MAX_DISTINCT {
            self.seen.insert(raw, Seen { count: 1, first: offset });
        } else {
            self.has_more = true;
        }
        measured
    }

    /// The values, the most frequent first, then the earliest. Empty when there are too many to have counted all.
    pub(super) fn most_frequent(&self) -> Vec<(&'d str, Seen)> {
        if self.has_more {
            return Vec::new();
        }
        let mut values: Vec<_> = self.seen.iter().map(|(raw, seen)| (*raw, *seen)).collect();
        values.sort_unstable_by_key(|(raw, seen)| (std::cmp::Reverse(seen.count), seen.first, *raw));
        values
    }

    /// The value that `least` and more have, if there is one; `least` is more than half of all.
    pub(super) fn usual(&self, least: usize) -> Option<&'d str> {
        let mut values = self.seen.iter().filter(|_| !self.has_more);
        values.find(|(_, seen)| seen.count as usize >= least).map(|(raw, _)| *raw)
    }

    /// Whether the column takes few values, each of them often.
    pub(super) fn is_category(&self) -> bool {
        !self.has_more && self.seen.len() <= 40 && self.count >= 3 * self.seen.len()
    }

    /// Whether nearly all values say nothing by themselves.
    pub(super) fn is_opaque(&self) -> bool {
        self.opaque > 0 && self.opaque * 10 >= (self.count - self.nulls) * 9
    }

    /// The smallest and the largest number as they are written, when there is nothing but numbers and `null`, and it is
    /// certain which they are.
    pub(super) fn range(&self) -> Option<(&'d str, &'d str)> {
        let (min, max) = self.min.zip(self.max)?;
        let is_certain = self.numbers == self.measured && !min.is_blurred && !max.is_blurred;
        (is_certain && self.numbers + self.nulls == self.count).then_some((min.raw, max.raw))
    }

    /// One line of what is true of the column, for a reader, with `nothing` as the name of `null`.
    pub(super) fn describe(&self, nothing: &str, out: &mut String) {
        let distinct = self.seen.len();
        // Of many different numbers the range says more than the most frequent.
        if self.is_category() && (distinct <= 6 || self.range().is_none()) {
            for (index, (raw, seen)) in self.most_frequent().iter().take(6).enumerate() {
                let name = if *raw == "null" { nothing.to_owned() } else { short(raw, 40) };
                let _ = write!(out, "{}{name} {}x", if index > 0 { ", " } else { " " }, seen.count);
            }
            if distinct > 6 {
                let _ = write!(out, " and {} more", distinct - 6);
            }
            return;
        }
        if let Some((min, max)) = self.range() {
            let _ = write!(out, " {min}..{max}");
        }
        let _ = write!(out, " {}{distinct} distinct", if self.has_more { "over " } else { "" });
    }
}

/// At most `limit` characters of a value as it is written, a string with its closing quote.
pub(super) fn short(raw: &str, limit: usize) -> String {
    match raw.char_indices().nth(limit) {
        Some((end, _)) => format!("{}…{}", &raw[..end], if raw.starts_with('"') { "\"" } else { "" }),
        None => raw.to_owned(),
    }
}

/// What a value measures: a number, an amount such as `$1,399.99` (of several the largest) or `12Mi`, or the start of a date.
/// `None` for what cannot be compared.
pub(super) fn magnitude(raw: &str) -> Option<f64> {
    let Some(content) = raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')) else {
        return raw.parse().ok().filter(|value: &f64| value.is_finite());
    };
    // Most texts begin with a letter, and are told apart without a closer look.
    if !content.starts_with(|first: char| matches!(first, '0'..='9' | '-' | '+' | '$' | '\\' | '"' | ' ' | '\u{80}'..))
    {
        return None;
    }
    // A quoted cell of a file that was read as it is.
    let content = content.trim_matches(['\\', '"', ' ']);
    let bytes = content.as_bytes();
    if bytes.len() < 2 || bytes.len() > 40 {
        return None;
    }
    if let Some(moment) = moment(bytes) {
        return Some(moment);
    }
    let Some(amount) = content.strip_prefix(['$', '€', '£', '¥']) else { return quantity(content) };
    amount
        .split(['$', '€', '£', '¥'])
        .filter_map(|part| part.trim_matches([',', ' ', '-']).replace(',', "").parse().ok())
        .reduce(f64::max)
}

/// The digits of a date with a year first, as one number: later is larger.
fn moment(bytes: &[u8]) -> Option<f64> {
    let is_date = bytes.len() >= 10
        && bytes[..4].iter().all(u8::is_ascii_digit)
        && matches!(bytes[4], b'-' | b'/')
        && bytes[7] == bytes[4]
        && bytes[8].is_ascii_digit();
    if !is_date {
        return None;
    }
    let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).take(14);
    let (value, length) =
        digits.fold((0.0, 0), |(value, length), digit| (value * 10.0 + f64::from(digit - b'0'), length + 1));
    Some(value * 10f64.powi(14 - length))
}

/// Whether a string says nothing by itself: an address, a hash, a UUID, base64.
pub(super) fn is_opaque(content: &str) -> bool {
    is_address(content) || is_code(content)
}

/// Whether a string says nothing by itself and names nothing either: an opaque one that is no hash or UUID.
pub(super) fn is_dull(content: &str) -> bool {
    is_address(content) || content.len() > 71 && is_code(content) || is_code(content) && !is_hexadecimal(content)
}

fn is_address(content: &str) -> bool {
    content.starts_with("http://") || content.starts_with("https://")
}

fn is_hexadecimal(content: &str) -> bool {
    let digits = content.strip_prefix("sha256:").unwrap_or(content);
    digits.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

fn is_code(content: &str) -> bool {
    let bytes = content.strip_prefix("sha256:").unwrap_or(content).as_bytes();
    if bytes.len() < 20 {
        return false;
    }
    let mut counts = [0usize; 4];
    for byte in bytes {
        match byte {
            b'0'..=b'9' => counts[0] += 1,
            b'a'..=b'z' => counts[1] += 1,
            b'A'..=b'Z' => counts[2] += 1,
            b'+' | b'/' | b'=' | b'_' | b'-' => counts[3] += 1,
            _ => return false,
        }
    }
    is_hexadecimal(content) && counts[0] > 0 && counts[1] + counts[2] > 0
        || counts[0] >= 2 && counts[1] >= 2 && counts[2] >= 2 && counts[3] * 10 <= bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_and_dates_compare() {
        assert_eq!(magnitude("-1.5"), Some(-1.5));
        assert_eq!(magnitude("1e400"), None);
        assert_eq!(magnitude("\"$1,000.00,$1,399.99\""), Some(1399.99));
        assert_eq!(magnitude(r#""\"$1,000.00\"""#), Some(1000.0));
        assert_eq!(magnitude("\"12\""), None);
        assert_eq!(magnitude("\"$\""), None);
        assert!(magnitude("\"2001/02/05 20:02\"") > magnitude("\"2001/02/05 19:59\""));
        assert!(magnitude("\"2024-05-12T05:51:40\"") > magnitude("\"2024-05-12\""));
    }

    #[test]
    fn hashes_and_addresses_are_opaque() {
        for text in [
            "https://a.b/c",
            "30bbd75152df3069435f2f02d140962f1b880653",
            "8ff136be-d0ba-4a62-8a88-459ee38d7448",
            "MDExOlB1bGxSZXF1ZXN0Mjc5MTQ3NDM3",
        ] {
            assert!(is_opaque(text), "{text}");
        }
        for text in [
            "",
            "message-container-creating-failed-mount",
            "Update the README",
            "2024-05-12T05:51:40",
            "core-integration-testing-maven-3",
        ] {
            assert!(!is_opaque(text), "{text}");
        }
    }

    fn range<'d>(values: &[&'d str]) -> Option<(&'d str, &'d str)> {
        let mut stats = Stats::default();
        for raw in values {
            stats.observe(raw, 0);
        }
        stats.range()
    }

    #[test]
    fn a_range_is_told_only_where_it_is_certain() {
        assert_eq!(range(&["3", "1", "null", "2"]), Some(("1", "3")));
        assert_eq!(range(&["1.0", "1", "2"]), Some(("1.0", "2")));
        assert_eq!(range(&["0.30000000000000004", "0.1", "17.000000000000004"]), Some(("0.1", "17.000000000000004")));
        assert_eq!(range(&["9007199254740993", "9007199254740992", "9007199254740994"]), None);
        assert_eq!(range(&["1", "2", "1e400"]), None);
        assert_eq!(range(&["1", "\"x\""]), None);
    }

    #[test]
    fn a_column_is_described_by_what_was_counted() {
        let mut stats = Stats::default();
        for raw in ["1", "2", "9"] {
            stats.observe(raw, 0);
        }
        let mut out = String::new();
        stats.describe("null", &mut out);
        assert_eq!(out, " 1..9 3 distinct");
        let mut stats = Stats::default();
        for raw in ["\"a\"", "\"b\"", "\"a\"", "\"a\"", "\"a\"", "\"b\""] {
            stats.observe(raw, 0);
        }
        out.clear();
        stats.describe("null", &mut out);
        assert_eq!(out, " \"a\" 4x, \"b\" 2x");
    }
}
