//! The vocabularies of `OpenAI` models, inside the package.

use std::sync::LazyLock;

use super::Tokenizer;
use super::vocabulary::Vocabulary;

/// An exact vocabulary of `OpenAI` models. It is loaded once per process, at the first count.
///
/// # Sources
/// Counts equal those of `tiktoken` 0.14 (`encode_ordinary`) on `known_counts.json` beside this file. Loading takes about
/// 65 ms for `o200k_base` and 15 ms for `cl100k_base`; counting runs at about 100 to 130 MB/s on logs, JSON and code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OpenAi {
    /// `o200k_base`: gpt-4o and everything after it.
    O200k,
    /// `cl100k_base`: gpt-4, gpt-3.5 and the embeddings of their time.
    Cl100k,
}

static O200K: LazyLock<Vocabulary> = LazyLock::new(|| load("o200k_base"));
static CL100K: LazyLock<Vocabulary> = LazyLock::new(|| load("cl100k_base"));

fn load(name: &str) -> Vocabulary {
    Vocabulary::new(splintr::from_pretrained(name).expect("the vocabulary is compiled into the package"))
}

impl Tokenizer for OpenAi {
    fn name(&self) -> &str {
        match self {
            Self::O200k => "o200k_base",
            Self::Cl100k => "cl100k_base",
        }
    }

    fn is_exact(&self) -> bool {
        true
    }

    fn count(&self, text: &str) -> u64 {
        match self {
            Self::O200k => O200K.count_in_pieces(text),
            Self::Cl100k => CL100K.count_in_pieces(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Known {
        text: String,
        repeat: usize,
        o200k_base: u64,
        cl100k_base: u64,
    }

    #[test]
    fn counts_equal_the_reference_implementation() {
        let table: Vec<Known> = serde_json::from_str(include_str!("known_counts.json")).unwrap();
        assert!(table.len() > 50);
        for known in table {
            let text = known.text.repeat(known.repeat);
            assert_eq!(OpenAi::O200k.count(&text), known.o200k_base, "{:?}", known.text);
            assert_eq!(OpenAi::Cl100k.count(&text), known.cl100k_base, "{:?}", known.text);
        }
    }

    #[test]
    fn special_token_text_counts_as_ordinary_text() {
        assert!(OpenAi::O200k.count("<|endoftext|>") > 1);
        assert!(OpenAi::Cl100k.count("<|im_start|>") > 1);
    }

    #[test]
    fn texts_counted_in_pieces_have_the_count_of_the_whole() {
        let line = "2024-01-15T08:30:00Z INFO  worker-3 handled request 17 in 12 ms\n";
        let text = line.repeat(20_000);
        assert_eq!(OpenAi::O200k.count(&text), 20_000 * OpenAi::O200k.count(line));
    }

    #[test]
    fn a_megabyte_without_a_word_break_is_counted() {
        for (unit, bytes_per_token) in [("a", 8), (" ", 128), ("=", 64), ("\n", 16)] {
            assert_eq!(OpenAi::O200k.count(&unit.repeat(1 << 20)), (1 << 20) / bytes_per_token, "{unit:?}");
        }
    }
}
