//! The contract of a transform: one block in, a smaller and still true text out.

use std::borrow::Cow;

use crate::ccr::{Hash, Marker, carries_marker, markers_in};
use crate::conversation::ToolCall;
use crate::detect::ContentKind;
use crate::options::Mode;
use crate::relevance::Question;
use crate::tokens::Tokenizer;

/// What a transform gets to see of a block.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// The text.
    pub text: &'a str,
    /// The call that produced it, if it is known.
    pub tool: Option<&'a ToolCall>,
    /// Whether an agent may quote the text back in an edit (a file read): then only whole lines may go, and every line
    /// that stays is byte-exact.
    pub quotable: bool,
}

/// The answer to "is this part mine?".
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fit {
    /// Not mine.
    No,
    /// Mine, with a kind and a confidence from 0.0 to 1.0. The first of the registry at 0.9 or more wins, else the highest.
    Yes(ContentKind, f32),
}

/// What a transform made of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing worth doing; the part stays as it came.
    Unchanged,
    /// A re-encoding that the transform's decoder inverts to the same bytes. Needs no marker.
    Lossless(String),
    /// A verbatim subset. The text holds the marker line of every omission, made by [`Context::marker`].
    Subset(String),
}

/// A transform's own failure; the part stays as it came and the report says why.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct TransformError(pub String);

/// Makes one content type smaller. See `STYLE.md`, "Writing a transform", for the promises that every one keeps.
pub trait Transform: Send + Sync {
    /// Its name in reports and options.
    fn name(&self) -> &'static str;

    /// A cheap look: is this part mine? Reads a bounded sample where it can.
    fn fit(&self, part: &Part<'_>) -> Fit;

    /// The work: synchronous, no clock, no I/O, no randomness, time linear in the text.
    ///
    /// # Errors
    /// [`TransformError`] when the part cannot be handled although it looked as if.
    fn apply<'a>(&self, part: &Part<'a>, cx: &mut Context<'a>) -> Result<Outcome, TransformError>;

    /// The inverse of [`Outcome::Lossless`]; `None` when `encoded` is not this transform's.
    fn decode(&self, encoded: &str) -> Option<String> {
        let _ = encoded;
        None
    }
}

/// What a transform may ask for while it works on one part.
pub struct Context<'a> {
    mode: Mode,
    scale: f32,
    question: &'a Question,
    tokenizer: &'a dyn Tokenizer,
    originals: Vec<Kept<'a>>,
}

/// An original that a marker points at, before it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept<'a> {
    /// Its hash.
    pub hash: Hash,
    /// Its text.
    pub text: Cow<'a, str>,
    /// How many units the marker says are shown.
    pub shown: usize,
    /// How many units there are.
    pub total: usize,
}

impl<'a> Context<'a> {
    /// Makes the context of one part. `scale` is 1.0 unless a bias or a token budget says otherwise.
    #[must_use]
    pub fn new(mode: Mode, scale: f32, question: &'a Question, tokenizer: &'a dyn Tokenizer) -> Self {
        Self { mode, scale, question, tokenizer, originals: Vec::new() }
    }

    /// Whether only lossless re-encodings are allowed.
    #[must_use]
    pub fn lossless_only(&self) -> bool {
        self.mode == Mode::Lossless
    }

    /// How far compression goes.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// What the user last asked, joined with the arguments of the call that produced the part.
    #[must_use]
    pub fn question(&self) -> &Question {
        self.question
    }

    /// Tokens of a text with the request's own tokenizer.
    #[must_use]
    pub fn count(&self, text: &str) -> u64 {
        self.tokenizer.count(text)
    }

    /// How many bytes a subset of `total_bytes` should have, before what must be kept anyway: errors, outliers and
    /// matches come on top.
    ///
    /// Grows with the square root of the size, because the number of distinct things in machine output grows much more
    /// slowly than its length. The whole text when it is small.
    ///
    /// # Sources
    /// Chosen by hand: about 2 KB of 4 KB, 10 KB of 100 KB, 32 KB of 1 MB in balanced mode.
    #[must_use]
    pub fn target_bytes(&self, total_bytes: usize) -> usize {
        let factor = match self.mode {
            Mode::Lossless => return total_bytes,
            Mode::Balanced => 32.0,
            Mode::Aggressive => 16.0,
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a size"
        )]
        let target = (factor * f64::from(self.scale) * (total_bytes as f64).sqrt()) as usize;
        target.min(total_bytes)
    }

    /// How many bytes a subset of `total_bytes` of prose should have, before what must be kept anyway.
    ///
    /// Sentences repeat less than the lines of machines do, so this grows faster than [`Self::target_bytes`]: with the
    /// three-quarters power of the size.
    ///
    /// # Sources
    /// Chosen by hand: about 3 KB of 4 KB, 17 KB of 40 KB, 57 KB of 200 KB, 190 KB of 1 MB in balanced mode. Square roots are the same on
    /// every platform; powers are not.
    #[must_use]
    pub fn target_prose_bytes(&self, total_bytes: usize) -> usize {
        let factor = match self.mode {
            Mode::Lossless => return total_bytes,
            Mode::Balanced => 6.0,
            Mode::Aggressive => 3.0,
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a size"
        )]
        let target = {
            let root = (total_bytes as f64).sqrt();
            (factor * f64::from(self.scale) * root * root.sqrt()) as usize
        };
        target.min(total_bytes)
    }

    /// The marker line for an omission in `original`, which is kept for retrieval: `shown` of `total` things named
    /// `unit` (a plural, such as `rows`). Does not end with a line break. The pipeline stores and reads back all
    /// originals of a request before it applies any edit.
    pub fn marker(&mut self, original: impl Into<Cow<'a, str>>, shown: usize, total: usize, unit: &str) -> String {
        let text = original.into();
        let hash = Hash::of(&text);
        if !self.originals.iter().any(|kept| kept.hash == hash) {
            self.originals.push(Kept { hash, text, shown, total });
        }
        Marker { shown, total, unit, hash }.to_string()
    }

    /// Keeps the originals of the markers in a text: a transform may have tried more than it wrote.
    fn keep_marked(&mut self, text: &str) {
        let marked: Vec<Hash> = markers_in(text).collect();
        self.originals.retain(|original| marked.contains(&original.hash));
    }

    /// The originals that markers point at, in order, each once.
    #[must_use]
    pub fn into_originals(self) -> Vec<Kept<'a>> {
        self.originals
    }
}

/// Applies a transform to a part that costs `tokens`, and gives what it made with its tokens if that costs fewer. A part
/// that carries a marker, or that the transform itself wrote, stays as it came.
///
/// # Errors
/// The transform's own.
pub fn apply_checked<'a>(
    transform: &dyn Transform,
    part: &Part<'a>,
    tokens: u64,
    cx: &mut Context<'a>,
) -> Result<Option<(Outcome, u64)>, TransformError> {
    if carries_marker(part.text) || transform.decode(part.text).is_some() {
        return Ok(None);
    }
    let outcome = transform.apply(part, cx)?;
    if let Outcome::Subset(text) = &outcome {
        cx.keep_marked(text);
    }
    let tokens_after = match &outcome {
        Outcome::Unchanged => return Ok(None),
        Outcome::Lossless(text) | Outcome::Subset(text) => cx.count(text),
    };
    Ok((tokens_after < tokens).then_some((outcome, tokens_after)))
}
