//! What the two ways of a relay share: where they write, and what they tell each other.

use bytes::Bytes;
use tokio::io::WriteHalf;
use tokio::sync::{Mutex, mpsc, watch};

use super::asked::Asked;
use super::end::End;
use super::lanes::Lane;
use super::message::Message;
use super::talk::Talk;
use super::writer::Writer;
use crate::activity::Active;
use crate::upgrade::Raw;

/// Requests that are on their way from one side of the relay to the other at most.
pub(super) const MOST_ASKED: usize = 64;

type Sender = Mutex<Writer<WriteHalf<Active<Raw>>>>;

/// A request that is sent and not answered.
pub(super) struct Sent {
    pub(super) lane: Lane,
    /// Whoever wants to know of its answer.
    pub(super) asked: Option<Asked>,
    /// When calls of the retrieval tool are answered here.
    pub(super) talk: Option<Box<Talk>>,
}

/// Both ways of a relay.
pub(super) struct Ways {
    pub(super) to_client: Sender,
    pub(super) to_upstream: Sender,
    /// Where it is told what is sent to the upstream.
    pub(super) asks: mpsc::Sender<Sent>,
    /// Requests whose turn goes on with this one; only who hears the client writes to the upstream, so that whoever hears
    /// the upstream never waits for it. They are no more than there are turns.
    pub(super) continued: mpsc::UnboundedSender<(Sent, Bytes)>,
    /// Requests without the end of their answers, those in the stages included.
    pub(super) in_flight: watch::Sender<usize>,
}

impl Ways {
    /// Sends a request to the upstream.
    pub(super) async fn send(&self, sent: Sent, message: &Message) -> Result<(), End> {
        self.tell(sent);
        self.to_upstream.lock().await.message(message).await.map_err(|_| End::UpstreamGone)
    }

    /// Tells what is sent next, before it is, so that it is known when its answer begins.
    pub(super) fn tell(&self, sent: Sent) {
        if self.asks.try_send(sent).is_err() {
            log::warn!(target: "headroom.proxy", "more than {MOST_ASKED} requests of a WebSocket wait unanswered");
            self.end_turn();
        }
    }

    /// Messages to the client.
    pub(super) async fn answer(&self, messages: &[Message]) -> Result<(), End> {
        let mut to_client = self.to_client.lock().await;
        for message in messages {
            to_client.message(message).await.map_err(|_| End::ClientGone)?;
        }
        Ok(())
    }

    pub(super) fn end_turn(&self) {
        self.in_flight.send_modify(|count| *count = count.saturating_sub(1));
    }
}
