//! Several bytes at a time: where the bytes are that a string reader must look at.

use wide::{u8x16, u8x64};

/// How many bytes [`hits`] looks at.
pub(super) const STEP: usize = 16;

/// The index of the first quote, backslash or control character from `from` on, or the length.
pub(super) fn plain_end(bytes: &[u8], from: usize) -> usize {
    let mut position = from;
    while let Some(hits) = hits(bytes, position) {
        if hits != 0 {
            return position + hits.trailing_zeros() as usize;
        }
        position += STEP;
    }
    while bytes.get(position).is_some_and(|byte| !matches!(byte, b'"' | b'\\' | 0..0x20)) {
        position += 1;
    }
    position
}

/// A bit for every quote, backslash and control character among the [`STEP`] bytes from `at` on, the lowest for the first;
/// `None` when fewer bytes are left.
#[inline(always)]
pub(super) fn hits(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = u8x16::new(*bytes.get(at..)?.first_chunk()?);
    let is_control = bytes.simd_eq(bytes.min(u8x16::splat(0x1f)));
    let hits = bytes.simd_eq(u8x16::splat(b'"')) | bytes.simd_eq(u8x16::splat(b'\\')) | is_control;
    Some(hits.to_bitmask())
}

/// A bit for every backslash among 64 bytes, the lowest for the first.
#[inline(always)]
pub(super) fn backslashes(block: &[u8; 64]) -> u64 {
    u8x64::new(*block).simd_eq(u8x64::splat(b'\\')).to_bitmask()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_ends_at_the_first_hit_wherever_it_lies_in_a_step() {
        for hit in [b'"', b'\\', 0, 0x1f] {
            for at in 0..40 {
                let mut bytes = vec![0x80_u8; 48];
                bytes[at] = hit;
                bytes[at + 1] = 0x1f;
                assert_eq!(plain_end(&bytes, 0), at);
            }
        }
        assert_eq!(plain_end(b"\x7f\x20\xff!#[]", 0), 7);
        assert_eq!(plain_end(b"ab", 7), 7);
    }

    #[test]
    fn every_bit_is_exact() {
        for byte in 0..=u8::MAX {
            for at in 0..64 {
                let mut block = [b'\\'; 64];
                block[at] = byte;
                assert_eq!(backslashes(&block) >> at & 1 == 1, byte == b'\\', "{byte:#x} at {at}");
                let expected = matches!(byte, b'"' | b'\\' | 0..0x20);
                let found = hits(&block, at / STEP * STEP).expect("enough bytes") >> (at % STEP) & 1 == 1;
                assert_eq!(found, expected, "{byte:#x} at {at}");
            }
        }
    }
}
