//! The programs that the engine is measured beside, each in a Python environment of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

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

/// A gateway whose proxy is measured beside ours; it compresses nothing.
pub(crate) const GATEWAY: Peer = Peer { name: "litellm", package: "litellm", version: "1.106.2" };

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

    /// The folder of vocabularies in its LiteLLM, so that it need not fetch one. It has one when its proxy is installed.
    ///
    /// # Errors
    /// When its Python does not run, or there is no LiteLLM in it.
    pub(crate) fn vocabulary(&self) -> Result<PathBuf> {
        let find = "import importlib.util as u; print(u.find_spec('litellm').submodule_search_locations[0])";
        let output = Command::new(self.environment().join("bin/python")).args(["-c", find]).output()?;
        let found = String::from_utf8(output.stdout)?;
        let folder = Path::new(found.trim()).join("litellm_core_utils/tokenizers");
        ensure!(folder.is_dir(), "{}: expected a folder of vocabularies in its LiteLLM, found none", self.package);
        Ok(folder)
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
