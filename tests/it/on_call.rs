//! Who stands in on call by command: from the command line to the page, across `kill -9` and a reload.

use super::story::folder;
use crate::common::{Daemon, Sink, incidentd, wait_for};

const RULES: &str = "version: 1
namespace: it
contacts:
  anna: {channels: [sink]}
  bert: {channels: [sink]}
  carla: {channels: [sink]}
rotations:
  shop:
    zone: Europe/Berlin
    layers: [{members: [anna], handover: {at: '09:00'}, every: 1d, start: 2020-01-06}]
teams: {shop: {members: [anna], on_call: shop}}
defaults: {team: shop}
";

#[test]
fn whoever_stands_in_by_command_is_paged_after_a_crash_and_named_once_the_rules_forget_them() {
    let sink = Sink::start();
    let dir = folder(&sink, RULES);
    let mut daemon = Daemon::start(dir.path());
    let server = format!("http://{}", daemon.address);
    let run = |args: &[&str]| incidentd(dir.path(), &[&["-s", &server], args].concat());
    let long = ["--to", "2090-01-01T00:00:00Z", "--as", "mia", "-m", "ill"];
    let (code, out, errors) =
        run(&[&["oncall", "override", "shop", "--who", "carla"][..], &long].concat());
    assert_eq!(code, 0, "{errors}");
    assert!(out.contains("shop") && out.contains("carla") && out.contains("mia"), "{out}");
    daemon.kill();
    daemon.restart();
    let (_, now, _) = run(&["oncall", "now"]);
    assert!(now.contains("stands in by override 1 of mia: ill"), "{now}");
    let (code, _, errors) = run(&["alerts", "send", "alertname=Down", "severity=critical"]);
    assert_eq!(code, 0, "{errors}");
    let page = wait_for("the page", || sink.taken("page").first().cloned());
    assert_eq!(page["contact"], "carla");

    let file = dir.path().join("rules/it.yaml");
    std::fs::write(&file, RULES.replace("  carla: {channels: [sink]}\n", "")).unwrap();
    let named = "override 1 of shop: the rule files have no contact carla any more";
    let (code, _, errors) = run(&["rules", "reload"]);
    assert!(code == 0 && errors.contains(named), "{errors}");
    let (_, out, _) = run(&["doctor"]);
    assert!(out.contains(named), "{out}");
    let (_, now, _) = run(&["oncall", "now"]);
    assert!(now.contains("anna") && now.contains("has the shift in rotation shop"), "{now}");

    let (code, out, errors) = run(&["oncall", "overrides", "drop", "1"]);
    assert!(code == 0 && out.contains("override 1 is dropped"), "{out}{errors}");
    let (code, _, errors) = run(&["oncall", "overrides", "drop", "1"]);
    assert!(code != 0 && errors.contains("no override has the number 1"), "{errors}");
}
