//! Python objects as values of the engine, and JSON in both directions.

use std::any::Any;
use std::fmt::{self, Write as _};

use headroom_core::conversation::{HostValue, Value};
use headroom_core::pipeline::Metadata;
use headroom_core::{Error, ErrorKind, Result};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};
use serde_json::{Map, Number};

use crate::node::is_model;
use crate::structure::deep_copy;

/// Nesting beyond this has no JSON form here; `serde_json` reads no deeper either.
const MAX_DEPTH: usize = 128;

/// A Python object that an event shows.
pub(crate) struct PyValue {
    object: Py<PyAny>,
    view: Option<View>,
}

/// A plain form of an object, made when somebody looks.
struct View {
    convert: Py<PyAny>,
    shown: PyOnceLock<Py<PyAny>>,
}

impl fmt::Debug for PyValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.object.fmt(f)
    }
}

impl PyValue {
    pub(crate) fn new(object: Py<PyAny>) -> Self {
        Self { object, view: None }
    }

    /// An object that is shown as `convert(object)`.
    pub(crate) fn viewed(object: Py<PyAny>, convert: Py<PyAny>) -> Self {
        Self { object, view: Some(View { convert, shown: PyOnceLock::new() }) }
    }

    /// What an extension sees a copy of.
    fn shown<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let shown = match &self.view {
            None => &self.object,
            Some(view) => view.shown.get_or_try_init(py, || view.convert.call1(py, (&self.object,)))?,
        };
        Ok(shown.bind(py).clone())
    }
}

impl HostValue for PyValue {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn to_json(&self) -> Result<serde_json::Value> {
        Python::attach(|py| {
            let shown =
                self.shown(py).map_err(|raised| crate::error::from_python(py, ErrorKind::InvalidInput, raised))?;
            to_json(&shown)
        })
    }
}

/// Wraps an object for the engine.
pub(crate) fn host(object: Bound<'_, PyAny>) -> Value {
    Value::host(PyValue::new(object.unbind()))
}

/// The Python object behind a value, when there is one.
pub(crate) fn as_python(value: &Value) -> Option<&PyValue> {
    match value {
        Value::Host(value) => (**value).as_any().downcast_ref(),
        Value::Json(_) => None,
    }
}

/// The object that was wrapped, or the JSON as Python data.
pub(crate) fn object_of<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    match as_python(value) {
        Some(value) => Ok(value.object.bind(py).clone()),
        None => from_value(py, value),
    }
}

/// A copy that its reader may change.
pub(crate) fn copy_of<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    match as_python(value) {
        Some(value) => deep_copy(&value.shown(py)?),
        None => from_value(py, value),
    }
}

/// Whether an object is what a value shows.
pub(crate) fn shows(py: Python<'_>, value: &Value, object: &Bound<'_, PyAny>) -> PyResult<bool> {
    match as_python(value) {
        Some(value) => Ok(object.is(value.object.bind(py)) || crate::structure::is_same(&value.shown(py)?, object)?),
        None => crate::structure::is_same(&from_value(py, value)?, object),
    }
}

/// The old value when the object is what it shows, else a new one.
pub(crate) fn changed(py: Python<'_>, old: Option<&Value>, now: &Bound<'_, PyAny>) -> PyResult<Value> {
    match old {
        Some(old) if shows(py, old, now)? => Ok(old.clone()),
        _ => Ok(host(now.clone())),
    }
}

/// A dict that its reader may change.
pub(crate) fn metadata_copy<'py>(py: Python<'py>, metadata: &Metadata) -> PyResult<Bound<'py, PyDict>> {
    let copy = PyDict::new(py);
    for (name, value) in metadata.iter() {
        copy.set_item(name, copy_of(py, value)?)?;
    }
    Ok(copy)
}

/// Metadata as user code left it; what shows the same as before keeps its value.
pub(crate) fn read_metadata(left: &Bound<'_, PyDict>, before: &Metadata) -> PyResult<Metadata> {
    let mut metadata = Metadata::default();
    for (name, object) in left.iter() {
        let name = name.str()?.to_string_lossy().into_owned();
        let value = changed(left.py(), before.get(&name), &object)?;
        metadata.set(name, value);
    }
    Ok(metadata)
}

fn from_value<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    let json = value.to_json().map_err(|failed| crate::error::to_python(py, &failed))?;
    from_json(py, &json)
}

/// JSON as Python data.
pub(crate) fn from_json<'py>(py: Python<'py>, json: &serde_json::Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match json {
        serde_json::Value::Null => py.None().into_bound(py),
        serde_json::Value::Bool(value) => PyBool::new(py, *value).to_owned().into_any(),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(value), _) => value.into_pyobject(py)?.into_any(),
            (None, Some(value)) => value.into_pyobject(py)?.into_any(),
            (None, None) => number.as_f64().unwrap_or(f64::NAN).into_pyobject(py)?.into_any(),
        },
        serde_json::Value::String(text) => PyString::new(py, text).into_any(),
        serde_json::Value::Array(items) => {
            let list = PyList::empty(py);
            for item in items {
                list.append(from_json(py, item)?)?;
            }
            list.into_any()
        }
        serde_json::Value::Object(members) => {
            let dict = PyDict::new(py);
            for (name, member) in members {
                dict.set_item(name, from_json(py, member)?)?;
            }
            dict.into_any()
        }
    })
}

/// A record of the engine as Python data.
pub(crate) fn from_serialize<'py>(py: Python<'py>, record: &impl serde::Serialize) -> PyResult<Bound<'py, PyAny>> {
    let json = serde_json::to_value(record).map_err(|cause| {
        let failed = Error::new(ErrorKind::Compression, "a record has no JSON form").caused_by(cause);
        crate::error::to_python(py, &failed)
    })?;
    from_json(py, &json)
}

/// Python data as JSON. Keys that are integers are written in digits.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] that names the path, what was expected and what was found.
pub(crate) fn to_json(object: &Bound<'_, PyAny>) -> Result<serde_json::Value> {
    to_json_at(object, &mut String::from("value"), 0)
}

fn to_json_at(object: &Bound<'_, PyAny>, path: &mut String, depth: usize) -> Result<serde_json::Value> {
    let wrong = |expected: &str, found: String, path: &str| {
        Error::new(ErrorKind::InvalidInput, format!("{path}: expected {expected}, found {found}"))
    };
    if depth > MAX_DEPTH {
        return Err(wrong(&format!("nesting of at most {MAX_DEPTH} levels"), "more".to_owned(), ""));
    }
    if object.is_none() {
        return Ok(serde_json::Value::Null);
    }
    if let Ok(value) = object.cast::<PyBool>() {
        return Ok(value.is_true().into());
    }
    if let Ok(value) = object.cast::<PyString>() {
        let text = value.to_cow().map_err(|_| wrong("text", "a string with lone surrogates".to_owned(), path))?;
        return Ok(text.into_owned().into());
    }
    if object.is_instance_of::<PyInt>() {
        let number = object.extract::<i64>().map(Number::from).or_else(|_| object.extract::<u64>().map(Number::from));
        return number
            .map(Into::into)
            .map_err(|_| wrong("an integer of at most 64 bits", "a larger one".to_owned(), path));
    }
    if let Ok(value) = object.cast::<PyFloat>() {
        let number = Number::from_f64(value.value());
        return number.map(Into::into).ok_or_else(|| wrong("a finite number", value.value().to_string(), path));
    }
    let length = path.len();
    if let Ok(dict) = object.cast::<PyDict>() {
        let mut members = Map::with_capacity(dict.len());
        for (key, member) in dict.iter() {
            let is_name = key.is_instance_of::<PyString>() || key.is_exact_instance_of::<PyInt>();
            let name = key.str().ok().filter(|_| is_name).and_then(|name| name.to_cow().map(Into::into).ok());
            let Some(name): Option<String> = name else {
                return Err(wrong("keys that are strings", type_name(&key), path));
            };
            let _ = write!(path, ".{name}");
            members.insert(name, to_json_at(&member, path, depth + 1)?);
            path.truncate(length);
        }
        return Ok(members.into());
    }
    let items: Box<dyn Iterator<Item = Bound<'_, PyAny>>> = if let Ok(list) = object.cast::<PyList>() {
        Box::new(list.iter())
    } else if let Ok(tuple) = object.cast::<PyTuple>() {
        Box::new(tuple.iter())
    } else if is_model(object) {
        let dumped = crate::node::dump(object);
        return to_json_at(
            &dumped.map_err(|_| wrong("a value that JSON has", type_name(object), path))?,
            path,
            depth + 1,
        );
    } else {
        return Err(wrong("a value that JSON has", type_name(object), path));
    };
    let mut array = Vec::new();
    for (index, item) in items.enumerate() {
        let _ = write!(path, "[{index}]");
        array.push(to_json_at(&item, path, depth + 1)?);
        path.truncate(length);
    }
    Ok(array.into())
}

/// The name of an object's class, for messages.
pub(crate) fn type_name(object: &Bound<'_, PyAny>) -> String {
    object.get_type().name().map_or_else(|_| "an object".to_owned(), |name| name.to_string())
}
