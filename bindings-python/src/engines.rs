//! The engines of this process, one for each store.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use headroom_core::ccr::{self, Store};
use headroom_core::{Engine, Error, ErrorKind};
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::drive::{enter, enter_with};
use crate::error;
use crate::manager::PyManager;
use crate::value::type_name;

/// Names the default store: a path, a URL or `:memory:`.
const STORE_VARIABLE: &str = "HEADROOM_STORE";
/// The folder in the user's home that has the store when the variable is not set.
const DEFAULT_FOLDER: &str = ".headroom";

/// Locked only while attached to the interpreter and never across a release of it, so that no other thread can hold it
/// when this process is forked. A child goes on with the same engines; their stores leave the parent's files behind.
static ENGINES: Mutex<Option<HashMap<String, Engine>>> = Mutex::new(None);

/// The engine of a store: a path, a URL, `:memory:`, or the default one for `None`.
///
/// # Errors
/// `ConfigurationError` when the store is none of these. A store that cannot be opened is not an error here: the first
/// original that needs it meets that.
pub(crate) fn engine(py: Python<'_>, store: Option<&Bound<'_, PyAny>>) -> PyResult<Engine> {
    let given = store.filter(|store| !store.is_none());
    let spec = match given {
        Some(store) => spec_of(store)?,
        None => default_spec(py)?,
    };
    if let Some(engine) = known(|engines| engines.get(&spec).cloned()) {
        return Ok(engine);
    }
    let to_open = spec.clone();
    let made = Engine::with_lazy_store(Box::new(move || ccr::open_store(&to_open)));
    if given.is_some() {
        enter_with(py, || match made.store() {
            Err(failed) if failed.kind() == ErrorKind::Configuration => Err(failed),
            _ => Ok(()),
        })?;
    }
    Ok(known(|engines| engines.entry(spec).or_insert(made).clone()))
}

/// Raises what a request with this store would raise.
#[pyfunction]
#[pyo3(signature = (given=None))]
pub(crate) fn check_store(py: Python<'_>, given: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
    match given.filter(|given| !given.is_none()) {
        Some(_) => engine(py, given).map(|_| ()),
        None => Ok(()),
    }
}

/// Tells extensions that the store of a client opens, and which one it is.
#[pyfunction]
pub(crate) fn start(
    py: Python<'_>,
    manager: &Bound<'_, PyManager>,
    operation: String,
    store: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    let (engine, manager) = (engine(py, store)?, Arc::clone(&manager.get().manager));
    enter(py, async move { engine.start(&manager, &operation).await })
}

/// The store of an engine.
pub(crate) fn store(py: Python<'_>, store: Option<&Bound<'_, PyAny>>) -> PyResult<Arc<dyn Store>> {
    let engine = engine(py, store)?;
    enter_with(py, || engine.store())
}

fn known<T>(read: impl FnOnce(&mut HashMap<String, Engine>) -> T) -> T {
    let mut engines = ENGINES.lock().unwrap_or_else(PoisonError::into_inner);
    read(engines.get_or_insert_default())
}

pub(crate) fn spec_of(store: &Bound<'_, PyAny>) -> PyResult<String> {
    let py = store.py();
    let wrong = || {
        error::configuration(
            py,
            format!("store: expected a path, a URL or :memory:, found a value of type {}", type_name(store)),
        )
    };
    if let Ok(text) = store.cast::<PyString>() {
        return Ok(absolute(&text.to_string_lossy()));
    }
    let path = py.import("os")?.getattr("fspath")?.call1((store,)).map_err(|_| wrong())?;
    let path: String = path.extract().map_err(|_| wrong())?;
    // A path object is a path even when it looks like a bare word.
    std::path::absolute(&path).ok().and_then(|path| path.into_os_string().into_string().ok()).ok_or_else(wrong)
}

/// A path with its `~` and its working directory written out; anything else as it is.
fn absolute(spec: &str) -> String {
    if spec.contains("://") || spec == ":memory:" || !spec.contains(['/', '\\', '.']) {
        return spec.to_owned();
    }
    let home = std::env::home_dir();
    let path = match (spec.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => spec.into(),
    };
    std::path::absolute(path)
        .ok()
        .and_then(|path| path.into_os_string().into_string().ok())
        .unwrap_or_else(|| spec.to_owned())
}

pub(crate) fn default_spec(py: Python<'_>) -> PyResult<String> {
    let missing = || {
        let sentence = format!("store: expected {STORE_VARIABLE} or a home directory, found neither");
        error::to_python(py, &Error::new(ErrorKind::Configuration, sentence))
    };
    if let Some(spec) = std::env::var_os(STORE_VARIABLE).filter(|spec| !spec.is_empty()) {
        return spec.into_string().map(|spec| absolute(&spec)).map_err(|_| missing());
    }
    let home = std::env::home_dir().ok_or_else(missing)?;
    let file: &Path = &home.join(DEFAULT_FOLDER).join(ccr::DEFAULT_FILE_NAME);
    file.to_str().map(str::to_owned).ok_or_else(missing)
}
