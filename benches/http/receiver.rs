//! A web server that takes what people would be told, and says when.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver as Pages, Sender, channel};
use std::time::Duration;

use incidentd::clock;

/// What marks an alert whose way to a person is timed.
pub(crate) const MARK: &str = "TimedAlert";

/// Listens on loopback as long as the process lives.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    /// When a message came that names a marked alert.
    pub(crate) pages: Pages<Duration>,
}

impl Receiver {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, pages) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let tell = tell.clone();
                std::thread::spawn(move || drop(serve(stream, &tell)));
            }
        });
        Self { address, pages }
    }
}

/// Takes messages until the sender hangs up.
fn serve(stream: TcpStream, tell: &Sender<Duration>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    loop {
        let mut length = 0;
        loop {
            line.clear();
            if stream.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        let now = clock::monotonic();
        stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")?;
        let marked = body.windows(MARK.len()).any(|part| part == MARK.as_bytes());
        if marked && tell.send(now).is_err() {
            return Ok(());
        }
    }
}
