//! A loaded vocabulary, counted in bounded memory.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use splintr::{AnyTokenizer, Backend, SpecialMode};

use crate::parallel;

/// Texts longer than this are counted in pieces when the vocabulary allows it, so that a 20 MB text needs the buffers of a
/// small one and several threads can count. In bytes.
///
/// # Sources
/// Chosen by hand: pieces of 4 to 64 KB are as fast as the whole text, within 5 %.
const PIECE_BYTES: usize = parallel::MIN_BYTES / 2;

/// A run of one character class at least this long, in bytes, is remembered by the library as one word.
const LONG_RUN_BYTES: usize = 4096;

/// The library's memory of words is emptied when long runs of this many bytes went into it: it bounds the number of words,
/// but not their length, and keeps about three bytes for each byte of a long run.
const LONG_RUNS_HELD_BYTES: usize = 16 * 1024 * 1024;

/// A vocabulary and its splitting rules.
pub(super) struct Vocabulary {
    tokenizer: AnyTokenizer,
    /// Tokens that the vocabulary's template adds to every text, such as a start token.
    overhead: usize,
    long_runs_held: AtomicUsize,
}

impl Vocabulary {
    pub(super) fn new(tokenizer: AnyTokenizer) -> Self {
        let overhead = tokenizer.policy().single_overhead();
        Self { tokenizer, overhead, long_runs_held: AtomicUsize::new(0) }
    }

    /// Tokens of `text`, special-token text counted as ordinary text.
    pub(super) fn count(&self, text: &str) -> u64 {
        let ids = self
            .tokenizer
            .encode_with(text, &SpecialMode::Ordinary)
            .expect("only an allow list of special tokens can refuse a text");
        self.release_long_runs(text);
        ids.len().saturating_sub(self.overhead) as u64
    }

    /// As [`Self::count`], in pieces that end where both `OpenAI` patterns certainly split: after a line break that a
    /// letter or digit follows, or before a quote or comma that follows one. No alternative of the patterns continues
    /// over it or looks behind it.
    pub(super) fn count_in_pieces(&self, text: &str) -> u64 {
        if text.len() < parallel::MIN_BYTES {
            return self.count(text);
        }
        let mut pieces = Vec::with_capacity(text.len() / PIECE_BYTES + 1);
        let mut rest = text;
        while let Some((piece, after)) = certain_split(rest, PIECE_BYTES) {
            pieces.push(piece);
            rest = after;
        }
        pieces.push(rest);
        let total = AtomicU64::new(0);
        parallel::for_each(&pieces, |piece| {
            total.fetch_add(self.count(piece), Ordering::Relaxed);
        });
        total.into_inner()
    }

    fn release_long_runs(&self, text: &str) {
        let Backend::Bpe(tokenizer) = self.tokenizer.backend() else { return };
        let bytes = long_run_bytes(text.as_bytes());
        if bytes > 0 && self.long_runs_held.fetch_add(bytes, Ordering::Relaxed) + bytes > LONG_RUNS_HELD_BYTES {
            self.long_runs_held.store(0, Ordering::Relaxed);
            tokenizer.clear_cache();
        }
    }
}

/// Splits `text` at the first certain split at or after `piece_bytes`; `None` when there is none.
fn certain_split(text: &str, piece_bytes: usize) -> Option<(&str, &str)> {
    let bytes = text.as_bytes();
    let from = piece_bytes.saturating_sub(1);
    let is_word = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_alphanumeric);
    let split = |at: usize| match bytes[at] {
        b'\n' => is_word(at + 1).then_some(at + 1),
        _ => (at > 0 && is_word(at - 1)).then_some(at),
    };
    let at = memchr::memchr3_iter(b'\n', b'"', b',', bytes.get(from..)?).find_map(|offset| split(from + offset))?;
    text.split_at_checked(at)
}

/// At least the bytes of `text` that lie in words of [`LONG_RUN_BYTES`] or more, whatever the vocabulary.
///
/// Looks at the end of each window first and jumps over windows that a word break ends, so ordinary text costs next to
/// nothing. Non-ASCII bytes never count as a break.
fn long_run_bytes(text: &[u8]) -> usize {
    let (mut start, mut total) = (0, 0);
    while let Some(window) = text.get(start..start + LONG_RUN_BYTES) {
        match last_break(window) {
            Some(at) => start += at,
            None => {
                total += LONG_RUN_BYTES;
                start += LONG_RUN_BYTES;
            }
        }
    }
    total
}

/// The offset after the last word break in `window`: a digit, or a change between letters, punctuation and whitespace.
fn last_break(window: &[u8]) -> Option<usize> {
    let mut later = None;
    for (index, &byte) in window.iter().enumerate().rev() {
        if !byte.is_ascii() {
            continue;
        }
        let class = (byte.is_ascii_alphabetic(), byte.is_ascii_whitespace());
        if byte.is_ascii_digit() || later.is_some_and(|later| later != class) {
            return Some(index + 1);
        }
        later = Some(class);
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn vocabularies() -> &'static [Vocabulary; 2] {
        static LOADED: std::sync::LazyLock<[Vocabulary; 2]> = std::sync::LazyLock::new(|| {
            ["o200k_base", "cl100k_base"].map(|name| Vocabulary::new(splintr::from_pretrained(name).unwrap()))
        });
        &LOADED
    }

    #[test]
    fn long_runs_are_seen_and_ordinary_text_is_not() {
        assert_eq!(long_run_bytes("ordinary words, some (punctuation) 12\n".repeat(1000).as_bytes()), 0);
        assert_eq!(long_run_bytes("1".repeat(100_000).as_bytes()), 0);
        for unit in ["a", " ", "=", "漢"] {
            let text = format!("some words {} more words", unit.repeat(40_000));
            let seen = long_run_bytes(text.as_bytes());
            assert!(seen >= 40_000 - 2 * LONG_RUN_BYTES && seen <= text.len(), "{unit}: {seen}");
        }
        assert_eq!(long_run_bytes(&b"a".repeat(LONG_RUN_BYTES - 1)), 0);
    }

    #[test]
    fn pieces_join_to_the_whole_text() {
        let text = "line one\n  indented\n\n/path\nline \"two\",\n漢字,\nend\n".repeat(50);
        for piece_bytes in [0, 1, 7, 100, 5000] {
            let (mut rest, mut joined) = (text.as_str(), String::new());
            while let Some((piece, after)) = certain_split(rest, piece_bytes) {
                assert!(!piece.is_empty());
                joined.push_str(piece);
                rest = after;
            }
            joined.push_str(rest);
            assert_eq!(joined, text);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]
        #[test]
        fn counting_in_pieces_is_exact(
            parts in proptest::collection::vec("[a-cA-C 0-9\\r\\n\\t'\",:/.{}é漢\u{301}\u{a0}]{0,8}\\n{0,2}", 0..40),
            piece_bytes in 0_usize..60,
        ) {
            let text = parts.concat();
            for vocabulary in vocabularies() {
                let (mut rest, mut total) = (text.as_str(), 0);
                while let Some((piece, after)) = certain_split(rest, piece_bytes) {
                    total += vocabulary.count(piece);
                    rest = after;
                }
                prop_assert_eq!(total + vocabulary.count(rest), vocabulary.count(&text));
            }
        }
    }
}
