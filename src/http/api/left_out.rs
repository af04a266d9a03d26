//! What could have been one with an incident and is not, on purpose: kept apart by hand, refused by
//! a bound of the rule, or held back by a silence.
//!
//! Worked out from what is stored and the rules in force; what no bound explains is not told.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::cmdb::Toward;
use crate::engine::changes::AlertRow;
use crate::model::alert::Inhibitor;
use crate::model::incident::Incident;
use crate::model::progress::StateName;
use crate::model::silence::SilenceId;
use crate::model::time::{Brief, Timestamp};
use crate::rules::{Group, Rule, TopologyKind};
use crate::store::view::{AlertQuery, IncidentQuery, Member};

use super::super::Reading;
use super::super::error::Problem;
use super::super::wire::LeftOut;
use super::super::wire::Time;
use super::super::wire::explain::{InhibitedBy, SilencedBy};
use super::around::Surroundings;
use super::show;

/// What one answer names at most.
const LEFT_OUT_MAX: usize = 20;

/// Incidents looked at that stand where they could have been one with another.
const CANDIDATES_MAX: usize = 1_000;

/// CIs looked at; as many as the engine does.
const WALK_NODES_MAX: usize = 4_096;

/// The states of incidents that can have been left out.
const UNCLOSED: [StateName; 5] = [
    StateName::New,
    StateName::Acknowledged,
    StateName::InProgress,
    StateName::OnHold,
    StateName::Resolved,
];

/// Returns what is not part of an incident on purpose, and which of its members are held back.
pub(super) fn of_incident(
    reading: &Reading<'_>,
    incident: &Incident,
    root: Option<&AlertRow>,
    members: &[Member],
) -> Result<Vec<LeftOut>, Problem> {
    let mut found = silenced_members(reading, members)?;
    let rule = incident.rule.as_deref().and_then(|rule| reading.context.rules.find(rule));
    if let Some((rule, kind)) = rule.and_then(|rule| Some((rule, rule.kind.topology()?))) {
        let around = around(reading, incident.root.ci.as_deref(), rule, Toward::Sufferers);
        let cause = Cause::new(incident, root);
        for (other, other_root) in candidates(reading, incident, &around)? {
            let is_never_absorbed = other_root.as_ref().is_some_and(|row| {
                let surroundings = Surroundings::of(reading, row);
                let seen = reading.context.seen(row);
                kind.never_absorbs(&seen.subject().amid(&surroundings))
            });
            let sufferer = Sufferer {
                began: other.opened_at,
                is_never_absorbed,
                is_kept_apart: incident.apart_from.contains(&other.id),
                delay: delay_to(&other, &around),
            };
            let name = name(&other, other_root.as_ref());
            found.extend(why_not(kind, &cause, &sufferer).map(|reason| told(&other, name, reason)));
        }
        found.extend(silenced_around(reading, &around)?);
    }
    found.extend(of_group(reading, incident)?);
    found.truncate(LEFT_OUT_MAX);
    Ok(found)
}

/// Returns the incidents that did not take an alert on purpose.
pub(super) fn of_alert(
    reading: &Reading<'_>,
    row: &AlertRow,
    incident: Option<&Incident>,
) -> Result<Vec<LeftOut>, Problem> {
    let mut found = Vec::new();
    let surroundings = Surroundings::of(reading, row);
    let seen = reading.context.seen(row);
    let subject = seen.subject().amid(&surroundings);
    for (rule, kind, _) in reading.context.topology_rules() {
        let around = around(reading, row.ci.as_deref(), rule, Toward::Causes);
        let query = |other: &Incident| {
            other.rule.as_deref() == Some(&*rule.name)
                && other.root.alert != row.fingerprint
                && incident.is_none_or(|own| own.id != other.id)
                && is_around(other, &around)
        };
        for (other, root) in unclosed(reading, &query)? {
            let sufferer = Sufferer {
                began: row.state.first_seen,
                is_never_absorbed: kind.never_absorbs(&subject),
                is_kept_apart: incident.is_some_and(|own| own.apart_from.contains(&other.id)),
                delay: delay_to(&other, &around),
            };
            let reason = why_not(kind, &Cause::new(&other, root.as_ref()), &sufferer);
            let name = name(&other, root.as_ref());
            found.extend(
                reason.map(|reason| told(&other, name, format!("{}: {reason}", rule.name))),
            );
        }
    }
    if let Some(incident) = incident {
        found.extend(of_group(reading, incident)?);
    }
    found.truncate(LEFT_OUT_MAX);
    Ok(found)
}

fn told(incident: &Incident, what: String, reason: String) -> LeftOut {
    LeftOut { incident: Some(incident.id.to_string()), what, reason }
}

fn name(incident: &Incident, root: Option<&AlertRow>) -> String {
    let Some(root) = root else { return incident.title.clone() };
    let (name, alert) = (show::name(root), root.labels.get("alertname").unwrap_or(""));
    if name == alert { name } else { format!("{name} {alert}").trim_end().into() }
}

/// The CIs that a rule reaches from one, with how long harm is expected to take between the two.
type Reached = BTreeMap<Box<str>, Duration>;

/// Returns the CIs that a rule reaches from one, that one included.
fn around(reading: &Reading<'_>, ci: Option<&str>, rule: &Rule, toward: Toward) -> Reached {
    let topology = &reading.context.topology;
    let (Some(ci), Some(kind)) = (ci.and_then(|ci| topology.find(ci)), rule.kind.topology()) else {
        return Reached::new();
    };
    let follow = reading.context.follow(&rule.name);
    let walk = topology.walk(ci, toward, follow, kind.max_hops, WALK_NODES_MAX);
    let reached = walk.steps().iter().enumerate().map(|(index, step)| {
        let delay = kind.delay(topology, &walk.path(topology, index));
        ((&*topology.ci(step.ci).name).into(), delay.unwrap_or_default())
    });
    reached.collect()
}

fn is_around(incident: &Incident, around: &Reached) -> bool {
    incident.root.ci.as_deref().is_some_and(|ci| around.contains_key(ci))
}

fn delay_to(incident: &Incident, around: &Reached) -> Duration {
    let ci = incident.root.ci.as_deref();
    ci.and_then(|ci| around.get(ci)).copied().unwrap_or_default()
}

fn candidates(
    reading: &Reading<'_>,
    incident: &Incident,
    around: &Reached,
) -> Result<Vec<(Incident, Option<AlertRow>)>, Problem> {
    unclosed(reading, &|other| other.id != incident.id && is_around(other, around))
}

/// Returns incidents that are neither closed nor part of another, with the alerts at their roots.
fn unclosed(
    reading: &Reading<'_>,
    fits: &dyn Fn(&Incident) -> bool,
) -> Result<Vec<(Incident, Option<AlertRow>)>, Problem> {
    let takes = |it: &Incident| Ok(it.parent.is_none() && fits(it));
    let (states, limit) = (&UNCLOSED, CANDIDATES_MAX);
    let page =
        reading.view.incidents(&IncidentQuery { states, after: None, limit, filter: &takes })?;
    let with_root = |incident: Incident| {
        let root = reading.view.alert(incident.root.alert)?;
        Ok((incident, root))
    };
    page.items.into_iter().map(with_root).collect()
}

/// An incident whose root explains others.
struct Cause {
    /// When its root showed itself.
    began: Timestamp,
    opened_at: Timestamp,
    active_at: Timestamp,
}

impl Cause {
    fn new(incident: &Incident, root: Option<&AlertRow>) -> Self {
        let (opened_at, active_at) = (incident.opened_at, incident.active_at);
        Self { began: root.map_or(opened_at, |row| row.state.first_seen), opened_at, active_at }
    }
}

/// Something that suffers from the root.
struct Sufferer {
    began: Timestamp,
    is_never_absorbed: bool,
    is_kept_apart: bool,
    /// How long harm is expected to take from the cause.
    delay: Duration,
}

/// Says what keeps a sufferer from its cause under a rule; nothing when no bound does.
fn why_not(kind: &TopologyKind, cause: &Cause, it: &Sufferer) -> Option<String> {
    if it.is_kept_apart {
        return Some("kept apart by hand".into());
    }
    if it.is_never_absorbed {
        return Some("the rule never absorbs it (never_absorb)".into());
    }
    if it.began < cause.began {
        let out = cause.began >= it.began.plus(kind.lookback);
        let before = Brief(cause.began.since(it.began));
        return out.then(|| {
            format!("began {before} before the root (lookback is {})", Brief(kind.lookback))
        });
    }
    too_late(cause, it.began, kind.window + it.delay, kind.max_age)
}

fn too_late(
    cause: &Cause,
    began: Timestamp,
    window: Duration,
    max_age: Duration,
) -> Option<String> {
    if began >= cause.opened_at.plus(max_age) {
        let after = Brief(began.since(cause.opened_at));
        return Some(format!("began {after} after it was opened (max_age is {})", Brief(max_age)));
    }
    if began >= cause.active_at.plus(window) {
        let after = Brief(began.since(cause.active_at));
        return Some(format!(
            "began {after} after its last activity (window is {})",
            Brief(window)
        ));
    }
    None
}

/// Returns other incidents of the same group, with what keeps the two apart.
fn of_group(reading: &Reading<'_>, incident: &Incident) -> Result<Vec<LeftOut>, Problem> {
    let (Some(rule), Some(key)) = (&incident.group_rule, &incident.key) else {
        return Ok(Vec::new());
    };
    let Some(kind) = reading.context.rules.find(rule).and_then(|rule| rule.kind.group()) else {
        return Ok(Vec::new());
    };
    let same = |other: &Incident| {
        other.id != incident.id
            && other.group_rule.as_ref() == Some(rule)
            && other.key.as_ref() == Some(key)
    };
    let told = |(other, root): (Incident, Option<AlertRow>)| {
        let reason = grouped_apart(kind, incident, &other)?;
        Some(told(&other, name(&other, root.as_ref()), format!("same {key}, but {reason}")))
    };
    Ok(unclosed(reading, &same)?.into_iter().filter_map(told).collect())
}

fn grouped_apart(kind: &Group, one: &Incident, other: &Incident) -> Option<String> {
    if one.apart_from.contains(&other.id) {
        return Some("kept apart by hand".into());
    }
    let (older, newer) = if one.id < other.id { (one, other) } else { (other, one) };
    let reason = too_late(&Cause::new(older, None), newer.opened_at, kind.window, kind.max_age)?;
    Some(format!("{} {reason} of {}", newer.id, older.id))
}

/// Counts the members that silences and other alerts hold back.
fn silenced_members(reading: &Reading<'_>, members: &[Member]) -> Result<Vec<LeftOut>, Problem> {
    let mut counts = BTreeMap::<SilenceId, u32>::new();
    let mut inhibited = BTreeMap::<Arc<str>, u32>::new();
    let firing = members.iter().filter_map(|member| member.alert.as_ref());
    for row in firing.filter(|row| row.state.fires()) {
        for id in &row.state.silenced_by {
            *counts.entry(*id).or_default() += 1;
        }
        let rules: BTreeSet<&Arc<str>> = row.state.inhibited_by.iter().map(|by| &by.rule).collect();
        for rule in rules {
            *inhibited.entry(Arc::clone(rule)).or_default() += 1;
        }
    }
    let of_rule = |(rule, count): (Arc<str>, u32)| {
        let plural = if count == 1 { "" } else { "s" };
        let reason = format!("counted, but nobody is told: inhibited by rule {rule}");
        LeftOut { incident: None, what: format!("{count} alert{plural} of it"), reason }
    };
    let inhibited = inhibited.into_iter().map(of_rule);
    let told = |(id, count): (SilenceId, u32)| {
        let plural = if count == 1 { "" } else { "s" };
        let reason = format!("counted, but nobody is told: {}", words(&silence(reading, id)?));
        Ok(LeftOut { incident: None, what: format!("{count} alert{plural} of it"), reason })
    };
    let silenced: Vec<LeftOut> = counts.into_iter().map(told).collect::<Result<_, Problem>>()?;
    Ok(silenced.into_iter().chain(inhibited).collect())
}

/// Returns firing alerts on these CIs that are kept from being part of anything.
fn silenced_around(reading: &Reading<'_>, around: &Reached) -> Result<Vec<LeftOut>, Problem> {
    let can_hold_back = reading.context.rules.can_inhibit() || !reading.view.silences()?.is_empty();
    if around.is_empty() || !can_hold_back {
        return Ok(Vec::new());
    }
    let takes = |row: &AlertRow| {
        let is_held_back = row.state.incident.is_none() && !row.state.is_audible();
        is_held_back && row.ci.as_deref().is_some_and(|ci| around.contains_key(ci))
    };
    let (firing, limit) = (Some(true), LEFT_OUT_MAX);
    let page = reading.view.alerts(&AlertQuery { firing, after: None, limit, filter: &takes })?;
    let told = |row: AlertRow| {
        let alert = row.labels.get("alertname").unwrap_or("");
        let silences = silences(reading, &row)?;
        let inhibited = || inhibitors(reading, &row).map(|by| inhibited_words(&by));
        let reason = silences.first().map(words).map_or_else(inhibited, Ok)?;
        let what = format!("{} {alert}", show::name(&row)).trim_end().into();
        Ok(LeftOut { incident: None, what, reason })
    };
    page.items.into_iter().map(told).collect()
}

/// Returns the silences that hold an alert back.
pub(super) fn silences(reading: &Reading<'_>, row: &AlertRow) -> Result<Vec<SilencedBy>, Problem> {
    row.state.silenced_by.iter().map(|id| silence(reading, *id)).collect()
}

fn silence(reading: &Reading<'_>, id: SilenceId) -> Result<SilencedBy, Problem> {
    let known = reading.view.silence(id)?;
    let text = |text: &str| text.to_owned();
    Ok(SilencedBy {
        id: id.to_string(),
        by: known.as_ref().map(|it| text(&it.created_by)).unwrap_or_default(),
        comment: known.as_ref().map(|it| text(&it.comment)).unwrap_or_default(),
        rule: known.as_ref().and_then(|it| it.rule.as_ref()).map(ToString::to_string),
        until: known.map(|it| Time(it.ends_at)),
    })
}

/// Returns the alerts that inhibit one.
pub(super) fn inhibitors(
    reading: &Reading<'_>,
    row: &AlertRow,
) -> Result<Vec<InhibitedBy>, Problem> {
    let told = |by: &Inhibitor| {
        let source = reading.view.alert(by.alert)?;
        let name = |row: AlertRow| {
            let name = show::name(&row);
            let alert = row.labels.get("alertname").filter(|alert| **alert != *name);
            alert.map_or_else(|| name.clone(), |alert| format!("{alert} {name}"))
        };
        Ok(InhibitedBy {
            alert: by.alert.to_string(),
            name: source.map_or_else(|| by.alert.to_string(), name),
            rule: by.rule.to_string(),
        })
    };
    row.state.inhibited_by.iter().map(told).collect()
}

fn inhibited_words(by: &[InhibitedBy]) -> String {
    let Some(first) = by.first() else { return String::new() };
    let more = if by.len() > 1 { format!(" and {} more", by.len() - 1) } else { String::new() };
    format!("inhibited by {}{more} (rule {})", first.name, first.rule)
}

fn words(silence: &SilencedBy) -> String {
    let SilencedBy { id, by, comment, until, rule: _ } = silence;
    let who = if by.is_empty() { id } else { by };
    let until = until.map(|until| format!(" until {until}")).unwrap_or_default();
    format!("silenced by {who} \"{comment}\"{until}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{SourceFile, load};

    fn at(s: u64) -> Timestamp {
        Timestamp::EPOCH.plus(Duration::from_secs(s))
    }

    #[test]
    fn each_bound_of_a_rule_says_what_it_kept_out() {
        let text = "version: 1\nnamespace: t\nrules:\n  - name: power\n    when: ['a=\"b\"']\n    topology: {follow: [powers], lookback: 5m, window: 10m, max_age: 2h}\n";
        let loaded = load(&[SourceFile { name: "t.yaml".into(), text: text.into() }]);
        let set = loaded.set.unwrap();
        let kind = set.rules[0].kind.topology().unwrap();
        let cause = Cause { began: at(10_000), opened_at: at(9_900), active_at: at(12_000) };
        let delay = Duration::ZERO;
        let sufferer =
            |s| Sufferer { began: at(s), is_never_absorbed: false, is_kept_apart: false, delay };
        for (began, reason) in [
            (9_701, None),
            (9_700, Some("began 5m before the root (lookback is 5m)")),
            (2_800, Some("began 2h before the root (lookback is 5m)")),
            (10_000, None),
            (12_599, None),
            (12_600, Some("began 10m after its last activity (window is 10m)")),
            (17_100, Some("began 2h after it was opened (max_age is 2h)")),
        ] {
            let found = why_not(kind, &cause, &sufferer(began));
            assert_eq!(found.as_deref(), reason, "{began}");
        }
        let far = Sufferer { delay: Duration::from_secs(1), ..sufferer(12_600) };
        assert_eq!(why_not(kind, &cause, &far), None);
        let never = Sufferer { is_never_absorbed: true, ..sufferer(10_000) };
        assert!(why_not(kind, &cause, &never).unwrap().contains("never_absorb"));
        let apart = Sufferer { is_kept_apart: true, ..never };
        assert_eq!(why_not(kind, &cause, &apart).unwrap(), "kept apart by hand");
    }
}
