//! Eight bytes at a time: where the bytes are that a string reader must look at.

/// The index of the first quote, backslash or control character from `from` on, or the length; eight bytes a step.
pub(super) fn plain_end(bytes: &[u8], from: usize) -> usize {
    let mut position = from;
    while let Some(word) = word_at(bytes, position) {
        let hits = hits(word);
        if hits != 0 {
            return position + (hits.trailing_zeros() / 8) as usize;
        }
        position += 8;
    }
    while bytes.get(position).is_some_and(|byte| !matches!(byte, b'"' | b'\\' | 0..0x20)) {
        position += 1;
    }
    position
}

/// Eight bytes as a word whose lowest byte is the first; `None` when fewer are left.
pub(super) fn word_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk::<8>().map(|chunk| u64::from_le_bytes(*chunk))
}

/// The high bit of every byte of a word that is a quote, a backslash or a control character.
pub(super) fn hits(word: u64) -> u64 {
    zeros(word ^ repeat(b'"')) | zeros(word ^ repeat(b'\\')) | zeros(word & repeat(0xe0))
}

/// The high bit of every byte of a word that is zero. Nothing carries from one byte into the next.
pub(super) fn zeros(word: u64) -> u64 {
    !((word & repeat(0x7f)).wrapping_add(repeat(0x7f)) | word) & repeat(0x80)
}

/// A word of eight times the same byte.
pub(super) const fn repeat(byte: u8) -> u64 {
    0x0101_0101_0101_0101 * byte as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_ends_at_the_first_hit_wherever_it_lies_in_a_word() {
        for hit in [b'"', b'\\', 0, 0x1f] {
            for at in 0..20 {
                let mut bytes = vec![0x80_u8; 24];
                bytes[at] = hit;
                bytes[at + 1] = 0x1f;
                assert_eq!(plain_end(&bytes, 0), at);
            }
        }
        assert_eq!(plain_end(b"\x7f\x20\xff!#[]", 0), 7);
        assert_eq!(plain_end(b"ab", 7), 7);
    }

    #[test]
    fn every_hit_of_a_word_is_exact() {
        for byte in 0..=u8::MAX {
            let expected = matches!(byte, b'"' | b'\\' | 0..0x20);
            for at in 0..8 {
                let mut bytes = *b"\\\"\x00\\\"\x00\\\"";
                bytes[at] = byte;
                let found = hits(u64::from_le_bytes(bytes)) >> (at * 8 + 7) & 1 == 1;
                assert_eq!(found, expected, "{byte:#x} at {at}");
            }
        }
    }
}
