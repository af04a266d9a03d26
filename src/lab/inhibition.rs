//! Scenarios of inhibition, and its index against the double loop it stands for.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;

use super::story::{START, Story, after};
use super::world::World;
use crate::cmdb::{Topology, Toward, import};
use crate::engine::changes::AlertRow;
use crate::engine::context::{Context, Limits};
use crate::engine::event::Event;
use crate::model::alert::{Details, Inhibitor, Occurrence, Signal, severity};
use crate::model::labels::Labels;
use crate::model::notice::NoticeKind;
use crate::model::timeline::Happening;
use crate::rules::{Inhibit, RuleSet, SourceFile, Subject, load};

const CMDB: &str = "
cis:
  pdu-1: {class: pdu}
  srv-1: {class: server, rack: a}
  srv-2: {class: server, rack: a}
  vm-1: {class: vm}
  web: {class: service}
relations: [pdu-1 -powers-> srv-1, pdu-1 -powers-> srv-2, srv-1 -hosts-> vm-1, vm-1 -runs-> web]
";

const HOST: &str = "
  - name: host
    when: ['alertname!=\"HostDown\"', 'severity=~\"minor|warning\"']
    inhibit: {source: ['alertname=\"HostDown\"'], equal: [host]}
";

pub(super) fn context(rules: &str) -> Context {
    let text = format!("version: 1\nnamespace: t\nrules:{rules}");
    let loaded = load(&[SourceFile { name: "t.yaml".into(), text }]);
    let rules = loaded.set.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics));
    let topology = Topology::build(1, &import::read(CMDB, "cmdb.yaml").unwrap()).unwrap();
    Context::new(Arc::new(rules), Arc::new(topology), Limits::default())
}

pub(super) fn story(rules: &str) -> Story {
    Story { world: World::new(context(rules), START), source: "test".into() }
}

const DOWN: &[(&str, &str)] =
    &[("alertname", "HostDown"), ("host", "h1"), ("severity", "critical")];
const DOWN2: &[(&str, &str)] =
    &[("alertname", "HostDown"), ("host", "h1"), ("severity", "critical"), ("by", "ipmi")];
const DISK: &[(&str, &str)] = &[("alertname", "Disk"), ("host", "h1"), ("severity", "minor")];
const LOAD: &[(&str, &str)] = &[("alertname", "Load"), ("host", "h1"), ("severity", "minor")];
const OTHER: &[(&str, &str)] = &[("alertname", "Disk"), ("host", "h2"), ("severity", "minor")];

/// Names of the alerts that inhibit one, in the order of the names.
fn muted_by(story: &Story, labels: &[(&str, &str)]) -> Vec<String> {
    let image = story.world.image();
    let row = &image.alerts[&Labels::build(&mut labels.to_vec()).unwrap().fingerprint()];
    let name = |by: &Inhibitor| format!("{} {}", image.alerts[&by.alert].labels, by.rule);
    let mut names: Vec<String> = row.state.inhibited_by.iter().map(name).collect();
    names.sort_unstable();
    names
}

#[test]
fn a_source_that_fires_keeps_its_targets_from_opening_and_paging() {
    let mut story = story(HOST);
    story.fire(0, DOWN);
    story.fire(10, DISK);
    story.fire(20, OTHER);
    assert_eq!(
        muted_by(&story, DISK),
        [r#"alertname="HostDown", host="h1", severity="critical" t/host"#]
    );
    assert_eq!(muted_by(&story, OTHER), [""; 0], "another host");
    assert_eq!(story.open(), [1, 2], "one for the host, one for the other disk");
    story.clear(30, DISK);
    story.clear(40, DOWN);
    story.wait(5_000);
    assert_eq!(story.open(), [2]);
}

#[test]
fn what_still_fires_when_the_last_source_ends_is_raised_once_in_one_digest() {
    let mut story = story(HOST);
    story.fire(0, DOWN);
    story.fire(1, DOWN2);
    story.fire(10, DISK);
    story.fire(11, LOAD);
    assert_eq!(muted_by(&story, LOAD).len(), 2, "all causes are listed");
    let before = story.world.sent().len();
    story.clear(20, DOWN);
    assert_eq!(muted_by(&story, LOAD).len(), 1);
    assert_eq!(story.world.sent().len(), before, "the other source still fires");
    story.clear(30, DOWN2);
    assert_eq!((muted_by(&story, DISK).len(), muted_by(&story, LOAD).len()), (0, 0));
    let news: Vec<_> =
        story.world.sent()[before..].iter().filter(|n| n.kind == NoticeKind::Ticket).collect();
    assert_eq!(news.len(), 1, "{news:?}");
    assert_eq!(news[0].also.len(), 1);
    assert!(news[0].because.ends_with("with 1 more that were inhibited"), "{}", news[0].because);
}

#[test]
fn another_topology_mutes_and_unmutes_what_it_changes_and_nothing_else() {
    const RULES: &str = "
  - name: rack
    when: ['severity=\"minor\"']
    inhibit: {source: ['alertname=\"RackDown\"'], equal: [ci.rack]}
  - name: strip
    when: ['severity=\"warning\"']
    inhibit: {source: ['alertname=\"OutputOff\"'], topology: {max_hops: 2}}
";
    let rack = &[("alertname", "RackDown"), ("ci", "srv-1"), ("severity", "critical")];
    let disk = &[("alertname", "Disk"), ("ci", "srv-2"), ("severity", "minor")];
    let strip = &[("alertname", "OutputOff"), ("ci", "pdu-1"), ("severity", "critical")];
    let one = &[("alertname", "Ping"), ("ci", "srv-1"), ("severity", "warning")];
    let two = &[("alertname", "Ping"), ("ci", "srv-2"), ("severity", "warning")];
    let mut story = story(RULES);
    for (at_s, labels) in [(0, &rack[..]), (1, disk), (2, strip), (3, one), (4, two)] {
        story.fire(at_s, labels);
    }
    let muted = |story: &Story| [&disk[..], one, two].map(|labels| muted_by(story, labels).len());
    assert_eq!(muted(&story), [1, 1, 1]);
    // A CI before all others moves every place; the strip no longer powers srv-2.
    let moved = CMDB.replace("cis:\n", "cis:\n  a: {class: vm}\n");
    let with = |text: &str| {
        let topology = Topology::build(2, &import::read(text, "cmdb.yaml").unwrap()).unwrap();
        let old = context(RULES);
        Context::new(Arc::clone(&old.rules), Arc::new(topology), old.limits)
    };
    story.world.rebuild(with(&moved.replace("pdu-1 -powers-> srv-2, ", "")), after(10));
    assert_eq!(muted(&story), [1, 1, 0], "the way is gone");
    story.world.rebuild(
        with(&moved.replace("srv-2: {class: server, rack: a}", "srv-2: {class: server, rack: b}")),
        after(20),
    );
    assert_eq!(muted(&story), [0, 1, 1], "another rack, and the way is back");
    story.world.rebuild(with(CMDB), after(30));
    assert_eq!(muted(&story), [1, 1, 1]);
    story.clear(40, strip);
    assert_eq!(muted(&story), [1, 0, 0]);
}

#[test]
fn a_source_that_comes_late_quietens_what_is_open() {
    let mut story = story(HOST);
    story.fire(0, DISK);
    assert_eq!(story.open(), [1]);
    story.fire(60, DOWN);
    assert!(story.incident(1).quiet);
    let told = story.world.image().timeline_of(story.incident(1).id);
    let quieted = told.into_iter().find(|entry| entry.what == Happening::Quieted).unwrap();
    assert_eq!(
        quieted.text,
        "all that fires of it is held back: Disk is inhibited by HostDown (rule t/host)"
    );
    story.clear(120, DOWN);
    assert!(!story.incident(1).quiet);
    assert!(story.happened(1).contains(&Happening::Raised));
}

#[test]
fn source_and_target_that_end_with_one_delivery_raise_nothing() {
    let mut story = story(HOST);
    story.fire(0, DOWN);
    story.fire(10, DISK);
    let over = |labels: &[(&str, &str)]| {
        let labels = Labels::build(&mut labels.to_vec()).unwrap();
        Occurrence {
            fingerprint: labels.fingerprint(),
            labels,
            signal: Signal::Resolved { at: after(20) },
            starts_at: after(0),
            severity: None,
            details: Arc::new(Details { annotations: Labels::empty(), generator_url: "".into() }),
        }
    };
    let event =
        Event::Received { source: "test".into(), occurrences: vec![over(DOWN), over(DISK)] };
    story.world.event(&event, after(20));
    story.wait(100);
    assert_eq!(story.world.image().incidents.len(), 1, "only the host's");
}

#[test]
fn an_alert_that_is_both_is_not_inhibited_by_one_that_is_both() {
    let mut story = story(
        "
  - name: any
    when: 'severity=\"critical\"'
    inhibit: {source: ['alertname=\"HostDown\"']}
",
    );
    let plain: &[(&str, &str)] = &[("alertname", "Db"), ("severity", "critical")];
    story.fire(0, DOWN);
    story.fire(1, DOWN2);
    story.fire(2, plain);
    assert_eq!((muted_by(&story, DOWN).len(), muted_by(&story, DOWN2).len()), (0, 0));
    assert_eq!(muted_by(&story, plain).len(), 2);
}

#[test]
fn rules_that_inhibit_in_a_circle_settle_in_any_order() {
    let rules = "
  - {name: ab, when: 'x=\"b\"', inhibit: {source: 'x=\"a\"'}}
  - {name: ba, when: 'x=\"a\"', inhibit: {source: 'x=\"b\"'}}
";
    let (a, b) = (&[("x", "a")][..], &[("x", "b")][..]);
    for order in [[a, b], [b, a]] {
        let mut story = story(rules);
        story.fire(0, order[0]);
        story.fire(1, order[1]);
        assert_eq!((muted_by(&story, a).len(), muted_by(&story, b).len()), (1, 1));
        story.clear(2, order[0]);
        assert_eq!(muted_by(&story, order[1]).len(), 0);
    }
}

#[test]
fn of_many_sources_some_are_listed_and_it_is_muted_until_the_last_ends() {
    let mut story = story(HOST);
    let names: Vec<String> = (0..40).map(|n| n.to_string()).collect();
    let source = |n: usize| [("alertname", "HostDown"), ("host", "h1"), ("n", &*names[n])];
    story.fire(0, DISK);
    for n in 0..40 {
        story.fire(1, &source(n));
    }
    assert_eq!(muted_by(&story, DISK).len(), 16);
    for n in 0..39 {
        story.clear(2, &source(n));
        assert_eq!(muted_by(&story, DISK).len(), 16.min(39 - n));
    }
    story.clear(3, &source(39));
    assert_eq!(muted_by(&story, DISK).len(), 0);
}

#[test]
fn what_depends_on_the_source_is_muted_and_its_cause_is_not() {
    let mut story = story(
        "
  - name: power
    when: 'severity=\"minor\"'
    inhibit: {source: 'alertname=\"PduOff\"', topology: {follow: [powers, hosts], max_hops: 2}}
",
    );
    let at = |ci| [("alertname", "Down"), ("ci", ci), ("severity", "minor")];
    story.fire(0, &[("alertname", "PduOff"), ("ci", "pdu-1")]);
    for (ci, muted) in
        [("srv-1", true), ("vm-1", true), ("web", false), ("pdu-1", true), ("x", false)]
    {
        story.fire(1, &at(ci));
        assert_eq!(!muted_by(&story, &at(ci)).is_empty(), muted, "{ci}");
    }
    story.clear(2, &[("alertname", "PduOff"), ("ci", "pdu-1")]);
    story.fire(3, &[("alertname", "PduOff"), ("ci", "srv-1")]);
    for (ci, muted) in [("srv-1", true), ("vm-1", true), ("pdu-1", false)] {
        assert_eq!(!muted_by(&story, &at(ci)).is_empty(), muted, "{ci}");
    }
}

#[test]
fn of_several_sources_each_must_fire() {
    let mut story = story(
        "
  - name: feed
    when: 'alertname=\"NoData\"'
    inhibit:
      sources:
        - {when: 'app=\"parser\"', equal: [cluster]}
        - {when: 'app=\"writer\"'}
",
    );
    let target: &[(&str, &str)] = &[("alertname", "NoData"), ("cluster", "c")];
    let parser: &[(&str, &str)] = &[("alertname", "Down"), ("app", "parser"), ("cluster", "c")];
    let stray: &[(&str, &str)] = &[("alertname", "Down"), ("app", "parser"), ("cluster", "d")];
    let writer: &[(&str, &str)] = &[("alertname", "Down"), ("app", "writer")];
    story.fire(0, target);
    story.fire(1, parser);
    assert_eq!(muted_by(&story, target).len(), 0, "one of the two");
    story.fire(2, writer);
    assert_eq!(muted_by(&story, target).len(), 2);
    story.clear(3, parser);
    assert_eq!(muted_by(&story, target).len(), 0);
    story.fire(4, stray);
    assert_eq!(muted_by(&story, target).len(), 0, "of another cluster");
}

/// What each firing alert is inhibited by, by a loop over all pairs.
fn naive(world: &World) -> Vec<(String, BTreeSet<Inhibitor>)> {
    let ctx = world.context();
    let firing: Vec<&AlertRow> =
        world.image().alerts.values().filter(|row| row.state.fires()).collect();
    let of = |target: &&AlertRow| {
        let mut by = BTreeSet::new();
        for rule in &ctx.rules.rules {
            let Some(kind) = rule.kind.inhibit() else { continue };
            if !rule.matches(&subject(ctx, target)) {
                continue;
            }
            let slots: Vec<Vec<&&AlertRow>> = (0..kind.sources.len())
                .map(|slot| {
                    firing.iter().filter(|it| mutes(ctx, (rule, kind, slot), it, target)).collect()
                })
                .collect();
            if slots.iter().all(|sources| !sources.is_empty()) {
                by.extend(
                    slots.iter().flatten().map(|row| Inhibitor {
                        alert: row.fingerprint,
                        rule: Arc::clone(&rule.name),
                    }),
                );
            }
        }
        (target.labels.to_string(), by)
    };
    firing.iter().map(of).collect()
}

fn mutes(
    ctx: &Context,
    (rule, kind, slot): (&crate::rules::Rule, &Inhibit, usize),
    source: &AlertRow,
    target: &AlertRow,
) -> bool {
    let (from, to) = (subject(ctx, source), subject(ctx, target));
    let asked = &kind.sources[slot];
    let both = |subject: &Subject<'_>| kind.is_source(subject) && rule.matches(subject);
    let reached = kind.reach.as_ref().is_none_or(|reach| {
        let find = |row: &AlertRow| ctx.topology.find(row.ci.as_deref()?);
        let (Some(from), Some(to)) = (find(source), find(target)) else { return false };
        let walk =
            ctx.topology.walk(to, Toward::Causes, ctx.follow(&rule.name), reach.max_hops, 1_000);
        walk.steps().iter().any(|step| step.ci == from)
    });
    asked.takes(&from)
        && asked.values(&from) == asked.values(&to)
        && !(both(&from) && both(&to))
        && reached
}

fn subject<'a>(ctx: &'a Context, row: &'a AlertRow) -> Subject<'a> {
    let ci = row.ci.as_deref().and_then(|ci| ctx.topology.find(ci));
    let severity = severity(row.state.severity.as_deref(), &row.labels);
    Subject::new(&row.labels, severity, ci.map(|ci| ctx.topology.ci(ci)))
}

const MATCHERS: [&str; 9] = [
    r#"a="x""#,
    r#"a=~"x|y""#,
    r#"a!="x""#,
    r#"b="x""#,
    r#"b!~"y|z""#,
    r#"severity="major""#,
    r#"ci.class="server""#,
    r#"ci="pdu-1""#,
    r#"a=~".*""#,
];

fn any_rule() -> impl Strategy<Value = String> {
    let matcher = || prop::sample::select(&MATCHERS[..]);
    let equal = prop::sample::select(
        &["", ", equal: [a]", ", equal: [b, severity]", ", equal: [ci.rack]"][..],
    );
    let reach = prop::sample::select(
        &["", "", ", topology: {}", ", topology: {follow: hosts, max_hops: 1}"][..],
    );
    let sources = prop::collection::vec((matcher(), any::<bool>()), 1..3);
    (matcher(), sources, equal, reach).prop_map(|(when, sources, equal, reach)| {
        let one = |(when, own): &(&str, bool)| {
            let own = if *own { ", equal: [b]" } else { "" };
            format!("{{when: '{when}'{own}}}")
        };
        let sources = sources.iter().map(one).collect::<Vec<_>>().join(", ");
        format!("when: '{when}', inhibit: {{sources: [{sources}]{equal}{reach}}}")
    })
}

#[derive(Clone, Debug)]
enum Deed {
    Fire { a: &'static str, b: &'static str, ci: &'static str, severity: Option<&'static str> },
    Clear(prop::sample::Index),
    Reload(prop::sample::Index),
    Restart,
}

fn any_deed() -> impl Strategy<Value = Deed> {
    let word = || prop::sample::select(&["", "x", "y"][..]);
    let ci = prop::sample::select(&["", "pdu-1", "srv-1", "srv-2", "vm-1", "web"][..]);
    let severity = prop::sample::select(&[None, Some("major"), Some("minor")][..]);
    prop_oneof![
        6 => (word(), word(), ci, severity)
            .prop_map(|(a, b, ci, severity)| Deed::Fire { a, b, ci, severity }),
        3 => any::<prop::sample::Index>().prop_map(Deed::Clear),
        1 => any::<prop::sample::Index>().prop_map(Deed::Reload),
        1 => Just(Deed::Restart),
    ]
}

fn play(world: &mut World, at_s: u64, deed: &Deed, sets: &[Arc<RuleSet>]) {
    let event = |labels: Labels, severity: Option<&str>, signal| Event::Received {
        source: "test".into(),
        occurrences: vec![Occurrence {
            fingerprint: labels.fingerprint(),
            labels,
            signal,
            starts_at: after(at_s),
            severity: severity.map(Into::into),
            details: Arc::new(Details { annotations: Labels::empty(), generator_url: "".into() }),
        }],
    };
    match deed {
        Deed::Fire { a, b, ci, severity } => {
            let mut pairs = vec![("alertname", "X"), ("a", *a), ("b", *b), ("ci", *ci)];
            pairs.retain(|(_, value)| !value.is_empty());
            let signal = Signal::Firing { until: after(at_s + 86_400), explicit: false };
            let labels = Labels::build(&mut pairs).unwrap();
            world.event(&event(labels, *severity, signal), after(at_s));
        }
        Deed::Clear(which) => {
            let firing = world.image().alerts.values().filter(|row| row.state.fires());
            let firing: Vec<Labels> = firing.map(|row| row.labels.clone()).collect();
            if !firing.is_empty() {
                let signal = Signal::Resolved { at: after(at_s) };
                world.event(&event(which.get(&firing).clone(), None, signal), after(at_s));
            }
        }
        Deed::Reload(which) => world.reload(Arc::clone(which.get(sets)), after(at_s)),
        Deed::Restart => world.restart(after(at_s)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn the_index_says_what_the_double_loop_says(
        sets in prop::collection::vec(prop::collection::vec(any_rule(), 1..4), 1..3),
        deeds in prop::collection::vec(any_deed(), 1..30),
    ) {
        let written = |set: &Vec<String>| {
            let rules = set.iter().enumerate();
            rules.map(|(n, rule)| format!("\n  - {{name: r{n}, {rule}}}")).collect::<Vec<_>>().concat()
        };
        let sets: Vec<Arc<RuleSet>> =
            sets.iter().map(|set| Arc::clone(&context(&written(set)).rules)).collect();
        let topology = Arc::clone(&context(HOST).topology);
        let mut world = World::new(Context::new(Arc::clone(&sets[0]), topology, Limits::default()), START);
        for (at_s, deed) in (1..).zip(&deeds) {
            play(&mut world, at_s, deed, &sets);
            let listed: Vec<(String, BTreeSet<Inhibitor>)> = world
                .image()
                .alerts
                .values()
                .filter(|row| row.state.fires())
                .map(|row| (row.labels.to_string(), row.state.inhibited_by.iter().cloned().collect()))
                .collect();
            prop_assert_eq!(&listed, &naive(&world), "after {:?}", deed);
            let muted = listed.iter().filter(|(_, by)| !by.is_empty()).count();
            prop_assert_eq!(world.inhibited(), muted);
            let audible = world.image().alerts.values().filter(|row| row.state.fires() && row.state.is_audible());
            for row in audible {
                prop_assert!(row.state.incident.is_some(), "{} has no incident", row.labels);
            }
        }
    }
}
