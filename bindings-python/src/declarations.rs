//! What an extension declares about itself, read once when it is registered.

use std::time::Duration;

use headroom_core::extension::{FailurePolicy, Filter, Policy};
use headroom_core::pipeline::StageSet;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyString};

use crate::error;
use crate::stage::Classes;
use crate::value::type_name;

/// The declarations of one extension.
pub(crate) struct Declarations {
    pub(crate) name: String,
    pub(crate) stages: StageSet,
    pub(crate) filter: Filter,
    pub(crate) policy: Policy,
}

impl Declarations {
    /// Reads the attributes `stages`, `filter`, `priority`, `before`, `after`, `timeout_ms` and `failure_policy`, as far
    /// as the object or its class has them.
    ///
    /// # Errors
    /// `ConfigurationError` that names extension and field, what was expected and what was found.
    pub(crate) fn read(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        let name = name_of(object)?;
        let field = |field: &'static str| Field::read(object, &name, field);
        let stages = match field("stages")? {
            None => StageSet::ALL,
            Some(stages) => {
                let classes = Classes::get(object.py())?;
                let items = stages.items("a list of stages")?;
                items
                    .iter()
                    .map(|stage| classes.stage_of(stage).map_err(|_| stages.wrong("a list of stages", stage)))
                    .collect::<PyResult<_>>()?
            }
        };
        let priority = match field("priority")? {
            None => 0,
            Some(priority) => priority.integer()?,
        };
        let names = |name| field(name)?.map_or_else(|| Ok(Vec::new()), |names| names.names());
        let policy = Policy {
            priority,
            before: names("before")?,
            after: names("after")?,
            timeout: field("timeout_ms")?.map(|limit| limit.milliseconds()).transpose()?,
            failure: field("failure_policy")?.map_or(Ok(FailurePolicy::Open), |policy| policy.failure_policy())?,
        };
        let filter = field("filter")?.map_or_else(|| Ok(Filter::default()), |filter| filter.filter())?;
        Ok(Self { name, stages, filter, policy })
    }
}

/// The name of an extension in warnings, errors and `before`/`after`: its class's, or its own when it is a function, a
/// class or a module.
pub(crate) fn name_of(object: &Bound<'_, PyAny>) -> PyResult<String> {
    let own = object.getattr_opt("__name__").ok().flatten();
    Ok(own.and_then(|name| name.extract::<String>().ok()).unwrap_or_else(|| type_name(object)))
}

/// An attribute of an extension or a hook, when there is one.
///
/// # Errors
/// `ConfigurationError` with the exception that reading it raised as its cause.
pub(crate) fn attribute<'py>(object: &Bound<'py, PyAny>, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = object.py();
    object.getattr_opt(name).map_err(|raised| {
        if error::is_interrupt(py, &raised) {
            return raised;
        }
        let owner = name_of(object).unwrap_or_default();
        let wrong = error::configuration(py, format!("extension {owner}: {name}: cannot be read: {raised}"));
        wrong.set_cause(py, Some(raised));
        wrong
    })
}

/// One declared value.
struct Field<'a, 'py> {
    extension: &'a str,
    name: String,
    value: Bound<'py, PyAny>,
}

impl<'a, 'py> Field<'a, 'py> {
    /// The attribute when the object or its class really has it. What an object only makes up on request, as mocks do,
    /// declares nothing.
    fn read(object: &Bound<'py, PyAny>, extension: &'a str, name: &str) -> PyResult<Option<Self>> {
        let declared = object.get_type().hasattr(name).unwrap_or(true)
            || match attribute(object, "__dict__")? {
                Some(own) => own.contains(name).unwrap_or(false),
                None => false,
            };
        let value = if declared { attribute(object, name)?.filter(|value| !value.is_none()) } else { None };
        Ok(value.map(|value| Self { extension, name: name.to_owned(), value }))
    }

    fn wrong(&self, expected: &str, found: &Bound<'_, PyAny>) -> PyErr {
        let shown = found.repr().map_or_else(|_| type_name(found), |text| text.to_string_lossy().into_owned());
        let message = format!("extension {}: {}: expected {expected}, found {shown}", self.extension, self.name);
        error::configuration(found.py(), message)
    }

    fn items(&self, expected: &str) -> PyResult<Vec<Bound<'py, PyAny>>> {
        if self.value.is_instance_of::<PyString>() || self.value.is_instance_of::<PyDict>() {
            return Err(self.wrong(expected, &self.value));
        }
        let items = self.value.try_iter().map_err(|_| self.wrong(expected, &self.value))?;
        items.collect::<PyResult<_>>()
    }

    fn names(&self) -> PyResult<Vec<String>> {
        let items = self.items("a list of strings")?;
        items.iter().map(|name| name.extract().map_err(|_| self.wrong("a list of strings", name))).collect()
    }

    fn integer(&self) -> PyResult<i64> {
        if !self.value.is_instance_of::<PyInt>() || self.value.is_instance_of::<PyBool>() {
            return Err(self.wrong("an integer", &self.value));
        }
        self.value.extract().map_err(|_| self.wrong("an integer of at most 64 bits", &self.value))
    }

    fn milliseconds(&self) -> PyResult<Duration> {
        let is_number = self.value.is_instance_of::<PyInt>() || self.value.is_instance_of::<PyFloat>();
        let limit = self.value.extract::<f64>().ok().filter(|limit| is_number && *limit > 0.0 && *limit < 1e12);
        match limit {
            Some(limit) if !self.value.is_instance_of::<PyBool>() => Ok(Duration::from_secs_f64(limit / 1000.0)),
            _ => Err(self.wrong("a number of milliseconds above 0", &self.value)),
        }
    }

    fn failure_policy(&self) -> PyResult<FailurePolicy> {
        match self.value.cast::<PyString>().map(|text| text.to_string_lossy()) {
            Ok(text) if text == "open" => Ok(FailurePolicy::Open),
            Ok(text) if text == "closed" => Ok(FailurePolicy::Closed),
            _ => Err(self.wrong("\"open\" or \"closed\"", &self.value)),
        }
    }

    fn filter(&self) -> PyResult<Filter> {
        let expected = "a dict with any of providers, models, tools, operations, min_tokens";
        let declared = self.value.cast::<PyDict>().map_err(|_| self.wrong(expected, &self.value))?;
        let mut filter = Filter::default();
        for (key, value) in declared.iter() {
            let key: String = key.extract().map_err(|_| self.wrong(expected, &key))?;
            let member = Field { extension: self.extension, name: format!("filter.{key}"), value };
            match &*key {
                "providers" => filter.providers = member.names()?,
                "models" => filter.models = member.names()?,
                "tools" => filter.tools = member.names()?,
                "operations" => filter.operations = member.names()?,
                "min_tokens" => {
                    filter.min_tokens = u64::try_from(member.integer()?)
                        .map_err(|_| member.wrong("a number of tokens from 0", &member.value))?;
                }
                _ => return Err(self.wrong(expected, &PyString::new(declared.py(), &key))),
            }
        }
        Ok(filter)
    }
}
