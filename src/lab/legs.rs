//! Inhibition where a CI needs only some of its causes: one leg of two holds nothing back.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;

use super::story::{Story, after};
use super::world::World;
use crate::cmdb::{CiId, Topology, Toward, import};
use crate::engine::context::Context;
use crate::model::alert::AlertState;
use crate::model::credit::Credit;
use crate::model::labels::Labels;

const RULES: &str = "
rules:
  - name: power
    when: 'severity=\"minor\"'
    inhibit: {source: 'alertname=\"Off\"', topology: {max_hops: 4}}
";

const CMDB: &str = "
cis:
  a: {class: pdu}
  b: {class: pdu}
  c: {class: pdu}
  srv: {class: server, needs: {powered_by: any}}
  lone: {class: server}
  vm: {class: vm}
  pool: {class: pool, needs: {runs_on: 2}}
relations:
- a -powers-> srv
- b -powers-> srv
- c -powers-> lone
- a -powers-> lone
- srv -hosts-> vm
- vm -runs-> pool
- lone -runs-> pool
- c -runs-> pool
";

fn off(ci: &str) -> [(&'static str, &str); 2] {
    [("alertname", "Off"), ("ci", ci)]
}

fn ping(ci: &str) -> [(&'static str, &str); 3] {
    [("alertname", "Ping"), ("ci", ci), ("severity", "minor")]
}

fn state_of<'a>(world: &'a World, labels: &[(&str, &str)]) -> &'a AlertState {
    let labels = Labels::build(&mut labels.to_vec()).unwrap();
    &world.image().alerts[&labels.fingerprint()].state
}

/// The CIs of the alerts that mute the one about a CI, in the order of their names.
fn muted_by(world: &World, ci: &str) -> Vec<String> {
    let by = &state_of(world, &ping(ci)).inhibited_by;
    let sources = by.iter().map(|by| world.image().alerts[&by.alert].labels.get("ci").unwrap());
    let mut names: Vec<String> = sources.map(Into::into).collect();
    names.sort_unstable();
    names
}

#[test]
fn one_leg_of_two_holds_nothing_back_and_both_do() {
    let mut story = Story::of(RULES, CMDB);
    for (at_s, ci) in [(0, "srv"), (1, "vm"), (2, "lone")] {
        story.fire(at_s, &ping(ci));
    }
    story.fire(10, &off("a"));
    assert_eq!(muted_by(&story.world, "srv"), [""; 0], "b still feeds it");
    assert_eq!(muted_by(&story.world, "vm"), [""; 0], "what stands on it stands");
    assert_eq!(muted_by(&story.world, "lone"), ["a"], "it says nothing of what it needs: all");
    story.fire(20, &off("b"));
    for ci in ["srv", "vm"] {
        assert_eq!(muted_by(&story.world, ci), ["a", "b"], "{ci}: both are needed");
    }
    story.clear(30, &off("a"));
    for ci in ["srv", "vm", "lone"] {
        assert_eq!(muted_by(&story.world, ci), [""; 0], "{ci}: a feeds it again");
    }
}

#[test]
fn a_new_alert_behind_a_leg_that_is_down_is_told() {
    let mut story = Story::of(RULES, CMDB);
    story.fire(0, &off("a"));
    story.fire(10, &ping("srv"));
    assert!(state_of(&story.world, &ping("srv")).is_audible());
    story.fire(20, &off("srv"));
    assert_eq!(muted_by(&story.world, "srv"), ["srv"], "its own CI needs nothing else");
    story.fire(30, &ping("vm"));
    assert_eq!(muted_by(&story.world, "vm"), ["srv"]);
}

#[test]
fn another_need_holds_back_and_lets_go() {
    let mut story = Story::of(RULES, CMDB);
    story.fire(0, &off("a"));
    story.fire(10, &ping("srv"));
    for (version, cmdb, expected) in [
        (2, CMDB.replace(", needs: {powered_by: any}", ""), &["a"][..]),
        (3, CMDB.into(), &[]),
        (4, CMDB.replace("- b -powers-> srv\n", ""), &["a"]),
    ] {
        let old = story.world.context();
        let topology =
            Topology::build(version, &import::read(&cmdb, "cmdb.yaml").unwrap()).unwrap();
        let new = Context::new(Arc::clone(&old.rules), Arc::new(topology), old.limits);
        story.world.rebuild(new, after(10 + version));
        assert_eq!(muted_by(&story.world, "srv"), expected, "version {version}");
    }
}

#[test]
fn a_shadow_is_credited_only_with_what_it_would_hold_back() {
    let rules = RULES.replace("- name: power", "- name: power\n    shadow: true");
    let mut story = Story::of(&rules, CMDB);
    story.fire(0, &off("a"));
    story.fire(10, &ping("srv"));
    let credited = |story: &Story| {
        let credits = story.world.image().credits.values();
        credits.map(|of| of.counts.of(Credit::WouldHoldBack)).sum::<u64>()
    };
    assert_eq!(credited(&story), 0, "b still feeds it");
    story.fire(20, &ping("lone"));
    assert_eq!(credited(&story), 1);
    story.fire(30, &off("b"));
    story.fire(40, &ping("vm"));
    assert_eq!(credited(&story), 2);
}

/// True when the sources that fire take a CI down, as far as the rule reaches.
fn falls(world: &World, ci: CiId, off: &BTreeSet<&str>) -> bool {
    let topology = &world.context().topology;
    let follow = topology.all_relations();
    let walk = topology.walk(ci, Toward::Causes, follow, 4, 4_096);
    let failing = walk.steps().iter().map(|step| step.ci);
    let failing: Vec<CiId> = failing.filter(|ci| off.contains(&*topology.ci(*ci).name)).collect();
    !failing.is_empty() && topology.outage(&failing).takes(ci)
}

const NAMES: [&str; 7] = ["a", "b", "c", "srv", "lone", "vm", "pool"];

proptest! {
    #[test]
    fn what_the_sources_take_down_together_is_held_back_and_nothing_else(
        deeds in prop::collection::vec((any::<bool>(), 0..NAMES.len(), any::<bool>()), 1..30),
    ) {
        let mut story = Story::of(RULES, CMDB);
        let (mut sources, mut targets) = (BTreeSet::new(), BTreeSet::new());
        for (at_s, (is_source, ci, fires)) in (1..).zip(deeds) {
            let ci = NAMES[ci];
            let labels = if is_source { off(ci).to_vec() } else { ping(ci).to_vec() };
            let of = if is_source { &mut sources } else { &mut targets };
            if fires {
                of.insert(ci);
                story.fire(at_s, &labels);
            } else if of.remove(ci) {
                story.clear(at_s, &labels);
            }
            for target in &targets {
                let id = story.world.context().topology.find(target).unwrap();
                let muted = !muted_by(&story.world, target).is_empty();
                prop_assert_eq!(muted, falls(&story.world, id, &sources), "{} {:?}", target, sources);
            }
            if at_s % 7 == 0 {
                let before: Vec<_> = targets.iter().map(|ci| muted_by(&story.world, ci)).collect();
                story.world.restart(after(at_s));
                let again: Vec<_> = targets.iter().map(|ci| muted_by(&story.world, ci)).collect();
                prop_assert_eq!(before, again, "a restart decides nothing otherwise");
            }
        }
    }
}
