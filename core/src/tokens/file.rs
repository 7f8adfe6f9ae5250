//! A tokenizer from a user's own `tokenizer.json`.

use std::path::Path;

use super::Tokenizer;
use super::vocabulary::Vocabulary;
use crate::error::{Error, ErrorKind, Result};

/// An exact tokenizer that a Hugging Face `tokenizer.json` describes (BPE, Unigram or `WordPiece`).
///
/// Tokens that the file's template adds around every text, such as a start token, are not counted.
///
/// # Examples
/// ```no_run
/// use headroom_core::tokens::{FileTokenizer, Tokenizer};
///
/// let tokenizer = FileTokenizer::from_path("models/tokenizer.json")?;
/// println!("{} tokens", tokenizer.count("hello"));
/// # Ok::<(), headroom_core::Error>(())
/// ```
pub struct FileTokenizer {
    vocabulary: Vocabulary,
    /// `file:` and the first 12 hex digits of the file's BLAKE3, so that counts of two files are never mixed up.
    name: String,
}

impl FileTokenizer {
    /// Reads a `tokenizer.json`.
    ///
    /// # Errors
    /// [`ErrorKind::Tokenization`] when the file cannot be read, or as [`Self::from_bytes`]; with the path as context.
    pub fn from_path(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let shown = path.display().to_string();
        let bytes = std::fs::read(path).map_err(|cause| {
            Error::new(ErrorKind::Tokenization, format!("expected a readable tokenizer.json, found: {cause}"))
                .with("path", shown.clone())
                .caused_by(cause)
        })?;
        Self::from_bytes(&bytes).map_err(|error| error.with("path", shown))
    }

    /// Loads the content of a `tokenizer.json`.
    ///
    /// # Errors
    /// [`ErrorKind::Tokenization`] that says what is wrong: not JSON, a missing field, or a model, normalizer or splitting
    /// rule that is not supported. A file is refused rather than counted approximately.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let tokenizer = splintr::from_json_bytes(bytes).map_err(|cause| {
            Error::new(ErrorKind::Tokenization, format!("expected a supported tokenizer.json, found: {cause}"))
                .caused_by(cause)
        })?;
        let digest = blake3::hash(bytes).to_hex();
        let name = digest.chars().take(12).fold(String::from("file:"), |mut name, digit| {
            name.push(digit);
            name
        });
        Ok(Self { vocabulary: Vocabulary::new(tokenizer), name })
    }
}

impl Tokenizer for FileTokenizer {
    fn name(&self) -> &str {
        &self.name
    }

    fn is_exact(&self) -> bool {
        true
    }

    fn count(&self, text: &str) -> u64 {
        self.vocabulary.count(text)
    }
}

impl std::fmt::Debug for FileTokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileTokenizer").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A byte-level BPE vocabulary of six tokens, with a start token in its template.
    const SMALL: &str = r#"{
        "version": "1.0", "truncation": null, "padding": null,
        "added_tokens": [{"id": 5, "content": "<s>", "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true}],
        "normalizer": null,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
        "post_processor": {"type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [5], "tokens": ["<s>"]}}},
        "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
        "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false,
            "vocab": {"a": 0, "b": 1, "Ġ": 2, "ab": 3, "abab": 4, "<s>": 5}, "merges": ["a b", "ab ab"]}
    }"#;

    #[test]
    fn counts_with_the_vocabulary_of_the_file() {
        let tokenizer = FileTokenizer::from_bytes(SMALL.as_bytes()).unwrap();
        assert!(tokenizer.is_exact());
        let counts = ["", "a", "ab", "abab", "ababab", "ab ba"].map(|text| tokenizer.count(text));
        assert_eq!(counts, [0, 1, 1, 1, 2, 4]);
    }

    #[test]
    fn two_files_have_two_names() {
        let other = SMALL.replace("\"abab\": 4", "\"baba\": 4").replace("ab ab", "ba ba").replace("a b", "b a");
        let names = [SMALL, &other.replace("\"ab\": 3", "\"ba\": 3")]
            .map(|json| FileTokenizer::from_bytes(json.as_bytes()).unwrap().name().to_owned());
        assert!(names[0].starts_with("file:") && names[0] != names[1], "{names:?}");
    }

    #[test]
    fn says_what_is_wrong_with_a_file() {
        let cases = [
            ("not json", "expected"),
            ("{}", "model"),
            (r#"{"model":{"type":"WordLevel","vocab":{}}}"#, "WordLevel"),
            ("[".repeat(200_000).leak(), "expected"),
        ];
        for (json, words) in cases {
            let error = FileTokenizer::from_bytes(json.as_bytes()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Tokenization);
            assert!(error.to_string().contains(words), "{error}");
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = FileTokenizer::from_path("no/such/tokenizer.json").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Tokenization);
        assert!(error.to_string().contains("no/such/tokenizer.json"), "{error}");
    }
}
