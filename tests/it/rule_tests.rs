//! `incidentd test` and `explain --test` on files: what they print, write and answer.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::common::incidentd;

const RULES: &str = r#"# rules of the shop
version: 1
namespace: shop
teams: {web: {members: default}}
rules:
  - name: site           # one fire
    owner: web
    when: ['alertname="PingLoss"', 'site!=""']
    group: {by: [site]}
tests:
  - name: one site is one incident
    cmdb: {cis: {a: {class: server}, b: {class: server}}}
    timeline:
      - {at: 0s, fire: 'alertname="PingLoss", site="fra", ci="a", severity="critical"'}
      - {at: 5s, fire: 'alertname="PingLoss", site="fra", ci="b"'}
    expect:
      - at: 1m
        incidents:
          - rule: shop/site
            root: "b"                # wrong
            members: [a]             # too few
            priority: P3
            pages: ['web']           # right
  - name: the other
    cmdb: {cis: {a: {class: server}}}
    timeline: [{at: 0s, fire: 'alertname="PingLoss", ci="a"'}]
    expect: [{at: 1m, incidents: [{root: a, rule: null}]}]
"#;

fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("shop.yaml"), RULES).unwrap();
    dir
}

fn read(dir: &Path, name: &str) -> String {
    std::fs::read_to_string(dir.join(name)).unwrap()
}

#[test]
fn a_failed_test_says_what_came_and_how_to_replay_it_and_that_command_does() {
    let dir = folder();
    let (code, out, errors) = incidentd(dir.path(), &["test", "shop.yaml"]);
    assert_eq!(code, 1, "{out}{errors}");
    let lines: Vec<&str> = out.lines().collect();
    assert!(lines[0].starts_with("✗ shop.yaml  one site is one incident  "), "{out}");
    assert_eq!(
        lines[1..8],
        [
            "    shop.yaml:20:19  at 1m  INC-1 (a)",
            "        root         expected b    got a",
            "        because      opened at 0s: PingLoss a: nothing open explained it under rule shop/site  ← shop.yaml:6",
            "        members      expected [a]    got [a, b]",
            "        because      b: shares site=\"fra\"  ← shop.yaml:6",
            "    rest as expected (rule, pages, priority)",
            "    replay it:  incidentd explain --test shop.yaml:20",
        ]
    );
    assert!(lines[8].starts_with("✓ shop.yaml  the other  "), "{out}");
    assert_eq!(lines[9], "1 passed, 1 failed, 0 skipped · matcher coverage 75 %");

    let (code, out, errors) = incidentd(dir.path(), &["explain", "--test", "shop.yaml:20"]);
    assert_eq!(code, 0, "{errors}");
    assert!(out.starts_with("shop.yaml:11  one site is one incident, up to 1m\n"), "{out}");
    for line in [
        "5s  b  alertname=\"PingLoss\", ci=\"b\", site=\"fra\"  severity=–  fires",
        "    INC-2, part of INC-1: shares site=\"fra\"  ← shop/site (shop.yaml:6)",
        "INC-1  P3  new  ",
    ] {
        assert!(out.contains(line), "{line} in\n{out}");
    }
    let explain = ["explain", "--test", "shop.yaml:20", "--at", "1s", "-o", "json"];
    let (_, out, _) = incidentd(dir.path(), &explain);
    let told: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&told["at_ms"], told["alerts"].as_array().unwrap().len()), (&1_000.into(), 1));
    assert_eq!(told["alerts"][0]["incident"], "INC-1");
    assert_eq!(told["incidents"][0]["rule"], "shop/site");
    let (_, out, _) = incidentd(dir.path(), &["explain", "--test", "shop.yaml:27"]);
    assert!(out.contains("    not shop/site (shop.yaml:6): site!=\"\" (value \"\")\n"), "{out}");
    for (what, code) in [("shop.yaml:3", 4), ("shop.yaml", 2), ("none.yaml:3", 2)] {
        assert_eq!(incidentd(dir.path(), &["explain", "--test", what]).0, code, "{what}");
    }
}

#[test]
fn an_update_changes_the_wrong_values_and_not_another_byte() {
    let dir = folder();
    let (code, out, errors) = incidentd(dir.path(), &["test", "shop.yaml", "--update"]);
    assert_eq!(code, 0, "{out}{errors}");
    assert!(out.starts_with("shop.yaml: 2 expectations rewritten\n"), "{out}");
    assert!(out.contains("2 passed, 0 failed, 0 skipped"), "{out}");
    let expected = RULES.replace("root: \"b\"", "root: \"a\"").replace("[a]  ", "[a, b]  ");
    assert_eq!(read(dir.path(), "shop.yaml"), expected);
    let again = incidentd(dir.path(), &["test", "shop.yaml", "--update"]);
    assert_eq!((again.0, read(dir.path(), "shop.yaml")), (0, expected));
}

#[test]
fn results_are_written_for_ci_servers_and_gaps_are_listed() {
    let dir = folder();
    let (code, out, errors) =
        incidentd(dir.path(), &["test", "shop.yaml", "--junit", "out.xml", "--coverage"]);
    assert_eq!(code, 1, "{out}{errors}");
    let xml = read(dir.path(), "out.xml");
    assert!(xml.contains("<testsuite name=\"shop.yaml\" tests=\"2\" failures=\"1\" "), "{xml}");
    assert!(xml.contains("INC-1 (a): root expected b got a; members "), "{xml}");
    let gap = "shop.yaml:8  never false  shop/site  when  alertname=\"PingLoss\"";
    assert!(out.lines().any(|line| line == gap), "{out}");
    let filter = ["test", "shop.yaml", "--filter", "other"];
    let (code, out, _) = incidentd(dir.path(), &filter);
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("1 passed, 0 failed, 1 skipped"), "{out}");
}

/// A command that runs until it is told to end, and at the latest until the test does.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn a_change_of_a_file_plays_the_tests_again() {
    let dir = folder();
    let command = Command::new(env!("CARGO_BIN_EXE_incidentd"))
        .current_dir(dir.path())
        .args(["test", "shop.yaml", "--watch"])
        .stdout(Stdio::piped())
        .spawn();
    let mut child = Running(command.unwrap());
    let mut lines = BufReader::new(child.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut counts = || {
        let found = lines.find(|line| line.contains(" passed, ")).unwrap();
        assert!(lines.next().unwrap().starts_with("waiting for changes"));
        found
    };
    let first = counts();
    assert!(first.starts_with("1 passed, 1 failed"), "{first}");
    // As an editor does: another file in its place.
    let right = RULES.replace("\"b\"  ", "a").replace("[a]  ", "[a, b]");
    std::fs::write(dir.path().join("new"), right).unwrap();
    std::fs::rename(dir.path().join("new"), dir.path().join("shop.yaml")).unwrap();
    let second = counts();
    assert!(second.starts_with("2 passed, 0 failed"), "{second}");
    let pid = child.0.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    assert_eq!(child.0.wait().unwrap().code(), Some(0));
}
