//! The `headroom` command as a library: parses arguments and calls the engine.
//!
//! The binary and the console script of the Python package are both one call of [`run`]. Data goes to standard output,
//! words to standard error; a reader that goes away ends the command quietly.

mod arguments;
mod commands;
mod difference;
mod engine;
mod excerpt;
mod failure;
mod host;
mod input;
mod progress;
mod screen;
mod store;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser as _;

use arguments::Arguments;
use failure::Failure;
use screen::Screen;

pub use host::Host;

/// Runs the command with the given arguments (the program's name first) in a host.
///
/// The exit code is 0 when it did what was asked, 1 when it could not, 2 when the arguments are wrong.
pub fn run(arguments: impl IntoIterator<Item = OsString>, host: impl Into<Host>) -> ExitCode {
    ExitCode::from(run_for_status(arguments, host))
}

/// As [`run`], with the exit code as a number for hosts that have their own way to exit.
pub fn run_for_status(arguments: impl IntoIterator<Item = OsString>, host: impl Into<Host>) -> u8 {
    let words: Vec<OsString> = arguments.into_iter().collect();
    let program = commands::program(words.first());
    let arguments = match Arguments::try_parse_from(words) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are answers; a reader that is gone already needs neither.
            let _ = error.print();
            return u8::try_from(error.exit_code()).unwrap_or(2);
        }
    };
    let mut screen = Screen::new(arguments.color);
    let result = commands::run(arguments, &program, host.into(), &mut screen)
        .and_then(|status| screen.finish().map(|()| status).map_err(Failure::from));
    match result {
        Ok(status) => status,
        Err(Failure::ReaderGone) => 0,
        Err(failure) => {
            let _ = screen.finish();
            screen.say_failure(&failure);
            1
        }
    }
}

/// The Rust example of the README, run as a test.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
