//! Other rules, or another topology, come into force while incidents are open.

use core::time::Duration;
use std::sync::Arc;

use super::story::{DISK, PDU, RULES, START, Story, after, rules_of};
use crate::cmdb::{Topology, import};
use crate::engine::context::Context;
use crate::model::labels::Labels;
use crate::model::notice::NoticeKind;
use crate::rules::{RuleSet, SourceFile, load};

fn rules(default: &str) -> Arc<RuleSet> {
    with(&format!("policies:\n  default: {{functional: [{default}]}}\n"))
}

/// The story's rules with a further section.
fn with(section: &str) -> Arc<RuleSet> {
    let text = format!("{RULES}{section}");
    let loaded = load(&[SourceFile { name: "t.yaml".into(), text }]);
    Arc::new(loaded.set.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics)))
}

#[test]
fn an_open_incident_keeps_the_policy_it_began_with() {
    let mut story = Story::new();
    let ctx = story.world.context();
    let (topology, limits) = (Arc::clone(&ctx.topology), ctx.limits);
    let slow = rules("{after: 10m, notify: assigned}");
    story.world = super::world::World::new(Context::new(slow, topology, limits), START);
    story.fire(0, PDU);
    let quick = rules("{after: 1m, notify: assigned}");
    story.world.reload(quick, START.plus(Duration::from_secs(30)));
    story.fire(40, DISK);
    story.wait(599);
    assert_eq!(story.told(NoticeKind::Page), ["INC-2 default"], "only the later one is quick");
    story.wait(600);
    assert_eq!(story.world.sent().len(), 2);
    assert_eq!(story.world.sent()[1].created_at, after(600));
}

#[test]
fn other_binding_keys_bind_what_fires_anew() {
    let mut story = Story::new();
    let labels = [("alertname", "Slow"), ("host", "SRV-1.example.com:9100")];
    story.fire(0, &labels);
    let alert = Labels::build(&mut labels.to_vec()).unwrap().fingerprint();
    let options = "strip_port: true, strip_domain: true, ignore_case: true";
    let key = format!("binding:\n  - {{labels: [host], attributes: [name], {options}}}\n");
    for (at_s, rules, ci) in [
        (10, with(""), None),
        (20, with(&key), Some("srv-1")),
        (30, with("binding: []\n"), None),
        (40, with(&key), Some("srv-1")),
    ] {
        story.world.reload(rules, after(at_s));
        let found = story.world.ask_about(alert, |it| it.ci.map(|ci| ci.name.to_string()));
        assert_eq!(found.flatten().as_deref(), ci, "at {at_s} s");
    }
}

#[test]
fn an_alert_is_explained_by_what_is_above_its_ci_by_then() {
    let power = |follow: &str| {
        format!(
            "rules:\n  - name: power\n    owner: dc\n    when: ['ci.class=\"pdu\"']\n    \
             topology: {{follow: [{follow}], max_hops: 2}}\n"
        )
    };
    let cmdb = |relations: &str| {
        format!(
            "cis: {{pdu-1: {{class: pdu}}, srv-1: {{class: server}}}}\nrelations: [{relations}]\n"
        )
    };
    let mut story = Story::of(&power("powers"), &cmdb(""));
    story.fire(0, PDU);
    let fire = |story: &mut Story, at_s: u64, name: &str| {
        story.fire(at_s, &[("alertname", name), ("ci", "srv-1"), ("severity", "warning")]);
        story.open()
    };
    assert_eq!(fire(&mut story, 1, "A"), [1, 2], "nothing is above it");
    let rows = import::read(&cmdb("pdu-1 -powers-> srv-1"), "cmdb.yaml").unwrap();
    let topology = Arc::new(Topology::build(2, &rows).unwrap());
    let (rules, limits) = (Arc::clone(&story.world.context().rules), story.world.context().limits);
    story.world.rebuild(Context::new(rules, topology, limits), after(10));
    let before = story.open();
    assert_eq!(fire(&mut story, 11, "B"), before, "what powers it explains it");
    story.world.reload(rules_of(&power("hosts")), after(20));
    assert_eq!(fire(&mut story, 21, "C").len(), before.len() + 1, "that is not followed any more");
    story.world.reload(rules_of(&power("powers")), after(30));
    assert_eq!(fire(&mut story, 31, "D").len(), before.len() + 1, "it is followed again");
}
