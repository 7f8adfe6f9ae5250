//! The one error type of the engine, and the kinds callers act on.

use std::error::Error as StdError;
use std::fmt;

/// What failed, as far as a caller acts on it.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The messages or body cannot be read, for example a body that is not JSON.
    InvalidInput,
    /// An option has a value that it cannot have, for example `target_ratio = 2.0`.
    Configuration,
    /// No original is stored under a hash, for example one that was never issued.
    NotFound,
    /// An original was stored once and went by age or by the byte bound.
    Expired,
    /// A store cannot be opened, read or written, for example on a full disk.
    Storage,
    /// A store's byte bound is reached and nothing in it may go yet.
    StoreFull,
    /// A transform failed on a block; the block stays as it came.
    Transform,
    /// A text cannot be counted, for example with a damaged tokenizer file.
    Tokenization,
    /// A `closed` extension failed or refused the request.
    Extension,
    /// The pipeline as a whole could not run, for example after a panic.
    Compression,
}

impl ErrorKind {
    /// Every kind, in declaration order; bindings prove with it that their error table is complete.
    pub const ALL: [Self; 10] = [
        Self::InvalidInput,
        Self::Configuration,
        Self::NotFound,
        Self::Expired,
        Self::Storage,
        Self::StoreFull,
        Self::Transform,
        Self::Tokenization,
        Self::Extension,
        Self::Compression,
    ];

    /// A stable name for programs, the same in every language.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::InvalidInput => "invalid_input",
            Self::Configuration => "configuration",
            Self::NotFound => "not_found",
            Self::Expired => "expired",
            Self::Storage => "storage",
            Self::StoreFull => "store_full",
            Self::Transform => "transform",
            Self::Tokenization => "tokenization",
            Self::Extension => "extension",
            Self::Compression => "compression",
        }
    }
}

/// A failure, with its kind, a sentence, what it was about, and its cause.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    context: Vec<(&'static str, String)>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The engine's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Makes an error from a kind and a sentence: lower case, no full stop, what was expected and what was found.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), context: Vec::new(), source: None }))
    }

    /// Adds what the error was about, such as `("path", "messages[2].content")`.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.0.context.push((name, value.into()));
        self
    }

    /// Keeps the cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// What failed.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The sentence without context or cause.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What the error was about: names and values in the order they were added.
    #[must_use]
    pub fn context(&self) -> &[(&'static str, String)] {
        &self.0.context
    }

    /// The cause as it was given, for a binding that put its own exception there.
    #[must_use]
    pub fn cause(&self) -> Option<&(dyn StdError + Send + Sync + 'static)> {
        self.0.source.as_deref()
    }

    /// Whether the same call may succeed later without a change: only storage failures.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self.0.kind, ErrorKind::Storage | ErrorKind::StoreFull)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        for (index, (name, value)) in self.0.context.iter().enumerate() {
            write!(f, "{}{name} {value}", if index == 0 { " (" } else { ", " })?;
        }
        if !self.0.context.is_empty() {
            f.write_str(")")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .field("context", &self.0.context)
            .field("source", &self.0.source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_it_was_about_after_the_sentence() {
        let error = Error::new(ErrorKind::InvalidInput, "expected a string, found a number")
            .with("path", "messages[0].content")
            .caused_by("overflow");
        assert_eq!(error.to_string(), "expected a string, found a number (path messages[0].content)");
        assert_eq!(StdError::source(&error).map(ToString::to_string), Some("overflow".into()));
    }

    #[test]
    fn every_kind_has_its_own_code() {
        let codes: std::collections::BTreeSet<_> = ErrorKind::ALL.iter().map(|kind| kind.code()).collect();
        assert_eq!(codes.len(), ErrorKind::ALL.len());
    }
}
