//! The process that the command runs in: its own program, or one in another language.

use std::env;
use std::ffi::OsString;
use std::sync::Arc;

use headroom_core::pipeline::PipelineExtensionManager;

use crate::failure::Failure;

/// What a host brings.
#[derive(Default)]
pub struct Host {
    /// Extensions that take part.
    pub extensions: Arc<PipelineExtensionManager>,
    /// What starts this command again with the same extensions: a program and its first arguments. Empty when it is the
    /// program that runs.
    pub command: Vec<OsString>,
    /// What went wrong when extensions were looked for, a line each.
    pub problems: Vec<String>,
}

impl Host {
    /// A program and its first arguments.
    pub(crate) fn itself(&self) -> Result<(OsString, Vec<OsString>), Failure> {
        if let [program, first @ ..] = &*self.command {
            return Ok((program.clone(), first.to_vec()));
        }
        let program = env::current_exe()
            .map_err(|error| Failure::new(format!("cannot find this program to start it again: {error}")))?;
        Ok((program.into(), Vec::new()))
    }
}

impl From<Arc<PipelineExtensionManager>> for Host {
    fn from(extensions: Arc<PipelineExtensionManager>) -> Self {
        Self { extensions, ..Self::default() }
    }
}
