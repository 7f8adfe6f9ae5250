//! Why a relay ends, and what its peers are told.

use super::frame::Fault;

/// The code and the reason of a close frame.
pub(super) type Reason<'r> = (u16, &'r str);

/// Why a relay ends.
#[derive(Debug)]
pub(super) enum End {
    /// A close frame has passed.
    Closed,
    ClientGone,
    UpstreamGone,
    ClientFault(Fault),
    UpstreamFault(Fault),
    /// An extension refused an answer.
    Refused,
    Idle,
    Stopping,
}

impl End {
    /// What the client and the upstream are told when no close frame has passed.
    pub(super) fn farewell(&self) -> (Option<Reason<'_>>, Option<Reason<'_>>) {
        const AWAY: Reason<'_> = (1001, "the client went away");
        match self {
            Self::Closed => (None, None),
            Self::ClientGone | Self::ClientFault(Fault::Broken(_)) => (None, Some(AWAY)),
            Self::UpstreamGone | Self::UpstreamFault(Fault::Broken(_)) => {
                (Some((1011, "headroom: the upstream went away")), None)
            }
            Self::ClientFault(fault) => (fault.farewell(), Some(AWAY)),
            Self::UpstreamFault(fault) => (fault.farewell(), fault.farewell()),
            Self::Refused => (Some((1008, "headroom: an extension refused the answer")), Some(AWAY)),
            Self::Idle => (Some((1001, "headroom: nothing came for too long")), Some(AWAY)),
            Self::Stopping => (Some((1001, "headroom: the proxy stops")), Some(AWAY)),
        }
    }
}

impl Fault {
    /// The codes are those of RFC 6455 §7.4.1.
    fn farewell(&self) -> Option<Reason<'_>> {
        match self {
            Self::TooLarge(_) => Some((1009, "headroom: the message is larger than the limit")),
            Self::Protocol(_) => Some((1002, "headroom: the frame is none of the protocol")),
            Self::Broken(_) => None,
        }
    }
}
