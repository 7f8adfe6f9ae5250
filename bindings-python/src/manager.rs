//! `PipelineExtensionManager`: extensions in their order, and `emit` for direct callers.

use std::sync::Arc;

use headroom_core::extension::Extension;
use headroom_core::pipeline::PipelineExtensionManager;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};

use crate::drive::enter;
use crate::error;
use crate::event;
use crate::extension::PyExtension;
use crate::stage::Classes;
use crate::timer::DriveTimer;

/// Holds extensions in the order in which they run: hooks, then extensions, then what entry points offer.
///
/// Objects without a callable `on_pipeline_event` are skipped.
#[pyclass(frozen, subclass, name = "PipelineExtensionManager", module = "headroom.pipeline")]
pub(crate) struct PyManager {
    pub(crate) manager: Arc<PipelineExtensionManager>,
}

#[pymethods]
impl PyManager {
    #[new]
    #[pyo3(signature = (*, hooks=None, extensions=None, discover=true))]
    fn new(
        py: Python<'_>,
        hooks: Option<&Bound<'_, PyAny>>,
        extensions: Option<&Bound<'_, PyAny>>,
        discover: bool,
    ) -> PyResult<Self> {
        let mut objects = one_or_many(hooks)?;
        objects.extend(one_or_many(extensions)?);
        if discover {
            let found = py.import("headroom.pipeline")?.getattr("discover_pipeline_extensions")?.call0()?;
            objects.extend(one_or_many(Some(&found))?);
        }
        Self::of(py, &objects)
    }

    /// Whether there is anything to call.
    #[getter]
    fn enabled(&self) -> bool {
        self.manager.enabled()
    }

    /// Names of the extensions in the order in which they run.
    #[getter]
    fn names(&self) -> Vec<String> {
        self.manager.names().map(str::to_owned).collect()
    }

    /// Whether any extension takes part in a stage.
    fn subscribes(&self, stage: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.manager.subscribes(Classes::get(stage.py())?.stage_of(stage)?))
    }

    /// Hands an event to every extension of its stage, in order, and returns the last event as it is.
    ///
    /// The given objects themselves are handed over. Coroutines run on a loop thread of the package.
    #[expect(clippy::too_many_arguments, reason = "the fields of an event, by keyword")]
    #[pyo3(signature = (stage, *, operation, request_id=None, provider=None, model=None, messages=None, tools=None,
        headers=None, payload=None, response=None, metadata=None))]
    fn emit<'py>(
        &self,
        py: Python<'py>,
        stage: &Bound<'py, PyAny>,
        operation: &Bound<'py, PyAny>,
        request_id: Option<&Bound<'py, PyAny>>,
        provider: Option<&Bound<'py, PyAny>>,
        model: Option<&Bound<'py, PyAny>>,
        messages: Option<&Bound<'py, PyAny>>,
        tools: Option<&Bound<'py, PyAny>>,
        headers: Option<&Bound<'py, PyAny>>,
        payload: Option<&Bound<'py, PyAny>>,
        response: Option<&Bound<'py, PyAny>>,
        metadata: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let classes = Classes::get(py)?;
        let stage = classes.stage_of(stage)?;
        let empty = pyo3::intern!(py, "").as_any();
        let names = [operation, request_id.unwrap_or(empty), provider.unwrap_or(empty), model.unwrap_or(empty)];
        let metadata = metadata.unwrap_or_else(|| PyDict::new(py).into_any());
        let [operation, request_id, provider, model] = names;
        let member = classes.member(stage);
        let fields =
            (member, operation, request_id, provider, model, messages, tools, headers, payload, response, metadata);
        let object = classes.event.bind(py).call1(fields)?;
        if !self.manager.subscribes(stage) {
            return Ok(object.unbind());
        }
        let event = event::with_twin(stage, object.clone(), names);
        let last = enter(py, self.manager.emit(event))?;
        Ok(event::twin(&last).map_or_else(|| object.unbind(), |last| last.clone_ref(py)))
    }

    /// `emit` for tasks: extensions run on the loop of the awaiting task, with its context variables.
    #[pyo3(signature = (stage, **fields))]
    fn aemit<'py>(
        slf: &Bound<'py, Self>,
        stage: &Bound<'py, PyAny>,
        fields: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let in_worker = py.import("headroom._loop")?.getattr("in_worker")?;
        in_worker.call((slf.getattr("emit")?, stage), fields)
    }

    fn __repr__(&self) -> String {
        format!("PipelineExtensionManager({})", self.manager.names().collect::<Vec<_>>().join(", "))
    }
}

impl PyManager {
    /// A manager of these objects, in this order.
    pub(crate) fn of(py: Python<'_>, objects: &[Bound<'_, PyAny>]) -> PyResult<Self> {
        let mut extensions: Vec<Arc<dyn Extension>> = Vec::new();
        for object in objects {
            if let Some(extension) = PyExtension::new(object)? {
                extensions.push(Arc::new(extension));
            }
        }
        let manager = PipelineExtensionManager::new(extensions).map_err(|failed| error::to_python(py, &failed))?;
        Ok(Self { manager: Arc::new(manager.with_timer(Arc::new(DriveTimer), None)) })
    }
}

/// Nothing, one object, or a list or tuple of objects, as a list.
#[pyfunction]
#[pyo3(name = "as_list", signature = (given=None))]
pub(crate) fn one_or_many<'py>(given: Option<&Bound<'py, PyAny>>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let Some(given) = given.filter(|given| !given.is_none()) else { return Ok(Vec::new()) };
    if given.is_instance_of::<PyString>() {
        let message = format!("hooks and extensions: expected objects, found the string {}", given.repr()?);
        return Err(error::configuration(given.py(), message));
    }
    let is_many = given.is_instance_of::<PyList>() || given.is_instance_of::<PyTuple>();
    if is_many { given.try_iter()?.collect() } else { Ok(vec![given.clone()]) }
}
