//! Originals back, by function and by tool call.

use headroom_core::ccr;
use pyo3::prelude::*;

use crate::drive::enter_with;
use crate::engines;
use crate::error;
use crate::value::{from_json, to_json};

/// The original under a hash, or the part of it that is asked for.
#[pyfunction]
#[pyo3(signature = (hash, query=None, lines=None, store=None))]
pub(crate) fn retrieve(
    py: Python<'_>,
    hash: &str,
    query: Option<&str>,
    lines: Option<&str>,
    store: Option<&Bound<'_, PyAny>>,
) -> PyResult<String> {
    let store = engines::store(py, store)?;
    enter_with(py, || ccr::retrieve(&*store, hash, query, lines)).map(|retrieved| retrieved.text)
}

/// The definition of the retrieval tool for a provider.
#[pyfunction]
pub(crate) fn retrieve_tool<'py>(py: Python<'py>, provider: &str) -> PyResult<Bound<'py, PyAny>> {
    let tool = ccr::retrieve_tool(provider).map_err(|failed| error::to_python(py, &failed))?;
    from_json(py, &tool)
}

/// The message that answers a model's call of the retrieval tool.
#[pyfunction]
#[pyo3(signature = (call, store=None))]
pub(crate) fn answer_tool_call<'py>(
    py: Python<'py>,
    call: &Bound<'py, PyAny>,
    store: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let call = to_json(call).map_err(|failed| error::to_python(py, &failed))?;
    let store = engines::store(py, store)?;
    let answer = enter_with(py, || ccr::answer_tool_call(&*store, &call))?;
    from_json(py, &answer)
}
