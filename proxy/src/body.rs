//! Bodies on their way: bounded in size and in the time between two pieces.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use tokio::time::{Instant, Sleep, sleep};

pub(crate) use axum::body::Body;

/// Why a body stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// It exceeds the limit.
    TooLarge(usize),
    /// No piece came for so long.
    Idle(Duration),
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge(limit) => write!(f, "expected a body of at most {limit} bytes, found a larger one"),
            Self::Idle(time) => write!(f, "expected the next piece of the body within {} ms", time.as_millis()),
        }
    }
}

impl std::error::Error for Stopped {}

/// A body with limits. Nothing is held: its reader's pace is the pace of its source.
pub(crate) struct Paced<B> {
    inner: B,
    /// Bytes that may still come, and the whole limit.
    left: Option<(usize, usize)>,
    idle: Duration,
    /// Runs while a piece is waited for; kept for the next time.
    timer: Option<Pin<Box<Sleep>>>,
    is_waiting: bool,
    /// Why it broke off, until that is told.
    broken: Option<axum::BoxError>,
}

impl<B> Paced<B> {
    /// A body of at most `limit` bytes, with at most `idle` between its pieces.
    pub(crate) fn new(inner: B, limit: Option<usize>, idle: Duration) -> Self {
        Self { inner, left: limit.map(|limit| (limit, limit)), idle, timer: None, is_waiting: false, broken: None }
    }

    fn poll_idle(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let idle = self.idle;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(idle)));
        if !self.is_waiting {
            timer.as_mut().reset(Instant::now() + idle);
            self.is_waiting = true;
        }
        timer.as_mut().poll(context)
    }
}

impl<B> http_body::Body for Paced<B>
where
    B: http_body::Body<Data = Bytes> + Unpin,
    B::Error: Into<axum::BoxError>,
{
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        let this = self.get_mut();
        if let Some(error) = this.broken.take() {
            return Poll::Ready(Some(Err(error)));
        }
        let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(context) else {
            return this.poll_idle(context).map(|()| Some(Err(Stopped::Idle(this.idle).into())));
        };
        this.is_waiting = false;
        let frame = match frame {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => {
                // hyper drops what it has not written yet when a body fails, so it is left a moment to write what came.
                this.broken = Some(error.into());
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            None => return Poll::Ready(None),
        };
        if let (Some((left, limit)), Some(data)) = (&mut this.left, frame.data_ref()) {
            match left.checked_sub(data.len()) {
                Some(rest) => *left = rest,
                None => return Poll::Ready(Some(Err(Stopped::TooLarge(*limit).into()))),
            }
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Reads a whole body.
///
/// # Errors
/// [`Stopped`] among the causes when a limit is met, anything else when the peer went away.
pub(crate) async fn read<B>(body: B, limit: usize, idle: Duration) -> Result<Bytes, axum::BoxError>
where
    B: http_body::Body<Data = Bytes> + Unpin,
    B::Error: Into<axum::BoxError>,
{
    let announced = body.size_hint().lower();
    if announced > limit as u64 {
        return Err(Stopped::TooLarge(limit).into());
    }
    let mut body = Paced::new(body, Some(limit), idle);
    let mut first = Bytes::new();
    let mut rest: Option<BytesMut> = None;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        match &mut rest {
            // Most bodies are one piece, and that is not copied.
            None if first.is_empty() => first = data,
            None => {
                // What is announced may never come.
                let mut all = BytesMut::with_capacity((first.len() + data.len()).max(announced.min(1 << 20) as usize));
                all.extend_from_slice(&first);
                all.extend_from_slice(&data);
                rest = Some(all);
            }
            Some(all) => all.extend_from_slice(&data),
        }
    }
    Ok(rest.map_or(first, BytesMut::freeze))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;
    use http_body_util::StreamBody;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn pieces(pieces: &[&'static str]) -> impl http_body::Body<Data = Bytes, Error = Infallible> + Unpin {
        let frames: Vec<_> = pieces.iter().map(|piece| Ok(Frame::data(Bytes::from_static(piece.as_bytes())))).collect();
        StreamBody::new(stream::iter(frames))
    }

    #[tokio::test]
    async fn a_body_up_to_the_limit_is_read_and_a_larger_one_is_not() {
        assert_eq!(read(pieces(&["ab", "", "cd", "e"]), 5, LONG).await.unwrap(), "abcde");
        assert_eq!(read(pieces(&[]), 5, LONG).await.unwrap(), "");
        let error = read(pieces(&["ab", "cd", "e"]), 4, LONG).await.unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Stopped::TooLarge(4)));
        let error = read(Body::from("abcde"), 4, LONG).await.unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Stopped::TooLarge(4)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stalls_is_given_up() {
        let stalling = StreamBody::new(stream::pending::<Result<Frame<Bytes>, Infallible>>());
        let error = read(stalling, 4, LONG).await.unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Stopped::Idle(LONG)));
    }

    #[test]
    fn the_reason_why_a_body_broke_off_waits_until_what_came_could_be_written() {
        let frames = [Ok(Frame::data(Bytes::from_static(b"a"))), Err(std::io::Error::other("reset"))];
        let mut body = Paced::new(StreamBody::new(stream::iter(frames)), None, LONG);
        let mut context = Context::from_waker(std::task::Waker::noop());
        let mut poll = || http_body::Body::poll_frame(Pin::new(&mut body), &mut context);
        assert!(matches!(poll(), Poll::Ready(Some(Ok(_)))));
        assert!(poll().is_pending());
        assert!(matches!(poll(), Poll::Ready(Some(Err(error))) if error.to_string() == "reset"));
    }
}
