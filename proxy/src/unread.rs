//! A connection whose client must take what is written to it in time.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// Ends a connection when bytes wait too long for a client that takes none: it would keep its place, and its upstream,
/// for ever. Nothing is held beyond what the connection below holds, so the upstream waits meanwhile.
pub(crate) struct Unread<S> {
    inner: S,
    limit: Duration,
    /// Runs while bytes wait; kept for the next time.
    timer: Option<Pin<Box<Sleep>>>,
    is_waiting: bool,
}

impl<S> Unread<S> {
    pub(crate) fn new(inner: S, limit: Duration) -> Self {
        Self { inner, limit, timer: None, is_waiting: false }
    }

    /// What a write came to, or that the client has taken nothing for too long.
    fn within_limit<T>(&mut self, write: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if write.is_ready() {
            self.is_waiting = false;
            return write;
        }
        let limit = self.limit;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(limit)));
        if !self.is_waiting {
            timer.as_mut().reset(Instant::now() + limit);
            self.is_waiting = true;
        }
        timer.as_mut().poll(context).map(|()| {
            let message =
                format!("expected the client to take bytes within {} ms, found them unread", limit.as_millis());
            log::info!(target: "headroom.proxy", "a connection is cut off: {message}");
            Err(io::Error::new(io::ErrorKind::TimedOut, message))
        })
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Unread<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Unread<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let write = Pin::new(&mut this.inner).poll_write(context, bytes);
        this.within_limit(write, context)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // What a socket has taken is out of its hands: to flush it is never to wait.
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let write = Pin::new(&mut this.inner).poll_write_vectored(context, slices);
        this.within_limit(write, context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_is_cut_off() {
        let (ours, _client) = duplex(8);
        let begun = Instant::now();
        let error = Unread::new(ours, LIMIT).write_all(&[0; 9]).await.unwrap_err();
        assert_eq!((error.kind(), begun.elapsed()), (io::ErrorKind::TimedOut, LIMIT));
        assert!(error.to_string().contains("10000 ms"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_client_gets_everything_as_long_as_it_takes_some() {
        let (ours, mut client) = duplex(1);
        let begun = Instant::now();
        let writing = tokio::spawn(async move { Unread::new(ours, LIMIT).write_all(b"slowly").await });
        let mut found = Vec::new();
        for _ in 0..6 {
            sleep(LIMIT * 9 / 10).await;
            found.push(client.read_u8().await.unwrap());
        }
        writing.await.unwrap().unwrap();
        assert_eq!(found, b"slowly");
        assert!(begun.elapsed() > LIMIT * 5);
    }
}
