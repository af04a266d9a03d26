//! What a connection hears that is one too many: to come again, as a request that finds no room.
//!
//! A sender is still writing its request then. Closing at once would reset the connection and take the
//! answer with it, so what comes is read away for a moment. Only so many are told at a time; whoever
//! comes beyond them is cut off.

use core::time::Duration;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Connections that are told at a time.
const TOLD_MAX: usize = 64;

/// How long each may take to hear it.
const PATIENCE: Duration = Duration::from_secs(1);

/// The longest wait that is asked for, in seconds; the shortest is 1.
const RETRY_AFTER_S_MAX: u16 = 5;

/// Connections that are being told.
#[derive(Debug, Default)]
pub(super) struct TurnedAway(JoinSet<()>);

impl TurnedAway {
    /// Tells a connection that it is one too many, and closes it.
    pub(super) fn add(&mut self, stream: TcpStream, peer: SocketAddr) {
        while self.0.try_join_next().is_some() {}
        if self.0.len() < TOLD_MAX {
            self.0.spawn(
                async move { drop(tokio::time::timeout(PATIENCE, tell(stream, peer)).await) },
            );
        }
    }

    /// Waits until the last has heard it.
    pub(super) async fn finish(mut self) {
        while self.0.join_next().await.is_some() {}
    }
}

async fn tell(mut stream: TcpStream, peer: SocketAddr) -> std::io::Result<()> {
    // Ports differ, so that those who were turned away together do not come back together.
    let wait = 1 + peer.port() % RETRY_AFTER_S_MAX;
    let body = r#"{"code":"unavailable","message":"as many connections are open as may be (http.connections_max); try again soon","request_id":""}"#;
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\nretry-after: {wait}\r\ncontent-type: application/json\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    let mut away = [0; 4 << 10];
    while stream.read(&mut away).await? > 0 {}
    Ok(())
}
