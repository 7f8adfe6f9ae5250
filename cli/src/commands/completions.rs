//! `headroom completions`: a script that teaches a shell the command.

use std::io::Write as _;

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::arguments::Arguments;
use crate::failure::Failure;
use crate::screen::Screen;

pub(crate) fn run(shell: Shell, screen: &mut Screen) -> Result<u8, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "headroom", &mut script);
    screen.write_all(&script)?;
    Ok(0)
}
