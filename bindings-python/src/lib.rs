//! The module `headroom._core`: the engine for Python.

mod body;
mod command;
mod compress;
mod crew;
mod declarations;
mod drive;
mod engines;
mod error;
mod event;
mod extension;
mod hooks;
mod logging;
mod manager;
mod node;
mod options;
mod progress;
mod proxy;
mod result;
mod retrieve;
mod run;
mod stage;
mod structure;
mod timer;
mod user_code;
mod value;

use pyo3::prelude::*;

/// The engine of Headroom.
#[pymodule(gil_used = false)]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    logging::install();
    module.add("STAGES", stage::names())?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<manager::PyManager>()?;
    module.add_class::<result::PyCompressResult>()?;
    module.add_class::<run::PyRun>()?;
    module.add_class::<user_code::Door>()?;
    module.add_class::<crew::Tasks>()?;
    module.add_class::<crew::Job>()?;
    module.add_class::<proxy::PyProxy>()?;
    module.add_function(wrap_pyfunction!(compress::compress, module)?)?;
    module.add_function(wrap_pyfunction!(retrieve::retrieve, module)?)?;
    module.add_function(wrap_pyfunction!(retrieve::retrieve_tool, module)?)?;
    module.add_function(wrap_pyfunction!(retrieve::answer_tool_call, module)?)?;
    module.add_function(wrap_pyfunction!(command::run_command, module)?)?;
    module.add_function(wrap_pyfunction!(manager::one_or_many, module)?)?;
    module.add_function(wrap_pyfunction!(manager::usable_extensions, module)?)?;
    module.add_function(wrap_pyfunction!(options::default_options, module)?)?;
    module.add_function(wrap_pyfunction!(options::check_options, module)?)?;
    module.add_function(wrap_pyfunction!(engines::check_store, module)?)?;
    module.add_function(wrap_pyfunction!(engines::start, module)?)?;
    module.add_function(wrap_pyfunction!(error::error_classes, module)?)?;
    module.add_function(wrap_pyfunction!(proxy::start_proxy, module)?)?;
    module.add_function(wrap_pyfunction!(logging::take_record, module)?)?;
    module.add_function(wrap_pyfunction!(after_fork, module)?)?;
    Ok(())
}

/// Is called in a child process after a fork.
#[pyfunction]
fn after_fork() {
    drive::after_fork();
    logging::after_fork();
}
