//! Bytes both ways between connections that no longer speak HTTP, unread.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};

use crate::activity::Activity;

/// Passes bytes until both sides have ended, one of them has failed, or none has moved for too long. The end of one side
/// is passed on too, and the other may go on.
pub(crate) async fn run<C, U>(client: C, mut upstream: U, idle: Duration)
where
    C: AsyncRead + AsyncWrite + Unpin,
    U: AsyncRead + AsyncWrite + Unpin,
{
    let activity = Activity::new();
    let mut client = activity.of(client);
    tokio::select! {
        outcome = copy_bidirectional(&mut client, &mut upstream) => {
            if let Err(error) = outcome {
                log::debug!(target: "headroom.proxy", "a tunnel ended: {error}");
            }
        }
        () = activity.ended(idle) => log::info!(target: "headroom.proxy", "a tunnel on which nothing moved is cut off"),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn the_end_of_one_side_leaves_the_other_open() {
        let (mut client, ours) = duplex(8);
        let (mut upstream, theirs) = duplex(8);
        let tunnel = tokio::spawn(run(ours, theirs, LIMIT));
        client.write_all(b"question that is longer than the pipe").await.unwrap();
        client.shutdown().await.unwrap();
        let mut question = String::new();
        upstream.read_to_string(&mut question).await.unwrap();
        assert_eq!(question, "question that is longer than the pipe");
        upstream.write_all(b"answer").await.unwrap();
        drop(upstream);
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "answer");
        tunnel.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_tunnel_on_which_nothing_moves_is_cut_off() {
        let (mut client, ours) = duplex(8);
        let (_upstream, theirs) = duplex(8);
        tokio::spawn(run(ours, theirs, LIMIT));
        assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
    }
}
