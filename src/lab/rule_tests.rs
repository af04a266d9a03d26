//! Plays the tests inside rule files on the engine and compares what came of it, field by field.
//!
//! Read `world` for how time passes. What a test can say is in `rules::testcase`.

use core::fmt::Display;
use core::time::Duration;
use std::sync::Arc;

use super::world::World;
use crate::cmdb::Topology;
use crate::engine::changes::AlertRow;
use crate::engine::context::{Context, Limits};
use crate::engine::event::{Command, Event, Order, Reply};
use crate::model::alert::{Details, Occurrence, Signal};
use crate::model::incident::Incident;
use crate::model::labels::{Fingerprint, Labels};
use crate::model::notice::NoticeKind;
use crate::model::time::{Brief, Timestamp};
use crate::rules::testcase::{
    Cleared, Expectation, Expected, IncidentExpectation, TestAction, TestStep,
};
use crate::rules::{RuleSet, TestCase};

/// How long an alert of a test holds without another word: as long as a webhook's.
const LEASE: Duration = Duration::from_hours(24);

/// What came of one test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The test's name.
    pub name: Box<str>,
    /// The file it stands in.
    pub file: Arc<str>,
    /// The line it stands in.
    pub line: u32,
    /// What was not as expected; nothing when the test passed.
    pub mismatches: Vec<Mismatch>,
}

/// One field that was not as expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Line of the expectation, counted from 1.
    pub line: u32,
    /// Column of the expected value, counted from 1.
    pub column: u32,
    /// When, from the start of the test.
    pub at: Duration,
    /// What it is about, as in `incident INC-1 (srv-0412)`.
    pub about: String,
    /// Name of the field.
    pub field: &'static str,
    /// What was expected.
    pub expected: String,
    /// What was found.
    pub got: String,
    /// Why it was so, in the engine's words; empty where it has none.
    pub because: String,
}

/// Plays one test with these rules.
pub fn run(test: &TestCase, rules: &Arc<RuleSet>) -> Outcome {
    let mut mismatches = Vec::new();
    match Topology::build(1, &test.cmdb) {
        Ok(topology) => {
            let ctx = Context::new(Arc::clone(rules), Arc::new(topology), Limits::default());
            let world = World::new(ctx, test.start);
            Player { world, start: test.start, mismatches: &mut mismatches }.play(test);
        }
        Err(problems) => mismatches.extend(problems.into_iter().map(|problem| Mismatch {
            line: test.place.line,
            column: 1,
            at: Duration::ZERO,
            about: "cmdb".into(),
            field: "cmdb",
            expected: "a topology".into(),
            got: problem.to_string(),
            because: String::new(),
        })),
    }
    let (name, file) = (test.name.clone(), Arc::clone(&test.place.file));
    Outcome { name, file, line: test.place.line, mismatches }
}

struct Player<'a> {
    world: World,
    start: Timestamp,
    mismatches: &'a mut Vec<Mismatch>,
}

impl Player<'_> {
    fn play(&mut self, test: &TestCase) {
        let mut steps = test.timeline.iter().peekable();
        for expectation in &test.expect {
            while let Some(step) = steps.next_if(|step| step.at <= expectation.at) {
                self.step(step);
            }
            self.world.advance(self.start.plus(expectation.at));
            self.compare(expectation);
        }
    }

    fn step(&mut self, step: &TestStep) {
        let at = self.start.plus(step.at);
        match &step.action {
            TestAction::Fire { labels, severity } => {
                let until = at.plus(LEASE);
                let signal = Signal::Firing { until, explicit: false };
                self.receive(labels, severity.clone(), signal, at);
            }
            TestAction::Clear(Cleared::Exactly(labels)) => {
                self.receive(labels, None, Signal::Resolved { at }, at);
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
            }
            TestAction::Acknowledge { root, by, hold } => {
                self.command(step, (root, by), at, Command::Acknowledge { hold: *hold });
            }
            TestAction::Resolve { root, by } => {
                self.command(step, (root, by), at, Command::Resolve);
            }
        }
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

    fn command(
        &mut self,
        step: &TestStep,
        (root, by): (&str, &str),
        at: Timestamp,
        command: Command,
    ) {
        self.world.advance(at);
        let is_meant =
            |it: &&Incident| it.progress.is_open() && self.name_of(it.root.alert) == root;
        let found = self.tops().find(is_meant).map(|it| it.id);
        let refused = match found {
            None => format!("no open incident has the root {root}"),
            Some(incident) => {
                let (by, note) = (by.into(), String::new());
                let order = Order { incident, by, expected: None, note, command };
                let reply = self.world.event(&Event::Handle(order), at);
                let Reply::Refused(refusal) = reply else { return };
                refusal.to_string()
            }
        };
        let spot = Spot { line: step.line, column: 1, at: step.at };
        self.differ(spot, ("timeline", "action"), "it to be possible", refused);
    }

    /// Yields the incidents that are not subordinate to another.
    fn tops(&self) -> impl Iterator<Item = &Incident> {
        self.world.image().incidents.values().filter(|it| it.parent.is_none())
    }

    fn name_of(&self, alert: Fingerprint) -> String {
        let image = self.world.image();
        let ended = || image.episodes.range((alert, 0)..=(alert, u32::MAX)).next_back();
        let row = image.alerts.get(&alert).or_else(|| ended().map(|(_, row)| row));
        row.map_or_else(|| alert.to_string(), name)
    }

    fn compare(&mut self, expectation: &Expectation) {
        let actual: Vec<Actual> = self.tops().map(|it| self.describe(it)).collect();
        if let Some(all) = &expectation.incidents {
            if all.value.len() != actual.len() {
                let found: Vec<&str> = actual.iter().map(|it| &*it.about).collect();
                let got = format!("{}: {}", actual.len(), list(&found));
                let spot = Spot::of(all, expectation.at);
                self.differ(spot, ("all incidents", "incidents"), all.value.len(), got);
            }
            self.compare_each(expectation, &all.value, &actual);
        }
        if let Some(some) = &expectation.incidents_include {
            self.compare_each(expectation, &some.value, &actual);
        }
        let count = |kind| self.world.sent().iter().filter(|notice| notice.kind == kind).count();
        let (pages, tickets) = (count(NoticeKind::Page), count(NoticeKind::Ticket));
        for (total, name, got) in [
            (&expectation.pages_total, "pages_total", pages),
            (&expectation.tickets_total, "tickets_total", tickets),
        ] {
            if let Some(total) = total.as_ref().filter(|total| total.value as usize != got) {
                let spot = Spot::of(total, expectation.at);
                self.differ(spot, ("all incidents", name), total.value, got.to_string());
            }
        }
    }

    /// Compares each expected incident with the one that differs from it least.
    fn compare_each(
        &mut self,
        expectation: &Expectation,
        expected: &[IncidentExpectation],
        actual: &[Actual],
    ) {
        let mut left: Vec<&Actual> = actual.iter().collect();
        for wanted in expected {
            let differences = |it: &Actual| it.differences(wanted, expectation.at);
            let nearest = (0..left.len())
                .min_by_key(|at| left.get(*at).map_or(usize::MAX, |it| differences(it).len()));
            if let Some(at) = nearest {
                self.mismatches.extend(differences(left.remove(at)));
            } else {
                let spot = Spot { line: wanted.line, column: 1, at: expectation.at };
                let got = "none is left".to_owned();
                self.differ(spot, ("incidents", "incident"), "one more", got);
            }
        }
    }

    fn describe(&self, it: &Incident) -> Actual {
        let image = self.world.image();
        let mut members: Vec<String> = image.members_of(it.id).into_iter().map(name).collect();
        members.sort_unstable();
        members.dedup();
        let mut ids = vec![it.id];
        let mut at = 0;
        while let Some(id) = ids.get(at).copied() {
            let children = image.incidents.values().filter(|child| child.parent == Some(id));
            ids.extend(children.map(|child| child.id));
            at += 1;
        }
        let sent = |kind| {
            let ours = self.world.sent().iter().filter(|notice| notice.kind == kind);
            let ours = ours.filter(|notice| ids.contains(&notice.id.incident));
            let mut targets: Vec<String> = ours.map(|notice| notice.target.to_string()).collect();
            targets.sort_unstable();
            targets
        };
        let ours = self.world.pages().filter(|notice| ids.contains(&notice.id.incident));
        let mut called: Vec<String> = ours.map(|notice| notice.contact.to_string()).collect();
        called.sort_unstable();
        let attached = image.members.keys().filter(|(id, record)| *id == it.id && record != id);
        let root = self.name_of(it.root.alert);
        Actual {
            about: format!("{} ({root})", it.id),
            root,
            members,
            subordinates: attached.count(),
            pages: sent(NoticeKind::Page),
            called,
            tickets: sent(NoticeKind::Ticket),
            reasons: image.timeline_of(it.id).map(|entry| entry.text.clone()).collect(),
            record: it.clone(),
        }
    }

    fn differ(
        &mut self,
        spot: Spot,
        what: (&str, &'static str),
        expected: impl Display,
        got: String,
    ) {
        let (about, field) = what;
        let got = (got, String::new());
        self.mismatches.push(spot.mismatch(about, field, expected.to_string(), got));
    }
}

fn name(row: &AlertRow) -> String {
    let unbound = || row.labels.get("alertname").map_or_else(|| row.labels.to_string(), Into::into);
    row.ci.as_deref().map_or_else(unbound, Into::into)
}

#[derive(Clone, Copy)]
struct Spot {
    line: u32,
    column: u32,
    at: Duration,
}

impl Spot {
    fn of<T>(expected: &Expected<T>, at: Duration) -> Self {
        Self { line: expected.line, column: expected.column, at }
    }

    fn mismatch(
        self,
        about: &str,
        field: &'static str,
        expected: String,
        (got, because): (String, String),
    ) -> Mismatch {
        let Self { line, column, at } = self;
        Mismatch { line, column, at, about: about.into(), field, expected, got, because }
    }
}

/// An incident as a test sees it.
struct Actual {
    about: String,
    root: String,
    members: Vec<String>,
    subordinates: usize,
    pages: Vec<String>,
    called: Vec<String>,
    tickets: Vec<String>,
    /// What stands on the timeline.
    reasons: Vec<String>,
    record: Incident,
}

impl Actual {
    fn differences(&self, wanted: &IncidentExpectation, at: Duration) -> Vec<Mismatch> {
        let mut found = Found { of: self, at, mismatches: Vec::new() };
        let it = &self.record;
        let sum = &it.assessment;
        found.text("rule", wanted.rule.as_ref(), it.rule.as_deref());
        found.value("root", wanted.root.as_ref(), &self.root);
        found.value("title", wanted.title.as_ref(), &it.title);
        found.names("members", wanted.members.as_ref(), &self.members);
        found.value("subordinates", wanted.subordinates.as_ref(), &self.subordinates);
        found.names("pages", wanted.pages.as_ref(), &self.pages);
        found.names("called", wanted.called.as_ref(), &self.called);
        found.names("tickets", wanted.tickets.as_ref(), &self.tickets);
        found.value("impact", wanted.impact.as_ref(), &sum.impact);
        found.value("urgency", wanted.urgency.as_ref(), &sum.urgency);
        found.value("priority", wanted.priority.as_ref(), &sum.priority);
        found.value("state", wanted.state.as_ref(), &it.progress.name());
        found.text("team", wanted.team.as_ref(), it.team.as_deref());
        found.text("category", wanted.category.as_ref(), it.category.as_deref());
        found.value("quiet", wanted.quiet.as_ref(), &it.quiet);
        let known = it.known_error.as_ref().map(|known| &*known.id);
        found.text("known_error", wanted.known_error.as_ref(), known);
        found.reasons(wanted.because.as_ref(), &self.reasons);
        found.mismatches
    }
}

struct Found<'a> {
    of: &'a Actual,
    at: Duration,
    mismatches: Vec<Mismatch>,
}

impl Found<'_> {
    fn value<T: Display>(
        &mut self,
        field: &'static str,
        wanted: Option<&Expected<T>>,
        got: &impl Display,
    ) {
        if let Some(wanted) = wanted {
            self.note(field, Spot::of(wanted, self.at), wanted.value.to_string(), got.to_string());
        }
    }

    fn text(
        &mut self,
        field: &'static str,
        wanted: Option<&Expected<Option<Box<str>>>>,
        got: Option<&str>,
    ) {
        if let Some(wanted) = wanted {
            let text = wanted.value.as_deref().unwrap_or("none");
            self.note(field, Spot::of(wanted, self.at), text.into(), got.unwrap_or("none").into());
        }
    }

    fn names(
        &mut self,
        field: &'static str,
        wanted: Option<&Expected<Vec<Box<str>>>>,
        got: &[String],
    ) {
        if let Some(wanted) = wanted {
            let mut names: Vec<&str> = wanted.value.iter().map(|name| &**name).collect();
            names.sort_unstable();
            let got: Vec<&str> = got.iter().map(|name| &**name).collect();
            self.note(field, Spot::of(wanted, self.at), list(&names), list(&got));
        }
    }

    /// Looks for texts in the reasons; `_` stands for a space.
    fn reasons(&mut self, wanted: Option<&Expected<Vec<Box<str>>>>, reasons: &[String]) {
        let Some(wanted) = wanted else { return };
        for text in &wanted.value {
            let spaced = text.replace('_', " ");
            let has = |reason: &String| reason.contains(&**text) || reason.contains(&spaced);
            if !reasons.iter().any(has) {
                let found = (reasons.join(" · "), String::new());
                let spot = Spot::of(wanted, self.at);
                let mismatch = spot.mismatch(&self.of.about, "because", text.to_string(), found);
                self.mismatches.push(mismatch);
            }
        }
    }

    fn note(&mut self, field: &'static str, spot: Spot, wanted: String, got: String) {
        if wanted == got {
            return;
        }
        let explained =
            matches!(field, "impact" | "urgency" | "priority" | "pages" | "called" | "tickets");
        let because = if explained { self.of.record.assessment.sum.clone() } else { String::new() };
        self.mismatches.push(spot.mismatch(&self.of.about, field, wanted, (got, because)));
    }
}

fn list(names: &[&str]) -> String {
    format!("[{}]", names.join(", "))
}

/// Writes a mismatch as two or three lines of text.
impl Display for Mismatch {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { line: _, column: _, at, about, field, expected, got, because } = self;
        write!(f, "at {}  {about}\n    {field:<12} expected {expected}\n", Brief(*at))?;
        write!(f, "    {:<12} got      {got}", "")?;
        if !because.is_empty() {
            write!(f, "\n    {:<12} because  {because}", "")?;
        }
        Ok(())
    }
}
