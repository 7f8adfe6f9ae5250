//! The engines of this process, one for each store; worker threads share them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use headroom_core::ccr::{self, Store};
use headroom_core::{Engine, Error, ErrorKind, Result};

/// Names the default store: a path, a URL or `:memory:`.
const STORE_VARIABLE: &str = "HEADROOM_STORE";
/// The folder in the user's home that has the store when the variable is not set.
const DEFAULT_FOLDER: &str = ".headroom";

static ENGINES: Mutex<Option<HashMap<String, Engine>>> = Mutex::new(None);

/// The engine of a store: a path, a URL, `:memory:`, or the default one for `None`.
///
/// # Errors
/// [`ErrorKind::Configuration`] when the store is none of these. A store that cannot be opened is not an error here: the
/// first original that needs it meets that.
pub(crate) fn engine(store: Option<&str>) -> Result<Engine> {
    let spec = spec(store)?;
    if let Some(engine) = known(|engines| engines.get(&spec).cloned()) {
        return Ok(engine);
    }
    let to_open = spec.clone();
    let made = Engine::with_lazy_store(Box::new(move || ccr::open_store(&to_open)));
    if store.is_some()
        && let Err(failed) = made.store()
        && failed.kind() == ErrorKind::Configuration
    {
        return Err(failed);
    }
    Ok(known(|engines| engines.entry(spec).or_insert(made).clone()))
}

/// What a store is known by: the default one for `None`.
///
/// # Errors
/// [`ErrorKind::Configuration`] when there is no default.
pub(crate) fn spec(store: Option<&str>) -> Result<String> {
    store.map_or_else(default_spec, |store| Ok(absolute(store)))
}

/// The store of an engine.
///
/// # Errors
/// As [`engine`], and when it cannot be opened.
pub(crate) fn store(store: Option<&str>) -> Result<Arc<dyn Store>> {
    engine(store)?.store()
}

fn known<T>(read: impl FnOnce(&mut HashMap<String, Engine>) -> T) -> T {
    let mut engines = ENGINES.lock().unwrap_or_else(PoisonError::into_inner);
    read(engines.get_or_insert_default())
}

/// A path with its `~` and its working directory written out; anything else as it is.
fn absolute(spec: &str) -> String {
    if spec.contains("://") || spec == ":memory:" || !spec.contains(['/', '\\', '.']) {
        return spec.to_owned();
    }
    let path = match (spec.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => spec.into(),
    };
    let whole = std::path::absolute(path).ok().and_then(|path| path.into_os_string().into_string().ok());
    whole.unwrap_or_else(|| spec.to_owned())
}

fn default_spec() -> Result<String> {
    let missing = || {
        let sentence = format!("store: expected {STORE_VARIABLE} or a home directory, found neither");
        Error::new(ErrorKind::Configuration, sentence)
    };
    if let Some(spec) = std::env::var_os(STORE_VARIABLE).filter(|spec| !spec.is_empty()) {
        return spec.into_string().map(|spec| absolute(&spec)).map_err(|_| missing());
    }
    let file = std::env::home_dir().ok_or_else(missing)?.join(DEFAULT_FOLDER).join(ccr::DEFAULT_FILE_NAME);
    file.to_str().map(str::to_owned).ok_or_else(missing)
}
