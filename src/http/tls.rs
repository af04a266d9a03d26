//! Certificate and key: read, checked against each other, and read again when they change.
//!
//! A new pair that cannot be used never replaces one that can: connections go on with the old one, the
//! log and a metric say so. Old versions of TLS are not spoken: rustls knows 1.2 and 1.3 alone.

use core::time::Duration;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::sync::watch;
use tokio_rustls::rustls::{self, ServerConfig};
use tracing::{error, info};

use crate::settings::http::Tls;
use crate::telemetry::doors::Certificate;
use crate::telemetry::metrics::Metrics;

/// How often the files are looked at.
const LOOKED_EVERY: Duration = Duration::from_secs(5);

/// Certificate and key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or holds something else.
    #[error("{}: {reason}, expected a PEM file with {expected}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
        /// What it should hold.
        expected: &'static str,
    },
    /// They do not belong together, or are of a kind that is not known.
    #[error("{} and {} cannot be used together: {reason}", cert.display(), key.display())]
    Pair {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What is wrong.
        reason: rustls::Error,
    },
}

/// Reads certificate and key.
///
/// # Errors
/// When they cannot be used.
pub fn load(files: &Tls) -> Result<Arc<ServerConfig>, TlsError> {
    let refuse = |path: &Path, reason: &dyn core::fmt::Display, expected| TlsError::File {
        path: path.into(),
        reason: reason.to_string(),
        expected,
    };
    let chain = "a certificate and its chain";
    let certs: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&files.cert)
        .and_then(Iterator::collect)
        .map_err(|error| refuse(&files.cert, &error, chain))?;
    if certs.is_empty() {
        return Err(refuse(&files.cert, &"it holds none", chain));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|error| refuse(&files.key, &error, "a private key"))?;
    let pair = |reason| TlsError::Pair { cert: files.cert.clone(), key: files.key.clone(), reason };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(pair)?
        .with_no_client_auth()
        .with_single_cert(certs, key)
        .map_err(pair)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Tells a file from what it was: time and size, and the inode, because a renamed file may be older.
type Stamp = [Option<(i64, i64, u64, u64)>; 2];

/// Sees whether the files changed, and takes the new pair where it can be used.
#[derive(Debug)]
pub struct Reloader {
    files: Tls,
    seen: Stamp,
    current: watch::Sender<Arc<ServerConfig>>,
    metrics: Arc<Metrics>,
}

impl Reloader {
    /// Reads the pair; the receiver always has the newest that can be used.
    ///
    /// # Errors
    /// When it cannot be used.
    pub fn start(
        files: Tls,
        metrics: Arc<Metrics>,
    ) -> Result<(Self, watch::Receiver<Arc<ServerConfig>>), TlsError> {
        // Before the files are read: a change meanwhile is then seen at the first look.
        let seen = stamp(&files);
        let (current, newest) = watch::channel(load(&files)?);
        Ok((Self { files, seen, current, metrics }, newest))
    }

    /// Looks at the files every few seconds until nobody listens any more.
    pub async fn run(mut self) {
        loop {
            tokio::select! {
                () = self.current.closed() => return,
                () = tokio::time::sleep(LOOKED_EVERY) => {}
            }
            let looked = tokio::task::spawn_blocking(move || {
                self.look();
                self
            });
            match looked.await {
                Ok(reloader) => self = reloader,
                Err(error) => {
                    error!(%error, "certificates are no longer looked at");
                    return;
                }
            }
        }
    }

    /// Takes the pair if it changed.
    pub fn look(&mut self) {
        let found = stamp(&self.files);
        if found == self.seen {
            return;
        }
        self.seen = found;
        match load(&self.files) {
            Ok(config) => {
                self.current.send_replace(config);
                self.metrics.doors.reloaded(Certificate::Accepted);
                info!("the certificate is read again");
            }
            Err(error) => {
                self.metrics.doors.reloaded(Certificate::Refused);
                error!(%error, "the new certificate cannot be used; the old one stays in force");
            }
        }
    }
}

fn stamp(files: &Tls) -> Stamp {
    [&files.cert, &files.key].map(|path| {
        let meta = path.metadata().ok()?;
        Some((meta.mtime(), meta.mtime_nsec(), meta.size(), meta.ino()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(dir: &Path, name: &str) -> rcgen::CertifiedKey<rcgen::KeyPair> {
        let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
        std::fs::write(dir.join("cert"), made.cert.pem()).unwrap();
        std::fs::write(dir.join("key"), made.signing_key.serialize_pem()).unwrap();
        made
    }

    #[test]
    fn a_bad_pair_never_replaces_a_good_one() {
        let dir = tempfile::tempdir().unwrap();
        let files = Tls { cert: dir.path().join("cert"), key: dir.path().join("key") };
        write(dir.path(), "a.example");
        let metrics = Arc::new(Metrics::new(&[], &[]).unwrap());
        let (mut reloader, newest) = Reloader::start(files.clone(), metrics).unwrap();
        let first = Arc::clone(&newest.borrow());
        reloader.look();
        assert!(Arc::ptr_eq(&first, &newest.borrow()), "nothing changed");

        let other = rcgen::generate_simple_self_signed(vec!["b.example".to_owned()]).unwrap();
        for bad in [other.cert.pem().as_str(), "garbage", ""] {
            std::fs::write(&files.cert, bad).unwrap();
            reloader.look();
            assert!(Arc::ptr_eq(&first, &newest.borrow()), "{bad}");
        }
        std::fs::remove_file(&files.cert).unwrap();
        reloader.look();
        assert!(Arc::ptr_eq(&first, &newest.borrow()));

        write(dir.path(), "c.example");
        reloader.look();
        assert!(!Arc::ptr_eq(&first, &newest.borrow()));
    }

    #[test]
    fn what_is_wrong_with_a_file_is_told_by_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let files = Tls { cert: dir.path().join("cert"), key: dir.path().join("key") };
        assert!(load(&files).unwrap_err().to_string().contains("expected a PEM file with a cert"));
        write(dir.path(), "a.example");
        std::fs::write(&files.key, "garbage").unwrap();
        assert!(load(&files).unwrap_err().to_string().contains("with a private key"));
    }
}
