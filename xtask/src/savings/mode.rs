//! The modes of the engine by name.

use clap::ValueEnum;

/// How far compression goes, as in the engine's options.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Mode {
    Lossless,
    #[default]
    Balanced,
    Aggressive,
}

impl Mode {
    /// Its name in the engine's options.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Lossless => "lossless",
            Self::Balanced => "balanced",
            Self::Aggressive => "aggressive",
        }
    }
}
