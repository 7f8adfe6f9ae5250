//! One file a command.

mod completions;
mod compress;
mod demo;
mod mcp;
mod proxy;
mod retrieve;
mod stats;
mod store;
mod verify;

use std::env;
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use headroom_core::pipeline::PipelineExtensionManager;

use crate::arguments::{Arguments, Command};
use crate::failure::Failure;
use crate::screen::Screen;
use crate::store::named;

/// Runs what was asked and gives the exit code.
pub(crate) fn run(
    arguments: Arguments,
    program: &str,
    extensions: Arc<PipelineExtensionManager>,
    screen: &mut Screen,
) -> Result<u8, Failure> {
    let store = arguments.store;
    match arguments.command {
        Command::Demo => demo::run(program, &named(store)?, screen),
        Command::Compress(asked) => compress::run(asked, &named(store)?, extensions, screen),
        Command::Retrieve(asked) => retrieve::run(&asked, &named(store)?, screen),
        Command::Verify(asked) => verify::run(&asked, &named(store)?, screen),
        Command::Store(asked) => self::store::run(&asked, &named(store)?, screen),
        Command::Stats { json } => stats::run(json, &named(store)?, screen),
        Command::Proxy(asked) => proxy::run(asked, store, extensions, screen),
        Command::Mcp => mcp::run(&named(store)?, extensions),
        Command::Completions { shell } => completions::run(shell, screen),
    }
}

/// How the reader can call this program again: by name when the shell would find it, else as it was called now.
pub(crate) fn program(called_as: Option<&OsString>) -> String {
    let called_as = called_as.map_or(Path::new("headroom"), Path::new);
    let this = called_as.canonicalize().ok();
    let path = env::var_os("PATH").unwrap_or_default();
    let is_found = env::split_paths(&path).any(|folder| {
        let found = folder.join("headroom").canonicalize().ok();
        found.is_some() && found == this
    });
    if is_found || this.is_none() { "headroom".into() } else { called_as.display().to_string() }
}
