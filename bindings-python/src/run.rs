//! One request of a wrapped client, stage by stage.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use headroom_core::conversation::Value;
use headroom_core::extension::BoxFuture;
use headroom_core::pipeline::{Flow, ResponseFacts, Run};
use headroom_core::{Error, ErrorKind, Result};
use pyo3::prelude::*;

use crate::body::PyBody;
use crate::compress::CallArguments;
use crate::drive::enter;
use crate::error;
use crate::result::PyCompressResult;
use crate::value::{self, PyValue};

/// One request. The methods are called in stage order; one that gives something else than `None` has the answer of an
/// extension, and then only `response_received` follows.
#[pyclass(frozen, name = "Run", module = "headroom._core")]
pub(crate) struct PyRun(Mutex<Option<Run>>);

impl PyRun {
    /// Takes the run out while one of its stages runs.
    fn take(&self, py: Python<'_>) -> PyResult<Run> {
        let run = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        run.ok_or_else(|| {
            let sentence = "run: expected one that is not finished and runs no other stage";
            error::to_python(py, &Error::new(ErrorKind::Configuration, sentence))
        })
    }

    fn put_back(&self, run: Run) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(run);
    }

    /// Runs a stage with the interpreter released.
    fn stage<T: Send>(
        &self,
        py: Python<'_>,
        stage: impl for<'r> FnOnce(&'r mut Run) -> BoxFuture<'r, Result<T>> + Send,
    ) -> PyResult<T> {
        let mut run = self.take(py)?;
        let (outcome, run) = enter(py, async move {
            let outcome = stage(&mut run).await;
            Ok((outcome, run))
        })?;
        self.put_back(run);
        outcome.map_err(|failed| error::to_python(py, &failed))
    }

    fn flow(
        &self,
        py: Python<'_>,
        stage: impl for<'r> FnOnce(&'r mut Run) -> BoxFuture<'r, Result<Flow>> + Send,
    ) -> PyResult<Option<Py<PyAny>>> {
        match self.stage(py, stage)? {
            Flow::Continue => Ok(None),
            Flow::Answered(response) => Ok(Some(value::object_of(py, &response)?.unbind())),
        }
    }

    /// Looks at the run between two stages.
    fn look<T>(&self, py: Python<'_>, look: impl FnOnce(&Run) -> PyResult<T>) -> PyResult<T> {
        let run = self.take(py)?;
        let seen = look(&run);
        self.put_back(run);
        seen
    }
}

#[pymethods]
impl PyRun {
    /// Begins a request with its body.
    #[new]
    fn new(py: Python<'_>, body: &Bound<'_, PyAny>, arguments: CallArguments<'_>) -> PyResult<Self> {
        let (engine, call, session_id) = arguments.call(body, "sdk.request")?;
        let mut run = engine.begin(call).map_err(|failed| error::to_python(py, &failed))?;
        if let Some(session_id) = session_id {
            run.metadata_mut().set("session_id", session_id);
        }
        Ok(Self(Mutex::new(Some(run))))
    }

    /// Adds to the metadata of the request.
    fn set_metadata(&self, py: Python<'_>, name: &str, value: Bound<'_, PyAny>) -> PyResult<()> {
        let mut run = self.take(py)?;
        run.metadata_mut().set(name, value::host(value));
        self.put_back(run);
        Ok(())
    }

    /// `input_received`.
    fn receive(
        &self,
        py: Python<'_>,
        tools: Option<Bound<'_, PyAny>>,
        headers: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Option<Py<PyAny>>> {
        let (tools, headers) = (tools.map(value::host), headers.map(value::host));
        self.flow(py, |run| Box::pin(run.receive(tools, headers)))
    }

    /// `input_cached`.
    fn cached(&self, py: Python<'_>, hit: bool, enabled: bool) -> PyResult<Option<Py<PyAny>>> {
        self.flow(py, move |run| Box::pin(run.cached(hit, enabled)))
    }

    /// `input_routed` and `input_compressed`.
    fn compress(&self, py: Python<'_>) -> PyResult<()> {
        self.stage(py, |run| Box::pin(run.compress()))
    }

    /// `input_remembered`.
    fn remember(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        self.flow(py, |run| Box::pin(run.remember()))
    }

    /// `pre_send`.
    fn pre_send(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        self.flow(py, |run| Box::pin(run.pre_send()))
    }

    /// `post_send`; without a status code the attempt failed.
    fn post_send(&self, py: Python<'_>, status_code: Option<u16>, headers: Option<Bound<'_, PyAny>>) -> PyResult<()> {
        let headers = headers.map(value::host);
        self.stage(py, move |run| Box::pin(run.post_send(status_code, headers)))
    }

    #[expect(clippy::too_many_arguments, reason = "the facts of a response, by keyword")]
    /// `response_received`; gives the response as the extensions left it. Extensions see `convert(response)`.
    #[pyo3(signature = (response, convert=None, *, status_code=None, stream=false, usage=None, duration_s=0.0))]
    fn response_received(
        &self,
        py: Python<'_>,
        response: Py<PyAny>,
        convert: Option<Py<PyAny>>,
        status_code: Option<u16>,
        stream: bool,
        usage: Option<Bound<'_, PyAny>>,
        duration_s: f64,
    ) -> PyResult<Py<PyAny>> {
        let response = Value::host(match convert {
            Some(convert) => PyValue::viewed(response, convert),
            None => PyValue::new(response),
        });
        let duration = Duration::try_from_secs_f64(duration_s).unwrap_or_default();
        let facts = ResponseFacts { status_code, stream, usage: usage.map(value::host), duration };
        let left = self.stage(py, move |run| Box::pin(run.response_received(response, facts)))?;
        Ok(value::object_of(py, &left)?.unbind())
    }

    /// The list or body as it is now.
    #[getter]
    fn body(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        self.look(py, |run| Ok(run.body().as_any().downcast_ref::<PyBody>().map(|body| body.root().clone_ref(py))))
    }

    /// The tool definitions as they are now.
    #[getter]
    fn tools<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.look(py, |run| run.tools().map(|tools| value::object_of(py, tools)).transpose())
    }

    /// The request headers as they are now.
    #[getter]
    fn headers<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.look(py, |run| run.headers().map(|headers| value::object_of(py, headers)).transpose())
    }

    /// What the request came to.
    fn finish(&self, py: Python<'_>) -> PyResult<PyCompressResult> {
        PyCompressResult::new(py, self.take(py)?.finish())
    }
}
