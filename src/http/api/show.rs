//! Turns what is stored into what is shown.

use std::sync::Arc;

use crate::engine::changes::{AlertRow, MemberOf};
use crate::engine::context::Context;
use crate::engine::stored::Help;
use crate::model::alert::{self, Lease};
use crate::model::assignment;
use crate::model::escalation::{Action, Ladder, Policy, Rung, Target};
use crate::model::incident::{self, Incident, KnownError, ResolutionClock};
use crate::model::notice::Notice;
use crate::model::progress::Progress;
use crate::model::terms::Promise;
use crate::model::time::Timestamp;
use crate::model::timeline::Entry;
use crate::rules::{Added, RuleSet};
use crate::store::view::Member;

use super::super::Reading;
use super::super::wire::{self, Time};
use super::desk;

/// Shows an incident; `policy` is the one it started with, where it is still known.
pub(super) fn incident(
    reading: &Reading<'_>,
    incident: &Incident,
    policy: Option<&Policy>,
) -> wire::Incident {
    let people = People { rules: &reading.context.rules, incident };
    let how = &incident.assessment;
    let (acknowledged, resolved, closed_at) = progress(&incident.progress);
    wire::Incident {
        id: incident.id.to_string(),
        state: incident.progress.name().to_string(),
        title: incident.title.clone(),
        priority: how.priority.to_string(),
        impact: how.impact.to_string(),
        urgency: how.urgency.to_string(),
        sum: how.sum.clone(),
        pages: how.pages,
        loss: how.loss.to_string(),
        category: incident.category.as_deref().map(Into::into),
        rule: incident.rule.as_deref().map(Into::into),
        key: incident.key.as_deref().map(Into::into),
        root: wire::Root {
            alert: incident.root.alert.to_string(),
            ci: incident.root.ci.as_deref().map(Into::into),
        },
        team: incident.team.as_deref().map(Into::into),
        parent: incident.parent.map(|parent| parent.to_string()),
        recurrence_of: incident.recurrence_of.map(|earlier| earlier.to_string()),
        assignee: incident.assignee.as_deref().map(Into::into),
        assignments: incident.assignments.list.iter().map(assignment).collect(),
        returned: incident.assignments.returned,
        call: incident.assignments.call.as_deref().map(Into::into),
        agreement: incident.terms.agreement.as_deref().map(Into::into),
        priority_by_hand: incident.terms.by_hand.as_ref().map(|it| it.priority.to_string()),
        promise: incident.terms.promise.as_ref().map(promise),
        subscribers: incident.terms.subscribers.iter().map(ToString::to_string).collect(),
        acknowledged,
        waits_for: waits_for(&incident.progress),
        quiet: incident.quiet,
        known_error: incident.known_error.as_ref().map(known_error),
        apart_from: incident.apart_from.iter().map(ToString::to_string).collect(),
        changes: incident.changes.iter().map(ToString::to_string).collect(),
        storm: incident.storm.as_ref().map(storm),
        suspects: incident.suspects.iter().map(suspect).collect(),
        update_at: incident.update_at.map(Time),
        sheet: desk::sheet(incident, reading.now),
        resolved,
        closed_at,
        awaiting_verification: incident.awaiting_verification,
        opened_at: Time(incident.opened_at),
        active_at: Time(incident.active_at),
        clear_since: incident.clear_since.map(Time),
        wait_until: incident.wait_until.map(Time),
        members: incident.members,
        firing: incident.firing,
        response: wire::Response {
            started_at: Time(incident.response.started_at),
            due_at: Time(incident.response.due_at),
            stopped_at: incident.response.stopped_at.map(Time),
            round: incident.response.round,
        },
        resolution: resolution(&incident.resolution, reading.now),
        next: policy.map(|policy| next_steps(incident, policy, &people)).unwrap_or_default(),
        revision: incident.revision,
        version: incident.version,
        rules_version: format!("{:016x}", incident.rules_version),
        topology_version: incident.topology_version,
    }
}

fn storm(storm: &incident::Storm) -> wire::storm::Storm {
    wire::storm::Storm {
        rule: storm.rule.to_string(),
        key: storm.key.to_string(),
        active: storm.is_active(),
        began_at: Time(storm.began_at),
        calm_since: storm.calm_since.filter(|_| storm.is_active()).map(Time),
        ended_at: storm.ended_at.map(Time),
    }
}

fn suspect(suspect: &incident::Suspect) -> wire::storm::Suspect {
    let incident::Suspect { ci, explains, of, change } = suspect;
    let change = change.as_ref().map(|change| wire::storm::SuspectChange {
        number: change.number.to_string(),
        ci: change.ci.to_string(),
        before_ms: change.before_ms,
    });
    let text = suspect.to_string();
    wire::storm::Suspect { ci: ci.to_string(), explains: *explains, of: *of, change, text }
}

type Shown = (Option<wire::Acknowledged>, Option<wire::Resolved>, Option<Time>);

fn progress(progress: &Progress) -> Shown {
    match progress {
        Progress::New => (None, None, None),
        Progress::Acknowledged { by, until }
        | Progress::InProgress { by, until }
        | Progress::OnHold { by, until, .. } => {
            (Some(wire::Acknowledged { by: by.to_string(), until: Time(*until) }), None, None)
        }
        Progress::Resolved { at, by, had: _ } => {
            let by = by.as_deref().map(Into::into);
            (None, Some(wire::Resolved { at: Time(*at), by }), None)
        }
        Progress::Closed { at } | Progress::Cancelled { at, .. } => (None, None, Some(Time(*at))),
    }
}

fn waits_for(progress: &Progress) -> Option<String> {
    match progress {
        Progress::OnHold { waits_for, .. } => Some(waits_for.to_string()),
        Progress::New
        | Progress::Acknowledged { .. }
        | Progress::InProgress { .. }
        | Progress::Resolved { .. }
        | Progress::Closed { .. }
        | Progress::Cancelled { .. } => None,
    }
}

fn resolution(clock: &ResolutionClock, now: Timestamp) -> wire::Resolution {
    let mut by_now = clock.clone();
    by_now.run(now);
    wire::Resolution {
        due_at: clock.stands_since.is_none().then_some(Time(clock.due_at)),
        stood_ms: by_now.stood_ms,
        stands_since: clock.stands_since.map(Time),
    }
}

/// Who is meant by a step's target.
struct People<'a> {
    rules: &'a RuleSet,
    incident: &'a Incident,
}

impl People<'_> {
    /// Names whom a step would tell now; without a team that is the default contact.
    fn name(&self, target: &Target) -> String {
        let fallback = &*self.rules.default_contact;
        let team = self.incident.team.as_deref();
        let assignee = self.incident.assignee.as_deref();
        let assignee = assignee.filter(|name| self.rules.contacts.contains_key(*name));
        match target {
            Target::Assigned => assignee.or(team).unwrap_or(fallback).into(),
            Target::Manager => {
                let team = team.and_then(|team| self.rules.teams.get(team));
                team.and_then(|team| team.manager.as_deref()).unwrap_or(fallback).into()
            }
            Target::Lead => {
                let team = team.and_then(|team| self.rules.teams.get(team));
                let lead = team.and_then(|team| team.lead.as_deref().or(team.manager.as_deref()));
                lead.unwrap_or(fallback).into()
            }
            Target::Team(name) | Target::Contact(name) => name.to_string(),
        }
    }
}

fn assignment(it: &assignment::Assignment) -> wire::assignment::Assignment {
    let handover = &it.handover;
    wire::assignment::Assignment {
        team: it.team.as_deref().map(Into::into),
        line: it.line,
        person: it.person.as_deref().map(Into::into),
        part: it.part.to_string(),
        from: Time(it.from),
        sent_by: it.sent_by.to_string(),
        because: handover.because.to_string(),
        tried: handover.tried.to_string(),
        known: handover.known.to_string(),
        next: handover.next.to_string(),
        due_at: it.due_at.map(Time),
        accepted_at: it.accepted.as_ref().map(|it| Time(it.at)),
        accepted_by: it.accepted.as_ref().map(|it| it.by.to_string()),
        until: it.until.map(Time),
        verdict: it.verdict.map(|it| it.to_string()),
    }
}

fn promise(it: &Promise) -> wire::assignment::Promise {
    let every_ms = u64::try_from(it.every.as_millis()).unwrap_or(u64::MAX);
    wire::assignment::Promise { by: it.by.to_string(), due_at: Time(it.due_at), every_ms }
}

/// Returns the steps of an open incident that come next: those with a time first, by time.
fn next_steps(incident: &Incident, policy: &Policy, people: &People<'_>) -> Vec<wire::NextStep> {
    if !incident.progress.is_open() || incident.parent.is_some() {
        return Vec::new();
    }
    let ladders = [
        (Ladder::Functional, &policy.functional, &incident.functional),
        (Ladder::Hierarchical, &policy.hierarchical, &incident.hierarchical),
        (Ladder::Resolution, &policy.resolution, &incident.resolving),
    ];
    let mut next: Vec<wire::NextStep> = ladders
        .into_iter()
        .filter_map(|(ladder, steps, rung): (_, _, &Rung)| {
            let step = steps.get(rung.step as usize)?;
            let action = match &step.action {
                Action::Notify(target) => people.name(target),
                Action::NextLine => "next line".into(),
            };
            Some(wire::NextStep { ladder: ladder.to_string(), at: rung.due_at.map(Time), action })
        })
        .collect();
    next.extend(incident.assignments.list.iter().filter_map(|it| {
        let (at, step) = (it.rung.due_at?, policy.acceptance.get(it.rung.step as usize)?);
        let helps = it.team.as_deref().filter(|_| it.part == assignment::Part::Convened);
        let action = match (&step.action, helps) {
            (Action::NextLine, _) => "next line".into(),
            (Action::Notify(Target::Assigned), Some(team)) => team.into(),
            (Action::Notify(target), Some(team)) => format!("{target} of {team}"),
            (Action::Notify(target), None) => people.name(target),
        };
        Some(wire::NextStep { ladder: "acceptance".into(), at: Some(Time(at)), action })
    }));
    next.sort_by_key(|step| (step.at.is_none(), step.at));
    next
}

/// Shows an alert; `sources` are the names that leases refer to.
pub fn alert(context: &Context, row: &AlertRow, sources: &[Arc<str>]) -> wire::Alert {
    let state = &row.state;
    let seen = context.seen(row);
    wire::Alert {
        fingerprint: row.fingerprint.to_string(),
        state: if state.fires() { "firing" } else { "ended" }.into(),
        labels: wire::object(&row.labels),
        annotations: wire::object(&row.details.annotations),
        generator_url: row.details.generator_url.to_string(),
        severity: seen.subject().severity.into(),
        added: seen.added.as_deref().map(added),
        ci: row.ci.as_deref().map(Into::into),
        episode: state.episode,
        record: state.record.map(|record| record.to_string()),
        incident: state.incident.map(|incident| incident.to_string()),
        starts_at: Time(state.starts_at),
        ended_at: state.ended_at.map(Time),
        first_seen: Time(state.first_seen),
        last_seen: Time(state.last_seen),
        occurrences: state.occurrences.into(),
        leases: state.leases.iter().map(|one| lease(one, sources)).collect(),
        silenced_by: state.silenced_by.iter().map(ToString::to_string).collect(),
        inhibited_by: state.inhibited_by.iter().map(inhibitor).collect(),
    }
}

fn added(added: &Added) -> wire::Added {
    let map = |pairs: &[(Box<str>, Box<str>)]| {
        pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    };
    wire::Added {
        labels: map(&added.labels),
        severity: added.severity.as_deref().map(Into::into),
        category: added.category.as_deref().map(Into::into),
        links: map(&added.links),
        rules: added.rules.iter().map(ToString::to_string).collect(),
    }
}

/// Shows what an incident is taken for.
fn known_error(known: &KnownError) -> wire::KnownError {
    wire::KnownError {
        id: known.id.to_string(),
        rule: known.rule.to_string(),
        quiet_until: known.quiet_until.map(Time),
        exceeded: known.exceeded.as_deref().map(Into::into),
    }
}

/// Shows what helps with an incident.
pub(super) fn help(help: Help) -> wire::Help {
    let Help { known, links } = help;
    let given = |text: String| Some(text).filter(|text| !text.is_empty());
    wire::Help {
        workaround: given(known.workaround),
        cause: given(known.cause),
        runbook: given(known.runbook),
        fixed_in: given(known.fixed_in),
        links: links.into_iter().map(|(name, link)| (name.into(), link.into())).collect(),
    }
}

fn inhibitor(by: &alert::Inhibitor) -> wire::Inhibitor {
    wire::Inhibitor { alert: by.alert.to_string(), rule: by.rule.to_string() }
}

fn lease(lease: &Lease, sources: &[Arc<str>]) -> wire::Lease {
    let name = sources.get(usize::from(lease.source.0));
    wire::Lease {
        source: name.map_or_else(|| format!("source {}", lease.source.0), ToString::to_string),
        until: Time(lease.until),
        explicit: lease.explicit,
    }
}

/// Shows an earlier firing.
pub fn episode(row: &AlertRow) -> wire::Episode {
    wire::Episode {
        episode: row.state.episode,
        incident: row.state.incident.map(|incident| incident.to_string()),
        starts_at: Time(row.state.starts_at),
        ended_at: row.state.ended_at.map(Time),
        occurrences: row.state.occurrences.into(),
    }
}

/// Shows why an alert belongs to its incident.
pub fn join(join: &alert::Join) -> wire::Join {
    use alert::Join;
    let reason = match join {
        Join::Own => "own",
        Join::Group { .. } => "group",
        Join::Dependant { .. } => "dependant",
        Join::Cause { .. } => "cause",
        Join::LastLeg { .. } => "last_leg",
        Join::Related { .. } => "related",
        Join::Storm { .. } => "storm",
        Join::Sequence { .. } => "sequence",
        Join::Reported { .. } => "reported",
        Join::ByHand { .. } => "by_hand",
        Join::Outlived { .. } => "outlived",
    };
    let path = join.path().map(ToString::to_string);
    let (text, rule) = (join.to_string(), join.rule().map(Into::into));
    wire::Join { reason: reason.into(), text, rule, path, confidence: join.confidence() }
}

/// Shows a record attached to an incident.
pub fn member(context: &Context, member: &Member, sources: &[Arc<str>]) -> wire::Member {
    let row = &member.row;
    wire::Member {
        id: row.record.to_string(),
        kind: match row.what {
            MemberOf::Alert { .. } => "alert",
            MemberOf::Incident => "incident",
        }
        .into(),
        incident: row.incident.to_string(),
        joined_at: Time(row.joined_at),
        join: join(&row.join),
        alert: member.alert.as_ref().map(|row| alert(context, row, sources)),
    }
}

/// Shows an entry of a timeline.
pub fn entry(entry: &Entry) -> wire::Entry {
    wire::Entry {
        at: Time(entry.at),
        what: entry.what.to_string(),
        count: entry.count,
        text: entry.text.clone(),
        path: entry.path.as_ref().map(ToString::to_string),
    }
}

/// Shows a notice.
pub fn notice(notice: &Notice) -> wire::Notice {
    wire::Notice {
        id: notice.id.to_string(),
        incident: notice.id.incident.to_string(),
        kind: notice.kind.to_string(),
        state: notice.state.to_string(),
        target: notice.target.to_string(),
        contact: notice.contact.to_string(),
        channel: notice.channel_name().into(),
        because: notice.because.clone(),
        created_at: Time(notice.created_at),
        due_at: Time(notice.due_at),
        attempts: notice.attempts,
        last_error: notice.last_error.clone(),
    }
}

/// Shows the place of a rule; one that is no longer loaded keeps only its name.
pub fn rule(rules: &RuleSet, name: &str) -> wire::RulePlace {
    match rules.any(name) {
        Some(rule) => wire::RulePlace {
            name: name.into(),
            file: rule.place.file.to_string(),
            line: rule.place.line,
            summary: rule.summary.to_string(),
        },
        None => wire::RulePlace {
            name: name.into(),
            file: String::new(),
            line: 0,
            summary: String::new(),
        },
    }
}

/// Returns the name by which people know an alert: its CI, else its `alertname`, else its labels.
pub fn name(row: &AlertRow) -> String {
    match (&row.ci, row.labels.get("alertname")) {
        (Some(ci), _) => ci.to_string(),
        (None, Some(name)) => name.into(),
        (None, None) => row.labels.to_string(),
    }
}
