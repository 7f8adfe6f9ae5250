//! A proxy in this process.

use std::mem;
use std::path::PathBuf;
use std::process;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use headroom_proxy::config::{Beside, of_call};
use headroom_proxy::{HostedProxy, StartError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use crate::crew::hosted;
use crate::drive::{TICK, enter_blocking};
use crate::manager::{given, registered};
use crate::{engines, error, logging, options, value};

/// A proxy that listens. It ends with this object at the latest.
#[pyclass(frozen, name = "RunningProxy", module = "headroom._core")]
pub(crate) struct PyProxy {
    hosted: Mutex<Option<HostedProxy>>,
    address: std::net::SocketAddr,
    /// Its threads live in this process only, not in children that are forked.
    process: u32,
}

#[pymethods]
impl PyProxy {
    /// The address and the port that it listens on, as they stand in a URL.
    #[getter]
    fn address(&self) -> String {
        self.address.to_string()
    }

    /// The port that it listens on.
    #[getter]
    fn port(&self) -> u16 {
        self.address.port()
    }

    /// Takes no new connection, waits for what is under way within the drain limit, and ends.
    fn stop(&self, py: Python<'_>) -> PyResult<()> {
        let Some(hosted) = self.take() else { return Ok(()) };
        let (ended, end) = sync_channel::<()>(0);
        let stopping = thread::Builder::new().name("headroom-stop".to_owned()).spawn(move || {
            hosted.stop();
            drop(ended);
        });
        stopping.map_err(|source| raised(py, StartError::Threads(source)))?;
        let end = Mutex::new(end);
        loop {
            let waited = py.detach(|| end.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(TICK));
            if waited == Err(RecvTimeoutError::Disconnected) {
                return Ok(());
            }
            py.check_signals()?;
        }
    }
}

impl PyProxy {
    fn take(&self) -> Option<HostedProxy> {
        let hosted = self.hosted.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        if self.process == process::id() {
            return Some(hosted);
        }
        // Its threads are not here, and whoever waited for them would wait forever.
        mem::forget(hosted);
        None
    }
}

impl Drop for PyProxy {
    fn drop(&mut self) {
        drop(self.take());
    }
}

/// Starts a proxy with options and extensions; `found` are those that entry points offer. `config` is whether the
/// configuration is read, and `path` which file of it.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "a Python function takes its list and its path")]
pub(crate) fn start_proxy(
    py: Python<'_>,
    given_options: &Bound<'_, PyDict>,
    config: bool,
    path: Option<PathBuf>,
    extensions: Option<&Bound<'_, PyAny>>,
    found: Vec<Bound<'_, PyAny>>,
) -> PyResult<PyProxy> {
    let mut members = serde_json::Map::new();
    for (name, value) in given_options.iter().filter(|(_, value)| !value.is_none()) {
        let name = name.cast::<PyString>()?.to_string_lossy().into_owned();
        let json = match name.as_str() {
            "compress" => options::members(py, value.cast()?)?.into(),
            "store" => engines::spec_of(&value)?.into(),
            _ => value::to_json(&value)
                .map_err(|failed| error::configuration(py, failed.message().replacen("value", &name, 1)))?,
        };
        members.insert(name, json);
    }
    let beside = if config { Beside::Configuration(path.as_deref()) } else { Beside::Nothing };
    let mut options = of_call(beside, &members).map_err(|failed| raised(py, failed))?;
    if options.store.is_none() {
        options.store = Some(engines::default_spec(py)?);
    }
    if let Some(sentence) = options.packages_left_out() {
        log::warn!(target: "headroom.proxy", "{sentence}");
    }
    let mut all = given(extensions)?;
    all.extend(registered(&found)?);
    let manager = hosted(py, all)?;
    logging::start_teller(py)?;
    let started = enter_blocking(py, || HostedProxy::start(options, manager, || {}))?;
    let hosted = started.map_err(|failed| raised(py, failed))?;
    let address = hosted.address();
    Ok(PyProxy { hosted: Mutex::new(Some(hosted)), address, process: process::id() })
}

/// Why a proxy does not start, as an exception.
fn raised(py: Python<'_>, failed: StartError) -> PyErr {
    error::to_python(py, &failed.into())
}
