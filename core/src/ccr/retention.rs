//! The rules that every store keeps: what may go, when, and what an original must be to come in.

use super::Original;
use crate::error::{Error, ErrorKind, Result};

/// An original that a request has shown within this time never goes to make room.
///
/// # Sources
/// Seven days are the promise of DESIGN.md, G7.
pub(super) const KEEP_SHOWN_S: u64 = 7 * 24 * 60 * 60;

/// How old the time of the last showing may be before it is written again, so that a repeated request only reads.
///
/// # Sources
/// Chosen by hand: small against [`KEEP_SHOWN_S`], long against a conversation's pace of a request every few seconds.
pub(super) const TOUCH_AFTER_S: u64 = 60 * 60;

/// How many hashes of originals that went are remembered, to tell "expired" from "never stored"; the oldest go first.
///
/// # Sources
/// Chosen by hand: about 5 MB.
pub(super) const TOMBSTONES_MAX: usize = 100_000;

/// What an original costs beside its text, so that a million tiny ones are bounded, too.
///
/// # Sources
/// Chosen by hand: a row, its two index entries and its share of the pages, rounded up.
pub(super) const ENTRY_BYTES: u64 = 256;

/// What a store keeps of facts at most, in bytes; the oldest go first.
///
/// # Sources
/// Chosen by hand: what became of ten thousand blocks, and an eighth of the default bound on originals.
pub(super) const FACTS_MAX_BYTES: u64 = 64 << 20;

/// Last showings at or before this time may go to make room. The recorded time lags by up to [`TOUCH_AFTER_S`], which
/// counts in the original's favour.
pub(super) fn may_go_before_s(now_s: u64) -> Option<u64> {
    now_s.checked_sub(KEEP_SHOWN_S + TOUCH_AFTER_S)
}

/// Whether a showing recorded at `shown_s` has to be recorded again.
pub(super) fn is_touch_due(shown_s: u64, now_s: u64) -> bool {
    now_s.saturating_sub(shown_s) >= TOUCH_AFTER_S
}

/// The full BLAKE3 hash of an original whose short hash is right.
pub(super) fn digest_of(original: &Original<'_>) -> Result<[u8; 32]> {
    let digest = *blake3::hash(original.text.as_bytes()).as_bytes();
    if digest[..12] == original.hash.0 {
        Ok(digest)
    } else {
        Err(Error::new(ErrorKind::InvalidInput, "expected the hash of the original's text, found another one")
            .with("hash", original.hash.to_string()))
    }
}

/// The error of a store in which nothing may go to make room.
pub(super) fn full(stored_bytes: u64, max_bytes: u64) -> Error {
    Error::new(
        ErrorKind::StoreFull,
        format!("store is full: {stored_bytes} bytes would be over the bound of {max_bytes}, and none may go yet"),
    )
}

/// The error of two different originals under one short hash.
pub(super) fn collision(original: &Original<'_>) -> Error {
    Error::new(ErrorKind::Storage, "another original is stored under the same hash")
        .with("hash", original.hash.to_string())
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::super::Hash;
    use super::*;

    #[test]
    fn nothing_may_go_before_seven_days_and_the_lag_of_a_touch() {
        assert_eq!(may_go_before_s(KEEP_SHOWN_S), None);
        assert_eq!(may_go_before_s(KEEP_SHOWN_S + TOUCH_AFTER_S + 5), Some(5));
    }

    #[test]
    fn a_clock_that_went_back_asks_for_no_touch() {
        assert!(!is_touch_due(2_000_000, 1_000));
        assert!(is_touch_due(1_000, 1_000 + TOUCH_AFTER_S));
    }

    #[test]
    fn a_wrong_hash_is_refused_and_named() {
        let original = Original {
            hash: Hash::of("b"),
            text: Cow::Borrowed("a"),
            tokens: 1,
            items: 1,
            items_shown: 0,
            tool_name: String::new(),
        };
        let error = digest_of(&original).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains(&Hash::of("b").to_string()));
    }
}
