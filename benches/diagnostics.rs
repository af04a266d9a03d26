//! What it costs to refuse hostile rule files, and to load ten thousand rules: CPU time, and how much the
//! process grew at its largest. Each is loaded in a process of its own.
//!
//! `cargo bench --profile dev --bench diagnostics`; `-- anchors` for one of them.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints and may panic")]
#![expect(
    clippy::format_collect,
    clippy::format_push_string,
    reason = "made once, before it counts"
)]

use std::process::Command;
use std::time::Duration;

use incidentd::rules::render::{Form, render};
use incidentd::rules::{SourceFile, load};
use rustix::time::{ClockId, clock_gettime};

/// Set for the process that loads one of the inputs.
const CHILD: &str = "--load";

/// A name and how the files are made.
type Input = (&'static str, fn() -> Vec<SourceFile>);

const INPUTS: [Input; 18] = [
    ("ten thousand rules", || rules(10_000)),
    ("a thousand rules", || rules(1_000)),
    ("anchors: 9 of 9 of …", || one(&anchors())),
    ("brackets: 100,000 open", || one(&format!("a: {}", "[".repeat(100_000)))),
    ("brackets: 100,000 pairs", || {
        one(&format!("a: {}{}", "[".repeat(100_000), "]".repeat(100_000)))
    }),
    ("blocks: 100,000 deep", || one(&"- ".repeat(100_000))),
    ("blocks: 2,000 indented", || {
        one(&(0..2_000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect::<String>())
    }),
    ("size: 5 MiB", || one(&"# x\n".repeat(5 << 18))),
    ("comments: 4 MiB", || one(&"# x\n".repeat((4 << 18) - 1))),
    ("scalar: 4 MiB", || one(&format!("version: {}", "x".repeat((4 << 20) - 20)))),
    ("quoted scalar: 4 MiB", || one(&format!("version: \"{}\"", r"\x41".repeat((1 << 20) - 9)))),
    ("keys: 1,000,000", || one(&(0..1_000_000).map(|i| format!("{i}:\n")).collect::<String>())),
    ("keys: one line", || {
        let keys: String = (0..19_000).map(|i| format!("{i}: , ")).collect();
        one(&format!("{{{keys}{}}}", " ".repeat(3 << 20)))
    }),
    ("unknown names: 3,000 of 3,000", || one(&unknown())),
    ("patterns: 2,500 of 256 KiB", || one(&patterns(2_500, r"(\w|é){120}"))),
    ("patterns: 18,000 small", || one(&patterns(18_000, "x.*"))),
    ("matchers: 4 MiB in one line", || {
        let line = "a!=b,".repeat((4 << 20) / 5 - 40);
        one(&format!("{HEAD}  - {{name: r, when: ['{line}'], group: {{by: a}}}}\n"))
    }),
    ("patterns: 4 MiB in one line", || {
        let line = r#"a=~"\\w{999}","#.repeat((4 << 20) / 15 - 40);
        one(&format!("{HEAD}  - {{name: r, when: ['{line}'], group: {{by: a}}}}\n"))
    }),
];

const HEAD: &str = "version: 1\nnamespace: n\nrules:\n";

fn main() {
    let args: Vec<String> = std::env::args().collect();
    if let Some(name) = args.iter().skip_while(|arg| *arg != CHILD).nth(1) {
        return measure(name);
    }
    let only = args.get(1).filter(|arg| !arg.starts_with('-'));
    println!(
        "{:<32} {:>9} {:>9} {:>9} {:>9}",
        "files", "load ms", "tell ms", "grew MiB", "findings"
    );
    for (name, _) in INPUTS {
        if only.is_none_or(|only| name.contains(only.as_str())) {
            Command::new(std::env::current_exe().unwrap()).args([CHILD, name]).status().unwrap();
        }
    }
}

fn measure(name: &str) {
    let (_, make) = INPUTS.into_iter().find(|(known, _)| *known == name).unwrap();
    let files = make();
    let before = peak_kib();
    let start = cpu_ms();
    let loaded = load(&files);
    let load_ms = cpu_ms() - start;
    let grew = f64::from(u32::try_from(peak_kib() - before).unwrap()) / 1024.0;
    let start = cpu_ms();
    let told = render(Form::Human, &loaded.diagnostics, &files);
    let tell_ms = cpu_ms() - start;
    assert_eq!(told.is_empty(), loaded.diagnostics.is_empty());
    let count = loaded.diagnostics.len();
    let first = loaded.diagnostics.first().map_or("", |d| d.code.id);
    println!("{name:<32} {load_ms:>9.1} {tell_ms:>9.1} {grew:>9.1} {count:>9} {first}");
}

/// Returns the time for which the process has had a processor, in milliseconds: other work on the
/// machine does not count.
fn cpu_ms() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap().as_secs_f64() * 1e3
}

/// Returns the most memory the process has had so far, in KiB.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn one(text: &str) -> Vec<SourceFile> {
    vec![SourceFile { name: "hostile.yaml".into(), text: text.into() }]
}

/// Rules as people have them, five hundred in a file: nine in ten ask for one value, the rest for a
/// pattern.
fn rules(count: usize) -> Vec<SourceFile> {
    let rule = |i: usize| {
        let when = if i.is_multiple_of(10) {
            format!("alertname=~\"Alert{i}.*\"")
        } else {
            format!("alertname=\"Alert{i}\"")
        };
        format!(
            "  - name: rule-{i}\n    owner: team-{}\n    when: ['{when}', 'severity=~\"critical|major\"']\n    group: {{by: [service, ci.rack], window: 5m}}\n    incident: {{title: 'Alert {i} on {{{{ labels.service }}}}'}}\n",
            i % 100
        )
    };
    (0..count.div_ceil(500))
        .map(|file| {
            let rules: String = (file * 500..((file + 1) * 500).min(count)).map(rule).collect();
            let teams: String =
                (0..100).map(|i| format!("  team-{i}: {{members: default}}\n")).collect();
            let teams = if file == 0 { format!("teams:\n{teams}") } else { String::new() };
            SourceFile { name: format!("{file:02}.yaml"), text: format!("{HEAD}{rules}{teams}") }
        })
        .collect()
}

fn anchors() -> String {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for i in 1..9 {
        let items = [format!("*a{}", i - 1).as_str(); 9].join(", ");
        text.push_str(&format!("a{i}: &a{i} [{items}]\n"));
    }
    text
}

fn unknown() -> String {
    let teams: String = (0..3_000).map(|i| format!("  t{i:063}: {{next: u{i:063}}}\n")).collect();
    format!("version: 1\nteams:\n{teams}")
}

fn patterns(count: usize, pattern: &str) -> String {
    let line = |i: usize| format!("a=~\"{i}{}\"", pattern.replace('\\', r"\\"));
    let rules: String = (0..count / 50)
        .map(|rule| {
            let lines: Vec<String> =
                (0..50).map(|i| format!("'{}'", line(rule * 50 + i))).collect();
            format!("  - {{name: r{rule}, when: [{}], group: {{by: a}}}}\n", lines.join(", "))
        })
        .collect();
    format!("{HEAD}{rules}")
}
