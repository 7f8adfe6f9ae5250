//! The engine's errors as Python exceptions, and Python exceptions as the engine's errors.

use std::any::Any;
use std::error::Error as StdError;

use headroom_core::{Error, ErrorKind};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyType};

/// The class in `headroom.exceptions` of each kind. A test walks [`ErrorKind::ALL`].
const fn class_name(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::InvalidInput => "ValidationError",
        ErrorKind::Configuration => "ConfigurationError",
        ErrorKind::NotFound | ErrorKind::Expired | ErrorKind::Storage | ErrorKind::StoreFull => "StorageError",
        ErrorKind::Transform => "TransformError",
        ErrorKind::Tokenization => "TokenizationError",
        ErrorKind::Extension => "ExtensionError",
        ErrorKind::Compression => "CompressionError",
        _ => "HeadroomError",
    }
}

/// Every code with the name of its class.
#[pyfunction]
pub(crate) fn error_classes() -> Vec<(&'static str, &'static str)> {
    ErrorKind::ALL.iter().map(|kind| (kind.code(), class_name(*kind))).collect()
}

/// The exception that tells what failed, with the user's own exception as its cause when there is one.
pub(crate) fn to_python(py: Python<'_>, error: &Error) -> PyErr {
    let details = PyDict::new(py);
    for (name, value) in error.context() {
        if let Err(failed) = details.set_item(*name, value) {
            return failed;
        }
    }
    let raised = exception(py, class_name(error.kind()), &error.to_string(), &details, error.kind().code());
    if let Some(cause) = user_exception(py, error) {
        raised.set_cause(py, Some(cause));
    }
    raised
}

/// An exception of `headroom.exceptions`.
fn exception(py: Python<'_>, class: &str, message: &str, details: &Bound<'_, PyDict>, code: &str) -> PyErr {
    let made = py
        .import("headroom.exceptions")
        .and_then(|module| module.getattr(class))
        .and_then(|class| class.call1((message, details, code)));
    made.map_or_else(|failed| failed, PyErr::from_value)
}

/// A `ConfigurationError` with a sentence.
pub(crate) fn configuration(py: Python<'_>, message: impl Into<String>) -> PyErr {
    to_python(py, &Error::new(ErrorKind::Configuration, message))
}

/// A panic of the engine: a `HeadroomError`, which callers can catch, and never a `PanicException`.
pub(crate) fn panicked(py: Python<'_>, panic: &(dyn Any + Send)) -> PyErr {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let message = format!("the engine panicked: {}", text.unwrap_or("no message"));
    exception(py, "HeadroomError", &message, &PyDict::new(py), "panic")
}

/// A plain `HeadroomError` with a sentence.
pub(crate) fn refused(py: Python<'_>, message: &str, code: &str) -> PyErr {
    exception(py, "HeadroomError", message, &PyDict::new(py), code)
}

/// The exception of user code, as an error of a kind that keeps it as its cause.
pub(crate) fn from_python(py: Python<'_>, kind: ErrorKind, raised: PyErr) -> Error {
    let class = raised.get_type(py).name().map_or_else(|_| "exception".to_owned(), |name| name.to_string());
    let text = raised.value(py).str().map_or_else(|_| String::new(), |text| text.to_string_lossy().into_owned());
    let message = if text.is_empty() { class } else { format!("{class}: {text}") };
    Error::new(kind, message).caused_by(raised)
}

/// Looks along the causes for an exception that user code raised.
fn user_exception(py: Python<'_>, error: &Error) -> Option<PyErr> {
    let mut cause: Option<&(dyn StdError + 'static)> = StdError::source(error);
    while let Some(error) = cause {
        if let Some(raised) = error.downcast_ref::<PyErr>() {
            return Some(raised.clone_ref(py));
        }
        cause = error.source();
    }
    None
}

/// Whether an exception must reach the caller instead of counting as a failed extension: `KeyboardInterrupt`,
/// `SystemExit` and everything else that is no `Exception`.
pub(crate) fn is_interrupt(py: Python<'_>, raised: &PyErr) -> bool {
    !raised.is_instance_of::<pyo3::exceptions::PyException>(py)
}

/// A class of the package, imported once.
pub(crate) fn class<'py>(
    py: Python<'py>,
    cell: &'static PyOnceLock<Py<PyType>>,
    module: &str,
    name: &str,
) -> PyResult<&'py Bound<'py, PyType>> {
    cell.import(py, module, name)
}
