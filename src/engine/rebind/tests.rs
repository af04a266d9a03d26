//! The short way to another topology ends where the long one does.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::*;
use crate::cmdb::Topology;
use crate::engine::SavedAlert;
use crate::engine::changes::{AlertRow, Changes, Counters, Saved};
use crate::engine::context::Limits;
use crate::engine::event::Event;
use crate::ingest::{Format, Limits as IngestLimits, Terms, decode};
use crate::model::incident::Incident;
use crate::model::learned::{LearnedKey, LearnedRow};
use crate::model::time::Timestamp;
use crate::model::timeline::Entry;
use crate::rules::{RuleSet, SourceFile, load};

pub(super) const START: Timestamp = Timestamp::from_millis(1_767_603_600_000);

const RULES: &str = "
version: 1
namespace: it
binding:
  - {labels: [[host, n]], attributes: [[short, name]], ignore_case: true}
rules:
  - name: tier
    owner: dc
    summary: What is of tier 1 is urgent, and of a class.
    when: ['ci.tier=\"1\"']
    enrich: {severity: critical, labels: {class: '{{ ci.class }}'}, override: true}
  - name: power
    owner: dc
    summary: A strip explains what hangs off it.
    when: ['ci.class=~\"pdu|ups\"']
    topology: {follow: [powers, hosts], max_hops: 3, lookback: 1h}
@AROUND
  - name: rack
    owner: dc
    summary: What one job says is one incident.
    when: ['job!=\"\"']
    group: {by: [job], window: 1h}
  - name: near
    owner: dc
    summary: What is left belongs to what is near, but for strips.
    when: ['ci.class!=\"pdu\"']
    related: {}
";

/// A rule that asks what else fires, so that nothing can be foretold of what fires.
const AROUND: &str = "
  - name: many
    owner: dc
    summary: Where several fire of one class that a service of tier 1 stands on, each is a cause.
    when:
      - service.tier < 2
      - count: {of: ci, where: 'service.tier!=\"\"', same: ci.class, at_least: 2}
    topology: {follow: [powers, hosts], max_hops: 3, lookback: 1h}";

/// A CI's class and tier; relations by their places.
pub(super) type Plan = (Vec<(usize, u8, u8)>, Vec<(usize, u8, usize)>);

pub(super) fn plan() -> impl Strategy<Value = Plan> {
    let cis = btree_map(0..9usize, (0..4u8, 1..4u8), 0..9);
    let cis =
        cis.prop_map(|cis| cis.into_iter().map(|(n, (class, tier))| (n, class, tier)).collect());
    (cis, vec((0..9usize, 0..4u8, 0..9usize), 0..14))
}

pub(super) fn context(rules: &Arc<RuleSet>, version: u64, (cis, relations): &Plan) -> Context {
    use core::fmt::Write;
    let mut text = String::from("cis:\n");
    for (n, class, tier) in cis {
        let class = ["pdu", "server", "service", "ups"][usize::from(*class)];
        let labels = if *tier == 2 { "labels: {site: fra}" } else { "owner: linux" };
        let needs = if *tier == 3 { ", needs: {powered_by: any}" } else { "" };
        // Some have the same, so that alerts go from one CI to several and back.
        let more = format!("short: {}, {labels}{needs}", n % 3);
        writeln!(text, "  c{n}: {{class: {class}, tier: {tier}, {more}}}").unwrap();
    }
    text.push_str("relations:\n");
    let there = |n: &usize| cis.iter().any(|(ci, _, _)| ci == n);
    for (a, kind, b) in relations.iter().filter(|(a, _, b)| a != b && there(a) && there(b)) {
        let kind = ["powers", "hosts", "runs", "depends_on"][usize::from(*kind)];
        writeln!(text, "- c{a} -{kind}-> c{b}").unwrap();
    }
    let topology = match crate::cmdb::import::read(&text, "t") {
        Ok(rows) => Topology::new(version, rows).unwrap(),
        // Not one CI.
        Err(_) => Topology::new(version, crate::cmdb::Rows::default()).unwrap(),
    };
    Context::new(Arc::clone(rules), Arc::new(topology), Limits::default())
}

/// An alert: its CI, how it names it, whether it has a job, and whether it is over.
pub(super) type Fired = (usize, u8, bool, bool);

pub(super) fn event((ci, by, job, over): Fired) -> Event {
    let label =
        if by == 0 { format!(r#""site":"fra","n":"{ci}""#) } else { format!(r#""ci":"c{ci}""#) };
    let job = if job { r#","job":"j""# } else { "" };
    // Alerts name a second CI, which may be what the first depends on.
    let peer = (ci + 1 + usize::from(by)) % 9;
    let severity = ["info", "warning", "critical"][usize::from(by)];
    let status = if over { "resolved" } else { "firing" };
    let body = format!(
        r#"{{"status":"{status}","labels":{{"alertname":"A{by}",{label}{job},"to":"c{peer}","severity":"{severity}"}}}}"#
    );
    let limits = IngestLimits::default();
    let lease = core::time::Duration::from_hours(24);
    let terms = Terms { received: START, lease, limits: &limits };
    let occurrences = decode(Format::Native, body.as_bytes(), &terms).unwrap().occurrences;
    Event::Received { source: "it".into(), occurrences }
}

/// What is stored of a state, and the state that a start makes of it.
#[derive(Default)]
struct Disk {
    alerts: BTreeMap<Fingerprint, AlertRow>,
    incidents: BTreeMap<IncidentId, Incident>,
    learned: BTreeMap<LearnedKey, LearnedRow>,
    counters: Counters,
}

impl Disk {
    fn take(&mut self, changes: Changes) {
        self.alerts.extend(changes.alerts.into_iter().map(|row| (row.fingerprint, row)));
        self.incidents.extend(changes.incidents.into_iter().map(|it| (it.id, it)));
        self.learned.extend(changes.learned);
        self.counters = changes.counters;
    }

    fn started(&self, ctx: &Context) -> State {
        let alert = |row: &AlertRow| {
            SavedAlert::new(row.fingerprint, row.labels.clone(), row.state.clone())
        };
        let saved = Saved {
            alerts: self.alerts.values().map(alert).collect(),
            incidents: self.incidents.values().cloned().collect(),
            learned: self.learned.clone().into_iter().collect(),
            counters: self.counters.clone(),
            ..Saved::default()
        };
        State::restore(saved, ctx, self.counters.now)
    }
}

/// Where alerts burn.
fn burning(state: &State) -> String {
    let mut standing: Vec<_> =
        state.alerts.iter().map(|(alert, held)| (*alert, held.standing.clone())).collect();
    standing.sort_unstable_by_key(|(alert, _)| *alert);
    format!("{standing:?} {:?}", state.likelihood.burning())
}

/// What a state amounts to, without the numbers that say how often it was looked at.
pub(super) fn essence(state: &mut State) -> (String, Vec<(IncidentId, Entry)>) {
    let seen = state.alerts.iter().map(|(alert, held)| (*alert, held.ci, held.added.clone()));
    let mut alerts: Vec<_> = seen.collect();
    alerts.sort_unstable_by_key(|(alert, _, _)| *alert);
    let mut incidents = Vec::new();
    for case in state.incidents.values() {
        let mut case = case.clone();
        (case.record.topology_version, case.record.revision) = (0, 0);
        // Nor what an incident is called: that is said anew when it changes.
        case.record.title.clear();
        // Nor which services are still to be noted: they are when it is looked at the next time.
        case.tally.take_fresh();
        incidents.push(case);
    }
    // Not: the timers, of which some may be out of date.
    let State { causes, root_at, .. } = &*state;
    let causes: BTreeMap<_, _> = causes.iter().collect();
    let census = state.census.sorted();
    let burning = burning(state);
    let text = format!("{alerts:?}\n{causes:?}\n{root_at:?}\n{census:?}\n{incidents:?}\n{burning}");
    (text, state.pending.take_entries())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_forecast_leads_where_looking_at_everything_leads(
        before in plan(),
        after in plan(),
        fired in vec((0..9usize, 0..3u8, any::<bool>(), prop::bool::weighted(0.2)), 0..12),
        told in any::<u64>(),
        asks_around in any::<bool>(),
    ) {
        let text = RULES.replace("@AROUND", if asks_around { AROUND } else { "" });
        let file = SourceFile { name: "t".into(), text };
        let rules = Arc::new(load(&[file]).set.unwrap());
        let old = context(&rules, 1, &before);
        let new = context(&rules, 2, &after);
        let [mut short, mut long] = [0; 2].map(|_| {
            let mut state = State::restore(Saved::default(), &old, START);
            for (n, alert) in fired.iter().enumerate() {
                let at = START.plus(core::time::Duration::from_secs(n as u64));
                state.apply(&old, &event(*alert), at);
            }
            state
        });
        let mut disk = Disk::default();
        disk.take(short.drain(&old));
        long.drain(&old);
        // There and back again, and each time some alerts come in after the forecast was made.
        let back = context(&rules, 3, &before);
        for (minute, [from, to]) in [[&old, &new], [&new, &back]].into_iter().enumerate() {
            let mut forecast = Forecast::new(&from.topology, &to.topology);
            let known = |alert: &Fingerprint| told >> ((alert.0 + minute as u64) % 64) & 1 == 1;
            for (alert, held) in short.alerts.iter().filter(|(alert, _)| known(alert)) {
                let severity = held.state.severity.as_deref();
                forecast.foretell([from, to], *alert, Told { labels: &held.labels, severity });
            }
            let at = START.plus(core::time::Duration::from_mins(1 + minute as u64));
            short.apply(to, &Event::TopologyChanged(Arc::new(forecast)), at);
            short.apply(to, &Event::Tick, at);
            prop_assert!(short.reviews.is_empty(), "so few at once");
            long.apply(to, &Event::RulesChanged(Arc::new(Forecast::of_nothing())), at);
            let (living, looked_at) = (essence(&mut short), essence(&mut long));
            prop_assert_eq!(&living.0, &looked_at.0);
            prop_assert_eq!(&living.1, &looked_at.1);
            disk.take(short.drain(to));
            long.drain(to);
            let started = disk.started(to);
            prop_assert_eq!(burning(&short), burning(&started), "a start burns nowhere else");
        }
    }
}

#[test]
fn an_incident_that_a_change_does_not_touch_keeps_the_version_it_was_decided_on() {
    let rules = Arc::new(RuleSet::builtin());
    let cis = vec![(1, 1, 1), (2, 1, 1)];
    let old = context(&rules, 1, &(cis.clone(), vec![]));
    let new = context(&rules, 2, &([&cis[..], &[(0, 0, 1)]].concat(), vec![(0, 0, 2)]));
    let mut state = State::restore(Saved::default(), &old, START);
    state.apply(&old, &event((1, 2, false, false)), START);
    state.apply(&old, &event((2, 2, false, false)), START);
    let mut forecast = Forecast::new(&old.topology, &new.topology);
    for (alert, held) in state.alerts.iter() {
        let told = Told { labels: &held.labels, severity: held.state.severity.as_deref() };
        forecast.foretell([&old, &new], *alert, told);
    }
    state.apply(&new, &Event::TopologyChanged(Arc::new(forecast)), START);
    let versions: Vec<u64> = state.incidents().map(|record| record.topology_version).collect();
    assert_eq!(versions, [1, 1], "another cause above one of them changes no priority");
    let causes: Vec<CiId> = state.alerts.values().filter_map(|held| held.ci).collect();
    assert_eq!(causes.len(), 2, "both are bound, at their new places");
}

#[test]
fn many_incidents_are_decided_on_in_turns_and_a_restart_takes_them_up() {
    let rules = Arc::new(RuleSet::builtin());
    let cis = |tier| vec![(1, 2, tier)];
    let old = context(&rules, 1, &(cis(1), vec![]));
    let new = context(&rules, 2, &(cis(3), vec![]));
    let mut state = State::restore(Saved::default(), &old, START);
    for n in 0..250 {
        let body = format!(r#"{{"labels":{{"alertname":"A{n}","ci":"c1"}}}}"#);
        let limits = IngestLimits::default();
        let lease = core::time::Duration::from_hours(24);
        let terms = Terms { received: START, lease, limits: &limits };
        let occurrences = decode(Format::Native, body.as_bytes(), &terms).unwrap().occurrences;
        state.apply(&old, &Event::Received { source: "it".into(), occurrences }, START);
    }
    let changes = state.drain(&old);
    let of = |state: &State, version| {
        state.incidents().filter(|record| record.topology_version == version).count()
    };
    assert_eq!(of(&state, 1), 250);
    let forecast = Forecast::new(&old.topology, &new.topology);
    state.apply(&new, &Event::TopologyChanged(Arc::new(forecast)), START);
    for decided in [0, 50, 100, 150, 200, 250] {
        assert_eq!(of(&state, 2), decided);
        assert_eq!(state.next_due() == Some(START), decided < 250, "the rest is due at once");
        state.apply(&new, &Event::Tick, START);
    }
    let saved =
        Saved { incidents: changes.incidents, counters: changes.counters, ..Saved::default() };
    let mut state = State::restore(saved, &new, START);
    assert_eq!(of(&state, 2), 0);
    for _ in 0..5 {
        state.apply(&new, &Event::Tick, START);
    }
    assert!(state.reviews.is_empty());
}

#[test]
fn what_the_topology_before_said_is_let_go_with_the_next_events() {
    let ctx = context(&Arc::new(RuleSet::builtin()), 1, &(vec![], vec![]));
    let mut state = State::restore(Saved::default(), &ctx, START);
    state.spent = (0..1_200).map(|n| (CiId(n), Arc::default())).collect();
    for left in [700, 200, 0, 0] {
        state.apply(&ctx, &Event::Tick, START);
        assert_eq!(state.spent.len(), left);
    }
}
