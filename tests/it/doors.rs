//! Credentials, deliveries that come twice, the quarantine and TLS, as an operator meets them.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::common::{Daemon, free_address, incidentd, wait_for};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

fn settings(dir: &Path, text: &str) {
    let text = text.replace('@', &format!("file:{}", dir.display()));
    std::fs::write(dir.join("config.toml"), text).unwrap();
    for name in ["mia", "shop"] {
        std::fs::write(dir.join(name), format!("{name}-{TOKEN}\n")).unwrap();
    }
}

#[test]
fn with_users_the_api_asks_for_a_token_and_the_command_line_shows_it() {
    let dir = tempfile::tempdir().unwrap();
    settings(
        dir.path(),
        "[users.mia]\nname = 'm.ito'\nrole = 'operator'\nsecrets = ['@/mia']\n\
         [sources.shop]\nformat = 'native'\nauth = 'bearer'\nsecrets = ['@/shop']\n",
    );
    let daemon = Daemon::start(dir.path());
    let server = format!("http://{}", daemon.address);
    let run = |args: &[&str]| incidentd(dir.path(), &[&["-s", server.as_str()][..], args].concat());
    let mut client = daemon.client();
    assert_eq!(client.get("/api/v1/incidents").status, 401);
    assert_eq!(client.post("/ingest/shop", "{}").status, 401);
    assert_eq!(client.post("/ingest/native", r#"{"labels": {"alertname": "A"}}"#).status, 200);
    let (code, _, errors) = run(&["incidents", "ls"]);
    assert_eq!(code, 6, "{errors}");
    assert!(errors.contains("--token-file"), "{errors}");
    let (code, _, errors) = run(&["incidents", "ls", "--token-file", "shop"]);
    assert_eq!(code, 6, "{errors}");
    let (code, said, errors) =
        run(&["incidents", "ack", "INC-1", "--as", "bob", "--token-file", "mia"]);
    assert_eq!(code, 0, "{errors}");
    assert!(said.contains("INC-1 acked by bob by m.ito"), "{said}");
    let log = daemon.log();
    assert!(!log.contains(TOKEN), "{log}");
}

#[test]
fn what_cannot_be_read_is_replayed_once_the_limit_is_raised_and_survives_a_crash() {
    let dir = tempfile::tempdir().unwrap();
    settings(dir.path(), "[limits]\nlabels = 1\n");
    let mut daemon = Daemon::start(dir.path());
    let server = format!("http://{}", daemon.address);
    let run = |args: &[&str]| incidentd(dir.path(), &[&["-s", server.as_str()][..], args].concat());
    let alert = r#"{"labels": {"alertname": "A", "host": "b"}}"#;
    let refused = daemon.client().post("/ingest/native", alert);
    assert_eq!((refused.status, &refused.json()["quarantined"]), (422, &1.into()));
    let (code, listed, _) = run(&["quarantine", "ls"]);
    assert_eq!(code, 0);
    assert!(listed.contains("native") && listed.contains("limits.labels"), "{listed}");
    assert_eq!(run(&["quarantine", "replay", "1"]).0, 5);

    settings(dir.path(), "");
    daemon.crash();
    let (code, shown, _) = run(&["quarantine", "show", "1"]);
    assert_eq!(code, 0);
    assert!(shown.contains(alert), "{shown}");
    let (code, said, errors) = run(&["quarantine", "replay", "1"]);
    assert_eq!(code, 0, "{errors}");
    assert!(said.contains("1 began"), "{said}");
    assert_eq!(run(&["quarantine", "drop", "1"]).0, 4);
    assert_eq!(daemon.client().get("/api/v1/alerts").json()["items"][0]["labels"]["host"], "b");
}

/// A daemon that speaks TLS; killed when it is dropped.
struct Encrypted(Child);

impl Drop for Encrypted {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn the_command_line_speaks_tls_with_a_certificate_it_is_told_to_trust() {
    let dir = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(dir.path().join("cert"), made.cert.pem()).unwrap();
    std::fs::write(dir.path().join("key"), made.signing_key.serialize_pem()).unwrap();
    std::fs::write(dir.path().join("config.toml"), "[http]\ntls_cert = 'cert'\ntls_key = 'key'\n")
        .unwrap();
    let address = free_address();
    let child = Command::new(env!("CARGO_BIN_EXE_incidentd"))
        .args(["serve", "--config", "config.toml", "--listen", &address.to_string()])
        .current_dir(dir.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _daemon = Encrypted(child);
    let server = format!("https://localhost:{}", address.port());
    let run = |more: &[&str]| {
        incidentd(dir.path(), &[&["-s", server.as_str(), "alerts", "ls"][..], more].concat()).0
    };
    wait_for("an answer over TLS", || (run(&["--ca-file", "cert"]) == 0).then_some(()));
    assert_eq!(run(&[]), 3, "a certificate that nobody vouches for");
    assert_eq!(run(&["--ca-file", "nowhere"]), 2);
}
