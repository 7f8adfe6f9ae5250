//! The `headroom` command.

use std::process::ExitCode;
use std::sync::Arc;

fn main() -> ExitCode {
    headroom_cli::run(std::env::args_os(), Arc::default())
}
