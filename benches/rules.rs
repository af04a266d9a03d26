//! Matching one alert against many rules: the index, and the candidates it finds put to the test.
//!
//! Nine rules in ten ask for an alert's name, every tenth has a pattern, half of them for the name
//! and half for the instance. Processor time, so that what else the machine does counts little. A hit is an alert that one of the rules matches, a miss one of none.
//!
//! `cargo bench --profile dev --bench rules`
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark prints and may panic"
)]
#![expect(clippy::cast_precision_loss, reason = "figures for people")]

use core::fmt::Write;
use std::hint::black_box;

use incidentd::model::labels::Labels;
use incidentd::rules::{RuleSet, SourceFile, Subject, load};
use rustix::time::{ClockId, clock_gettime};

const ROUNDS: usize = 5;
const ALERTS: usize = 200_000;
/// A file holds at most 20,000 values.
const RULES_PER_FILE: usize = 1_000;

fn main() {
    println!("one alert of ten labels; best of {ROUNDS} rounds of {ALERTS}");
    println!(
        "{:>8} {:>10} {:>14} {:>14} {:>14}",
        "rules", "load ms", "miss ns", "hit ns", "pattern ns"
    );
    for rules in [10, 100, 200, 1_000, 10_000] {
        measure(rules);
    }
}

/// Returns the processor time of this thread so far, in seconds.
fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn measure(rules: usize) {
    let files: Vec<SourceFile> =
        (0..rules).step_by(RULES_PER_FILE).map(|from| file(from, rules)).collect();
    let began = cpu_seconds();
    let loaded = load(&files);
    let set = loaded.set.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics.first()));
    let load_ms = (cpu_seconds() - began) * 1e3;
    let [miss, hit, pattern] = [
        cost(&set, 0, &|n| alert("NothingOfTheKind", &format!("10.0.{}.{}:9090", n % 7, n % 251))),
        // Rules whose number does not end in 0 ask for a name.
        cost(&set, 1, &|n| alert(&format!("Service{}Down", (n * 10 + 1) % rules), "10.0.0.1:9090")),
        cost(&set, 1, &|n| pattern_alert((n * 10) % rules)),
    ];
    println!("{rules:>8} {load_ms:>10.1} {miss:>14.0} {hit:>14.0} {pattern:>14.0}");
}

/// Returns the best nanoseconds for an alert; each must match so many rules.
fn cost(set: &RuleSet, matching: usize, make: &dyn Fn(usize) -> Labels) -> f64 {
    let alerts: Vec<Labels> = (0..512).map(make).collect();
    for labels in &alerts {
        assert_eq!(
            set.matching(&Subject::new(labels, "critical", None)).len(),
            matching,
            "{labels}"
        );
    }
    let round = |_| {
        let began = cpu_seconds();
        for n in 0..ALERTS {
            let subject = Subject::new(alerts.get(n % alerts.len()).unwrap(), "critical", None);
            black_box(set.matching(black_box(&subject)));
        }
        (cpu_seconds() - began) / ALERTS as f64 * 1e9
    };
    (0..ROUNDS).map(round).fold(f64::INFINITY, f64::min)
}

/// Returns an alert that only the rule with the pattern of this number matches.
fn pattern_alert(n: usize) -> Labels {
    if n.is_multiple_of(20) {
        alert(&format!("Node{n}xDiskIsFull"), "10.0.0.1:9090")
    } else {
        alert("NothingOfTheKind", &format!("db-{n}-17.example.net:9100"))
    }
}

fn alert(alertname: &str, instance: &str) -> Labels {
    let mut pairs = [
        ("alertname", alertname),
        ("cluster", "eu-central-1"),
        ("namespace", "shop-7"),
        ("service", "checkout"),
        ("pod", "checkout-7d9c5b6f4-x2x9z"),
        ("instance", instance),
        ("job", "kubernetes-pods"),
        ("severity", "critical"),
        ("team", "platform"),
        ("region", "fra1"),
    ];
    Labels::build(&mut pairs).unwrap()
}

fn file(from: usize, rules: usize) -> SourceFile {
    let mut text = String::from("version: 1\nnamespace: bench\nrules:\n");
    for n in from..rules.min(from + RULES_PER_FILE) {
        let when = match n % 20 {
            0 => {
                format!("severity=\"critical\", alertname=~\"(?:Node|Host){n}x.*(?:Full|Filling)\"")
            }
            10 => format!("instance=~\"(?i:db-{n}-)[0-9]+[.].+\", severity!=\"info\""),
            _ => format!("alertname=\"Service{n}Down\", severity=~\"critical|major\""),
        };
        let rule = format!(
            "  - {{name: r{n}, owner: nobody, when: '{when}', group: {{by: [service]}}}}\n"
        );
        text.write_str(&rule).unwrap();
    }
    SourceFile { name: format!("bench-{from}.yaml"), text }
}
