//! Numbers that are written differently and equal: `1,710.00`, `1710` and `1_710.0`.

/// A number as plain digits: without thousands separators, leading zeros and trailing zeros of the fraction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Number {
    integer: String,
    fraction: String,
}

impl Number {
    /// Reads a number: digits, with `,` or `_` before each group of three or not at all, and a fraction after `.` or not.
    /// A number with a leading zero, such as `007`, is an identifier and not read.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (integer, fraction) = text.split_once('.').unwrap_or((text, ""));
        let groups: Vec<&str> = integer.split([',', '_']).collect();
        let grouped = groups.len() > 1;
        let well_formed = groups.iter().enumerate().all(|(index, group)| {
            let length_fits = if index > 0 { group.len() == 3 } else { !grouped || (1..=3).contains(&group.len()) };
            !group.is_empty() && length_fits && group.bytes().all(|byte| byte.is_ascii_digit())
        });
        let fraction_fits = fraction.bytes().all(|byte| byte.is_ascii_digit()) && !text.ends_with('.');
        let padded = integer.len() > 1 && integer.starts_with('0');
        if !well_formed || !fraction_fits || padded || text.len() > 40 {
            return None;
        }
        Some(Self { integer: groups.concat(), fraction: fraction.trim_end_matches('0').to_owned() })
    }

    /// Digits that say something.
    pub(super) fn digits(&self) -> usize {
        self.integer.len() + self.fraction.len()
    }

    /// Whether there is a fraction that is not zero.
    pub(super) fn has_fraction(&self) -> bool {
        !self.fraction.is_empty()
    }

    /// The forms to look for: plain, and with `,` or `_` before groups of three. Trailing zeros follow in the text.
    pub(super) fn forms(&self) -> Vec<String> {
        let separators: &[&str] = if self.integer.len() > 3 { &["", ",", "_"] } else { &[""] };
        separators.iter().map(|separator| self.with_separator(separator)).collect()
    }

    fn with_separator(&self, separator: &str) -> String {
        let mut form = String::with_capacity(self.digits() + 8);
        for (index, digit) in self.integer.chars().enumerate() {
            if index > 0 && (self.integer.len() - index).is_multiple_of(3) {
                form.push_str(separator);
            }
            form.push(digit);
        }
        if self.has_fraction() {
            form.push('.');
            form.push_str(&self.fraction);
        }
        form
    }
}

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.with_separator(""))
    }
}

/// Whether the digits at `start..end` of `text` are the whole number there: no digit, separator and digit, or letter
/// before them; after them only zeros of a fraction, and then no further digit. A unit of up to three letters may follow
/// (`1710ms`).
pub(super) fn is_whole_number(text: &[u8], start: usize, end: usize, has_fraction: bool) -> bool {
    let before = text.get(..start).unwrap_or_default();
    let digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
    match before {
        [.., byte] if byte.is_ascii_alphanumeric() || *byte == b'_' => return false,
        [.., digit, b'.' | b','] if digit.is_ascii_digit() => return false,
        _ => {}
    }
    let mut at = end;
    if !has_fraction && text.get(at) == Some(&b'.') && text.get(at + 1) == Some(&b'0') {
        at += 1;
    }
    if has_fraction || at > end {
        while text.get(at) == Some(&b'0') {
            at += 1;
        }
    }
    let after = text.get(at..).unwrap_or_default();
    match after {
        [byte, ..] if byte.is_ascii_digit() || *byte == b'_' => false,
        [b'.' | b',', rest @ ..] => !digit(rest.first()),
        [byte, ..] if byte.is_ascii_alphabetic() => {
            let letters = after.iter().take(4).take_while(|byte| byte.is_ascii_alphabetic()).count();
            letters <= 3 && !after.get(letters).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_numbers_read_the_same() {
        for text in ["1710", "1,710", "1_710", "1710.0", "1,710.00"] {
            assert_eq!(Number::read(text).unwrap().to_string(), "1710", "{text}");
        }
        assert_eq!(Number::read("0.50").unwrap().to_string(), "0.5");
        assert_eq!(Number::read("1234567").unwrap().forms(), ["1234567", "1,234,567", "1_234_567"]);
    }

    #[test]
    fn what_is_no_plain_number_is_not_read() {
        for text in ["", ".", "1.", ".5", "007", "1,71", "1,,000", "1.2.3", "12a", "1,0000", "²"] {
            assert_eq!(Number::read(text), None, "{text}");
        }
    }

    #[test]
    fn a_number_is_matched_as_a_whole() {
        let whole = |text: &str, number: &str| {
            let start = text.find(number).unwrap();
            is_whole_number(text.as_bytes(), start, start + number.len(), number.contains('.'))
        };
        for text in ["1710", "=1710;", "1710.00", "1710.", "1710, 3", "1710ms", "$1710", "-1710", "x.1710"] {
            assert!(whole(text, "1710"), "{text}");
        }
        for text in
            ["21710", "17101", "1710.5", "1710,500", "3,1710", "a1710", "1710abcd", "1710f3", "1710.001", "9.1710"]
        {
            assert!(!whole(text, "1710"), "{text}");
        }
        assert!(whole("2.500 s", "2.5") && !whole("2.51", "2.5"));
    }
}
