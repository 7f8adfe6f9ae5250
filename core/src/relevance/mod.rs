//! What the user asked, and how well a piece of text answers it.
//!
//! A [`Question`] holds the [`Term`]s of a question: quoted text, identifiers, paths, numbers and words. Units (lines, rows,
//! sentences) are scored by BM25 over these terms, and units that hold a *specific* term are marked as strong.

mod chunk;
mod lexicon;
mod matcher;
mod number;
mod question;
mod script;
mod terms;

#[cfg(feature = "code")]
pub(crate) use chunk::parts;
#[cfg(feature = "code")]
pub(crate) use lexicon::{is_stop_word, stem};
pub use question::{Holdings, Match, Question};
pub use terms::{Term, TermKind};
