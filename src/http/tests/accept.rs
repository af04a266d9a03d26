//! Connections over real sockets on loopback: slow ones, many, encrypted ones.

use core::time::Duration;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::super::accept::{Desk, serve};
use super::super::tls::Reloader;
use super::world::World;
use crate::settings::http::{Connections, Tls};
use crate::telemetry::metrics::Metrics;

const LIMITS: Connections = Connections {
    header_timeout: Duration::from_millis(300),
    body_timeout: Duration::from_millis(300),
    body_rate_min: 1 << 10,
    max: 64,
    per_address_max: 64,
};

struct Server {
    address: SocketAddr,
    metrics: Arc<Metrics>,
    stop: oneshot::Sender<()>,
    served: JoinHandle<std::io::Result<()>>,
}

impl Server {
    async fn start(world: &World, limits: Connections) -> Self {
        let metrics = Arc::new(Metrics::new(&[], &[]).unwrap());
        let desk = Desk { limits, tls: None, metrics: Arc::clone(&metrics) };
        Self::serve(world, desk).await
    }

    async fn serve(world: &World, desk: Desk) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let metrics = Arc::clone(&desk.metrics);
        let (stop, stopped) = oneshot::channel();
        let stopped = async { drop(stopped.await) };
        let served = tokio::spawn(serve(listener, world.router(), desk, stopped));
        Self { address, metrics, stop, served }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Ends when every connection did.
    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.served.await.unwrap().unwrap();
    }
}

async fn get(stream: &mut (impl AsyncReadExt + AsyncWriteExt + Unpin)) -> String {
    let request = b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut answer = String::new();
    // A server may leave TLS without a farewell.
    drop(stream.read_to_string(&mut answer).await);
    answer
}

#[tokio::test]
async fn sockets_that_dribble_are_closed_and_good_requests_go_on() {
    let world = World::new();
    let server = Server::start(&world, LIMITS).await;
    let mut dribblers = Vec::new();
    for opening in [&b""[..], b"G", b"PRI * HTTP/2.0\r\n", b"GET / HTTP/1.1\r\nhost: a\r\n"] {
        for _ in 0..10 {
            let mut stream = server.connect().await;
            stream.write_all(opening).await.unwrap();
            dribblers.push(stream);
        }
    }
    for _ in 0..10 {
        assert!(get(&mut server.connect().await).await.starts_with("HTTP/1.1 200"));
    }
    for mut stream in dribblers {
        // Nothing, or a word of refusal, and then the end.
        let mut rest = Vec::new();
        drop(stream.read_to_end(&mut rest).await);
        assert!(!rest.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&rest));
    }
    server.stop().await;
}

#[tokio::test]
async fn a_body_that_dribbles_is_refused_as_too_slow() {
    let world = World::new();
    let server = Server::start(&world, LIMITS).await;
    let mut stream = server.connect().await;
    let head = "POST /ingest/native HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 999\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    drop(stream.read_to_string(&mut answer).await);
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("1024 bytes a second"), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn there_are_no_more_connections_than_there_may_be_and_they_are_freed() {
    let world = World::new();
    let server = Server::start(&world, Connections { max: 2, ..LIMITS }).await;
    let (_first, _second) = (server.connect().await, server.connect().await);
    // One more is told to come again, also while it still writes its request.
    let mut third = server.connect().await;
    third.write_all(&vec![b'x'; 200_000]).await.unwrap();
    let mut answer = String::new();
    third.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("\r\nretry-after: ") && answer.contains("connections_max"), "{answer}");
    // The first two say nothing and are closed in time.
    loop {
        let mut stream = server.connect().await;
        let request = b"GET /healthz HTTP/1.0\r\n\r\n";
        let mut answer = [0; 12];
        if stream.write_all(request).await.is_ok() && stream.read_exact(&mut answer).await.is_ok() {
            if &answer == b"HTTP/1.0 200" {
                break;
            }
            assert_eq!(&answer, b"HTTP/1.1 503");
        }
    }
    let text = server.metrics.encode().unwrap();
    assert!(!text.contains("incidentd_http_closed_connections_total{reason=\"full\"} 0"), "{text}");
    server.stop().await;
}

/// Writes a certificate and returns a client that trusts it alone.
fn certificate(files: &Tls) -> TlsConnector {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(&files.cert, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&files.cert).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(
        tokio_rustls::rustls::crypto::aws_lc_rs::default_provider(),
    ));
    let config = config.with_safe_default_protocol_versions().unwrap();
    Arc::new(config.with_root_certificates(roots).with_no_client_auth()).into()
}

#[tokio::test]
async fn a_new_certificate_is_shown_to_the_next_connection_and_old_tls_is_refused() {
    let world = World::new();
    let dir = tempfile::tempdir().unwrap();
    let files = Tls { cert: dir.path().join("cert"), key: dir.path().join("key") };
    let first = certificate(&files);
    let metrics = Arc::new(Metrics::new(&[], &[]).unwrap());
    let (mut reloader, tls) = Reloader::start(files.clone(), Arc::clone(&metrics)).unwrap();
    let server = Server::serve(&world, Desk { limits: LIMITS, tls: Some(tls), metrics }).await;
    let name = || ServerName::try_from("localhost").unwrap();
    let trusts =
        async |client: &TlsConnector| match client.connect(name(), server.connect().await).await {
            Ok(mut stream) => get(&mut stream).await.starts_with("HTTP/1.1 200"),
            Err(_) => false,
        };
    assert!(trusts(&first).await);
    let second = certificate(&files);
    assert!(!trusts(&second).await, "nobody looked yet");
    reloader.look();
    assert!(trusts(&second).await && !trusts(&first).await);

    // A TLS 1.1 client hello with no extension but the one that is looked for first, signature
    // algorithms.
    let hello = b"\x16\x03\x01\x00\x39\x01\x00\x00\x35\x03\x02\
        0123456789abcdef0123456789abcdef\x00\x00\x04\xc0\x13\x00\x2f\x01\x00\
        \x00\x08\x00\x0d\x00\x04\x00\x02\x04\x03";
    let mut stream = server.connect().await;
    stream.write_all(hello).await.unwrap();
    let mut alert = Vec::new();
    drop(stream.read_to_end(&mut alert).await);
    // Fatal alert 70, protocol_version (RFC 8446, 6.2).
    assert_eq!(alert.get(5..), Some(&[2, 70][..]), "{alert:?}");
    let mut plain = server.connect().await;
    assert!(!get(&mut plain).await.contains("200"), "plain HTTP is not spoken there");
    server.stop().await;
}
