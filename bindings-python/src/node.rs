//! Live Python data as the engine's walk sees it.

use headroom_core::conversation::{Node, Text};
use headroom_core::json::{Kind, Member};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

use crate::value::type_name;

/// A Python value on the walk: dicts, lists, strings, numbers, booleans and `None` are what they are in JSON.
///
/// Models of provider packages (pydantic) are read by attribute, so that the calls they hold are known, and give no
/// texts to change. Everything else is an object without members, which the walk passes by.
#[derive(Clone)]
pub(crate) struct PyNode<'py> {
    value: Bound<'py, PyAny>,
    /// Whether it stands inside a model.
    in_model: bool,
}

impl<'py> PyNode<'py> {
    pub(crate) fn root(value: Bound<'py, PyAny>) -> Self {
        Self { value, in_model: false }
    }

    /// The Python value.
    pub(crate) fn value(&self) -> &Bound<'py, PyAny> {
        &self.value
    }

    fn child(&self, value: Bound<'py, PyAny>) -> Self {
        Self { value, in_model: self.in_model }
    }

    fn string(&self) -> Option<PyBackedStr> {
        PyBackedStr::try_from(self.value.cast::<PyString>().ok()?.clone()).ok()
    }
}

impl Node for PyNode<'_> {
    fn kind(&self) -> Kind {
        let value = &self.value;
        if value.is_instance_of::<PyString>() {
            Kind::String
        } else if value.is_instance_of::<PyDict>() {
            Kind::Object
        } else if value.is_instance_of::<PyList>() {
            Kind::Array
        } else if value.is_instance_of::<PyBool>() {
            Kind::Bool
        } else if value.is_instance_of::<PyInt>() || value.is_instance_of::<PyFloat>() {
            Kind::Number
        } else if value.is_none() || value.is_instance_of::<PyTuple>() {
            Kind::Null
        } else {
            Kind::Object
        }
    }

    fn describe(&self) -> String {
        if self.value.is_none() {
            return "None".to_owned();
        }
        format!("a value of type {}", type_name(&self.value))
    }

    fn get(&self, key: &'static str) -> Member<Self> {
        let py = self.value.py();
        let key = PyString::intern(py, key);
        if let Ok(dict) = self.value.cast::<PyDict>() {
            return match dict.get_item(key) {
                Ok(Some(value)) => Member::One(self.child(value)),
                _ => Member::Missing,
            };
        }
        if !is_model(&self.value) {
            return Member::Missing;
        }
        match self.value.getattr_opt(key) {
            Ok(Some(value)) if !value.is_none() => Member::One(Self { value, in_model: true }),
            _ => Member::Missing,
        }
    }

    fn len(&self) -> usize {
        self.value.cast::<PyList>().map_or(0, |list| list.len())
    }

    fn item(&self, index: usize) -> Option<Self> {
        self.value.cast::<PyList>().ok()?.get_item(index).ok().map(|item| self.child(item))
    }

    fn text(&self) -> Option<Text> {
        if self.in_model { None } else { self.string().map(Text::new) }
    }

    fn read<R>(&self, read: impl FnOnce(&str) -> R) -> Option<R> {
        self.string().map(|text| read(&text))
    }

    fn is_true(&self) -> bool {
        self.value.cast::<PyBool>().is_ok_and(|value| value.is_true())
    }

    fn json(&self) -> String {
        static DUMPS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let py = self.value.py();
        let written = DUMPS
            .get_or_try_init(py, || {
                let kwargs = PyDict::new(py);
                kwargs.set_item("separators", (",", ":"))?;
                kwargs.set_item("ensure_ascii", false)?;
                let encoder = py.import("json")?.getattr("JSONEncoder")?.call((), Some(&kwargs))?;
                encoder.getattr("encode").map(Bound::unbind)
            })
            .and_then(|encode| encode.call1(py, (&self.value,)));
        // What JSON cannot hold gives no arguments; they only inform decisions.
        written.ok().and_then(|text| text.extract(py).ok()).unwrap_or_default()
    }
}

/// Whether an object is a model of a provider's package.
pub(crate) fn is_model(value: &Bound<'_, PyAny>) -> bool {
    value.get_type().hasattr(pyo3::intern!(value.py(), "model_dump")).unwrap_or(false)
}

/// A model as plain data.
pub(crate) fn dump<'py>(model: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let kwargs = PyDict::new(model.py());
    kwargs.set_item("mode", "json")?;
    kwargs.set_item("by_alias", true)?;
    model.call_method("model_dump", (), Some(&kwargs))
}
