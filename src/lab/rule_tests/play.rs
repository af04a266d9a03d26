//! Lets the steps of a test happen on the engine.

use core::time::Duration;
use std::sync::Arc;

use super::coverage::Coverage;
use super::{Finding, Mismatch};
use crate::cmdb::Topology;
use crate::engine::changes::AlertRow;
use crate::engine::context::{Context, Limits};
use crate::engine::event::{Event, Rest};
use crate::engine::order::{Command, Ending, Filing, Order};
use crate::engine::reply::Reply;
use crate::lab::world::World;
use crate::model::alert::{Details, Occurrence, Signal};
use crate::model::assignment::Handover;
use crate::model::change::Change;
use crate::model::incident::{Incident, IncidentId, RecordId};
use crate::model::labels::{Fingerprint, Labels};
use crate::model::progress::StateName;
use crate::model::report::Reporter;
use crate::model::silence::{Silence, SilenceId};
use crate::model::time::Timestamp;
use crate::rules::testcase::{Cleared, TestAction, TestReport, TestSilence, TestStep, Wish};
use crate::rules::{RuleSet, TestCase};

/// How long an alert of a test holds without another word: as long as a webhook's.
const LEASE: Duration = Duration::from_hours(24);

/// A test that is being played.
#[derive(Debug)]
pub struct Played {
    /// Everything that came of it so far.
    pub world: World,
    /// When it began.
    pub start: Timestamp,
    /// The alerts that fired, in order.
    pub fired: Vec<Fired>,
}

/// An alert of a test that fired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fired {
    /// When, from the start.
    pub at: Duration,
    /// The line it stands in.
    pub line: u32,
    /// The alert.
    pub alert: Fingerprint,
}

/// Plays one test up to `until`, its expectations aside; the steps of that very time included.
///
/// # Errors
/// What is wrong with the test: its topology, or a step that cannot be done.
pub fn play(
    test: &TestCase,
    rules: &Arc<RuleSet>,
    until: Duration,
) -> Result<Played, Vec<Finding>> {
    let mut played = Played::begin(test, rules)?;
    let mut unseen = Coverage::default();
    let steps = test.timeline.iter().take_while(|step| step.at <= until);
    let wrong: Vec<Finding> = steps.filter_map(|step| played.step(step, &mut unseen)).collect();
    played.wait(until);
    if wrong.is_empty() { Ok(played) } else { Err(wrong) }
}

impl Played {
    /// Begins a test.
    ///
    /// # Errors
    /// When its CMDB makes no topology.
    pub(super) fn begin(test: &TestCase, rules: &Arc<RuleSet>) -> Result<Self, Vec<Finding>> {
        let topology = Topology::build(1, &test.cmdb).map_err(|problems| {
            let problem = |problem: &dyn core::fmt::Display| {
                let mismatch = Mismatch {
                    field: "cmdb",
                    expected: "a topology".into(),
                    got: problem.to_string(),
                    because: Vec::new(),
                };
                Finding::of_test(Duration::ZERO, test.place.line, "cmdb", mismatch)
            };
            problems.iter().map(|it| problem(it)).collect::<Vec<_>>()
        })?;
        let ctx = Context::new(Arc::clone(rules), Arc::new(topology), Limits::default());
        let world = World::new(ctx, test.start);
        Ok(Self { world, start: test.start, fired: Vec::new() })
    }

    /// Lets time pass until `at` from the start.
    pub(super) fn wait(&mut self, at: Duration) {
        self.world.advance(self.start.plus(at));
    }

    /// Lets one step happen; says so when it cannot.
    pub(super) fn step(&mut self, step: &TestStep, coverage: &mut Coverage) -> Option<Finding> {
        let at = self.start.plus(step.at);
        let done = match &step.action {
            TestAction::Fire { labels, severity } => {
                self.fire(step, labels, severity.clone());
                self.cover(labels.fingerprint(), coverage);
                Ok(())
            }
            TestAction::Clear(Cleared::Exactly(labels)) => {
                self.receive(labels, None, Signal::Resolved { at }, at);
                Ok(())
            }
            TestAction::Clear(Cleared::Matching(condition)) => {
                self.world.advance(at);
                let ctx = self.world.context();
                let firing = self.world.image().alerts.values().filter(|row| row.state.fires());
                let matching = firing.filter(|row| condition.holds(&ctx.seen(row).subject()));
                let all: Vec<Labels> = matching.map(|row| row.labels.clone()).collect();
                for labels in all {
                    self.receive(&labels, None, Signal::Resolved { at }, at);
                }
                Ok(())
            }
            TestAction::Handle { root, by, text, wish } => self.handle(root, (by, text), wish, at),
            TestAction::Report(report) => self.report(report, coverage, at),
            TestAction::Silence(silence) => self.silence(silence, at),
            TestAction::Change(change) => self.plan(change, at),
        };
        done.err().map(|got| {
            let because = Vec::new();
            let expected = "it to be possible".into();
            let mismatch = Mismatch { field: "step", expected, got, because };
            Finding::of_test(step.at, step.line, "timeline", mismatch)
        })
    }

    fn fire(&mut self, step: &TestStep, labels: &Labels, severity: Option<Box<str>>) {
        let at = self.start.plus(step.at);
        let signal = Signal::Firing { until: at.plus(LEASE), explicit: false };
        self.receive(labels, severity, signal, at);
        let alert = labels.fingerprint();
        self.fired.push(Fired { at: step.at, line: step.line, alert });
    }

    fn receive(
        &mut self,
        labels: &Labels,
        severity: Option<Box<str>>,
        signal: Signal,
        at: Timestamp,
    ) {
        let details = Details { annotations: Labels::empty(), generator_url: "".into() };
        let occurrence = Occurrence {
            labels: labels.clone(),
            fingerprint: labels.fingerprint(),
            signal,
            starts_at: at,
            severity,
            details: Arc::new(details),
        };
        let event = Event::Received { source: "test".into(), occurrences: vec![occurrence] };
        self.world.event(&event, at);
    }

    fn cover(&self, alert: Fingerprint, coverage: &mut Coverage) {
        let rules = &self.world.context().rules;
        let seen = self.world.ask_about(alert, |subject| coverage.see(rules, subject));
        debug_assert!(seen.is_some(), "an alert that fires is held");
    }

    fn handle(
        &mut self,
        root: &str,
        (by, text): (&str, &str),
        wish: &Wish,
        at: Timestamp,
    ) -> Result<(), String> {
        self.world.advance(at);
        let incident = self.incident(root, wish)?;
        let command = self.command(incident, wish, at)?;
        let order = Order { incident, by: by.into(), expected: None, note: text.into(), command };
        let stored = self.world.image().incidents.get(&incident);
        let over = stored.filter(|it| it.progress.name().is_over()).cloned();
        let event = match over {
            Some(record) => Event::Afterwards { record: Box::new(record), order },
            None => Event::Handle(order),
        };
        done(self.world.event(&event, at))
    }

    fn report(
        &mut self,
        it: &TestReport,
        coverage: &mut Coverage,
        at: Timestamp,
    ) -> Result<(), String> {
        let filing = Filing {
            labels: it.labels.clone(),
            severity: it.severity.clone(),
            title: it.title.clone(),
            description: "".into(),
            category: it.category.clone(),
            edits: it.fields.clone(),
            reporter: Reporter { name: it.by.clone(), place: None, contact: it.contact.clone() },
            by: it.by.clone(),
            channel: "test".into(),
        };
        done(self.world.event(&Event::Report(Box::new(filing)), at))?;
        self.cover(it.labels.fingerprint(), coverage);
        Ok(())
    }

    /// Finds the incident that a step means: of those that are not over for good the last with this
    /// root, before all others one in whose state the step makes sense.
    fn incident(&self, root: &str, wish: &Wish) -> Result<IncidentId, String> {
        let on_resolved =
            matches!(wish, Wish::Reopen | Wish::Close | Wish::Confirm(_) | Wish::Reject);
        let after_all = matches!(wish, Wish::Set(_));
        let fits = |it: &Incident| match it.progress.name() {
            StateName::Resolved => on_resolved,
            StateName::Closed | StateName::Cancelled => false,
            StateName::New
            | StateName::Acknowledged
            | StateName::InProgress
            | StateName::OnHold => !on_resolved || *wish == Wish::Close,
        };
        let live: Vec<&Incident> = self.tops().filter(|it| !it.progress.name().is_over()).collect();
        let meant = || live.iter().rev().filter(|it| self.name_of(it.root.alert) == root);
        let is_meant = |it: &&Incident| after_all && self.name_of(it.root.alert) == root;
        let over = || self.tops().rev().find(is_meant);
        let found = meant().find(|it| fits(it)).or_else(|| meant().next()).copied().or_else(over);
        found.map(|it| it.id).ok_or_else(|| {
            let mut roots: Vec<String> =
                live.iter().map(|it| self.name_of(it.root.alert)).take(5).collect();
            if roots.is_empty() {
                roots.push("no incident at all".into());
            }
            format!("no open incident has the root {root}; there is {}", roots.join(", "))
        })
    }

    fn command(&self, id: IncidentId, wish: &Wish, at: Timestamp) -> Result<Command, String> {
        Ok(match wish {
            Wish::Acknowledge { hold } => Command::Acknowledge { hold: *hold, update_in: None },
            Wish::Unacknowledge => Command::Unacknowledge,
            Wish::Note => Command::Note,
            Wish::Claim => Command::Claim,
            Wish::Assign(to) => Command::Assign { to: to.clone(), handover: Handover::default() },
            Wish::Hold { waits_for, time } => {
                Command::Hold { waits_for: *waits_for, until: at.plus(*time) }
            }
            Wish::Resolve(edits) => Command::Resolve(Ending { edits: edits.clone(), spent: None }),
            Wish::Escalate(to) => {
                Command::Escalate { to: to.clone(), handover: Handover::default() }
            }
            Wish::Return => Command::Return { handover: Handover::default() },
            Wish::Convene { teams, link } => Command::Convene {
                teams: teams.clone(),
                link: link.clone(),
                handover: Handover::default(),
            },
            Wish::Prioritise(priority) => Command::Prioritise { priority: *priority },
            Wish::Update => Command::Update { next: None },
            Wish::Subscribe(who) => Command::Subscribe { who: who.clone() },
            Wish::Unsubscribe(who) => Command::Unsubscribe { who: who.clone() },
            Wish::Set(edits) => Command::Set(edits.clone()),
            Wish::Classify(category) => Command::Classify { category: category.clone() },
            Wish::Spend(time) => Command::Spend { who: None, time: *time },
            Wish::Confirm(edits) => Command::Confirm(edits.clone()),
            Wish::Reject => Command::Reject,
            Wish::Cancel => Command::Cancel,
            Wish::DeclareMajor => Command::DeclareMajor,
            Wish::StandDown => Command::StandDown,
            Wish::Reopen => Command::Reopen,
            Wish::Close => Command::Close,
            Wish::Merge(into) => Command::Merge { into: self.incident(into, wish)? },
            Wish::Split(names) => {
                let records: Result<_, String> =
                    names.iter().map(|name| self.record(id, name)).collect();
                Command::Split { records: records? }
            }
        })
    }

    /// Finds the record under which a member is attached to an incident.
    fn record(&self, id: IncidentId, member: &str) -> Result<RecordId, String> {
        let attached = self.world.image().attached_to(id);
        let found = attached.into_iter().find(|(_, alert)| name(alert) == member);
        found.map(|(row, _)| row.record).ok_or_else(|| format!("{id} has no member {member}"))
    }

    /// Plans a change whose times count from the start of the test.
    fn plan(&mut self, change: &Change, at: Timestamp) -> Result<(), String> {
        let moment = |time: Timestamp| self.start.plus(time.since(Timestamp::EPOCH));
        let (starts_at, ends_at) = (moment(change.starts_at), moment(change.ends_at));
        let changes = vec![Change { starts_at, ends_at, ..change.clone() }];
        let (rest, by) = (Rest::Stays, "test".into());
        done(self.world.event(&Event::PlanChanges { changes, rest, by }, at))
    }

    fn silence(&mut self, silence: &TestSilence, at: Timestamp) -> Result<(), String> {
        let id = u128::try_from(self.world.image().silences.len()).unwrap_or(u128::MAX) + 1;
        let silence = Silence {
            id: SilenceId(id),
            matchers: silence.matchers.clone(),
            cis: silence.ci.clone().into_iter().collect(),
            rule: None,
            source: None,
            starts_at: at,
            ends_at: at.plus(silence.time),
            updated_at: at,
            created_by: silence.by.clone(),
            comment: "test".into(),
            annotations: Labels::empty(),
        };
        done(self.world.event(&Event::Silence { silence, replaces: None }, at))
    }

    /// Yields the incidents that are not subordinate to another.
    pub fn tops(&self) -> impl DoubleEndedIterator<Item = &Incident> {
        self.world.image().incidents.values().filter(|it| it.parent.is_none())
    }

    /// Returns the newest that is known of an alert.
    pub fn alert(&self, alert: Fingerprint) -> Option<&AlertRow> {
        let image = self.world.image();
        let ended = || image.episodes.range((alert, 0)..=(alert, u32::MAX)).next_back();
        image.alerts.get(&alert).or_else(|| ended().map(|(_, row)| row))
    }

    /// Returns the name by which tests call an alert.
    pub fn name_of(&self, alert: Fingerprint) -> String {
        self.alert(alert).map_or_else(|| alert.to_string(), name)
    }

    /// Follows an incident to the one it became a part of.
    pub fn top(&self, id: IncidentId) -> Option<&Incident> {
        let mut found = self.world.image().incidents.get(&id)?;
        while let Some(parent) = found.parent {
            found = self.world.image().incidents.get(&parent)?;
        }
        Some(found)
    }
}

fn done(reply: Reply) -> Result<(), String> {
    if let Reply::Refused(refusal) = reply { Err(refusal.to_string()) } else { Ok(()) }
}

/// Returns the name by which tests call an alert: its CI's, without one what it calls its CI, else its
/// own.
pub fn name(row: &AlertRow) -> String {
    let own = ["ci", "alertname"].iter().find_map(|name| row.labels.get(name));
    let name = row.ci.as_deref().or(own);
    name.map_or_else(|| row.labels.to_string(), Into::into)
}
