//! Events as Python objects whose heavy fields are converted when somebody touches them.

use std::sync::{Arc, LazyLock};

use headroom_core::Error;
use headroom_core::conversation::Value;
use headroom_core::extension::Answer;
use headroom_core::pipeline::{PipelineEvent, PipelineStage, Twin};
use log::warn;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use crate::stage::Classes;
use crate::value;

/// What the untouched fields of an event are made from, in the event's `_source`.
#[pyclass(frozen, module = "headroom._core")]
pub(crate) struct EventSource(PipelineEvent);

#[pymethods]
impl EventSource {
    /// A copy of a field that its reader may change.
    fn field<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        if name == "metadata" {
            return value::metadata_copy(py, &self.0.metadata).map(Bound::into_any);
        }
        match heavy(&self.0).into_iter().find(|(known, _)| *known == name) {
            Some((_, Some(value))) => value::copy_of(py, value),
            _ => Ok(py.None().into_bound(py)),
        }
    }
}

fn heavy(event: &PipelineEvent) -> [(&'static str, Option<&Value>); 5] {
    [
        ("messages", event.messages.as_ref()),
        ("tools", event.tools.as_ref()),
        ("headers", event.headers.as_ref()),
        ("payload", event.payload.as_ref()),
        ("response", event.response.as_ref()),
    ]
}

fn heavy_mut(event: &mut PipelineEvent) -> [(&'static str, &mut Option<Value>); 5] {
    [
        ("messages", &mut event.messages),
        ("tools", &mut event.tools),
        ("headers", &mut event.headers),
        ("payload", &mut event.payload),
        ("response", &mut event.response),
    ]
}

/// Makes JSON of what extensions left in the fields of an event, so that reading them needs no interpreter. Metadata
/// stays as it is: it may be any object, and only extensions read it.
///
/// # Errors
/// [`InvalidInput`](headroom_core::ErrorKind::InvalidInput) that names the field when it holds something that JSON has not.
pub(crate) fn as_json(event: &mut PipelineEvent) -> Result<(), Error> {
    for (name, field) in heavy_mut(event) {
        if let Some(Value::Host(left)) = field {
            let json = left.to_json().map_err(|failed| {
                let message = failed.message().replacen("value", name, 1);
                Error::new(failed.kind(), message).caused_by(failed)
            })?;
            *field = Some(Value::json(json));
        }
    }
    Ok(())
}

/// The event object of a direct caller, which extensions get itself.
pub(crate) fn twin(event: &PipelineEvent) -> Option<&Py<PyAny>> {
    event.twin.as_ref().and_then(|twin| twin.0.downcast_ref())
}

/// The names of an event that filters look at: operation, request id, provider, model.
pub(crate) type Names<'a, 'py> = [&'a Bound<'py, PyAny>; 4];

/// Makes the engine's event for an event object of a direct caller.
pub(crate) fn with_twin(stage: PipelineStage, object: Bound<'_, PyAny>, names: Names<'_, '_>) -> PipelineEvent {
    let [operation, request_id, provider, model] = names.map(text);
    PipelineEvent {
        request_id,
        provider,
        model,
        twin: Some(Twin(Arc::new(object.unbind()))),
        ..PipelineEvent::new(stage, operation)
    }
}

/// The text of a name; anything else than a string has none.
fn text(name: &Bound<'_, PyAny>) -> Arc<str> {
    static EMPTY: LazyLock<Arc<str>> = LazyLock::new(Arc::default);
    match name.cast::<PyString>().map(|name| name.to_string_lossy()) {
        Ok(name) if !name.is_empty() => name.into(),
        _ => Arc::clone(&EMPTY),
    }
}

/// The engine's event for an event object that an extension returned to a direct caller.
fn returned_twin(stage: PipelineStage, object: &Bound<'_, PyAny>) -> PyResult<PipelineEvent> {
    let py = object.py();
    let names = [
        object.getattr(intern!(py, "operation"))?,
        object.getattr(intern!(py, "request_id"))?,
        object.getattr(intern!(py, "provider"))?,
        object.getattr(intern!(py, "model"))?,
    ];
    Ok(with_twin(stage, object.clone(), names.each_ref()))
}

/// The object that an extension is called with: the twin, or a new event with untouched fields.
pub(crate) fn open<'py>(py: Python<'py>, event: &PipelineEvent) -> PyResult<Bound<'py, PyAny>> {
    if let Some(twin) = twin(event) {
        return Ok(twin.bind(py).clone());
    }
    let classes = Classes::get(py)?;
    let object = classes.bare.bind(py).call1((&classes.event,))?;
    object.setattr(intern!(py, "stage"), classes.member(event.stage))?;
    object.setattr(intern!(py, "operation"), &*event.operation)?;
    object.setattr(intern!(py, "request_id"), &*event.request_id)?;
    object.setattr(intern!(py, "provider"), &*event.provider)?;
    object.setattr(intern!(py, "model"), &*event.model)?;
    object.setattr(intern!(py, "_source"), EventSource(event.clone()))?;
    Ok(object)
}

/// Reads what an extension left and returned. Called after success only, so a failure changes nothing.
pub(crate) fn close(
    given: &Bound<'_, PyAny>,
    returned: &Bound<'_, PyAny>,
    event: &mut PipelineEvent,
) -> PyResult<Answer> {
    let py = given.py();
    let classes = Classes::get(py)?;
    let is_event = !returned.is_none() && returned.is_instance(classes.event.bind(py))?;
    let running = event.twin.is_none();
    if is_event {
        let stage = returned.getattr(intern!(py, "stage"))?;
        if !running {
            let stage = classes.stage_of(&stage).unwrap_or(event.stage);
            return Ok(if returned.is(given) {
                Answer::None
            } else {
                Answer::Event(Box::new(returned_twin(stage, returned)?))
            });
        }
        let stage = classes.stage_of(&stage)?;
        if !returned.is(given) || stage != event.stage {
            if stage == event.stage {
                take_names(returned, event)?;
            }
            return Ok(Answer::Event(Box::new(read(returned, stage, event)?)));
        }
    }
    if running {
        read_in_place(given, event)?;
    }
    Ok(if is_event || returned.is_none() { Answer::None } else { Answer::WrongType(value::type_name(returned)) })
}

/// A returned event as the engine's; fields that show what they showed before keep their value.
fn read(object: &Bound<'_, PyAny>, stage: PipelineStage, before: &PipelineEvent) -> PyResult<PipelineEvent> {
    let py = object.py();
    let mut event = PipelineEvent::new(stage, Arc::clone(&before.operation));
    for ((name, field), (_, old)) in heavy_mut(&mut event).into_iter().zip(heavy(before)) {
        let now = object.getattr(name)?;
        if !now.is_none() {
            *field = Some(value::changed(py, old, &now)?);
        }
    }
    let metadata = object.getattr(intern!(py, "metadata"))?;
    if let Some(metadata) = metadata_of(&metadata, stage) {
        event.metadata = value::read_metadata(metadata, &before.metadata)?;
    }
    Ok(event)
}

/// Shows the engine the names that a returned event has, so that it says that they cannot be changed. A name that is
/// left empty is none.
fn take_names(returned: &Bound<'_, PyAny>, event: &mut PipelineEvent) -> PyResult<()> {
    for (name, field) in names_mut(event) {
        let now = returned.getattr(name)?;
        let text = now.cast::<PyString>().map(|text| text.to_string_lossy()).unwrap_or_default();
        if !text.is_empty() && *text != **field {
            *field = text.into();
        }
    }
    Ok(())
}

fn names_mut(event: &mut PipelineEvent) -> [(&'static str, &mut Arc<str>); 4] {
    [
        ("operation", &mut event.operation),
        ("request_id", &mut event.request_id),
        ("provider", &mut event.provider),
        ("model", &mut event.model),
    ]
}

/// Metadata as a dict; anything else but nothing is ignored with a warning.
fn metadata_of<'a, 'py>(left: &'a Bound<'py, PyAny>, stage: PipelineStage) -> Option<&'a Bound<'py, PyDict>> {
    match left.cast::<PyDict>() {
        Ok(metadata) => Some(metadata),
        Err(_) => {
            if !left.is_none() {
                let found = value::type_name(left);
                warn!(target: "headroom.pipeline", "metadata at {stage}: expected a dict, found {found}; it is ignored");
            }
            None
        }
    }
}

/// Takes over what an extension changed in the event that it was given.
fn read_in_place(object: &Bound<'_, PyAny>, event: &mut PipelineEvent) -> PyResult<()> {
    let py = object.py();
    let touched = object.getattr(intern!(py, "__dict__"))?.cast_into::<PyDict>()?;
    for (name, field) in names_mut(event) {
        let now = touched.get_item(name)?;
        let text = now.as_ref().and_then(|now| now.cast::<PyString>().ok()).map(|text| text.to_string_lossy());
        if let Some(text) = text.filter(|text| **text != **field) {
            *field = text.into();
        }
    }
    for (name, field) in heavy_mut(event) {
        if let Some(now) = touched.get_item(name)? {
            *field = if now.is_none() { None } else { Some(value::changed(py, field.as_ref(), &now)?) };
        }
    }
    if let Some(now) = touched.get_item(intern!(py, "metadata"))?
        && let Some(metadata) = metadata_of(&now, event.stage)
    {
        event.metadata = value::read_metadata(metadata, &event.metadata)?;
    }
    Ok(())
}
