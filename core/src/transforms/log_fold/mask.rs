//! The varying parts of a line: numbers, hex, ids, addresses and times.

use std::ops::Range;

/// Iterates over the varying values of a line, in order; what lies between them is the line's template.
///
/// A value is a run of digits or a mixed id, together with what hangs on it by one of `_ . : - / , +`: `06:55:46`,
/// `10.0.0.1:80`, `0x93/0x3c0` and `2024-07-15T06:15:54` are one value each. Letters before digits (`blk_`, `R` in
/// `R02`) and a unit after them (`ms`) stay in the template. Month and weekday names at the start of a line are values.
///
/// # Sources
/// The idea of masking before grouping: He et al., "Drain: An Online Log Parsing Approach with Fixed Depth Tree",
/// ICWS 2017. The classes are chosen by hand.
pub(super) struct Values<'a> {
    bytes: &'a [u8],
    at: usize,
    value_end: usize,
}

const OTHER: u8 = 0;
const LETTER: u8 = 1;
const DIGIT: u8 = 2;

/// The class of every byte.
static CLASS: [u8; 256] = {
    let mut classes = [OTHER; 256];
    let mut byte = 0u8;
    while byte < 128 {
        if byte.is_ascii_digit() {
            classes[byte as usize] = DIGIT;
        } else if byte.is_ascii_alphabetic() {
            classes[byte as usize] = LETTER;
        }
        byte += 1;
    }
    classes
};

/// How many bytes of a line may hold the name of a month or a weekday.
const HEADER_BYTES: usize = 48;

const NAMES: [&[u8; 3]; 19] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec", b"Mon", b"Tue",
    b"Wed", b"Thu", b"Fri", b"Sat", b"Sun",
];

impl<'a> Values<'a> {
    pub(super) fn of(line: &'a str) -> Self {
        Self { bytes: line.as_bytes(), at: 0, value_end: 0 }
    }

    /// The end of the run of letters and digits that starts at `start`, and whether it has a digit.
    fn piece(&self, start: usize) -> (usize, bool) {
        let (mut end, mut seen) = (start, OTHER);
        for byte in self.bytes.get(start..).unwrap_or_default() {
            let class = CLASS[usize::from(*byte)];
            if class == OTHER {
                break;
            }
            seen |= class;
            end += 1;
        }
        (end, seen & DIGIT != 0)
    }

    /// Extends a value over what hangs on it.
    fn join(&self, mut end: usize) -> usize {
        while let Some(&joiner) = self.bytes.get(end)
            && matches!(joiner, b'_' | b'.' | b':' | b'-' | b'/' | b',' | b'+')
        {
            let (piece_end, digit) = self.piece(end + 1);
            let piece = &self.bytes[end + 1..piece_end];
            let hex = piece.iter().all(u8::is_ascii_hexdigit);
            if digit {
                match shape(piece) {
                    Shape::Whole => end = piece_end,
                    Shape::Part(part) if part.start == 0 => return end + 1 + part.end,
                    Shape::Part(_) => break,
                }
            } else if hex && matches!(piece.len(), 2 | 4 | 8 | 12) && matches!(joiner, b'-' | b':') {
                end = piece_end;
            } else {
                break;
            }
        }
        end
    }

    /// The start of a value whose digits start at `start`: a sign that is not a hyphen between words belongs to it.
    fn signed(&self, start: usize) -> usize {
        let Some(sign) = start.checked_sub(1) else { return start };
        let before = sign.checked_sub(1).map(|at| self.bytes[at]);
        let alone = before.is_none_or(|byte| !byte.is_ascii_alphanumeric() && !matches!(byte, b')' | b']' | b'-'));
        if matches!(self.bytes[sign], b'-') && sign >= self.value_end && alone { sign } else { start }
    }
}

/// Which part of a run of letters and digits varies.
enum Shape {
    Whole,
    Part(Range<usize>),
}

fn shape(piece: &[u8]) -> Shape {
    let digits_end = piece.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(piece.len());
    let hex_prefix = piece.len() > 2 && piece[0] == b'0' && (piece[1] | 0x20) == b'x';
    if digits_end == piece.len() || hex_prefix || piece.iter().all(u8::is_ascii_hexdigit) {
        return Shape::Whole;
    }
    if digits_end > 0 {
        let unit = piece[digits_end..].iter().all(u8::is_ascii_alphabetic);
        return if unit { Shape::Part(0..digits_end) } else { Shape::Whole };
    }
    let letters_end = piece.iter().position(u8::is_ascii_digit).unwrap_or(piece.len());
    if piece[letters_end..].iter().all(u8::is_ascii_digit) {
        Shape::Part(letters_end..piece.len())
    } else {
        Shape::Whole
    }
}

impl Iterator for Values<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        loop {
            self.at += self.bytes.get(self.at..)?.iter().position(|byte| CLASS[usize::from(*byte)] != OTHER)?;
            let start = self.at;
            let (end, digit) = self.piece(start);
            self.at = end;
            let value = if digit {
                match shape(&self.bytes[start..end]) {
                    Shape::Whole => self.signed(start)..self.join(end),
                    Shape::Part(part) if part.start > 0 => start + part.start..self.join(end),
                    Shape::Part(part) => self.signed(start)..start + part.end,
                }
            } else if end - start == 3
                && start < HEADER_BYTES
                && NAMES.iter().any(|name| self.bytes[start..end] == name[..])
                && matches!(self.bytes.get(end), Some(b' ' | b',' | b'/' | b'-'))
            {
                start..end
            } else {
                continue;
            };
            // A unit after digits stays in the template and is not looked at again.
            self.at = self.at.max(value.end);
            self.value_end = value.end;
            return Some(value);
        }
    }
}

const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// One step of the running hash of a template.
pub(super) fn mix(hash: u64, value: u64) -> u64 {
    (hash.rotate_left(5) ^ value).wrapping_mul(MULTIPLIER)
}

/// Hashes bytes, eight at a time.
pub(super) fn mix_bytes(mut hash: u64, bytes: &[u8]) -> u64 {
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        hash = mix(hash, u64::from_le_bytes(word));
    }
    let rest = chunks.remainder().iter().fold(0, |word, &byte| word << 8 | u64::from(byte));
    mix(hash, rest ^ (bytes.len() as u64) << 56)
}

/// The hash of a line's template: its bytes without its values. With `loose`, a run of blanks counts as one, because
/// columns are padded to the width of their values.
pub(in crate::transforms) fn template_hash(line: &str, loose: bool) -> u64 {
    let bytes = line.as_bytes();
    let (mut hash, mut from) = (0, 0);
    let literal = |hash: u64, part: &[u8]| {
        if loose {
            part.split(|&byte| byte == b' ').filter(|word| !word.is_empty()).fold(hash, mix_bytes)
        } else {
            mix_bytes(hash, part)
        }
    };
    for value in Values::of(line) {
        hash = mix(literal(hash, &bytes[from..value.start]), 0x1_0001);
        from = value.end;
    }
    literal(hash, &bytes[from..])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn masked(line: &str) -> String {
        let (mut out, mut from) = (String::new(), 0);
        for value in Values::of(line) {
            out.push_str(&line[from..value.start]);
            out.push('#');
            from = value.end;
        }
        out + &line[from..]
    }

    #[test]
    fn numbers_ids_addresses_and_times_are_values() {
        for (line, expected) in [
            (
                "Dec 10 06:55:46 LabSZ sshd[24200]: from 173.234.31.186 port 38926 ssh2",
                "# # # LabSZ sshd[#]: from # port # ssh#",
            ),
            ("081109 203615 148 INFO block blk_-7571492020523929240 terminating", "# # # INFO block blk_# terminating"),
            ("2024-07-15T06:15:54.123Z took 10ms, -3 left", "#Z took #ms, # left"),
            ("R02-M1-N0-C:J12-U11 mesos-slave-07", "R#-M#-N#-C:J#-U# mesos-slave-#"),
            ("id 550e8400-e29b-41d4-a716-446655440000 at 0x93/0x3c0", "id # at #"),
            ("mount_bdev+0x93/0x3c0 task_200811101024_0007_m_000190_0", "mount_bdev+# task_#_m_#"),
            ("[   32.347901] Token{9f4ef63 u0}", "[   #] Token{# u#}"),
            ("no value at all; a-b_c.d", "no value at all; a-b_c.d"),
            ("", ""),
        ] {
            assert_eq!(masked(line), expected);
        }
    }

    #[test]
    fn padding_does_not_make_another_template() {
        assert_eq!(template_hash("pid   12 up", true), template_hash("pid 1234 up", true));
        assert_ne!(template_hash("pid   12 up", false), template_hash("pid 1234 up", false));
        assert_ne!(template_hash("pid 12 up", true), template_hash("pid 12 down", true));
    }

    proptest! {
        #[test]
        fn values_are_ordered_disjoint_and_on_character_boundaries(line in "\\PC{0,80}") {
            let mut from = 0;
            for value in Values::of(&line) {
                prop_assert!(value.start >= from && value.end > value.start);
                prop_assert!(line.get(value.clone()).is_some());
                from = value.end;
            }
        }
    }
}
