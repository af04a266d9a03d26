//! Connections: taken, bounded in number and in time, ended in order.
//!
//! One task owns the listener and the count; each connection is a task that it joins. A connection has
//! to bring its first request, handshake included, within the header time-out, and may neither idle
//! nor leave what we say unread for long (`vitals`); a body has to come at some rate. Decides nothing
//! about requests.

use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tracing::warn;

use super::auth::{Line, Peer};
use super::turn_away::TurnedAway;
use super::vitals::{Busy, IDLE, LOOKED_EVERY, Told, Vitals, Watched};
use crate::settings::http::Connections;
use crate::telemetry::doors::Closed;
use crate::telemetry::metrics::Metrics;

/// Bounds of HTTP/2: requests at a time on one connection; resets that a client may cause before it
/// takes notice of them (CVE-2023-44487); bytes of all headers of a request.
const STREAMS_MAX: u32 = 100;
const RESETS_MAX: usize = 20;
const HEADER_BYTES_MAX: u32 = 16 << 10;

/// Bytes that HTTP/1.1 holds of a request's head.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// What connections are served with.
#[derive(Clone, Debug)]
pub struct Desk {
    /// What a connection may take.
    pub limits: Connections,
    /// Certificate and key in force; none for plain HTTP.
    pub tls: Option<watch::Receiver<Arc<ServerConfig>>>,
    /// Counts connections.
    pub metrics: Arc<Metrics>,
}

/// A body comes slower than it has to.
#[derive(Debug, thiserror::Error)]
#[error("the body comes too slowly; send it at {rate} bytes a second or more")]
pub struct TooSlow {
    rate: u64,
}

/// Serves `router` on `listener` until `shutdown` is done; requests in flight are finished first.
///
/// # Errors
/// Never so far: what fails to be accepted is tried again.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    desk: Desk,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (stop, stopping) = watch::channel(false);
    let (tasks, addresses, turned_away) = (JoinSet::new(), HashMap::new(), TurnedAway::default());
    let mut open = Open { desk, router, stopping, tasks, addresses, turned_away };
    let mut shutdown = core::pin::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(ended) = open.tasks.join_next_with_id() => open.forget(&ended),
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => open.admit(stream, peer),
                Err(error) => refused(&error).await,
            },
        }
    }
    drop(listener);
    stop.send_replace(true);
    while let Some(ended) = open.tasks.join_next_with_id().await {
        open.forget(&ended);
    }
    open.turned_away.finish().await;
    Ok(())
}

/// A client that is gone already is no matter; without file descriptors only time helps.
async fn refused(error: &io::Error) {
    let gone = [io::ErrorKind::ConnectionAborted, io::ErrorKind::ConnectionReset];
    if !gone.contains(&error.kind()) {
        warn!(%error, "a connection cannot be accepted");
        tokio::time::sleep(LOOKED_EVERY).await;
    }
}

/// All open connections.
struct Open {
    desk: Desk,
    router: Router,
    stopping: watch::Receiver<bool>,
    tasks: JoinSet<()>,
    addresses: HashMap<Id, IpAddr>,
    turned_away: TurnedAway,
}

impl Open {
    fn admit(&mut self, stream: TcpStream, peer: SocketAddr) {
        let (ip, limits) = (peer.ip().to_canonical(), &self.desk.limits);
        let doors = &self.desk.metrics.doors;
        if self.tasks.len() >= limits.max {
            doors.closed(Closed::Full);
            // Not: over TLS, where the answer would cost a handshake.
            if self.desk.tls.is_none() {
                self.turned_away.add(stream, peer);
            }
            return;
        }
        let of_this = || self.addresses.values().filter(|other| **other == ip).count();
        if !ip.is_loopback() && of_this() >= limits.per_address_max {
            doors.closed(Closed::AddressFull);
            return;
        }
        let connection = Connection {
            desk: self.desk.clone(),
            router: self.router.clone(),
            stopping: self.stopping.clone(),
            ip,
            vitals: Arc::new(Vitals::new()),
        };
        let task = self.tasks.spawn(connection.run(stream));
        self.addresses.insert(task.id(), ip);
        doors.connections.inc();
    }

    fn forget(&mut self, ended: &Result<(Id, ()), JoinError>) {
        let id = match ended {
            Ok((id, ())) => *id,
            Err(error) => error.id(),
        };
        self.addresses.remove(&id);
        self.desk.metrics.doors.connections.dec();
    }
}

/// One connection.
struct Connection {
    desk: Desk,
    router: Router,
    stopping: watch::Receiver<bool>,
    ip: IpAddr,
    vitals: Arc<Vitals>,
}

impl Connection {
    async fn run(self, stream: TcpStream) {
        // Not: an error. Without it answers are merely slower.
        stream.set_nodelay(true).ok();
        let (vitals, doors) = (Arc::clone(&self.vitals), Arc::clone(&self.desk.metrics));
        let header_timeout = self.desk.limits.header_timeout;
        tokio::select! {
            () = self.converse(stream) => {}
            () = vitals.fail(header_timeout) => doors.doors.closed(Closed::Idle),
        }
    }

    async fn converse(self, stream: TcpStream) {
        let config = self.desk.tls.as_ref().map(|newest| Arc::clone(&newest.borrow()));
        let Some(config) = config else { return self.speak(stream, Line::Plain).await };
        match TlsAcceptor::from(config).accept(stream).await {
            Ok(stream) => self.speak(stream, Line::Tls).await,
            Err(_) => self.desk.metrics.doors.closed(Closed::Tls),
        }
    }

    async fn speak(self, io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, line: Line) {
        let Self { desk, router, mut stopping, ip, vitals } = self;
        let limits = desk.limits;
        let io = TokioIo::new(Watched { io, vitals: Arc::clone(&vitals) });
        let peer = Peer { ip, line };
        let service = hyper::service::service_fn(move |request: Request<Incoming>| {
            let busy = Busy::new(&vitals);
            let mut request = request.map(|body| Body::new(Paced::new(body, limits)));
            request.extensions_mut().insert(peer);
            let answer =
                hyper::service::Service::call(&TowerToHyperService::new(router.clone()), request);
            async move {
                let answer: Response<Body> = answer.await?;
                Ok::<_, core::convert::Infallible>(answer.map(|body| Told { body, _busy: busy }))
            }
        });
        let builder = builder(limits.header_timeout);
        let mut connection = core::pin::pin!(builder.serve_connection(io, service));
        // How it ended is the client's business: a reset is as good as a close.
        let stop = async { drop(stopping.wait_for(|stop| *stop).await) };
        tokio::select! {
            ended = connection.as_mut() => return drop(ended),
            () = stop => {}
        }
        connection.as_mut().graceful_shutdown();
        drop(connection.await);
    }
}

fn builder(header_timeout: Duration) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .max_buf_size(HEAD_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_pending_accept_reset_streams(RESETS_MAX)
        .max_local_error_reset_streams(RESETS_MAX)
        .max_header_list_size(HEADER_BYTES_MAX)
        .keep_alive_interval(IDLE / 2)
        .keep_alive_timeout(IDLE / 6);
    builder
}

/// The body of a request, which has to come at some rate.
struct Paced {
    body: Incoming,
    limits: Connections,
    received: u64,
    /// Set when it was first waited for.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl Paced {
    fn new(body: Incoming, limits: Connections) -> Self {
        Self { body, limits, received: 0, deadline: None }
    }
}

impl HttpBody for Paced {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        let this = &mut *self;
        let rate = this.limits.body_rate_min as u64;
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            let data = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref());
            let bytes = data.map_or(0, |data| data.len() as u64);
            this.received += bytes;
            if let Some(deadline) = &mut this.deadline {
                let later = deadline.deadline() + Duration::from_millis(bytes * 1_000 / rate);
                deadline.as_mut().reset(later);
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let grace = this.limits.body_timeout + Duration::from_millis(this.received * 1_000 / rate);
        let deadline = this.deadline.get_or_insert_with(|| Box::pin(tokio::time::sleep(grace)));
        ready!(deadline.as_mut().poll(cx));
        Poll::Ready(Some(Err(Box::new(TooSlow { rate }))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
