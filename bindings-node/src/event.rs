//! Events as JavaScript gets them: heavy fields become text when somebody touches them.

use std::sync::Arc;

use headroom_core::conversation::Value;
use headroom_core::extension::Answer;
use headroom_core::pipeline::{Metadata, PipelineEvent, Twin};
use headroom_core::{Error, ErrorKind, Result};
use napi_derive::napi;
use serde::Deserialize;
use serde_json::{Map, json};

/// What the untouched fields of an event are made from.
#[napi]
pub struct EventFields(PipelineEvent);

#[napi]
impl EventFields {
    /// A field as JSON; `null` when the event has none.
    ///
    /// # Errors
    /// When the field has no JSON form.
    #[napi]
    pub fn field(&self, name: String) -> napi::Result<Option<String>> {
        written(heavy(&self.0).into_iter().find(|(known, _)| *known == name).and_then(|(_, value)| value))
    }

    /// A value of the metadata as JSON; `null` when there is none of that name.
    ///
    /// # Errors
    /// When the value has no JSON form.
    #[napi]
    pub fn metadata(&self, name: String) -> napi::Result<Option<String>> {
        written(self.0.metadata.get(&name))
    }
}

fn written(value: Option<&Value>) -> napi::Result<Option<String>> {
    let json = value.map(Value::to_json).transpose().map_err(|failed| napi::Error::from_reason(failed.to_string()))?;
    Ok(json.map(|json| json.to_string()))
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

/// The event of a direct caller: its place among the objects that the dispatcher of the call knows.
#[derive(Debug, Clone, Copy)]
struct Place(usize);

/// Makes the engine's event for an event object of a direct caller.
///
/// # Errors
/// [`ErrorKind::Configuration`] when the stage is none.
pub(crate) fn of_direct_caller(head: &str) -> Result<PipelineEvent> {
    let head: Head = read(head)?;
    let place = Twin(Arc::new(Place(head.place.unwrap_or_default())));
    Ok(PipelineEvent {
        request_id: head.request_id.into(),
        provider: head.provider.into(),
        model: head.model.into(),
        twin: Some(place),
        ..PipelineEvent::new(head.stage.parse()?, head.operation)
    })
}

/// The place of a direct caller's event.
pub(crate) fn place_of(event: &PipelineEvent) -> Option<usize> {
    event.twin.as_ref().and_then(|twin| twin.0.downcast_ref::<Place>()).map(|place| place.0)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    place: Option<usize>,
    stage: String,
    operation: String,
    request_id: String,
    provider: String,
    model: String,
}

/// What the dispatcher is called with: the light fields, and the rest on request.
pub(crate) fn open(event: &PipelineEvent) -> (String, Option<EventFields>) {
    let place = place_of(event);
    let present: Vec<_> = heavy(event).into_iter().filter(|(_, value)| value.is_some()).map(|(name, _)| name).collect();
    let mut light = Map::new();
    let mut lazy = Vec::new();
    for (name, value) in event.metadata.iter() {
        match value {
            Value::Json(value) => {
                light.insert(name.to_owned(), (**value).clone());
            }
            Value::Host(_) => lazy.push(name),
        }
    }
    let head = json!({
        "stage": event.stage.name(),
        "operation": &*event.operation,
        "requestId": &*event.request_id,
        "provider": &*event.provider,
        "model": &*event.model,
        "place": place,
        "present": present,
        "metadata": light,
        "lazyMetadata": lazy,
    });
    (head.to_string(), place.is_none().then(|| EventFields(event.clone())))
}

/// What an extension left and returned, as the dispatcher tells it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Left {
    /// The type of what was returned when it was neither nothing nor an event.
    wrong_type: Option<String>,
    /// Whether an event was returned that replaces the current one.
    is_event: bool,
    #[serde(flatten)]
    head: Head,
    /// Fields that show something else than before; `null` removes one.
    fields: Map<String, serde_json::Value>,
    /// Values of the metadata that show something else than before.
    metadata: Map<String, serde_json::Value>,
    /// Names that are no longer in the metadata.
    removed: Vec<String>,
}

/// Reads the dispatcher's answer into the event. Called after success only, so a failure changes nothing.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] when the answer cannot be read, [`ErrorKind::Configuration`] when its stage is none.
pub(crate) fn close(left: Option<&str>, event: &mut PipelineEvent) -> Result<Answer> {
    let Some(left) = left else { return Ok(Answer::None) };
    let mut left: Left = read(left)?;
    if event.twin.is_some() {
        return Ok(match (left.wrong_type, left.is_event) {
            (Some(found), _) => Answer::WrongType(found),
            (None, true) => {
                let stage = left.head.stage.parse().unwrap_or(event.stage);
                let returned = of_direct_caller(&json_head(&left.head, stage))?;
                Answer::Event(Box::new(returned))
            }
            (None, false) => Answer::None,
        });
    }
    if left.is_event {
        let mut returned = PipelineEvent::new(left.head.stage.parse()?, Arc::clone(&event.operation));
        set_fields(&mut returned, &mut left.fields);
        set_metadata(&mut returned.metadata, left.metadata);
        return Ok(Answer::Event(Box::new(returned)));
    }
    set_fields(event, &mut left.fields);
    event.metadata = left_metadata(&event.metadata, &left.removed, left.metadata);
    let Head { operation, request_id, provider, model, .. } = left.head;
    let identity = [
        (&mut event.operation, operation),
        (&mut event.request_id, request_id),
        (&mut event.provider, provider),
        (&mut event.model, model),
    ];
    for (field, now) in identity {
        if **field != *now {
            *field = now.into();
        }
    }
    Ok(left.wrong_type.map_or(Answer::None, Answer::WrongType))
}

fn json_head(head: &Head, stage: headroom_core::pipeline::PipelineStage) -> String {
    json!({
        "place": head.place,
        "stage": stage.name(),
        "operation": head.operation,
        "requestId": head.request_id,
        "provider": head.provider,
        "model": head.model,
    })
    .to_string()
}

fn set_fields(event: &mut PipelineEvent, fields: &mut Map<String, serde_json::Value>) {
    let targets = [
        ("messages", &mut event.messages),
        ("tools", &mut event.tools),
        ("headers", &mut event.headers),
        ("payload", &mut event.payload),
        ("response", &mut event.response),
    ];
    for (name, field) in targets {
        if let Some(now) = fields.remove(name) {
            *field = (!now.is_null()).then(|| Value::json(now));
        }
    }
}

/// Metadata as user code left it; what shows the same as before keeps its value.
pub(crate) fn left_metadata(
    before: &Metadata,
    removed: &[String],
    changed: Map<String, serde_json::Value>,
) -> Metadata {
    let mut metadata = Metadata::default();
    for (name, value) in before.iter().filter(|(name, _)| !removed.iter().any(|removed| removed == name)) {
        metadata.set(name, value.clone());
    }
    set_metadata(&mut metadata, changed);
    metadata
}

fn set_metadata(metadata: &mut Metadata, values: Map<String, serde_json::Value>) {
    for (name, value) in values {
        metadata.set(name, Value::json(value));
    }
}

/// Reads what the dispatcher wrote.
///
/// # Errors
/// [`ErrorKind::InvalidInput`], for example when user code left something nested too deeply.
pub(crate) fn read<T: serde::de::DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|cause| {
        Error::new(ErrorKind::InvalidInput, format!("what was left cannot be read: {cause}")).caused_by(cause)
    })
}
