//! The stream of a running daemon.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::common::{Daemon, PATIENCE};
use incidentd::clock;

#[test]
fn an_open_stream_tells_what_is_committed_and_does_not_hold_up_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::start(dir.path());
    let mut stream = TcpStream::connect(daemon.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET /api/v1/stream HTTP/1.1\r\nhost: {}\r\n\r\n", daemon.address).unwrap();
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    assert!(lines.any(|line| line == "event: resync"), "a new client looks first");
    let alert = r#"{"labels": {"alertname": "DiskFull"}}"#;
    assert_eq!(daemon.client().post("/ingest/native", alert).status, 200);
    assert!(lines.any(|line| line == "event: incident"));
    let data = lines.find(|line| line.starts_with("data: ")).unwrap();
    assert!(data.contains(r#""title":"DiskFull""#), "{data}");

    let asked = clock::monotonic();
    assert_eq!(daemon.stop(), Some(0));
    let took = clock::monotonic().saturating_sub(asked);
    assert!(took < Duration::from_secs(8), "the end took {took:?}");
    assert!(!daemon.log().contains("cut off"), "{}", daemon.log());
}
