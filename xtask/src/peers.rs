//! The programs that the engine is measured beside, each in a Python environment of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::{cargo, python};

/// A program to measure beside.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer {
    /// Its name in scripts and figures.
    pub(crate) name: &'static str,
    /// Its package.
    pub(crate) package: &'static str,
    /// The version that is measured.
    pub(crate) version: &'static str,
}

/// Every peer.
pub(crate) const PEERS: [Peer; 2] = [
    Peer { name: "headroom_ai", package: "headroom-ai", version: "0.42.0" },
    Peer { name: "llmtrim", package: "llmtrim", version: "0.13.7" },
];

impl Peer {
    /// Installs it from the package index unless it is there already, and gives its Python.
    ///
    /// # Errors
    /// When there is no Python, or the installation fails.
    pub(crate) fn install(&self) -> Result<PathBuf> {
        python::environment_with(&self.environment(), &format!("{}=={}", self.package, self.version))
    }

    /// As [`Peer::install`], with what its own proxy needs.
    ///
    /// # Errors
    /// As [`Peer::install`].
    pub(crate) fn install_proxy(&self) -> Result<PathBuf> {
        python::environment_with(&self.environment(), &format!("{}[proxy]=={}", self.package, self.version))
    }

    /// Its Python, where the version that is measured is installed.
    pub(crate) fn installed(&self) -> Option<PathBuf> {
        let python = self.environment().join("bin/python");
        let probe = format!("import importlib.metadata as m; print(m.version({:?}))", self.package);
        let output = Command::new(&python).args(["-c", &probe]).output().ok()?;
        (String::from_utf8_lossy(&output.stdout).trim() == self.version).then_some(python)
    }

    fn environment(&self) -> PathBuf {
        Path::new(&cargo::target()).join("xtask/peers").join(self.name)
    }
}
