//! The load that both benchmarks use: alerts of ten labels, 64 a delivery, in groups of a hundred.
#![allow(dead_code, unreachable_pub, reason = "each benchmark uses its own part")]

use core::fmt::Write;

/// Alerts of one delivery; what older versions of Prometheus send at most.
pub const BATCH: usize = 64;

/// Alerts that share an incident.
const GROUP: usize = 100;

/// One rule that makes an incident of every hundred alerts.
pub const RULES: &str = "
version: 1
namespace: load
rules:
  - name: service
    owner: nobody
    summary: What one service says is one incident.
    when: ['service!=\"\"']
    group: {by: [service], window: 1h}
";

/// Returns the labels of alert `n` as JSON.
fn labels(n: usize) -> String {
    format!(
        concat!(
            r#"{{"alertname":"HighLatency","cluster":"eu-central-1","namespace":"shop-{}","#,
            r#""service":"service-{}","pod":"service-{}-7d9c5b6f4-{:06}","instance":"10.{}.{}.{}:9090","#,
            r#""job":"kubernetes-pods","severity":"warning","team":"platform","region":"fra1"}}"#
        ),
        n / 10_000,
        n / GROUP,
        n / GROUP,
        n,
        n / 65_536 % 256,
        n / 256 % 256,
        n % 256,
    )
}

const ANNOTATIONS: &str = r#"{"summary":"p99 latency is above 500 ms","description":"The 99th percentile has been above its limit for ten minutes","runbook_url":"https://runbooks.example/high-latency"}"#;

/// Returns delivery `batch` for the source `native`.
pub fn native_body(batch: usize) -> String {
    let mut body = String::from("[");
    for n in batch * BATCH..(batch + 1) * BATCH {
        let comma = if body.len() == 1 { "" } else { "," };
        let written =
            write!(body, r#"{comma}{{"labels":{},"annotations":{ANNOTATIONS}}}"#, labels(n));
        assert!(written.is_ok(), "a string takes everything");
    }
    body.push(']');
    body
}

/// Returns the resident memory of a process in bytes; 0 where the system does not say.
pub fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.unwrap_or(0) * 1_024
}

/// Returns the processor time a process used, in seconds; 0 where the system does not say.
pub fn cpu_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or("").split(' ').collect();
    let ticks = |at: usize| fields.get(at).and_then(|f| f.parse::<f64>().ok()).unwrap_or(0.0);
    // Fields 14 and 15 of proc(5), in hundredths of a second on Linux.
    (ticks(11) + ticks(12)) / 100.0
}
