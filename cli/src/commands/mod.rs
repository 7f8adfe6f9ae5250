//! One file a command.

mod completions;
mod compress;
mod demo;
mod doctor;
mod mcp;
mod proxy;
mod retrieve;
mod stats;
mod store;
mod verify;
mod wrap;

use std::env;
use std::ffi::OsString;
use std::path::Path;

use crate::arguments::{Arguments, Command};
use crate::failure::Failure;
use crate::host::Host;
use crate::screen::Screen;
use crate::store::named;

/// Runs what was asked and gives the exit code.
pub(crate) fn run(arguments: Arguments, program: &str, host: Host, screen: &mut Screen) -> Result<u8, Failure> {
    let store = arguments.store;
    match arguments.command {
        Command::Demo => demo::run(program, &named(store)?, screen),
        Command::Compress(asked) => compress::run(asked, &named(store)?, host.extensions, screen),
        Command::Retrieve(asked) => retrieve::run(&asked, &named(store)?, screen),
        Command::Verify(asked) => verify::run(&asked, &named(store)?, screen),
        Command::Store(asked) => self::store::run(&asked, &named(store)?, screen),
        Command::Stats { json } => stats::run(json, &named(store)?, screen),
        Command::Proxy(asked) => proxy::run(asked, store, host.extensions, screen),
        Command::Wrap(asked) => wrap::run(asked, store, &host, screen),
        Command::Doctor(asked) => doctor::run(&asked, store, &host, screen),
        Command::Mcp => mcp::run(&named(store)?, host.extensions),
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
