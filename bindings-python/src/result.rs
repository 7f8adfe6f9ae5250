//! `CompressResult`.

use headroom_core::CompressResult;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::body::{PyBody, shallow_copy};
use crate::value;

/// What a compression came to.
#[pyclass(frozen, name = "CompressResult", module = "headroom")]
pub(crate) struct PyCompressResult {
    result: CompressResult,
    messages: Py<PyAny>,
}

impl PyCompressResult {
    pub(crate) fn new(py: Python<'_>, result: CompressResult) -> PyResult<Self> {
        let messages = match result.body.as_any().downcast_ref::<PyBody>() {
            Some(body) => body.root().clone_ref(py),
            None => py.None(),
        };
        Ok(Self { result, messages })
    }
}

#[pymethods]
impl PyCompressResult {
    /// The messages or body in the caller's shape: a new list or dict in which everything that was not compressed is the
    /// caller's own object.
    #[getter]
    fn messages(&self, py: Python<'_>) -> Py<PyAny> {
        self.messages.clone_ref(py)
    }

    /// Tokens of all texts before.
    #[getter]
    fn tokens_before(&self) -> u64 {
        self.result.tokens_before
    }

    /// Tokens of all texts after.
    #[getter]
    fn tokens_after(&self) -> u64 {
        self.result.tokens_after
    }

    /// Tokens removed.
    #[getter]
    fn tokens_saved(&self) -> u64 {
        self.result.tokens_saved()
    }

    /// The share removed, saved / before, from 0.0 to 1.0.
    #[getter]
    fn compression_ratio(&self) -> f64 {
        self.result.compression_ratio()
    }

    /// What was applied, as `router:<transform>:<share kept>`, in block order.
    #[getter]
    fn transforms_applied(&self) -> Vec<String> {
        self.result.transforms_applied.clone()
    }

    /// Hashes of the originals that markers name, each once, in block order.
    #[getter]
    fn ccr_hashes(&self) -> Vec<String> {
        self.result.ccr_hashes.iter().map(ToString::to_string).collect()
    }

    /// Whether anything was compressed.
    #[getter]
    fn compressed(&self) -> bool {
        self.result.compressed
    }

    /// The answer of an extension; then the messages are the caller's and `compressed` is false.
    #[getter]
    fn response<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.result.response.as_ref().map(|response| value::object_of(py, response)).transpose()
    }

    /// `{step: {duration_ms, tokens_before, tokens_after}}`, in step order.
    #[getter]
    fn pipeline_timing<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let timing = PyDict::new(py);
        for (step, spent) in &self.result.pipeline_timing {
            timing.set_item(step.name(), value::from_serialize(py, spent)?)?;
        }
        Ok(timing)
    }

    /// Everything else that happened: blocks, calls of extensions, warnings.
    #[getter]
    fn report<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        value::from_serialize(py, &self.result.report)
    }

    /// Proof of what was replaced, for `headroom verify`.
    #[getter]
    fn certificate<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        value::from_serialize(py, &self.result.certificate)
    }

    fn __repr__(&self) -> String {
        let CompressResult { tokens_before, tokens_after, compressed, .. } = &self.result;
        let compressed = if *compressed { "True" } else { "False" };
        format!("CompressResult(tokens_before={tokens_before}, tokens_after={tokens_after}, compressed={compressed})")
    }
}

/// A list or dict that the caller can go on changing without changing what the engine reads.
pub(crate) fn snapshot<'py>(given: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let is_container = given.is_instance_of::<PyList>() || given.is_instance_of::<PyDict>();
    if is_container { shallow_copy(given) } else { Ok(given.clone()) }
}
