//! Whether bytes still move on connections that no longer speak HTTP.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, sleep_until};

/// When bytes last moved on any of some connections.
#[derive(Debug, Clone)]
pub(crate) struct Activity {
    start: Instant,
    /// In milliseconds from the start.
    last: Arc<AtomicU64>,
}

impl Activity {
    pub(crate) fn new() -> Self {
        Self { start: Instant::now(), last: Arc::default() }
    }

    /// A connection whose bytes count.
    pub(crate) fn of<S>(&self, inner: S) -> Active<S> {
        Active { inner, activity: self.clone() }
    }

    /// Waits until no byte has moved for so long.
    pub(crate) async fn ended(&self, idle: Duration) {
        loop {
            let last = self.start + Duration::from_millis(self.last.load(Ordering::Relaxed));
            if last.elapsed() >= idle {
                return;
            }
            sleep_until(last + idle).await;
        }
    }

    fn note(&self) {
        let now = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(now, Ordering::Relaxed);
    }
}

/// A connection whose bytes count.
#[derive(Debug)]
pub(crate) struct Active<S> {
    inner: S,
    activity: Activity,
}

impl<S: AsyncRead + Unpin> AsyncRead for Active<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.inner).poll_read(context, into);
        if outcome.is_ready() {
            this.activity.note();
        }
        outcome
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Active<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.inner).poll_write(context, bytes);
        if outcome.is_ready() {
            this.activity.note();
        }
        outcome
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
    use tokio::time::advance;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn every_byte_begins_the_time_anew() {
        let activity = Activity::new();
        let (ours, mut theirs) = duplex(8);
        let mut ours = activity.of(ours);
        let begun = Instant::now();
        advance(Duration::from_secs(6)).await;
        ours.write_all(b"a").await.unwrap();
        advance(Duration::from_secs(6)).await;
        theirs.write_all(b"b").await.unwrap();
        assert_eq!(ours.read_u8().await.unwrap(), b'b');
        activity.ended(LIMIT).await;
        assert_eq!(begun.elapsed().as_secs(), 22);
    }
}
