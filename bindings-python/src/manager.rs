//! `PipelineExtensionManager`: extensions in their order, and `emit` for direct callers.

use std::sync::Arc;

use headroom_core::extension::Extension;
use headroom_core::pipeline::PipelineExtensionManager;
use log::warn;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};
use pyo3::{PyTraverseError, PyVisit};

use crate::declarations::name_of;
use crate::drive::enter;
use crate::error;
use crate::event;
use crate::extension::PyExtension;
use crate::stage::Classes;
use crate::timer::DriveTimer;
use crate::value::type_name;

/// What makes an object one extension or hook, even when it can be iterated.
const METHODS: [&str; 4] = ["on_pipeline_event", "pre_compress", "compute_biases", "post_compress"];
/// The logger of everything about extensions.
const TARGET: &str = "headroom.pipeline";

/// Holds extensions in the order in which they run: hooks, then extensions, then what entry points offer.
///
/// Objects without a callable `on_pipeline_event` are skipped; of `extensions`, with a warning.
#[pyclass(frozen, subclass, name = "PipelineExtensionManager", module = "headroom.pipeline")]
pub(crate) struct PyManager {
    pub(crate) manager: Arc<PipelineExtensionManager>,
    /// The same extensions with their type known, for the garbage collector.
    extensions: Vec<Arc<PyExtension>>,
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
        let mut registered = registered(&one_or_many(hooks)?)?;
        registered.extend(given(extensions)?);
        if discover {
            let found = py.import("headroom.pipeline")?.getattr("discover_pipeline_extensions")?.call0()?;
            registered.extend(self::registered(&usable_extensions(Some(&found))?)?);
        }
        Self::of(py, registered)
    }

    /// Shows the garbage collector what the extensions hold, so that one that holds its own manager is freed with it.
    ///
    /// What a running request uses too is held from outside, and to show it as held from here alone would free it early.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if Arc::strong_count(&self.manager) > 1 {
            return Ok(());
        }
        // One owner is the list here, and one the manager.
        let mut own = self.extensions.iter().filter(|extension| Arc::strong_count(extension) == 2);
        own.try_for_each(|extension| extension.traverse(&visit))
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
    /// A manager of these extensions, in this order.
    pub(crate) fn of(py: Python<'_>, extensions: Vec<Arc<PyExtension>>) -> PyResult<Self> {
        let in_order = extensions.iter().map(|extension| Arc::clone(extension) as Arc<dyn Extension>).collect();
        let manager = PipelineExtensionManager::new(in_order).map_err(|failed| error::to_python(py, &failed))?;
        Ok(Self { manager: Arc::new(manager.with_timer(Arc::new(DriveTimer), None)), extensions })
    }
}

/// What a caller gives as extensions; what is none is skipped with a warning.
pub(crate) fn given(extensions: Option<&Bound<'_, PyAny>>) -> PyResult<Vec<Arc<PyExtension>>> {
    let mut given = Vec::new();
    for object in one_or_many(extensions)? {
        match PyExtension::new(&object)? {
            Some(extension) => given.push(Arc::new(extension)),
            None => warn!(
                target: TARGET,
                "extensions: expected objects with a callable on_pipeline_event, found a value of type {}; \
                 it is skipped",
                type_name(&object)
            ),
        }
    }
    Ok(given)
}

/// The objects that are extensions; the others, as hooks may be, are none.
pub(crate) fn registered(objects: &[Bound<'_, PyAny>]) -> PyResult<Vec<Arc<PyExtension>>> {
    let registered = objects.iter().filter_map(|object| PyExtension::new(object).transpose());
    registered.map(|extension| extension.map(Arc::new)).collect()
}

/// Of what installed packages offer, what can be registered. Nobody who compresses chose these objects, so a bad one is
/// skipped with a warning instead of failing every request.
#[pyfunction]
#[pyo3(signature = (found=None))]
pub(crate) fn usable_extensions<'py>(found: Option<&Bound<'py, PyAny>>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let mut usable = Vec::new();
    let mut kept: Vec<Arc<PyExtension>> = Vec::new();
    for object in one_or_many(found)? {
        let py = object.py();
        let registered = PyExtension::new(&object).and_then(|extension| {
            let extension = extension.ok_or_else(|| {
                error::configuration(py, "expected an object with a callable on_pipeline_event, found none")
            })?;
            let mut with_it = kept.clone();
            with_it.push(Arc::new(extension));
            PyManager::of(py, with_it.clone()).map(|_| with_it)
        });
        match registered {
            Ok(with_it) => {
                kept = with_it;
                usable.push(object);
            }
            Err(raised) if error::is_interrupt(py, &raised) => return Err(raised),
            Err(raised) => {
                warn!(target: TARGET, "pipeline extension {} is skipped: {raised}", name_of(&object)?);
            }
        }
    }
    Ok(usable)
}

/// Nothing, one object, or an iterable of objects, as a list.
///
/// # Errors
/// `ConfigurationError` for a string or a dict, whose items are no objects to call.
#[pyfunction]
#[pyo3(name = "as_list", signature = (given=None))]
pub(crate) fn one_or_many<'py>(given: Option<&Bound<'py, PyAny>>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let Some(given) = given.filter(|given| !given.is_none()) else { return Ok(Vec::new()) };
    if given.is_instance_of::<PyString>() || given.is_instance_of::<PyBytes>() {
        let message = format!("hooks and extensions: expected objects, found the string {}", given.repr()?);
        return Err(error::configuration(given.py(), message));
    }
    // An attribute that cannot be read is there; reading the object itself tells what is wrong with it.
    if METHODS.iter().any(|method| !matches!(given.getattr_opt(*method), Ok(None))) {
        return Ok(vec![given.clone()]);
    }
    if given.is_instance_of::<PyDict>() {
        return Err(error::configuration(given.py(), "hooks and extensions: expected objects, found a dict"));
    }
    match given.try_iter() {
        Ok(items) => items.collect(),
        Err(_) => Ok(vec![given.clone()]),
    }
}
