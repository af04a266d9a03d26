//! `incidentd explain --test FILE:LINE`: plays a test of a rule file and tells what became of each
//! alert that fired in it, and why.

use core::time::Duration;
use std::path::PathBuf;

use serde::Serialize;

use crate::engine::changes::AlertRow;
use crate::lab::rule_tests::{Fired, Played, kept_out, name, play};
use crate::model::alert::{Join, severity};
use crate::model::incident::Incident;
use crate::model::time::{Brief, Timestamp};
use crate::rules::TestCase;

use super::failure::Failure;
use super::print::{self, Table, or_nothing};
use super::test::{compiled, finding};
use super::{Output, Session, files};

/// Which test, and up to when.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// `FILE:LINE`, a line of the test.
    pub test: &'a str,
    /// Other rule files that are loaded with it.
    pub rules: &'a [PathBuf],
    /// Up to when it is played, from its start.
    pub at: Option<Duration>,
}

/// Plays it and prints what came of it.
///
/// # Errors
/// When there is no such test, its rules are invalid, or one of its steps cannot be done.
pub fn run(session: &Session, wanted: &Wanted<'_>) -> Result<(), Failure> {
    let usage = || Failure::Usage(format!("`{}`: expected FILE:LINE", wanted.test));
    let (file, line) = wanted.test.rsplit_once(':').ok_or_else(usage)?;
    let line: u32 = line.parse().map_err(|_| usage())?;
    let mut paths = wanted.rules.to_vec();
    paths.push(file.into());
    let (rules, tests) = compiled(&files::read(&paths)?)?;
    let test = find(&tests, file, line)?;
    let until = wanted.at.unwrap_or_else(|| time_of(test, line));
    let played = play(test, &rules, until).map_err(|found| {
        let lines: Vec<String> = found.iter().flat_map(|it| finding(file, it)).collect();
        Failure::Findings(format!("the test cannot be played\n{}", lines.join("\n")))
    })?;
    let told = Told::of(&played, test, until);
    match session.output {
        Output::Json => print::data(serde_json::to_string_pretty(&told).unwrap_or_default()),
        Output::Table => told.lines().iter().for_each(print::data),
    }
    Ok(())
}

/// Finds the test that a line belongs to: the last that begins at it or above.
fn find<'t>(tests: &'t [TestCase], file: &str, line: u32) -> Result<&'t TestCase, Failure> {
    let of_file = || tests.iter().filter(|test| *test.place.file == *file);
    let found = of_file().filter(|test| test.place.line <= line).max_by_key(|t| t.place.line);
    found.ok_or_else(|| {
        let lines: Vec<String> = of_file().map(|test| test.place.line.to_string()).collect();
        let there = if lines.is_empty() { "none".into() } else { lines.join(", ") };
        Failure::NotFound(format!("{file}: no test at line {line}; tests begin at lines {there}"))
    })
}

/// Returns the time of the expectation that a line belongs to, of the last when to none.
fn time_of(test: &TestCase, line: u32) -> Duration {
    let above = test.expect.iter().filter(|it| it.line <= line);
    let meant = above.max_by_key(|it| (it.line, it.at));
    meant.or(test.expect.last()).map_or(Duration::ZERO, |it| it.at)
}

/// What became of a test.
#[derive(Debug, Serialize)]
struct Told {
    test: String,
    file: String,
    line: u32,
    at_ms: u64,
    alerts: Vec<AlertTold>,
    incidents: Vec<IncidentTold>,
    notices: Vec<NoticeTold>,
}

/// What became of an alert; `because` and what follows is of the episode it is in now.
#[derive(Debug, Serialize)]
struct AlertTold {
    at_ms: u64,
    line: u32,
    name: String,
    labels: String,
    severity: String,
    state: &'static str,
    incident: Option<String>,
    record: Option<String>,
    because: Option<String>,
    path: Option<String>,
    rule: Option<RuleTold>,
    /// Each rule that did not match, with the matchers that kept it from it.
    not_matched: Vec<NotMatched>,
}

#[derive(Debug, Serialize)]
struct RuleTold {
    name: String,
    file: String,
    line: u32,
}

#[derive(Debug, Serialize)]
struct NotMatched {
    rule: RuleTold,
    matchers: Vec<String>,
}

#[derive(Debug, Serialize)]
struct IncidentTold {
    id: String,
    part_of: Option<String>,
    title: String,
    state: String,
    priority: String,
    sum: String,
    team: Option<String>,
    rule: Option<String>,
    root: String,
    timeline: Vec<EntryTold>,
}

#[derive(Debug, Serialize)]
struct EntryTold {
    at_ms: u64,
    what: String,
    text: String,
}

#[derive(Debug, Serialize)]
struct NoticeTold {
    at_ms: u64,
    incident: String,
    kind: String,
    target: String,
    because: String,
}

impl Told {
    fn of(played: &Played, test: &TestCase, until: Duration) -> Self {
        let since = |at: Timestamp| millis(at.since(played.start));
        let incidents = played.world.image().incidents.values();
        let notices = played.world.sent().iter().map(|notice| NoticeTold {
            at_ms: since(notice.created_at),
            incident: notice.id.incident.to_string(),
            kind: notice.kind.to_string(),
            target: notice.target.to_string(),
            because: notice.because.clone(),
        });
        Self {
            test: test.name.to_string(),
            file: test.place.file.to_string(),
            line: test.place.line,
            at_ms: millis(until),
            alerts: played.fired.iter().filter_map(|it| alert(played, test, it)).collect(),
            incidents: incidents.map(|it| incident(played, it)).collect(),
            notices: notices.collect(),
        }
    }

    fn lines(&self) -> Vec<String> {
        // Not: the notices, of which the timelines tell.
        let Self { test, file, line, at_ms, alerts, incidents, notices: _ } = self;
        let mut lines = vec![format!("{file}:{line}  {test}, up to {}", brief(*at_ms))];
        for alert in alerts {
            lines.extend(alert.lines());
        }
        for incident in incidents {
            lines.extend(incident.lines());
        }
        lines.iter().map(|line| print::clean(line)).collect()
    }
}

impl AlertTold {
    fn lines(&self) -> Vec<String> {
        let severity = or_nothing(Some(&self.severity));
        let (at, name, labels) = (brief(self.at_ms), &self.name, &self.labels);
        let mut lines =
            vec![format!("{at}  {name}  {labels}  severity={severity}  {}", self.state)];
        let outcome = match (&self.incident, &self.record) {
            (Some(incident), Some(record)) if incident != record => {
                format!("{record}, part of {incident}")
            }
            (Some(incident), _) => incident.clone(),
            (None, _) => "no incident".into(),
        };
        let because = self.because.as_ref().map(|it| format!(": {it}")).unwrap_or_default();
        let rule = self.rule.as_ref().map(|it| format!("  ← {}", it.text())).unwrap_or_default();
        lines.push(format!("    {outcome}{because}{rule}"));
        lines.extend(self.path.iter().map(|path| format!("    {path}")));
        for it in &self.not_matched {
            lines.push(format!("    not {}: {}", it.rule.text(), it.matchers.join(", ")));
        }
        lines
    }
}

impl RuleTold {
    fn text(&self) -> String {
        format!("{} ({}:{})", self.name, self.file, self.line)
    }
}

impl IncidentTold {
    fn lines(&self) -> Vec<String> {
        let Self { id, part_of, title, state, priority, sum, team, rule, .. } = self;
        let part = part_of.as_ref().map(|it| format!(", part of {it}")).unwrap_or_default();
        let team = or_nothing(team.as_deref());
        let rule = rule.as_ref().map(|it| format!("  rule {it}")).unwrap_or_default();
        let mut lines = vec![
            format!("{id}  {priority}  {state}{part}  {title}  team {team}{rule}"),
            format!("    {sum}"),
        ];
        let mut table = Table::bare();
        for entry in &self.timeline {
            table.row([brief(entry.at_ms), entry.what.clone(), entry.text.clone()]);
        }
        lines.extend(table.lines("    "));
        lines
    }
}

fn alert(played: &Played, test: &TestCase, fired: &Fired) -> Option<AlertTold> {
    let row: &AlertRow = played.alert(fired.alert)?;
    let rules = &played.world.context().rules;
    let top = row.state.incident.and_then(|id| played.top(id));
    let attached = top.map(|top| played.world.image().attached_to(top.id)).unwrap_or_default();
    let member = attached.iter().rfind(|(_, it)| it.fingerprint == row.fingerprint);
    let join = member.map(|(member, _)| &member.join);
    let told = |name: &str| {
        let rule = rules.find(name)?;
        let (file, line) = (rule.place.file.to_string(), rule.place.line);
        Some(RuleTold { name: name.into(), file, line })
    };
    let of_file = rules.rules.iter().filter(|rule| rule.place.file == test.place.file);
    let not_matched = of_file.filter_map(|rule| {
        let matchers = kept_out(played, rule, row);
        let rule = told(&rule.name).filter(|_| !matchers.is_empty())?;
        Some(NotMatched { rule, matchers })
    });
    let path = match join {
        Some(Join::Dependant { path, .. }) => Some(path.to_string()),
        _ => None,
    };
    let state = match (row.state.fires(), row.state.is_audible()) {
        (true, true) => "fires",
        (true, false) => "fires, silenced",
        (false, _) => "over",
    };
    Some(AlertTold {
        at_ms: millis(fired.at),
        line: fired.line,
        name: name(row),
        labels: row.labels.to_string(),
        severity: severity(row.state.severity.as_deref(), &row.labels).into(),
        state,
        incident: top.map(|top| top.id.to_string()),
        record: row.state.record.map(|record| record.to_string()),
        because: join.map(ToString::to_string),
        path,
        rule: join.and_then(Join::rule).and_then(told),
        not_matched: not_matched.collect(),
    })
}

fn incident(played: &Played, it: &Incident) -> IncidentTold {
    let entries = played.world.image().timeline_of(it.id).map(|entry| EntryTold {
        at_ms: millis(entry.at.since(played.start)),
        what: entry.what.to_string(),
        text: entry.text.clone(),
    });
    IncidentTold {
        id: it.id.to_string(),
        part_of: it.parent.map(|parent| parent.to_string()),
        title: it.title.clone(),
        state: it.progress.name().to_string(),
        priority: it.assessment.priority.to_string(),
        sum: it.assessment.sum.clone(),
        team: it.team.as_deref().map(Into::into),
        rule: it.rule.as_deref().map(Into::into),
        root: played.name_of(it.root.alert),
        timeline: entries.collect(),
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn brief(ms: u64) -> String {
    Brief(Duration::from_millis(ms)).to_string()
}
