//! The adapter: an extension written in Python as just another extension of the engine.

use headroom_core::extension::{Answer, BoxFuture, Extension, Filter, Policy};
use headroom_core::pipeline::{PipelineEvent, StageSet};
use headroom_core::{Error, Result};
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use crate::declarations::Declarations;
use crate::hooks::own_method;
use crate::user_code::{self, Called, Waiting};
use crate::{event, user_code::call};

/// An extension written in Python.
pub(crate) struct PyExtension {
    on_pipeline_event: Py<PyAny>,
    declared: Declarations,
    on_thread: bool,
}

impl PyExtension {
    /// Registers an object; one without a callable `on_pipeline_event` is none.
    ///
    /// # Errors
    /// `ConfigurationError` when a declaration cannot be read.
    pub(crate) fn new(object: &Bound<'_, PyAny>) -> PyResult<Option<Self>> {
        let Some(method) = own_method(object, "on_pipeline_event")? else { return Ok(None) };
        let declared = Declarations::read(object)?;
        // A plain function with a time limit gets a thread of its own, so that the limit can pass while it runs.
        let on_thread = declared.policy.timeout.is_some() && !is_coroutine_function(method.bind(object.py()))?;
        Ok(Some(Self { on_pipeline_event: method, declared, on_thread }))
    }

    /// What is called with events.
    pub(crate) fn function(&self) -> &Py<PyAny> {
        &self.on_pipeline_event
    }

    /// Shows the garbage collector what this holds.
    ///
    /// # Errors
    /// What the visit gives.
    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.on_pipeline_event)
    }

    /// Calls the extension and, when it is done at once, reads its answer under the same attachment.
    fn start(&self, event: &mut PipelineEvent) -> Started {
        Python::attach(|py| {
            let called = event::open(py, event).and_then(|given| {
                let called = call(self.on_pipeline_event.bind(py), (&given,).into_pyobject(py)?, self.on_thread)?;
                Ok((given, called))
            });
            match called {
                Ok((given, Called::Returned(returned))) => match event::close(&given, returned.bind(py), event) {
                    Ok(answer) => Started::Answered(answer),
                    Err(raised) => Started::Failed(raised),
                },
                Ok((given, Called::Waiting(waiting))) => Started::Waiting(given.unbind(), waiting),
                Err(raised) => Started::Failed(raised),
            }
        })
    }
}

enum Started {
    Answered(Answer),
    Waiting(Py<PyAny>, Waiting),
    Failed(PyErr),
}

impl Extension for PyExtension {
    fn name(&self) -> &str {
        &self.declared.name
    }

    fn stages(&self) -> StageSet {
        self.declared.stages
    }

    fn filter(&self) -> Filter {
        self.declared.filter.clone()
    }

    fn policy(&self) -> Policy {
        self.declared.policy.clone()
    }

    fn on_pipeline_event<'a>(&'a self, event: &'a mut PipelineEvent) -> BoxFuture<'a, Result<Answer, Error>> {
        Box::pin(async move {
            let answer = match self.start(event) {
                Started::Answered(answer) => Ok(answer),
                Started::Failed(raised) => Err(raised),
                Started::Waiting(given, waiting) => match waiting.await {
                    Ok(returned) => Python::attach(|py| event::close(given.bind(py), returned.bind(py), event)),
                    Err(raised) => Err(raised),
                },
            };
            match answer {
                Ok(answer) => Ok(answer),
                Err(raised) => Err(user_code::failed(raised).await),
            }
        })
    }
}

/// Whether calling a method only makes a coroutine.
fn is_coroutine_function(method: &Bound<'_, PyAny>) -> PyResult<bool> {
    method.py().import("inspect")?.getattr("iscoroutinefunction")?.call1((method,))?.is_truthy()
}
