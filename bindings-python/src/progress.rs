//! The progress handler `on_event(name, data)`.

use headroom_core::extension::BoxFuture;
use headroom_core::pipeline::{ProgressEvent, ProgressHandler, ProgressKind};
use headroom_core::{Error, ErrorKind, Result};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::error;
use crate::hooks::read_biases;
use crate::user_code::{Called, call, finish};
use crate::value;

/// A callable that is told of progress.
pub(crate) struct PyProgress(pub(crate) Py<PyAny>);

impl PyProgress {
    fn start(&self, py: Python<'_>, event: &ProgressEvent) -> PyResult<(Py<PyDict>, Called)> {
        let data = data(py, event)?;
        let called = call(self.0.bind(py), (event.kind.name(), &data).into_pyobject(py)?, false)?;
        Ok((data.unbind(), called))
    }
}

impl ProgressHandler for PyProgress {
    fn on_progress<'a>(&'a self, event: &'a mut ProgressEvent) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let (data, called) = match Python::attach(|py| self.start(py, event)) {
                Ok((data, called)) => (Some(data), Ok(called)),
                Err(raised) => (None, Err(raised)),
            };
            finish(called).await?;
            let Some(data) = data else { return Ok(()) };
            Python::attach(|py| read_back(data.bind(py), event))
        })
    }
}

fn data<'py>(py: Python<'py>, event: &ProgressEvent) -> PyResult<Bound<'py, PyDict>> {
    let data = PyDict::new(py);
    data.set_item("request_id", &*event.request_id)?;
    match &event.kind {
        ProgressKind::Start { model, provider, operation, start_time_ms, token_budget } => {
            data.set_item("model", &**model)?;
            data.set_item("provider", &**provider)?;
            data.set_item("operation", &**operation)?;
            data.set_item("start_time", start_time_ms)?;
            data.set_item("token_budget", token_budget)?;
        }
        ProgressKind::Step { step, tokens_before, tokens_after, duration_ms, warnings } => {
            data.set_item("step", step.name())?;
            data.set_item("tokens_before", tokens_before)?;
            data.set_item("tokens_after", tokens_after)?;
            data.set_item("duration_ms", duration_ms)?;
            data.set_item("warnings", warnings)?;
        }
        ProgressKind::Complete {
            tokens_before,
            tokens_after,
            compression_ratio,
            transforms_applied,
            ccr_hashes,
            duration_ms,
            timing: _,
        } => {
            data.set_item("tokens_before", tokens_before)?;
            data.set_item("tokens_after", tokens_after)?;
            data.set_item("tokens_saved", tokens_before.saturating_sub(*tokens_after))?;
            data.set_item("compression_ratio", compression_ratio)?;
            data.set_item("transforms_applied", transforms_applied)?;
            data.set_item("ccr_hashes", ccr_hashes)?;
            data.set_item("duration_ms", duration_ms)?;
        }
        ProgressKind::Error { error, step } => {
            data.set_item("error", error)?;
            data.set_item("step", step.map(|step| step.name()))?;
        }
    }
    if has_biases(&event.kind) {
        data.set_item("biases", event.biases.clone())?;
    }
    data.set_item("metadata", value::metadata_copy(py, &event.metadata)?)?;
    Ok(data)
}

fn has_biases(kind: &ProgressKind) -> bool {
    matches!(kind, ProgressKind::Start { .. } | ProgressKind::Step { .. })
}

/// Takes over what the handler left in `biases` and `metadata`.
fn read_back(data: &Bound<'_, PyDict>, event: &mut ProgressEvent) -> Result<()> {
    let py = data.py();
    let failed = |raised| error::from_python(py, ErrorKind::InvalidInput, raised);
    if has_biases(&event.kind)
        && let Some(biases) = data.get_item("biases").map_err(failed)?
    {
        event.biases = read_biases(&biases)?;
    }
    let Some(left) = data.get_item("metadata").map_err(failed)? else { return Ok(()) };
    let Ok(left) = left.cast_into::<PyDict>() else { return Ok(()) };
    event.metadata = value::read_metadata(&left, &event.metadata).map_err(failed)?;
    Ok(())
}
