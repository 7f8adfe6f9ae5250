//! The stages as members of `headroom.pipeline.PipelineStage`.

use headroom_core::pipeline::PipelineStage;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyString, PyType};

use crate::error;

/// The members in order, and the class of events.
pub(crate) struct Classes {
    pub(crate) stages: Vec<Py<PyAny>>,
    pub(crate) event: Py<PyType>,
    /// `object.__new__`, which makes an event without setting its fields.
    pub(crate) bare: Py<PyAny>,
}

/// Names of all stages in order; `headroom.pipeline` makes its enum from them.
pub(crate) fn names() -> [&'static str; PipelineStage::ALL.len()] {
    PipelineStage::ALL.map(PipelineStage::name)
}

impl Classes {
    pub(crate) fn get(py: Python<'_>) -> PyResult<&Self> {
        static CLASSES: PyOnceLock<Classes> = PyOnceLock::new();
        CLASSES.get_or_try_init(py, || {
            let pipeline = py.import("headroom.pipeline")?;
            let members = pipeline.getattr("PipelineStage")?;
            let stages = names().map(|name| members.call1((name,)).map(Bound::unbind));
            Ok(Self {
                stages: stages.into_iter().collect::<PyResult<_>>()?,
                event: pipeline.getattr("PipelineEvent")?.cast_into::<PyType>()?.unbind(),
                bare: py.import("builtins")?.getattr("object")?.getattr("__new__")?.unbind(),
            })
        })
    }

    /// The stage that an object names: a member of the enum, or its value as a string.
    pub(crate) fn stage_of(&self, object: &Bound<'_, PyAny>) -> PyResult<PipelineStage> {
        if let Some(index) = self.stages.iter().position(|member| object.is(member)) {
            return Ok(PipelineStage::ALL[index]);
        }
        let py = object.py();
        let name = object.cast::<PyString>().ok().map(|name| name.to_string_lossy().into_owned());
        let found = match name {
            Some(name) => match name.parse() {
                Ok(stage) => return Ok(stage),
                Err(_) => format!("{name:?}"),
            },
            None => crate::value::type_name(object),
        };
        let known = names().join(", ");
        Err(error::configuration(py, format!("stage: expected a PipelineStage or one of {known}, found {found}")))
    }

    /// The member of a stage.
    pub(crate) fn member(&self, stage: PipelineStage) -> &Py<PyAny> {
        &self.stages[stage as usize]
    }
}
