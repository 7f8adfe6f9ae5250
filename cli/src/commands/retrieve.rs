//! `headroom retrieve`: an original, byte for byte.

use std::io::Write as _;

use headroom_core::ccr::{open_store, retrieve};

use crate::arguments::Retrieve;
use crate::failure::Failure;
use crate::screen::Screen;

pub(crate) fn run(asked: &Retrieve, name: &str, screen: &mut Screen) -> Result<u8, Failure> {
    let store = open_store(name)?;
    let found = retrieve(&*store, &asked.hash, asked.query.as_deref(), asked.lines.as_deref())?;
    screen.write_all(found.text.as_bytes())?;
    screen.end_line_on_terminal()?;
    Ok(0)
}
