//! Tests inside rule files: a CMDB, a timeline of alerts, and what is expected at which time.
//!
//! Only data: `lab` plays them on the engine. A field of an expectation that is not given is free.

use core::fmt;
use core::time::Duration;

use super::codes;
use super::condition::Condition;
use super::diagnostics::{Diagnostic, Span};
use super::expectation;
use super::reader::{Fields, Reader};
use super::set::Place;
use super::text::shortened;
use super::timeline;
use super::yaml::{Node, Value};
use crate::cmdb::{Rows, import};
use crate::model::change::Change;
use crate::model::escalation::Target;
use crate::model::labels::Labels;
use crate::model::priority::{Impact, Priority, Urgency};
use crate::model::progress::{StateName, WaitsFor};
use crate::model::sheet::Edit;
use crate::model::silence::SilenceMatcher;
use crate::model::time::{Brief, Timestamp};

/// When tests begin that do not say when: 2026-01-05T09:00:00Z, a Monday morning.
const START: Timestamp = Timestamp::from_millis(1_767_603_600_000);
/// Steps of one test after `generate` has been written out.
pub(super) const STEPS_MAX: usize = 10_000;
/// How long a test may last on its clock.
pub(super) const LENGTH_MAX: Duration = Duration::from_hours(366 * 24);

/// One test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestCase {
    /// Its name, a true sentence as a rule.
    pub name: Box<str>,
    /// Where it stands.
    pub place: Place,
    /// When its clock starts.
    pub start: Timestamp,
    /// Its CMDB; empty when it has none.
    pub cmdb: Rows,
    /// What happens, in order of time.
    pub timeline: Vec<TestStep>,
    /// What is expected, in order of time.
    pub expect: Vec<Expectation>,
}

/// Something that happens in a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestStep {
    /// When, from the start.
    pub at: Duration,
    /// The line it stands in.
    pub line: u32,
    /// What.
    pub action: TestAction,
}

/// What happens in a test. Times of a change count from 1970 until the test is played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TestAction {
    /// An alert fires.
    Fire {
        /// Its labels.
        labels: Labels,
        /// The severity beside the labels, if any.
        severity: Option<Box<str>>,
    },
    /// A change is planned.
    Change(Change),
    /// Alerts end.
    Clear(Cleared),
    /// Somebody handles an incident.
    Handle {
        /// The incident, by its root as in [`IncidentExpectation::root`].
        root: Box<str>,
        /// Who.
        by: Box<str>,
        /// What they say; may be empty.
        text: Box<str>,
        /// What they want.
        wish: Wish,
    },
    /// Somebody reports that something is wrong.
    Report(TestReport),
    /// Somebody silences alerts from then on.
    Silence(TestSilence),
}

/// What somebody wants to be done with an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Stop the response clock.
    Acknowledge {
        /// For how long; the priority's own time when not given.
        hold: Option<Duration>,
    },
    /// Give an acknowledgement back.
    Unacknowledge,
    /// Write something down.
    Note,
    /// Take it.
    Claim,
    /// Hand it to a team or a person.
    Assign(Target),
    /// Let work wait.
    Hold {
        /// What for.
        waits_for: WaitsFor,
        /// For how long at most.
        time: Duration,
    },
    /// Hand it to the next line, or to whoever is named.
    Escalate(Option<Target>),
    /// Give it back as misrouted.
    Return,
    /// Call teams to help.
    Convene {
        /// Names of teams.
        teams: Vec<Box<str>>,
        /// Where they talk.
        link: Option<Box<str>>,
    },
    /// Give it a priority; the computed one again where none is named.
    Prioritise(Option<Priority>),
    /// Say how it stands.
    Update,
    /// Let somebody hear of it.
    Subscribe(Target),
    /// Let somebody hear of it no more.
    Unsubscribe(Target),
    /// Say that service is restored, and write on the record.
    Resolve(Vec<Edit>),
    /// Write on the record.
    Set(Vec<Edit>),
    /// Say that it is of another category.
    Classify(Box<str>),
    /// Note how long somebody worked on it.
    Spend(Duration),
    /// Say that it is over for those who suffered.
    Confirm(Vec<Edit>),
    /// Say that it is not.
    Reject,
    /// Say that it was a false alarm.
    Cancel,
    /// Say that it is a major incident.
    DeclareMajor,
    /// Say that it is none any more.
    StandDown,
    /// Say that it is not.
    Reopen,
    /// Say that it is over for good.
    Close,
    /// Make it and another one; by that one's root.
    Merge(Box<str>),
    /// Make these members an incident of their own.
    Split(Vec<Box<str>>),
}

/// A report of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestReport {
    /// Labels of the alert that it becomes.
    pub labels: Labels,
    /// How bad it is.
    pub severity: Option<Box<str>>,
    /// What is wrong.
    pub title: Box<str>,
    /// What kind of thing is broken.
    pub category: Option<Box<str>>,
    /// Who reports it.
    pub by: Box<str>,
    /// How they are reached.
    pub contact: Option<Box<str>>,
    /// What stands on the record.
    pub fields: Vec<Edit>,
}

/// A silence of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestSilence {
    /// All must hold.
    pub matchers: Vec<SilenceMatcher>,
    /// Only alerts of this CI and of what suffers when it fails.
    pub ci: Option<Box<str>>,
    /// How long it lasts.
    pub time: Duration,
    /// Who made it.
    pub by: Box<str>,
}

/// Which alerts end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cleared {
    /// The one with these labels.
    Exactly(Labels),
    /// All that fire and match.
    Matching(Condition),
}

/// What is expected at a time, after everything that happens at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// When, from the start.
    pub at: Duration,
    /// The line it stands in.
    pub line: u32,
    /// All incidents that are not subordinate to another, in any order.
    pub incidents: Option<Expected<Vec<IncidentExpectation>>>,
    /// Some of them.
    pub incidents_include: Option<Expected<Vec<IncidentExpectation>>>,
    /// All storms that last; and some that are over.
    pub storms: Option<Expected<Vec<StormExpectation>>>,
    /// Pages planned so far.
    pub pages_total: Option<Expected<u32>>,
    /// Tickets planned so far.
    pub tickets_total: Option<Expected<u32>>,
    /// What rules hold back.
    pub silent: Vec<Silent>,
}

/// A value that is expected, with its place in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected<T> {
    /// The value.
    pub value: T,
    /// Line, counted from 1.
    pub line: u32,
    /// Column in characters, counted from 1.
    pub column: u32,
    /// The stretch of the file, for those who mend it.
    pub span: Span,
}

/// The firing alerts that a rule is expected to hold back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silent {
    /// The rule's full name.
    pub rule: Box<str>,
    /// Names of the alerts, in any order.
    pub names: Expected<Vec<Box<str>>>,
}

/// What is expected of a storm.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StormExpectation {
    /// Its key.
    pub key: Option<Box<str>>,
    /// False for one that is over.
    pub active: Option<bool>,
}

/// Writes `ops/site-storm/fra1`, with `(over)` behind it where it is to be over.
impl fmt::Display for StormExpectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let over = if self.active == Some(false) { " (over)" } else { "" };
        write!(f, "{}{over}", self.key.as_deref().unwrap_or("any"))
    }
}

/// What is expected of an incident; alerts are named by their CI, without one by the label `ci`, else
/// by `alertname`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IncidentExpectation {
    /// The line it stands in.
    pub line: u32,
    /// The column it begins in, in characters, counted from 1.
    pub column: u32,
    /// The stretch of the file.
    pub span: Span,
    /// Its rule's full name; no rule when that is nothing.
    pub rule: Option<Expected<Option<Box<str>>>>,
    /// Its root.
    pub root: Option<Expected<Box<str>>>,
    /// Its title.
    pub title: Option<Expected<Box<str>>>,
    /// All its members, those of its subordinates included, in any order and each name once.
    pub members: Option<Expected<Vec<Box<str>>>>,
    /// How many records are attached to it.
    pub subordinates: Option<Expected<u32>>,
    /// For whom pages were planned so far, teams or people, one entry for each page.
    pub pages: Option<Expected<Vec<Box<str>>>>,
    /// The people for whom pages were planned so far, one entry for each page.
    pub called: Option<Expected<Vec<Box<str>>>>,
    /// For whom tickets were planned so far.
    pub tickets: Option<Expected<Vec<Box<str>>>>,
    /// How much is hurt.
    pub impact: Option<Expected<Impact>>,
    /// How fast it must be dealt with.
    pub urgency: Option<Expected<Urgency>>,
    /// Its priority.
    pub priority: Option<Expected<Priority>>,
    /// Its state.
    pub state: Option<Expected<StateName>>,
    /// The team that has it; no team when that is nothing.
    pub team: Option<Expected<Option<Box<str>>>>,
    /// What kind of thing is broken.
    pub category: Option<Expected<Option<Box<str>>>>,
    /// Whether nobody is told of it.
    pub quiet: Option<Expected<bool>>,
    /// The known error it is taken for; none when that is nothing.
    pub known_error: Option<Expected<Option<Box<str>>>>,
    /// Texts each of which is found in its timeline or in the reason of one of its notices.
    pub because: Option<Expected<Vec<Box<str>>>>,
}

/// Reads one test.
pub(super) fn read(reader: &mut Reader<'_>, node: &Node, namespace: &str) -> Option<TestCase> {
    let mut fields = reader.map(node, "a test")?;
    let name_node = fields.need(reader, "name");
    let name = name_node.and_then(|n| reader.text(n));
    let span = name_node.map_or(fields.span, |n| n.span);
    let start = fields.read(reader, "start", moment).unwrap_or(START);
    let cmdb = match fields.get("cmdb") {
        None => Some(Rows::default()),
        Some(node) => rows(reader, node),
    };
    let written = fields.read(reader, "timeline", timeline::read).unwrap_or_default();
    let places: Vec<(Duration, Span)> = written.iter().map(|(span, it)| (it.at, *span)).collect();
    let mut timeline: Vec<TestStep> = written.into_iter().map(|(_, step)| step).collect();
    timeline.extend(fields.read(reader, "generate", timeline::generate).unwrap_or_default());
    timeline.sort_by_key(|step| step.at);
    if timeline.len() > STEPS_MAX {
        reader
            .error(codes::VALUE, span, format!("a test of {} steps", timeline.len()))
            .label(format!("expected at most {STEPS_MAX}"));
    }
    let expect = fields.need(reader, "expect").and_then(|node| {
        let items = reader.list(node)?;
        Some(items.iter().filter_map(|item| expectation::read(reader, item, namespace)).collect())
    });
    fields.finish(reader);
    let mut expect: Vec<Expectation> = expect?;
    expect.sort_by_key(|expectation| expectation.at);
    let last = expect.last().map_or(Duration::ZERO, |expectation| expectation.at);
    for (_, span) in places.iter().filter(|(at, _)| *at > last) {
        unplayed(reader, *span, last);
    }
    let place = Place { file: reader.file.name.as_str().into(), line: line(reader, span) };
    Some(TestCase { name: name?.into(), place, start, cmdb: cmdb?, timeline, expect })
}

/// Warns of a step that makes no difference: nothing is looked at after the last expectation.
fn unplayed(reader: &mut Reader<'_>, step: Span, last: Duration) {
    let message = "this step is never played: nothing is expected at or after its time";
    let help = format!("add an expectation, or let it happen by {}", Brief(last));
    let found = Diagnostic::error(codes::UNPLAYED, reader.file, step, message);
    reader.diagnostics.push(found.warning().help(help));
}

pub(super) fn line(reader: &Reader<'_>, span: Span) -> u32 {
    reader.position(span).0
}

/// Reads a point in time. With a zone in brackets the offset may be left out, and must be one
/// that the zone has at that time.
pub(super) fn moment(reader: &mut Reader<'_>, node: &Node) -> Option<Timestamp> {
    let text = reader.text(node)?;
    let time = if text.contains('[') {
        text.parse::<jiff::Zoned>().map(|zoned| zoned.timestamp())
    } else {
        text.parse()
    };
    match time {
        Ok(time) => Some(Timestamp::from_millis(time.as_millisecond())),
        Err(error) => {
            let message = format!("`{}` is no point in time", shortened(text));
            let problem = reader
                .error(codes::VALUE, node.span, message)
                .label("expected one like 2026-11-21T02:00:00+01:00[Europe/Berlin]");
            // What is wrong with a zone or its offset cannot be seen.
            if text.contains('[') {
                problem.help(error.to_string().replace('\n', " "));
            }
            None
        }
    }
}

/// Reads a CMDB. Its own reader knows what is wrong; we know where the thing in question stands.
fn rows(reader: &mut Reader<'_>, node: &Node) -> Option<Rows> {
    match import::read(&json(node).to_string(), "") {
        Ok(rows) => Some(rows),
        Err(problems) => {
            for problem in problems {
                let span = mention(node, &problem.item).unwrap_or(node.span);
                reader.error(codes::FIXTURE, span, problem.message).help(problem.help);
            }
            None
        }
    }
}

fn json(node: &Node) -> serde_json::Value {
    match &node.value {
        Value::Null => serde_json::Value::Null,
        Value::Text(text) => serde_json::Value::from(&**text),
        Value::List(items) => items.iter().map(json).collect(),
        Value::Map(entries) => {
            entries.iter().map(|(key, node)| (String::from(&*key.name), json(node))).collect()
        }
    }
}

/// Finds the first key or text that is, or at least holds, `item`.
fn mention(node: &Node, item: &str) -> Option<Span> {
    let found = |text: &str, span| (!item.is_empty() && text.contains(item)).then_some(span);
    match &node.value {
        Value::Null => None,
        Value::Text(text) => found(text, node.span),
        Value::List(items) => items.iter().find_map(|node| mention(node, item)),
        Value::Map(entries) => entries
            .iter()
            .find_map(|(key, node)| found(&key.name, key.span).or_else(|| mention(node, item))),
    }
}

pub(super) fn at(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<Duration> {
    fields.need(reader, "at").and_then(|n| reader.duration(n, Duration::ZERO..=LENGTH_MAX))
}
