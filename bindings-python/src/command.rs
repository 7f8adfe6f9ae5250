//! The command line, in process.

use std::ffi::OsString;
use std::sync::Arc;

use headroom_core::extension::Extension;
use pyo3::prelude::*;

use crate::drive::enter_blocking;
use crate::extension::PyExtension;

/// Runs the command with arguments (the program's name first) and extensions, and gives its exit code.
#[pyfunction]
pub(crate) fn run_command(py: Python<'_>, arguments: Vec<OsString>, extensions: Vec<Bound<'_, PyAny>>) -> PyResult<u8> {
    let mut taking_part: Vec<Arc<dyn Extension>> = Vec::new();
    for object in extensions {
        if let Some(extension) = PyExtension::new(&object)? {
            taking_part.push(Arc::new(extension));
        }
    }
    enter_blocking(py, || headroom_cli::run_for_status(arguments, taking_part))
}
