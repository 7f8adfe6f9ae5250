//! The eleven stages.

use headroom_core::pipeline::PipelineStage as CoreStage;

macro_rules! stages {
    ($($(#[$doc:meta])* $stage:ident,)*) => {
        /// A moment of the lifecycle. The first three belong to a process, the other eight to a request.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
        pub enum PipelineStage {
            $($(#[$doc])* $stage,)*
        }

        impl From<CoreStage> for PipelineStage {
            fn from(stage: CoreStage) -> Self {
                match stage {
                    $(CoreStage::$stage => Self::$stage,)*
                }
            }
        }

        impl From<PipelineStage> for CoreStage {
            fn from(stage: PipelineStage) -> Self {
                match stage {
                    $(PipelineStage::$stage => Self::$stage,)*
                }
            }
        }
    };
}

stages! {
    /// An engine, client or proxy is made.
    Setup,
    /// Before a proxy listens, or an engine opens its stores.
    PreStart,
    /// After a proxy listens, or an engine has opened its stores.
    PostStart,
    /// The request is parsed.
    InputReceived,
    /// The response cache was asked.
    InputCached,
    /// Every block has a content type and a transform.
    InputRouted,
    /// Edits are decided and not yet applied.
    InputCompressed,
    /// Memory was looked up.
    InputRemembered,
    /// The request is final.
    PreSend,
    /// The response head arrived, or the attempt failed.
    PostSend,
    /// The answer is complete.
    ResponseReceived,
}
