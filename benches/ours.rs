//! The real daemon of a benchmark: on a folder of its own, with settings, rule files, a CMDB, and a
//! channel to a receiver.
#![allow(dead_code, unreachable_pub, reason = "each benchmark uses its own part")]

use core::fmt::Write;
use std::net::SocketAddr;

use crate::common::Daemon;
use crate::estate;

const SETTINGS: &str = "[limits]\nalerts_per_source = 10000000\n[log]\nlevel = \"warn\"\n";

/// Whom incidents page, at once and as often as need be.
pub const DESK: &str = "contacts: {desk: {channels: [receiver], page_budget: {pages: 1000, within: 1s}}}\ndefaults: {contact: desk}\n";

/// Rules of one file: a file may hold some 20,000 values.
const FILE_RULES: usize = 1_000;

/// What a daemon is started with.
#[derive(Debug, Default)]
pub struct Setup {
    /// Sections beside those of every benchmark.
    pub settings: String,
    /// Names and texts of the rule files.
    pub rules: Vec<(String, String)>,
    /// CIs of the CMDB.
    pub cis: usize,
}

/// Starts incidentd with a channel `receiver` to this address; its folder goes when what is returned
/// is dropped.
pub fn start(setup: &Setup, receiver: SocketAddr) -> (tempfile::TempDir, Daemon) {
    let folder = tempfile::tempdir().unwrap();
    let settings = format!(
        "{SETTINGS}[channels.receiver]\nkind = \"webhook\"\nurl = \"http://{receiver}/\"\nallow_private = true\n{}",
        setup.settings
    );
    std::fs::write(folder.path().join("config.toml"), settings).unwrap();
    std::fs::create_dir(folder.path().join("rules")).unwrap();
    for (name, text) in &setup.rules {
        std::fs::write(folder.path().join("rules").join(name), text).unwrap();
    }
    let daemon = Daemon::start(folder.path());
    let answer = daemon.client().try_send("PUT", "/api/v1/cmdb", &cmdb(setup.cis)).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    (folder, daemon)
}

/// Returns the rule files that are shipped.
pub fn shipped() -> Vec<(String, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/rules/base");
    let file = |path: std::path::PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, std::fs::read_to_string(&path).unwrap())
    };
    std::fs::read_dir(folder).unwrap().map(|entry| file(entry.unwrap().path())).collect()
}

/// Rules of every kind. Those by which the alerts of the load are judged come first: they are grouped
/// by service, inhibited by a critical one of their instance, and get a label more. The others ask for
/// other names, one in ten by a pattern. Returns names and texts of the files; the first has all that
/// matters for the load.
pub fn rules(count: usize) -> Vec<(String, String)> {
    let head = "version: 1\nnamespace: load\n";
    let judged = "rules:\n\
         \x20 - {name: service, owner: desk, when: 'service!=\"\"', group: {by: [service], window: 1h}}\n\
         \x20 - {name: worse, owner: desk, when: 'severity=~\"warning|info\"', inhibit: {source: 'severity=\"critical\"', equal: [alertname, instance]}}\n\
         \x20 - {name: desk, owner: desk, when: 'job=~\"kubernetes-.*\"', enrich: {labels: {desk: 'desk-{{ labels.cluster }}'}}}\n\
         \x20 - {name: related, owner: desk, when: 'job=\"batch\"', related: {scope: [namespace]}}\n";
    let mut files = vec![("load.yaml".to_owned(), [head, DESK, judged].concat())];
    for n in 4..count {
        if n % FILE_RULES == 0 {
            files.push((format!("load-{n}.yaml"), format!("{head}rules:\n")));
        }
        let (_, text) = files.last_mut().unwrap();
        let kind = match n % 10 {
            0 => {
                "topology: {follow: [powers, hosts, runs], wait: 30s}, resolve: {when: root_clears}"
            }
            1 => {
                "storm: {per: [region], enter: {distinct: ci, count: 30, within: 2m}, leave: {below: 5, for: 10m}}"
            }
            2 => {
                "sequence: {by: [cluster], steps: [{name: first, when: 'step=\"1\"'}, {name: second, when: 'step=\"2\"'}], within: 10m}"
            }
            3 => "absence: {for: 5m, per: [cluster], alertname: Silent}",
            4 => "inhibit: {source: 'alertname=\"Cause\"', equal: [cluster]}",
            5 => "known_error: {id: KE-1, workaround: 'restart it'}",
            6 => "quiet: {every: {days: [sat], at: '02:00', for: 4h, zone: UTC}}",
            7 => "enrich: {category: software}",
            8 => "drop: {reason: nobody is on call for it}",
            _ => "group: {by: [service]}",
        };
        let named =
            if n % 10 == 9 { format!("=~\"Other{n}.*\"") } else { format!("=\"Other{n}\"") };
        writeln!(text, "  - {{name: r{n}, owner: desk, when: 'alertname{named}', {kind}}}")
            .unwrap();
    }
    files
}

/// Returns the CMDB of the other benchmarks as a file of our own form.
pub fn cmdb(count: usize) -> String {
    let rows = estate::rows(count);
    let ci = |ci: &incidentd::cmdb::CiRow| {
        let mut fields: serde_json::Map<String, serde_json::Value> =
            ci.attributes.iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        fields.insert("class".into(), (*ci.class).into());
        (ci.name.to_string(), fields.into())
    };
    let cis: serde_json::Map<_, serde_json::Value> = rows.cis.iter().map(|it| ci(it)).collect();
    let relations: Vec<String> = rows
        .relations
        .iter()
        .map(|it| format!("{} -{}-> {}", it.from, it.relation, it.to))
        .collect();
    serde_json::json!({"cis": cis, "relations": relations}).to_string()
}
