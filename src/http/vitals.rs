//! Signs of life of a connection: whether anything is asked, answered, and taken.

use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::clock;

/// How long a connection may idle after its first request, or leave an answer unread.
pub(super) const IDLE: Duration = Duration::from_mins(1);

/// How often a connection is looked at.
pub(super) const LOOKED_EVERY: Duration = Duration::from_secs(1);

/// Signs of life of one connection. Times are milliseconds of the monotonic clock.
#[derive(Debug)]
pub(super) struct Vitals {
    /// Requests that came so far; at most a few matter.
    begun: AtomicU32,
    /// Requests that are worked on, or whose answers are on their way.
    busy: AtomicU32,
    /// When it began, or when the last request was done.
    idle_since: AtomicU64,
    /// Since when the client takes nothing of what we say; 0 while it does.
    stuck_since: AtomicU64,
}

impl Vitals {
    pub(super) fn new() -> Self {
        Self {
            begun: AtomicU32::new(0),
            busy: AtomicU32::new(0),
            idle_since: AtomicU64::new(now_ms()),
            stuck_since: AtomicU64::new(0),
        }
    }

    /// Is done when the connection has shown no life for too long.
    pub(super) async fn fail(&self, header_timeout: Duration) {
        let look = LOOKED_EVERY.min(header_timeout);
        while self.is_alive(header_timeout, now_ms()) {
            tokio::time::sleep(look).await;
        }
    }

    fn is_alive(&self, header_timeout: Duration, now_ms: u64) -> bool {
        let within = |since: u64, span: Duration| {
            u128::from(now_ms.saturating_sub(since)) < span.as_millis()
        };
        let stuck = self.stuck_since.load(Ordering::Relaxed);
        let first = self.begun.load(Ordering::Relaxed) == 0;
        let idle = self.busy.load(Ordering::Relaxed) == 0;
        let since = self.idle_since.load(Ordering::Relaxed);
        (stuck == 0 || within(stuck, IDLE))
            && (!idle || within(since, if first { header_timeout } else { IDLE }))
    }
}

/// Never 0, which stands for none.
fn now_ms() -> u64 {
    u64::try_from(clock::monotonic().as_millis()).unwrap_or(u64::MAX).max(1)
}

/// A request in the works, until its answer is told.
pub(super) struct Busy(Arc<Vitals>);

impl Busy {
    pub(super) fn new(vitals: &Arc<Vitals>) -> Self {
        vitals.busy.fetch_add(1, Ordering::Relaxed);
        vitals.begun.store(1, Ordering::Relaxed);
        Self(Arc::clone(vitals))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.idle_since.store(now_ms(), Ordering::Relaxed);
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The body of an answer; its request is done when it is dropped.
pub(super) struct Told {
    pub(super) body: Body,
    pub(super) _busy: Busy,
}

impl HttpBody for Told {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A stream that notes when the client takes nothing.
pub(super) struct Watched<T> {
    pub(super) io: T,
    pub(super) vitals: Arc<Vitals>,
}

impl<T> Watched<T> {
    fn note<R>(&self, written: Poll<R>) -> Poll<R> {
        let since = &self.vitals.stuck_since;
        if written.is_ready() {
            since.store(0, Ordering::Relaxed);
        } else if since.load(Ordering::Relaxed) == 0 {
            since.store(now_ms(), Ordering::Relaxed);
        }
        written
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Watched<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, into)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Watched<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.note(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, parts);
        self.note(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(cx);
        self.note(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
