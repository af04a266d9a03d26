//! A small company for the engine's scenarios: its rules, its CMDB, and what can happen in it.

use core::time::Duration;
use std::sync::Arc;

use super::world::World;
use crate::cmdb::{Topology, import};
use crate::engine::context::{Context, Limits};
use crate::engine::event::Event;
use crate::engine::order::{Command, Order};
use crate::engine::reply::{Handled, Received, Reply};
use crate::model::alert::{Details, Join, Occurrence, Signal};
use crate::model::incident::{Incident, RecordId};
use crate::model::labels::Labels;
use crate::model::notice::{Notice, NoticeKind};
use crate::model::time::Timestamp;
use crate::model::timeline::Happening;
use crate::rules::{self, RuleSet, SourceFile};

pub(super) const START: Timestamp = Timestamp::from_millis(1_767_603_600_000);

pub(super) const RULES: &str = r#"
version: 1
namespace: t
teams:
  dc-ops: {line: 1, members: [dora], manager: boss, next: experts}
  linux: {line: 1, members: [lin]}
  experts: {line: 2, members: [eva]}
contacts:
  dora: {channels: [log]}
  lin: {channels: [log, backup]}
  eva: {channels: [log]}
  boss: {channels: [log]}
rules:
  - name: power
    owner: dc-ops
    when: ['alertname="PduOutputOff"', 'ci.class="pdu"']
    topology: {follow: [powers, hosts, runs], max_hops: 4, wait: 30s, lookback: 5m}
    incident: {title: 'Power lost in {{ root.rack }}: {{ dependants | length }} dependants'}
    resolve: {when: root_clears, linger: 1m}
  - name: site
    owner: linux
    when: ['alertname="PingLoss"']
    group: {by: [site], window: 5m}
"#;

pub(super) const CMDB: &str = "
cis:
  pdu-1: {class: pdu, rack: R1, owner: dc-ops}
  srv-1: {class: server, owner: linux}
  srv-2: {class: server, owner: linux}
  vm-1: {class: vm}
  shop: {class: service, tier: 1, users: 1200}
relations: [pdu-1 -powers-> srv-1, pdu-1 -powers-> srv-2, srv-1 -hosts-> vm-1, vm-1 -runs-> shop]
";

pub(super) fn rule_set() -> Arc<RuleSet> {
    let loaded = rules::load(&[SourceFile { name: "t.yaml".into(), text: RULES.into() }]);
    Arc::new(loaded.set.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics)))
}

/// Loads one file, of the namespace `t`.
pub(super) fn rules_of(text: &str) -> Arc<RuleSet> {
    let text = format!("version: 1\nnamespace: t\n{text}");
    let loaded = rules::load(&[SourceFile { name: "t.yaml".into(), text }]);
    Arc::new(loaded.set.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics)))
}

pub(super) struct Story {
    pub(super) world: World,
    pub(super) source: Arc<str>,
}

impl Story {
    pub(super) fn new() -> Self {
        let rows = import::read(CMDB, "cmdb.yaml").unwrap();
        let topology = Topology::build(1, &rows).unwrap();
        let ctx = Context::new(rule_set(), Arc::new(topology), Limits::default());
        Self { world: World::new(ctx, START), source: "test".into() }
    }

    /// Begins with further rules, written as in a file, without CIs.
    pub(super) fn under(text: &str) -> Self {
        let ctx = Context::new(rules_of(text), Arc::new(Topology::empty()), Limits::default());
        Self { world: World::new(ctx, START), source: "test".into() }
    }

    /// Begins with further rules and a CMDB, both written as in a file.
    pub(super) fn of(rules: &str, cmdb: &str) -> Self {
        let rows = import::read(cmdb, "cmdb.yaml").unwrap();
        let topology = Topology::build(1, &rows).unwrap();
        let ctx = Context::new(rules_of(rules), Arc::new(topology), Limits::default());
        Self { world: World::new(ctx, START), source: "test".into() }
    }

    pub(super) fn send(
        &mut self,
        at_s: u64,
        labels: &[(&str, &str)],
        signal: Signal,
        begun_s: u64,
    ) -> Reply {
        let occurrence = Self::occurrence(labels, signal, begun_s);
        let source = Arc::clone(&self.source);
        self.world.event(&Event::Received { source, occurrences: vec![occurrence] }, after(at_s))
    }

    fn occurrence(labels: &[(&str, &str)], signal: Signal, begun_s: u64) -> Occurrence {
        let labels = Labels::build(&mut labels.to_vec()).unwrap();
        let details = Details { annotations: Labels::empty(), generator_url: "".into() };
        Occurrence {
            fingerprint: labels.fingerprint(),
            labels,
            signal,
            starts_at: after(begun_s),
            severity: None,
            details: Arc::new(details),
        }
    }

    /// Fires alerts that come in one delivery.
    pub(super) fn fire_together(&mut self, at_s: u64, all: &[&[(&str, &str)]]) -> Reply {
        let signal = Signal::Firing { until: after(at_s + 86_400), explicit: false };
        let occurrences = all.iter().map(|it| Self::occurrence(it, signal, at_s)).collect();
        let source = Arc::clone(&self.source);
        self.world.event(&Event::Received { source, occurrences }, after(at_s))
    }

    pub(super) fn fire(&mut self, at_s: u64, labels: &[(&str, &str)]) -> Reply {
        let until = after(at_s + 86_400);
        self.send(at_s, labels, Signal::Firing { until, explicit: false }, at_s)
    }

    pub(super) fn clear(&mut self, at_s: u64, labels: &[(&str, &str)]) -> Reply {
        self.send(at_s, labels, Signal::Resolved { at: after(at_s) }, at_s)
    }

    pub(super) fn ack(&mut self, at_s: u64, id: u64) -> Reply {
        let hold = Some(Duration::from_mins(10));
        self.order(at_s, id, Command::Acknowledge { hold, update_in: None })
    }

    pub(super) fn order(&mut self, at_s: u64, id: u64, command: Command) -> Reply {
        let (incident, by, note) = (RecordId(id), "mia".into(), "because".into());
        let order = Order { incident, by, expected: None, note, command };
        self.world.event(&Event::Handle(order), after(at_s))
    }

    pub(super) fn wait(&mut self, until_s: u64) {
        self.world.advance(after(until_s));
    }

    pub(super) fn incident(&self, id: u64) -> &Incident {
        &self.world.image().incidents[&RecordId(id)]
    }

    pub(super) fn open(&self) -> Vec<u64> {
        let open = |it: &&Incident| it.parent.is_none() && it.progress.is_open();
        self.world.image().incidents.values().filter(open).map(|it| it.id.0).collect()
    }

    pub(super) fn told(&self, kind: NoticeKind) -> Vec<String> {
        let of_kind = self.world.sent().iter().filter(|notice| notice.kind == kind);
        of_kind.map(|notice| format!("{} {}", notice.id.incident, notice.target)).collect()
    }

    pub(super) fn happened(&self, id: u64) -> Vec<Happening> {
        self.world.image().timeline_of(RecordId(id)).map(|entry| entry.what).collect()
    }

    pub(super) fn join(&self, incident: u64, record: u64) -> &Join {
        &self.world.image().members[&(RecordId(incident), RecordId(record))].join
    }
}

pub(super) fn after(seconds: u64) -> Timestamp {
    START.plus(Duration::from_secs(seconds))
}

pub(super) fn received(reply: &Reply) -> (u32, u32, u32, u32) {
    let Reply::Received(Received { began, ended, updated, repeated, .. }) = reply else {
        panic!("{reply:?}")
    };
    (*began, *ended, *updated, *repeated)
}

pub(super) const DISK: &[(&str, &str)] = &[("alertname", "DiskFull"), ("severity", "critical")];
pub(super) const SRV1: &[(&str, &str)] =
    &[("alertname", "NodeDown"), ("ci", "srv-1"), ("severity", "minor")];
pub(super) const SRV2: &[(&str, &str)] =
    &[("alertname", "NodeDown"), ("ci", "srv-2"), ("severity", "minor")];
pub(super) const VM1: &[(&str, &str)] =
    &[("alertname", "VmDown"), ("ci", "vm-1"), ("severity", "minor")];
pub(super) const PDU: &[(&str, &str)] =
    &[("alertname", "PduOutputOff"), ("ci", "pdu-1"), ("severity", "major")];

pub(super) fn handled(reply: &Reply) -> &Handled {
    let Reply::Handled(handled) = reply else { panic!("{reply:?}") };
    handled
}

/// Returns the updates that a contact was sent.
pub(super) fn heard<'s>(story: &'s Story, contact: &str) -> Vec<&'s Notice> {
    let all = story.world.sent().iter();
    all.filter(|it| *it.contact == *contact && it.kind == NoticeKind::Update).collect()
}

/// Returns what the updates that a contact was sent say.
pub(super) fn texts(story: &Story, contact: &str) -> Vec<String> {
    heard(story, contact).iter().map(|it| it.because.clone()).collect()
}
