//! The eleven stages, their order, and what an extension may change at each.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, ErrorKind};

macro_rules! stages {
    ($($(#[$doc:meta])* $variant:ident = $name:literal),* $(,)?) => {
        /// A moment of the lifecycle. The first three belong to a process, the other eight to a request.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum PipelineStage { $($(#[$doc])* $variant),* }

        impl PipelineStage {
            /// Every stage, in the order in which they happen.
            pub const ALL: [Self; 11] = [$(Self::$variant),*];

            /// The name on every face of the product.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }
    };
}

stages! {
    /// An engine, client or proxy is made.
    Setup = "setup",
    /// Before a proxy listens, or an engine opens its stores.
    PreStart = "pre_start",
    /// After a proxy listens, or an engine has opened its stores.
    PostStart = "post_start",
    /// The request is parsed; bypass is already decided.
    InputReceived = "input_received",
    /// The response cache was asked.
    InputCached = "input_cached",
    /// Every block has a content type and a transform.
    InputRouted = "input_routed",
    /// Edits are decided and not yet applied.
    InputCompressed = "input_compressed",
    /// Memory was looked up.
    InputRemembered = "input_remembered",
    /// The request is final.
    PreSend = "pre_send",
    /// The response head arrived, or the attempt failed.
    PostSend = "post_send",
    /// The answer is complete.
    ResponseReceived = "response_received",
}

impl fmt::Display for PipelineStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for PipelineStage {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|stage| stage.name() == name).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            Error::new(ErrorKind::Configuration, format!("stage: expected one of {names}, found {name:?}"))
        })
    }
}

/// Fields of an event that an extension may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Writable {
    /// `messages` and `payload`.
    pub messages: bool,
    /// `tools`.
    pub tools: bool,
    /// `headers`.
    pub headers: bool,
    /// `response`, when it was not streamed.
    pub response: bool,
    /// Whether returning an event at `response_received` answers the request.
    pub answer: bool,
}

impl PipelineStage {
    /// What an extension may change at this stage. Metadata may always be changed.
    #[must_use]
    pub const fn writable(self) -> Writable {
        let nothing = Writable { messages: false, tools: false, headers: false, response: false, answer: false };
        match self {
            Self::InputReceived | Self::PreSend => {
                Writable { messages: true, tools: true, headers: true, answer: true, ..nothing }
            }
            Self::InputCached => Writable { answer: true, ..nothing },
            Self::InputCompressed | Self::InputRemembered => Writable { messages: true, ..nothing },
            Self::ResponseReceived => Writable { response: true, ..nothing },
            Self::Setup | Self::PreStart | Self::PostStart | Self::InputRouted | Self::PostSend => nothing,
        }
    }
}

/// A set of stages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StageSet(u16);

impl StageSet {
    /// Every stage.
    pub const ALL: Self = Self((1 << 11) - 1);
    /// No stage.
    pub const NONE: Self = Self(0);

    /// This set with one more stage.
    #[must_use]
    pub const fn with(self, stage: PipelineStage) -> Self {
        Self(self.0 | 1 << stage as u8)
    }

    /// Whether a stage is in the set.
    #[must_use]
    pub const fn contains(self, stage: PipelineStage) -> bool {
        self.0 & (1 << stage as u8) != 0
    }
}

impl FromIterator<PipelineStage> for StageSet {
    fn from_iter<I: IntoIterator<Item = PipelineStage>>(stages: I) -> Self {
        stages.into_iter().fold(Self::NONE, Self::with)
    }
}
