//! Compression hooks written in Python.

use headroom_core::conversation::Value;
use headroom_core::extension::BoxFuture;
use headroom_core::pipeline::{Biases, CompressContext, CompressEvent, CompressionHooks};
use headroom_core::{Error, ErrorKind, Result};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyType};

use crate::declarations::{attribute, name_of};
use crate::error;
use crate::user_code::{Called, call, finish};
use crate::value;

/// The hooks that an object really has.
pub(crate) struct PyHooks {
    name: String,
    pre_compress: Option<Py<PyAny>>,
    compute_biases: Option<Py<PyAny>>,
    post_compress: Option<Py<PyAny>>,
}

impl PyHooks {
    /// Finds the hooks of an object; an object without any gives none. What `CompressionHooks` itself does is nothing, so
    /// a method that a subclass leaves alone is never called.
    pub(crate) fn new(object: &Bound<'_, PyAny>) -> PyResult<Option<Self>> {
        let hook = |name: &str| own_method(object, name);
        let hooks = Self {
            name: name_of(object)?,
            pre_compress: hook("pre_compress")?,
            compute_biases: hook("compute_biases")?,
            post_compress: hook("post_compress")?,
        };
        let any = hooks.pre_compress.is_some() || hooks.compute_biases.is_some() || hooks.post_compress.is_some();
        Ok(any.then_some(hooks))
    }
}

/// A callable method that is not the base class's own.
pub(crate) fn own_method(object: &Bound<'_, PyAny>, name: &str) -> PyResult<Option<Py<PyAny>>> {
    static BASE: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let py = object.py();
    let Some(method) = attribute(object, name)?.filter(|method| method.is_callable()) else { return Ok(None) };
    let base = error::class(py, &BASE, "headroom.hooks", "CompressionHooks")?;
    let inherited = match (base.getattr_opt(name)?, method.getattr_opt("__func__").ok().flatten()) {
        (Some(base), Some(function)) => function.is(&base),
        _ => false,
    };
    Ok((!inherited).then(|| method.unbind()))
}

impl CompressionHooks for PyHooks {
    fn name(&self) -> &str {
        &self.name
    }

    fn pre_compress<'a>(
        &'a self,
        messages: &'a Value,
        context: &'a CompressContext,
    ) -> BoxFuture<'a, Result<Option<Value>, Error>> {
        Box::pin(async move {
            let Some(method) = &self.pre_compress else { return Ok(None) };
            let (given, called) = Python::attach(|py| start_with_messages(py, method, messages, context));
            let returned = finish(called).await?;
            Python::attach(|py| {
                // A hook that returns nothing may have changed its copy.
                let left = if returned.is_none(py) { given } else { Some(returned) };
                let Some(left) = left else { return Ok(None) };
                let same = value::shows(py, messages, left.bind(py)).unwrap_or(false);
                Ok((!same).then(|| value::host(left.into_bound(py))))
            })
        })
    }

    fn compute_biases<'a>(
        &'a self,
        messages: &'a Value,
        context: &'a CompressContext,
    ) -> BoxFuture<'a, Result<Biases, Error>> {
        Box::pin(async move {
            let Some(method) = &self.compute_biases else { return Ok(Biases::new()) };
            let (_, called) = Python::attach(|py| start_with_messages(py, method, messages, context));
            let returned = finish(called).await?;
            Python::attach(|py| read_biases(returned.bind(py)))
        })
    }

    fn post_compress<'a>(&'a self, event: &'a CompressEvent) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let Some(method) = &self.post_compress else { return Ok(()) };
            let called =
                Python::attach(|py| call(method.bind(py), (compress_event(py, event)?,).into_pyobject(py)?, false));
            finish(called).await.map(|_| ())
        })
    }
}

/// Calls a hook with a copy of the messages, which it may change, and the context.
fn start_with_messages(
    py: Python<'_>,
    method: &Py<PyAny>,
    messages: &Value,
    context: &CompressContext,
) -> (Option<Py<PyAny>>, PyResult<Called>) {
    let given = match value::copy_of(py, messages) {
        Ok(given) => given,
        Err(raised) => return (None, Err(raised)),
    };
    let called = compress_context(py, context)
        .and_then(|context| call(method.bind(py), (&given, context).into_pyobject(py)?, false));
    (Some(given.unbind()), called)
}

fn compress_context<'py>(py: Python<'py>, context: &CompressContext) -> PyResult<Bound<'py, PyAny>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let fields = PyDict::new(py);
    fields.set_item("model", &*context.model)?;
    fields.set_item("user_query", &context.user_query)?;
    fields.set_item("turn_number", context.turn_number)?;
    fields.set_item("tool_calls", context.tool_calls.iter().map(|call| &*call.name).collect::<Vec<_>>())?;
    fields.set_item("provider", &*context.provider)?;
    error::class(py, &CLASS, "headroom.hooks", "CompressContext")?.call((), Some(&fields))
}

fn compress_event<'py>(py: Python<'py>, event: &CompressEvent) -> PyResult<Bound<'py, PyAny>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let fields = PyDict::new(py);
    fields.set_item("tokens_before", event.tokens_before)?;
    fields.set_item("tokens_after", event.tokens_after)?;
    fields.set_item("tokens_saved", event.tokens_before.saturating_sub(event.tokens_after))?;
    fields.set_item("compression_ratio", event.compression_ratio)?;
    fields.set_item("transforms_applied", &event.transforms_applied)?;
    fields.set_item("ccr_hashes", &event.ccr_hashes)?;
    fields.set_item("model", &*event.model)?;
    fields.set_item("user_query", &event.user_query)?;
    fields.set_item("provider", &*event.provider)?;
    error::class(py, &CLASS, "headroom.hooks", "CompressEvent")?.call((), Some(&fields))
}

/// Biases by index in the caller's list; nothing means none.
pub(crate) fn read_biases(returned: &Bound<'_, PyAny>) -> Result<Biases> {
    let wrong = |found: &Bound<'_, PyAny>| {
        let found = found.repr().map_or_else(|_| value::type_name(found), |text| text.to_string_lossy().into_owned());
        Error::new(
            ErrorKind::InvalidInput,
            format!("biases: expected a dict from message index to number, found {found}"),
        )
    };
    if returned.is_none() {
        return Ok(Biases::new());
    }
    let given = returned.cast::<PyDict>().map_err(|_| wrong(returned))?;
    given
        .iter()
        .map(|(index, bias)| {
            Ok((index.extract().map_err(|_| wrong(returned))?, bias.extract().map_err(|_| wrong(returned))?))
        })
        .collect()
}
