//! Options from Python: a flat set of named values, defaults in the engine.

use headroom_core::{CompressOptions, Error, ErrorKind, Result};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::error;
use crate::value::{from_json, to_json};

/// The modes that a savings profile stands for.
const PROFILES: [(&str, &str); 2] = [("balanced", "balanced"), ("agent-90", "aggressive")];

/// Every option with its default.
#[pyfunction]
pub(crate) fn default_options(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    let defaults = serde_json::to_value(CompressOptions::default()).map_err(|cause| {
        error::to_python(py, &Error::new(ErrorKind::Configuration, "the defaults have no JSON form").caused_by(cause))
    })?;
    from_json(py, &defaults)
}

/// Raises what a compression with these options would raise.
#[pyfunction]
#[pyo3(signature = (given=None))]
pub(crate) fn check_options(py: Python<'_>, given: Option<&Bound<'_, PyDict>>) -> PyResult<()> {
    read(py, given).map(|_| ())
}

/// Reads options; `None` is the default, and a savings profile sets the mode that is not given.
///
/// # Errors
/// `ConfigurationError` that names the option, what was expected and what was found.
pub(crate) fn read(py: Python<'_>, given: Option<&Bound<'_, PyDict>>) -> PyResult<CompressOptions> {
    let Some(given) = given.filter(|given| !given.is_empty()) else { return Ok(CompressOptions::default()) };
    parse(members(py, given)?).map_err(|failed| error::to_python(py, &failed))
}

/// Options as JSON, without those that are `None` and with the mode that a savings profile stands for.
///
/// # Errors
/// `ConfigurationError` that names an option without a JSON form, and for an unknown profile.
pub(crate) fn members(
    py: Python<'_>,
    given: &Bound<'_, PyDict>,
) -> PyResult<serde_json::Map<String, serde_json::Value>> {
    let mut members = serde_json::Map::new();
    let mut profile = None;
    for (name, value) in given.iter() {
        if value.is_none() {
            continue;
        }
        let name: String = name.extract()?;
        let json = match to_json(&value) {
            Ok(json) => json,
            Err(failed) => {
                let message = failed.message().replacen("value", &format!("options.{name}"), 1);
                return Err(error::configuration(py, message));
            }
        };
        if name == "savings_profile" {
            profile = Some(json);
        } else {
            members.insert(name, json);
        }
    }
    if let Some(profile) = profile {
        let mode = mode_of(&profile).map_err(|failed| error::to_python(py, &failed))?;
        members.entry("mode").or_insert_with(|| mode.into());
    }
    Ok(members)
}

fn mode_of(profile: &serde_json::Value) -> Result<&'static str> {
    PROFILES.iter().find(|(name, _)| profile == name).map(|(_, mode)| *mode).ok_or_else(|| {
        let known = PROFILES.map(|(name, _)| format!("{name:?}")).join(" or ");
        let sentence = format!("options.savings_profile: expected {known}, found {profile}");
        Error::new(ErrorKind::Configuration, sentence)
    })
}

fn parse(members: serde_json::Map<String, serde_json::Value>) -> Result<CompressOptions> {
    let read = |members: serde_json::Map<_, _>| serde_json::from_value::<CompressOptions>(members.into());
    read(members.clone()).map_err(|whole| {
        // The message of the whole does not say which option it is about; the same option alone fails the same way.
        let wrong = members.into_iter().find_map(|(name, value)| {
            let alone = serde_json::Map::from_iter([(name.clone(), value)]);
            read(alone).err().map(|cause| (name, cause))
        });
        let (path, cause) =
            wrong.map_or_else(|| ("options".to_owned(), whole), |(name, cause)| (format!("options.{name}"), cause));
        Error::new(ErrorKind::Configuration, format!("{path}: {cause}")).caused_by(cause)
    })
}
