//! The `headroom` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    headroom_cli::run(std::env::args_os(), headroom_cli::Host::default())
}
