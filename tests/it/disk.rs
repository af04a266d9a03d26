//! Where the disk runs full deliveries are refused and people's answers are not; a start is refused.

use super::story::{folder, incidents};
use crate::common::{Daemon, Sink, incidentd, wait_for};

const RULES: &str = "
version: 1
namespace: it
contacts: {oncall: {channels: [sink]}}
defaults: {contact: oncall}
";
const ALERT: &str = r#"{"labels": {"alertname": "DiskFull", "severity": "critical"}}"#;

/// Adds settings, of which the limits are a share of what is free in the folder.
fn limit(dir: &std::path::Path, soft: f64) {
    let stat = rustix::fs::statvfs(dir).unwrap();
    let free = stat.f_bavail * stat.f_frsize;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bytes")]
    #[expect(clippy::cast_precision_loss, reason = "a share, roughly")]
    let soft = (free as f64 * soft) as u64;
    let path = dir.join("config.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let text = text.split("[disk]").next().unwrap();
    std::fs::write(path, format!("{text}[disk]\nsoft_free = \"{soft}B\"\n")).unwrap();
}

#[test]
fn below_the_soft_limit_deliveries_wait_and_people_do_not() {
    let sink = Sink::start();
    let dir = folder(&sink, RULES);
    let mut daemon = Daemon::start(dir.path());
    let mut client = daemon.client();
    assert!(client.get("/readyz").body.contains("disk: normal, "));
    assert_eq!(client.post("/ingest/native", ALERT).status, 200);
    assert_eq!(daemon.stop(), Some(0));

    limit(dir.path(), 1.5);
    daemon.restart();
    let mut client = daemon.client();
    wait_for("the zone", || {
        Some(()).filter(|()| client.get("/readyz").body.contains("disk: soft"))
    });
    for (path, body) in
        [("/ingest/native", ALERT.to_owned()), ("/api/v2/alerts", format!("[{ALERT}]"))]
    {
        let answer = client.post(path, &body);
        assert_eq!(answer.status, 503, "{}", answer.body);
        assert!(answer.headers.iter().any(|(name, _)| name == "retry-after"), "{answer:?}");
        assert!(answer.body.contains("the disk is almost full"), "{}", answer.body);
    }
    let metrics = client.get("/metrics").body;
    assert!(metrics.contains("\nincidentd_disk_zone{zone=\"soft\"} 1\n"), "{metrics}");
    let answer = client.post("/api/v1/incidents/INC-1/ack", r#"{"by": "mia"}"#);
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(incidents(&mut client, "?state=acknowledged").len(), 1);
    assert_eq!(daemon.stop(), Some(0));

    limit(dir.path(), 2.5);
    let (code, _, errors) = incidentd(dir.path(), &["serve", "--config", "config.toml"]);
    assert!(code == 1 && errors.contains("a start needs"), "{code} {errors}");
}
