//! Reports by people: each goes the way of an alert, and whoever made it hears how it ends.
//!
//! A report has no lease. It ends when its incident is resolved, or when the alerts of tools in the
//! same incident have all cleared: then nothing else would ever end it, and those who reported it
//! are asked.

use core::time::Duration;
use std::sync::Arc;

use super::context::Context;
use super::deduplicate::{self, Delivery};
use super::order::Filing;
use super::pending::Told;
use super::refusal::Refusal;
use super::reply::{Filed, Match, Reply};
use super::{State, audit, correlate, desk, ending, reporters, suppress, tally};
use crate::model::alert::{Details, Join, Occurrence, Signal, SourceId};
use crate::model::incident::IncidentId;
use crate::model::labels::{Fingerprint, Labels};
use crate::model::report::{ALERTNAME, REPORT, REPORTS_MAX, Report, TITLE};
use crate::model::sheet::{Edit, Field};
use crate::model::time::Timestamp;
use crate::model::timeline::Happening;

/// Beyond every life of an incident: a report does not lapse.
const FOR_GOOD: Duration = Duration::from_hours(100 * 365 * 24);

/// Takes a person's report.
pub(super) fn file(state: &mut State, ctx: &Context, it: &Filing, now: Timestamp) -> Reply {
    if let Err(refusal) = desk::only(ctx, &it.by) {
        return Reply::Refused(refusal);
    }
    let alert = it.labels.fingerprint();
    let last = state.counters.next_record;
    let name: Arc<str> = REPORT.into();
    let source = state.source(&name);
    let by = Delivery { ctx, source, source_name: &name, now };
    let received = deduplicate::receive(state, &by, &[occurrence(it, alert, now)], &mut ());
    let refused = received.refused.first().map(|(_, why)| why.to_string());
    let dropped = received.dropped.keys().next().map(|rule| format!("rule {rule} leaves it out"));
    let beyond = (received.overflowed > 0).then(|| "there are too many reports".to_owned());
    if let Some(why) = refused.or(dropped).or(beyond) {
        return Reply::Refused(Refusal::NotReported(why));
    }
    let filed = match correlate::incident_of(state, alert) {
        Some(incident) => {
            let record = state.alerts.get(&alert).and_then(|held| held.state.record);
            let how = match record {
                Some(record) if record.0 <= last => Match::Same,
                Some(record) if record != incident => Match::Similar,
                Some(_) | None => Match::New,
            };
            join(state, ctx, incident, (it, how), now);
            let held_back = held_back(state, ctx, alert);
            Filed { incident: Some(incident), how, held_back }
        }
        None => Filed { incident: None, how: Match::New, held_back: held_back(state, ctx, alert) },
    };
    let object = filed.incident.map(|id| id.to_string()).unwrap_or_default();
    let detail = format!("{} for {}", it.title, it.reporter.name);
    audit::note(
        state,
        now,
        audit::Deed { by: &it.by, action: "reported", object: &object, detail },
    );
    Reply::Reported(filed)
}

/// Finds the open incident that explains a report of a CI: the oldest of those with their root
/// there, else of those from which it suffers. People report long after the tools did, when no
/// window is open any more; the incident itself still is.
pub(super) fn explained(
    state: &mut State,
    ctx: &Context,
    alert: Fingerprint,
) -> Option<(IncidentId, Join)> {
    let held = state.alerts.get(&alert)?;
    if held.labels.get("alertname") != Some(ALERTNAME) || held.labels.get(TITLE).is_none() {
        return None;
    }
    tally::weigh(state, ctx);
    let held = state.alerts.get(&alert)?;
    let service = || ctx.topology.find(held.labels.get("service")?);
    let ci = held.ci.or_else(service)?;
    let is_open = |id: &IncidentId| state.is_open(*id);
    let rooted = state.root_at.get(&ci).and_then(|ids| ids.iter().copied().find(is_open));
    // All open incidents are looked at, which no alert of a tool may ask for: people are slow.
    let suffers = || {
        let hurt = |id: &IncidentId| {
            let case = state.incidents.get(id);
            case.is_some_and(|case| case.tally.services().any(|service| service == ci))
        };
        state.incidents.keys().copied().find(|id| is_open(id) && hurt(id))
    };
    let incident = rooted.or_else(suffers)?;
    Some((incident, Join::Reported { ci: (*ctx.topology.ci(ci).name).into() }))
}

/// Makes the alert of a report.
fn occurrence(it: &Filing, fingerprint: Fingerprint, now: Timestamp) -> Occurrence {
    let reporter = &it.reporter;
    let mut annotations = vec![
        ("summary", &*it.title),
        ("description", &*it.description),
        ("reporter", &*reporter.name),
        ("place", reporter.place.as_deref().unwrap_or("")),
        ("contact", reporter.contact.as_deref().unwrap_or("")),
    ];
    annotations.retain(|(_, text)| !text.is_empty());
    // Names of ours, given once; texts were bounded at the door.
    let annotations = Labels::build(&mut annotations).unwrap_or_else(|_| Labels::empty());
    Occurrence {
        labels: it.labels.clone(),
        fingerprint,
        signal: Signal::Firing { until: now.plus(FOR_GOOD), explicit: false },
        starts_at: now,
        severity: it.severity.clone(),
        details: Arc::new(Details { annotations, generator_url: Box::default() }),
    }
}

/// Says why nobody is told of a report; nothing when somebody is.
fn held_back(state: &State, ctx: &Context, alert: Fingerprint) -> String {
    let Some(held) = state.alerts.get(&alert) else { return String::new() };
    if let Some(by) = held.state.silenced_by.first() {
        return format!("silenced by {by}");
    }
    suppress::inhibit::words(state, ctx, alert).unwrap_or_default()
}

/// Notes on its incident who reported it.
fn join(
    state: &mut State,
    ctx: &Context,
    id: IncidentId,
    (it, how): (&Filing, Match),
    now: Timestamp,
) {
    let Some(case) = state.change(id) else { return };
    let record = &mut case.record;
    let reporter = &it.reporter;
    if record.reports.len() < REPORTS_MAX {
        record.reports.push(Report {
            at: now,
            alert: it.labels.fingerprint(),
            title: it.title.clone(),
            reporter: reporter.clone(),
            by: it.by.clone(),
            channel: it.channel.clone(),
        });
    }
    record.version += 1;
    if how == Match::New {
        let set = |field, value: &str| Edit { field, value: Some(value.into()) };
        record.sheet.set(set(Field::Channel, &it.channel));
        record.sheet.set(set(Field::Sender, &reporter.name));
        for edit in &it.edits {
            record.sheet.set(edit.clone());
        }
        record.category = it.category.clone().or_else(|| record.category.take());
    }
    let place = reporter.place.as_ref().map(|it| format!(", {it}")).unwrap_or_default();
    let contact = reporter.contact.as_ref().map(|it| format!(", {it}")).unwrap_or_default();
    let (name, channel, title) = (&reporter.name, &it.channel, &it.title);
    let by = if it.by == *name { String::new() } else { format!(", written down by {}", it.by) };
    let text = format!("by {name}{place}{contact} ({channel}{by}): {title}");
    state.pending.tell(id, now, Told { what: Happening::Reported, text, path: None });
    reporters::note(state, ctx, id, reporter);
}

/// Returns an incident and all that is part of it.
pub(super) fn tree(state: &State, id: IncidentId) -> Vec<IncidentId> {
    let mut found = vec![id];
    let mut next = 0;
    while let Some(case) = found.get(next).and_then(|id| state.incidents.get(id)) {
        found.extend(case.children.iter().copied());
        next += 1;
    }
    found
}

/// Returns the names of those who reported an incident, each once.
pub(super) fn names(state: &State, id: IncidentId) -> Vec<Box<str>> {
    let mut names: Vec<Box<str>> = Vec::new();
    for id in tree(state, id) {
        let reports = state.incidents.get(&id).map(|case| &*case.record.reports);
        for report in reports.unwrap_or_default() {
            if !names.contains(&report.reporter.name) {
                names.push(report.reporter.name.clone());
            }
        }
    }
    names
}

/// Returns the number of our source, if there ever was a report.
fn source(state: &State) -> Option<SourceId> {
    let place = state.counters.sources.iter().position(|name| **name == *REPORT)?;
    u16::try_from(place).ok().map(SourceId)
}

/// Returns how many reports fire.
fn firing(state: &State) -> u32 {
    source(state).and_then(|source| state.held_by.get(&source).copied()).unwrap_or(0)
}

fn is_report(state: &State, source: SourceId, alert: Fingerprint) -> bool {
    let held = state.alerts.get(&alert).filter(|held| held.state.fires());
    held.is_some_and(|held| held.state.leases.iter().all(|lease| lease.source == source))
}

/// Ends all reports of an incident.
pub(super) fn end_all(state: &mut State, ctx: &Context, id: IncidentId, now: Timestamp) {
    let Some(source) = source(state).filter(|_| firing(state) > 0) else { return };
    let reports: Vec<Fingerprint> =
        state.members(id).filter(|alert| is_report(state, source, *alert)).collect();
    for alert in reports {
        ending::finish(state, ctx, (source, alert), now);
    }
}

/// Ends the reports of an incident of which nothing else fires, when the last alert of a tool
/// cleared.
pub(super) fn end_if_alone(
    state: &mut State,
    ctx: &Context,
    (id, cleared): (IncidentId, Fingerprint),
    now: Timestamp,
) {
    let reports = firing(state);
    let Some(source) = source(state).filter(|_| reports > 0) else { return };
    let Some(case) = state.incidents.get(&id) else { return };
    if case.record.firing == 0 || case.record.firing > reports {
        return;
    }
    let name = state.alerts.get(&cleared).and_then(|held| held.labels.get("alertname"));
    let by_report = name == Some(ALERTNAME);
    let fires = |alert: &Fingerprint| state.alerts.get(alert).is_some_and(|it| it.state.fires());
    let alone = || state.members(id).filter(fires).all(|alert| is_report(state, source, alert));
    if !by_report && alone() {
        end_all(state, ctx, id, now);
    }
}
