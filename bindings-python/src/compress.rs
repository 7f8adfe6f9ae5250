//! `compress`, and the calls that wrapped clients make.

use std::sync::Arc;

use headroom_core::conversation::{self, Shape, Value};
use headroom_core::{Call, CompressResult, Engine, Result};
use log::warn;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::body::PyBody;
use crate::drive::enter;
use crate::engines;
use crate::hooks::PyHooks;
use crate::manager::{PyManager, one_or_many};
use crate::node::PyNode;
use crate::options;
use crate::progress::PyProgress;
use crate::result::{PyCompressResult, snapshot};

/// What a caller gives beside the messages, one field for each keyword of the package's functions.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct CallArguments<'py> {
    model: String,
    provider: String,
    optimize: bool,
    options: Option<Bound<'py, PyDict>>,
    manager: Bound<'py, PyManager>,
    hooks: Option<Bound<'py, PyAny>>,
    on_event: Option<Py<PyAny>>,
    store: Option<Bound<'py, PyAny>>,
    session_id: Option<String>,
}

impl CallArguments<'_> {
    /// The engine and the call. `session_id` is for the metadata of the request.
    pub(crate) fn call(
        self,
        messages: &Bound<'_, PyAny>,
        operation: &'static str,
    ) -> PyResult<(Engine, Call, Option<Value>)> {
        let py = messages.py();
        let mut hooks: Vec<Arc<dyn headroom_core::pipeline::CompressionHooks>> = Vec::new();
        for object in one_or_many(self.hooks.as_ref())? {
            if let Some(hook) = PyHooks::new(&object)? {
                hooks.push(Arc::new(hook));
            }
        }
        let call = Call {
            provider: self.provider_of(messages).into(),
            operation: operation.into(),
            options: options::read(py, self.options.as_ref())?,
            extensions: Arc::clone(&self.manager.get().manager),
            hooks,
            progress: self.on_event.as_ref().map(|handler| Arc::new(PyProgress(handler.clone_ref(py))) as _),
            optimize: self.optimize,
            ..Call::new(PyBody::new(&snapshot(messages)?), self.model.as_str())
        };
        let session_id = self.session_id.as_ref().map(|id| Value::json(id.as_str().into()));
        Ok((engines::engine(py, self.store.as_ref())?, call, session_id))
    }
}

impl CallArguments<'_> {
    /// The provider that the caller names, or the one whose API has the shape of the messages; so that extensions and
    /// hooks know it from the first stage on.
    fn provider_of(&self, messages: &Bound<'_, PyAny>) -> &str {
        if !self.provider.is_empty() {
            return &self.provider;
        }
        conversation::detect_shape(&PyNode::root(messages.clone())).map_or("", Shape::provider)
    }
}

/// Compresses a list of messages or a request body.
#[pyfunction]
pub(crate) fn compress(
    py: Python<'_>,
    messages: &Bound<'_, PyAny>,
    arguments: CallArguments<'_>,
) -> PyResult<PyCompressResult> {
    let (engine, call, session_id) = arguments.call(messages, "compress")?;
    let result = enter(py, run(engine, call, session_id))?;
    PyCompressResult::new(py, result)
}

async fn run(engine: Engine, call: Call, session_id: Option<Value>) -> Result<CompressResult> {
    let mut run = engine.begin(call)?;
    if let Some(session_id) = session_id {
        run.metadata_mut().set("session_id", session_id);
    }
    let tools = run.body().tools();
    run.receive(tools.clone(), None).await?;
    run.compress().await?;
    let left = run.tools().cloned();
    let mut result = run.finish();
    if let (Some(before), Some(left), None) = (tools, left, &result.response)
        && !before.is_same(&left)
    {
        match result.body.with_tools(&left) {
            Ok(body) => result.body = body,
            Err(failed) => {
                let text = format!("what an extension left cannot be used: {failed}");
                warn!(target: "headroom", "{text}");
                result.report.warnings.push(text);
            }
        }
    }
    Ok(result)
}
