//! What went wrong, in one line, and what to do about it in another.

use std::io;

use headroom_core::{Error, ErrorKind};

/// Why a command could not do what was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Nobody reads standard output any more, as after `| head`: no reason to complain.
    ReaderGone,
    /// Everything else.
    Told {
        /// What was expected and what was found; lower case, no full stop.
        message: String,
        /// What may help.
        hint: Option<String>,
    },
}

impl Failure {
    /// A failure with a sentence.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self::Told { message: message.into(), hint: None }
    }

    /// Adds what may help.
    pub(crate) fn hint(self, words: impl Into<String>) -> Self {
        match self {
            Self::Told { message, hint: None } => Self::Told { message, hint: Some(words.into()) },
            other => other,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let mut message = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(inner) = cause {
            message.push_str(": ");
            message.push_str(&inner.to_string());
            cause = inner.source();
        }
        let hint = match error.kind() {
            ErrorKind::NotFound => Some("`headroom store list` shows what is kept; --store names another store"),
            ErrorKind::Expired => Some("run the compression again to keep the original once more"),
            ErrorKind::Storage => Some("--store or HEADROOM_STORE names another place for the store"),
            _ => None,
        };
        Self::Told { message, hint: hint.map(Into::into) }
    }
}

/// Only for writes to standard output; reading names its file.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::ReaderGone
        } else {
            Self::new(format!("cannot write to standard output: {error}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_told_after_the_sentence() {
        let error = Error::new(ErrorKind::Storage, "cannot open the store").caused_by("disk full");
        let Failure::Told { message, hint } = Failure::from(error) else { panic!("not told") };
        assert_eq!(message, "cannot open the store: disk full");
        assert!(hint.is_some());
    }
}
