//! Reads what a command works on: a file, or standard input.

use std::fs;
use std::io::{self, IsTerminal as _, Read as _};
use std::path::Path;

use crate::failure::Failure;
use crate::screen::Screen;

/// The bytes of a file, or of standard input for none and for `-`. On a terminal it says what it waits for.
pub(crate) fn read(file: Option<&Path>, what: &str, screen: &Screen) -> Result<Vec<u8>, Failure> {
    let Some(path) = file.filter(|path| *path != Path::new("-")) else {
        if io::stdin().is_terminal() {
            screen.say(&format!("Waiting for {what} on standard input; end it with Ctrl-D, or give a FILE."));
        }
        let mut bytes = Vec::new();
        io::stdin()
            .read_to_end(&mut bytes)
            .map_err(|error| Failure::new(format!("cannot read standard input: {error}")))?;
        return Ok(bytes);
    };
    fs::read(path).map_err(|error| {
        let failure = Failure::new(format!("cannot read {}: {}", path.display(), plain(&error)));
        match error.kind() {
            io::ErrorKind::NotFound => failure.hint(format!("expected a file with {what}, or - for standard input")),
            _ => failure,
        }
    })
}

/// An error of the system without its number.
pub(crate) fn plain(error: &io::Error) -> String {
    let words = error.to_string();
    let end = words.find(" (os error").unwrap_or(words.len());
    words[..end].to_lowercase()
}
