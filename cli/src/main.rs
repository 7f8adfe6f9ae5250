//! The `headroom` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    headroom_cli::run(std::env::args_os(), Vec::new())
}
