//! Says why an incident is as it is, in the engine's words, with the rule or section that decided.

use super::Reason;
use super::actual::{Actual, sent};
use super::play::{Played, name};
use crate::engine::changes::{AlertRow, MemberRow};
use crate::model::incident::Incident;
use crate::model::labels::Fingerprint;
use crate::model::notice::{Notice, NoticeKind};
use crate::model::progress::StateName;
use crate::model::time::Brief;
use crate::model::timeline::Happening;
use crate::rules::testcase::IncidentExpectation;
use crate::rules::{Place, Rule, Subject, Verdict};

/// Reasons told of one field.
const REASONS_MAX: usize = 4;

/// Says why a field is as it is.
pub(super) fn of(
    played: &Played,
    field: &str,
    it: &Actual,
    wanted: &IncidentExpectation,
) -> Vec<Reason> {
    let rule = rule_of(played, it.record.rule.as_deref());
    let of_rule = || {
        let text = rule.map(|rule| format!("rule {}", rule.name));
        text.map(|text| vec![reason(text, rule.map(|rule| &rule.place))]).unwrap_or_default()
    };
    match field {
        "rule" => rules(played, it, wanted),
        "root" | "subordinates" => opened(played, it),
        "members" => members(played, it, wanted),
        "title" | "category" => of_rule(),
        "pages" | "called" => told(played, it, NoticeKind::Page),
        "tickets" => told(played, it, NoticeKind::Ticket),
        "impact" | "urgency" | "priority" => {
            vec![reason(it.record.assessment.sum.clone(), judged_by(played, it, field))]
        }
        "state" => state(played, &it.record),
        "quiet" => last(played, &it.record, &[Happening::Quieted, Happening::Raised], None),
        "known_error" => last(played, &it.record, &[Happening::KnownError], None),
        "team" => {
            let assigned = [Happening::Assigned];
            last(played, &it.record, &assigned, rule.map(|rule| &rule.place))
        }
        _ => Vec::new(),
    }
}

/// Tells what led to the state an incident is in.
fn state(played: &Played, it: &Incident) -> Vec<Reason> {
    let kinds: &[Happening] = match it.progress.name() {
        StateName::New => &[
            Happening::Opened,
            Happening::Reopened,
            Happening::AckExpired,
            Happening::Unacknowledged,
        ],
        StateName::Acknowledged => &[Happening::Acknowledged],
        StateName::InProgress => &[Happening::Claimed, Happening::HoldEnded],
        StateName::OnHold => &[Happening::Held],
        StateName::Resolved => &[Happening::Resolved],
        StateName::Closed => &[Happening::Closed],
        StateName::Cancelled => &[Happening::Cancelled],
    };
    last(played, it, kinds, None)
}

fn reason(text: String, place: Option<&Place>) -> Reason {
    Reason { text, place: place.cloned() }
}

fn rule_of<'p>(played: &'p Played, name: Option<&str>) -> Option<&'p Rule> {
    played.world.context().rules.find(name?)
}

/// Says why the expected rule is not the one, and what is.
fn rules(played: &Played, it: &Actual, wanted: &IncidentExpectation) -> Vec<Reason> {
    let expected = wanted.rule.as_ref().and_then(|rule| rule.value.as_deref());
    let root = played.alert(it.record.root.alert);
    let mut found = Vec::new();
    if let (Some(rule), Some(root)) = (rule_of(played, expected), root) {
        found.push(reason(tried(played, rule, root), Some(&rule.place)));
    }
    found.extend(opened(played, it));
    found
}

/// Says what a rule makes of an alert.
fn tried(played: &Played, rule: &Rule, row: &AlertRow) -> String {
    let (rule_name, alert) = (&rule.name, name(row));
    match &*kept_out(played, rule, row) {
        [] => format!("{rule_name} matches {alert}, but took no part in it"),
        failed => format!("{rule_name} does not match {alert}: {}", failed.join(", ")),
    }
}

/// Returns the matchers that keep a rule from matching an alert, with the values they saw; none when
/// it matches.
pub fn kept_out(played: &Played, rule: &Rule, row: &AlertRow) -> Vec<String> {
    let judge = |subject: &Subject<'_>| {
        if rule.matches(subject) { Vec::new() } else { rule.verdicts(subject) }
    };
    let known = played.world.ask_about(row.fingerprint, judge);
    let verdicts = known.unwrap_or_else(|| judge(&played.world.context().seen(row).subject()));
    verdicts
        .into_iter()
        .filter(Verdict::hinders)
        .map(|verdict| format!("{} (value {:?})", verdict.matcher, verdict.value))
        .collect()
}

/// Says why an incident was opened.
pub(super) fn opened(played: &Played, it: &Actual) -> Vec<Reason> {
    let rule = rule_of(played, it.record.rule.as_deref());
    let kinds = [Happening::Opened, Happening::RootChanged];
    last(played, &it.record, &kinds, rule.map(|rule| &rule.place))
}

/// Tells the last entry of these kinds.
fn last(played: &Played, it: &Incident, kinds: &[Happening], place: Option<&Place>) -> Vec<Reason> {
    let entries = played.world.image().timeline_of(it.id);
    let found = entries.filter(|entry| kinds.contains(&entry.what)).last();
    let text = found.map(|entry| {
        let at = Brief(entry.at.since(played.start));
        format!("{} at {at}: {}", entry.what, entry.text)
    });
    text.map(|text| reason(text, place)).into_iter().collect()
}

/// Returns where it stands how an incident is judged.
fn judged_by<'p>(played: &'p Played, it: &Actual, field: &str) -> Option<&'p Place> {
    let rules = &played.world.context().rules;
    let rule = rule_of(played, it.record.rule.as_deref());
    let by_rule = rule.filter(|rule| {
        let spec = &rule.incident;
        match field {
            "impact" => spec.impact.is_some(),
            "urgency" => spec.urgency.is_some(),
            _ => spec.impact.is_some() || spec.urgency.is_some() || spec.priority.is_some(),
        }
    });
    if let Some(rule) = by_rule {
        return Some(&rule.place);
    }
    let impact = it.record.assessment.impact;
    match field {
        "impact" => rules.place(&format!("priorities.impact.{impact}")),
        "urgency" => rules.place("priorities.urgency"),
        _ => rules.place(&format!("priorities.matrix.{impact}")),
    }
}

/// Says why members are there that were not expected, and where those are that were.
fn members(played: &Played, it: &Actual, wanted: &IncidentExpectation) -> Vec<Reason> {
    let expected = wanted.members.as_ref().map_or(&[][..], |members| &members.value);
    let mut found = Vec::new();
    for (row, alert) in played.world.image().attached_to(it.record.id) {
        let name = name(alert);
        if !expected.iter().any(|expected| **expected == *name) {
            found.push(joined(played, row, &name));
        }
    }
    let missing =
        expected.iter().filter(|name| !it.members.iter().any(|member| *member == ***name));
    found.extend(missing.flat_map(|name| whereabouts(played, name)));
    found.truncate(REASONS_MAX);
    found
}

fn joined(played: &Played, row: &MemberRow, name: &str) -> Reason {
    let rule = rule_of(played, row.join.rule());
    reason(format!("{name}: {}", row.join), rule.map(|rule| &rule.place))
}

/// Says what became of the alerts of this name.
pub(super) fn whereabouts(played: &Played, wanted: &str) -> Vec<Reason> {
    let mut alerts: Vec<Fingerprint> = played.fired.iter().map(|fired| fired.alert).collect();
    alerts.sort_unstable();
    alerts.dedup();
    alerts.retain(|alert| played.name_of(*alert) == wanted);
    let rows: Vec<&AlertRow> = alerts.iter().filter_map(|alert| played.alert(*alert)).collect();
    if rows.is_empty() {
        let text = format!("no alert of {wanted} has fired by then");
        return vec![reason(text, None)];
    }
    rows.into_iter().take(REASONS_MAX).map(|row| whereabout(played, row)).collect()
}

fn whereabout(played: &Played, row: &AlertRow) -> Reason {
    let name = name(row);
    let Some(top) = row.state.incident.and_then(|id| played.top(id)) else {
        let why = if row.state.is_audible() { "" } else { ": it is silenced" };
        return reason(format!("{name} belongs to no incident{why}"), None);
    };
    let root = played.name_of(top.root.alert);
    let mut attached = played.world.image().attached_to(top.id).into_iter();
    let found = attached.rfind(|(_, it)| it.fingerprint == row.fingerprint);
    match found {
        Some((member, _)) => {
            let Reason { text, place } = joined(played, member, &name);
            Reason { text: format!("{text}, in {} ({root})", top.id), place }
        }
        None => reason(format!("{name} belonged to {} ({root})", top.id), None),
    }
}

/// Says why notices of a kind were sent, or why none was.
fn told(played: &Played, it: &Actual, kind: NoticeKind) -> Vec<Reason> {
    let sent: Vec<&Notice> = sent(played, &it.ids, kind).collect();
    if !sent.is_empty() {
        return notices(played, &sent);
    }
    let rules = &played.world.context().rules;
    let record = &it.record;
    let waiting = record.wait_until.filter(|until| *until > played.world.now());
    let (text, place) = match (record.quiet, waiting) {
        (true, _) => ("all that fires of it is silenced".into(), None),
        (false, Some(until)) => {
            let until = Brief(until.since(played.start));
            (format!("the first notice waits for a cause until {until}"), None)
        }
        (false, None) => {
            let way = if record.assessment.pages { "pages" } else { "makes a ticket" };
            (format!("{}, which {way}", record.assessment.sum), rules.place("priorities.page"))
        }
    };
    vec![reason(text, place)]
}

/// Says why these notices were sent.
pub(super) fn notices(played: &Played, sent: &[&Notice]) -> Vec<Reason> {
    let told = sent.iter().take(REASONS_MAX).map(|notice| {
        let at = Brief(notice.created_at.since(played.start));
        let (incident, target, because) = (notice.id.incident, &notice.target, &notice.because);
        reason(format!("{} to {target} at {at} of {incident}: {because}", notice.kind), None)
    });
    told.collect()
}
