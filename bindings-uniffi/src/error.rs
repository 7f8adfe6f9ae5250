//! The engine's errors as other languages see them, and their exceptions as the engine's errors.

use std::collections::HashMap;
use std::error::Error as StdError;

use headroom_core::{Error, ErrorKind};

/// Makes the enum from the names of [`ErrorKind`], so that the table has one row for each.
macro_rules! errors {
    ($($(#[$doc:meta])* $kind:ident,)*) => {
        /// What failed. `code` is the same in every language, `details` says what it was about, and under `cause` what
        /// user code threw.
        #[derive(Debug, Clone, thiserror::Error, uniffi::Error)]
        pub enum HeadroomError {
            $(
                $(#[$doc])*
                #[error("{reason}")]
                $kind {
                    /// The sentence.
                    reason: String,
                    /// The stable name of the kind.
                    code: String,
                    /// What it was about, by name.
                    details: HashMap<String, String>,
                },
            )*
        }

        impl HeadroomError {
            fn of(kind: ErrorKind, reason: String, details: HashMap<String, String>) -> Self {
                let code = kind.code().to_owned();
                match kind {
                    $(ErrorKind::$kind => Self::$kind { reason, code, details },)*
                    _ => Self::Compression { reason, code, details },
                }
            }

            fn parts(&self) -> (&str, &HashMap<String, String>) {
                match self {
                    $(Self::$kind { reason, details, .. } => (reason, details),)*
                }
            }

            #[cfg(test)]
            const VARIANTS: &[&str] = &[$(stringify!($kind)),*];
        }
    };
}

errors! {
    /// The messages or body cannot be read.
    InvalidInput,
    /// An option or a declaration has a value that it cannot have.
    Configuration,
    /// No original is stored under a hash.
    NotFound,
    /// An original was stored once and went by age or by the byte bound.
    Expired,
    /// A store cannot be opened, read or written.
    Storage,
    /// A store's byte bound is reached and nothing in it may go yet.
    StoreFull,
    /// A transform failed on a block.
    Transform,
    /// A text cannot be counted.
    Tokenization,
    /// A `closed` extension failed or refused the request, or user code threw.
    Extension,
    /// The pipeline as a whole could not run, for example after a panic.
    Compression,
}

impl From<Error> for HeadroomError {
    fn from(error: Error) -> Self {
        let context = error.context().iter();
        let mut details: HashMap<_, _> = context.map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        if let Some(cause) = StdError::source(&error) {
            details.insert("cause".to_owned(), cause.to_string());
        }
        Self::of(error.kind(), error.to_string(), details)
    }
}

/// How the generated code of a language without types begins the text about a value that is no event.
const WRONG_RETURN_TYPE: &str = "wrong return type: ";
/// The detail that names the type.
const FOUND_TYPE: &str = "found_type";

/// An exception that is no [`HeadroomError`]: its text is kept.
impl From<uniffi::UnexpectedUniFFICallbackError> for HeadroomError {
    fn from(thrown: uniffi::UnexpectedUniFFICallbackError) -> Self {
        let found_type = thrown.reason.strip_prefix(WRONG_RETURN_TYPE);
        let details = found_type.map(|found| (FOUND_TYPE.to_owned(), found.to_owned())).into_iter().collect();
        Self::of(ErrorKind::Extension, thrown.reason, details)
    }
}

/// What user code threw, as an error of the engine.
pub(crate) fn from_user_code(thrown: HeadroomError) -> Error {
    let (reason, _) = thrown.parts();
    Error::new(ErrorKind::Extension, if reason.is_empty() { "an exception without a message" } else { reason })
}

/// The type of what an extension returned when it was neither nothing nor an event, or what it threw.
///
/// # Errors
/// What user code threw, as an error of the engine.
pub(crate) fn wrong_type(thrown: HeadroomError) -> Result<String, Error> {
    let found_type = thrown.parts().1.get(FOUND_TYPE).cloned();
    found_type.ok_or_else(|| from_user_code(thrown))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_own_variant_with_its_code() {
        assert_eq!(HeadroomError::VARIANTS.len(), ErrorKind::ALL.len());
        for (kind, variant) in ErrorKind::ALL.into_iter().zip(HeadroomError::VARIANTS) {
            let written = format!("{:?}", HeadroomError::from(Error::new(kind, "sentence")));
            assert!(written.starts_with(variant) && written.contains(kind.code()), "{written}");
        }
    }

    #[test]
    fn a_value_of_a_wrong_type_is_told_from_an_exception() {
        let thrown = |reason: &str| HeadroomError::from(uniffi::UnexpectedUniFFICallbackError::new(reason));
        assert_eq!(wrong_type(thrown("wrong return type: int")).unwrap(), "int");
        assert_eq!(wrong_type(thrown("RuntimeError('wrong return type: int')")).unwrap_err().message().len(), 38);
        assert_eq!(wrong_type(thrown("")).unwrap_err().message(), "an exception without a message");
    }

    #[test]
    fn details_say_what_it_was_about_and_what_user_code_threw() {
        let error = Error::new(ErrorKind::Extension, "refused").with("stage", "pre_send").caused_by("boom");
        let HeadroomError::Extension { reason, details, .. } = error.into() else { panic!("another variant") };
        assert_eq!(reason, "refused (stage pre_send)");
        assert_eq!((details["stage"].as_str(), details["cause"].as_str()), ("pre_send", "boom"));
    }
}
