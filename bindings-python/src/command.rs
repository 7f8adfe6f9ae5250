//! The command line, in process.

use std::ffi::OsString;

use pyo3::prelude::*;

use crate::crew::hosted;
use crate::drive::enter_blocking;
use crate::logging;
use crate::manager::registered;

/// Runs the command with arguments (the program's name first) and extensions, and gives its exit code.
/// `command` starts it again in another process; `problems` are what went wrong when extensions were looked for.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "a Python function takes its list")]
pub(crate) fn run_command(
    py: Python<'_>,
    arguments: Vec<OsString>,
    extensions: Vec<Bound<'_, PyAny>>,
    command: Vec<OsString>,
    problems: Vec<String>,
) -> PyResult<u8> {
    let extensions = hosted(py, registered(&extensions)?)?;
    logging::start_teller(py)?;
    let host = headroom_cli::Host { extensions, command, problems };
    let status = enter_blocking(py, || headroom_cli::run_for_status(arguments, host));
    logging::flush(py);
    status
}
