//! Events as objects: what their setters change is what the engine goes on with.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use headroom_core::conversation::Value;
use headroom_core::extension::Answer;
use headroom_core::pipeline::{Metadata, PipelineEvent as CoreEvent, Twin};
use headroom_core::{Error, ErrorKind};

use crate::error::HeadroomError;
use crate::stage::PipelineStage;

/// What an extension is called with. Values are JSON text, made when somebody asks; a setter changes the event in place.
#[derive(Debug, uniffi::Object)]
pub struct PipelineEvent(Mutex<CoreEvent>);

#[uniffi::export]
impl PipelineEvent {
    /// An event of a stage and an operation with everything else empty.
    #[uniffi::constructor]
    #[must_use]
    pub fn new(stage: PipelineStage, operation: String) -> Arc<Self> {
        Arc::new(Self(Mutex::new(CoreEvent::new(stage.into(), operation))))
    }

    /// The moment.
    pub fn stage(&self) -> PipelineStage {
        self.lock().stage.into()
    }

    /// Sets the moment. `response_received` with a response answers the request.
    pub fn set_stage(&self, stage: PipelineStage) {
        self.lock().stage = stage.into();
    }

    /// `compress`, or what a direct caller named it.
    pub fn operation(&self) -> String {
        self.lock().operation.to_string()
    }

    /// The request's id; empty for the first three stages.
    pub fn request_id(&self) -> String {
        self.lock().request_id.to_string()
    }

    /// Sets the id of an event that a direct caller makes.
    pub fn set_request_id(&self, request_id: String) {
        self.lock().request_id = request_id.into();
    }

    /// `openai`, `anthropic` or `gemini`; empty when unknown.
    pub fn provider(&self) -> String {
        self.lock().provider.to_string()
    }

    /// Sets the provider of an event that a direct caller makes.
    pub fn set_provider(&self, provider: String) {
        self.lock().provider = provider.into();
    }

    /// The model as the caller named it.
    pub fn model(&self) -> String {
        self.lock().model.to_string()
    }

    /// Sets the model of an event that a direct caller makes.
    pub fn set_model(&self, model: String) {
        self.lock().model = model.into();
    }

    /// The request's own list (messages or contents).
    pub fn messages(&self) -> Result<Option<String>, HeadroomError> {
        written(self.lock().messages.clone())
    }

    /// Sets the request's own list.
    pub fn set_messages(&self, messages: Option<String>) -> Result<(), HeadroomError> {
        set("messages", &mut self.lock().messages, messages)
    }

    /// Tool definitions.
    pub fn tools(&self) -> Result<Option<String>, HeadroomError> {
        written(self.lock().tools.clone())
    }

    /// Sets the tool definitions.
    pub fn set_tools(&self, tools: Option<String>) -> Result<(), HeadroomError> {
        set("tools", &mut self.lock().tools, tools)
    }

    /// Headers.
    pub fn headers(&self) -> Result<Option<String>, HeadroomError> {
        written(self.lock().headers.clone())
    }

    /// Sets the headers.
    pub fn set_headers(&self, headers: Option<String>) -> Result<(), HeadroomError> {
        set("headers", &mut self.lock().headers, headers)
    }

    /// The whole body, when the caller gave one.
    pub fn payload(&self) -> Result<Option<String>, HeadroomError> {
        written(self.lock().payload.clone())
    }

    /// Sets the whole body.
    pub fn set_payload(&self, payload: Option<String>) -> Result<(), HeadroomError> {
        set("payload", &mut self.lock().payload, payload)
    }

    /// The answer, at `response_received`.
    pub fn response(&self) -> Result<Option<String>, HeadroomError> {
        written(self.lock().response.clone())
    }

    /// Sets the answer.
    pub fn set_response(&self, response: Option<String>) -> Result<(), HeadroomError> {
        set("response", &mut self.lock().response, response)
    }

    /// Names in the metadata, in the order in which they were set.
    pub fn metadata_names(&self) -> Vec<String> {
        self.lock().metadata.iter().map(|(name, _)| name.to_owned()).collect()
    }

    /// A value of the metadata, which lives as long as the request.
    pub fn metadata(&self, name: String) -> Result<Option<String>, HeadroomError> {
        written(self.lock().metadata.get(&name).cloned())
    }

    /// Sets a value of the metadata, or removes it.
    pub fn set_metadata(&self, name: String, value: Option<String>) -> Result<(), HeadroomError> {
        set_metadata(&mut self.lock().metadata, name, value)
    }
}

impl PipelineEvent {
    /// The object that user code gets for an event. It holds a copy, so that what a failed or late call does to it changes
    /// nothing; a direct caller's event is its own object.
    pub(crate) fn shown(event: &CoreEvent) -> Arc<Self> {
        let of_direct_caller = event.twin.clone().and_then(|twin| twin.0.downcast::<Self>().ok());
        of_direct_caller.unwrap_or_else(|| Arc::new(Self(Mutex::new(event.clone()))))
    }

    /// Reads what user code left in the object and what it returned. Called after success only.
    pub(crate) fn left(&self, returned: Option<Arc<Self>>, event: &mut CoreEvent) -> Answer {
        if event.twin.is_some() {
            return returned.map_or(Answer::None, |returned| Answer::Event(Box::new(returned.for_direct_caller())));
        }
        let Some(returned) = returned else {
            *event = self.lock().clone();
            return Answer::None;
        };
        let returned = returned.lock().clone();
        let identity = [
            (&mut event.operation, &returned.operation),
            (&mut event.request_id, &returned.request_id),
            (&mut event.provider, &returned.provider),
            (&mut event.model, &returned.model),
        ];
        // An event that user code made itself need not repeat them.
        for (now, left) in identity.into_iter().filter(|(_, left)| !left.is_empty()) {
            now.clone_from(left);
        }
        Answer::Event(Box::new(returned))
    }

    /// The engine's event for the object of a direct caller, which the extensions then get themselves.
    pub(crate) fn for_direct_caller(self: Arc<Self>) -> CoreEvent {
        let event = self.lock().clone();
        CoreEvent { twin: Some(Twin(self)), ..event }
    }

    fn lock(&self) -> MutexGuard<'_, CoreEvent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A value as JSON text.
pub(crate) fn written(value: Option<Value>) -> Result<Option<String>, HeadroomError> {
    Ok(value.map(|value| value.to_json()).transpose()?.map(|json| json.to_string()))
}

fn set(name: &str, field: &mut Option<Value>, text: Option<String>) -> Result<(), HeadroomError> {
    *field = text.map(|text| read(name, field.as_ref(), &text)).transpose()?;
    Ok(())
}

/// Reads JSON text; what says the same as before is what was there before.
fn read(name: &str, before: Option<&Value>, text: &str) -> Result<Value, HeadroomError> {
    let now: serde_json::Value = serde_json::from_str(text).map_err(|cause| {
        Error::new(ErrorKind::InvalidInput, format!("{name}: expected JSON, found {cause}")).caused_by(cause)
    })?;
    let is_same = |before: &&Value| before.to_json().is_ok_and(|before| *before == now);
    Ok(before.filter(is_same).cloned().unwrap_or_else(|| Value::json(now)))
}

/// Sets a value of the metadata, or removes it.
pub(crate) fn set_metadata(metadata: &mut Metadata, name: String, value: Option<String>) -> Result<(), HeadroomError> {
    if let Some(text) = value {
        let value = read(&format!("metadata.{name}"), metadata.get(&name), &text)?;
        metadata.set(name, value);
        return Ok(());
    }
    let mut kept = Metadata::default();
    for (other, value) in metadata.iter().filter(|(other, _)| *other != name) {
        kept.set(other, value.clone());
    }
    *metadata = kept;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_the_same_is_no_change_and_what_is_no_json_is_an_error() {
        let messages = Value::json(serde_json::json!([{"role": "user", "content": "a"}]));
        let core = CoreEvent {
            messages: Some(messages.clone()),
            ..CoreEvent::new(headroom_core::pipeline::PipelineStage::PreSend, "x")
        };
        let shown = PipelineEvent::shown(&core);
        shown.set_messages(Some(r#"[ {"role":"user", "content":"\u0061"} ]"#.into())).unwrap();
        let mut left = core;
        assert!(matches!(shown.left(None, &mut left), Answer::None));
        assert!(left.messages.unwrap().is_same(&messages));
        let error = shown.set_tools(Some("{".into())).unwrap_err().to_string();
        assert!(error.starts_with("tools: expected JSON, found EOF"), "{error}");
        assert_eq!(shown.tools().unwrap(), None);
    }

    #[test]
    fn metadata_keeps_its_order_and_forgets_what_is_removed() {
        let event = PipelineEvent::new(PipelineStage::Setup, "x".into());
        for name in ["b", "a", "c"] {
            event.set_metadata(name.into(), Some("1".into())).unwrap();
        }
        event.set_metadata("a".into(), None).unwrap();
        assert_eq!(event.metadata_names(), ["b", "c"]);
        assert_eq!(event.metadata("a".into()).unwrap(), None);
    }
}
