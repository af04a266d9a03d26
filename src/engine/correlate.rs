//! Finds the incident a new episode belongs to, or opens one. The first that applies wins: the
//! alert's own incident, a rule that names a group, the topology, otherwise a new incident.
//!
//! Never looks at all incidents: every question is answered by an index. Opening is in
//! [`super::opening`], the topology's part in [`super::topology`], the union of incidents in
//! [`super::unite`].

use core::fmt::Write as _;
use std::sync::Arc;

use super::changes::{MemberOf, MemberRow};
use super::context::Context;
use super::matched::Matched;
use super::opening::{Opening, open};
use super::pending::Told;
use super::reason::Reason;
use super::related::{self, Joined};
use super::tally::{self, Share, Tally};
use super::watch;
use super::{
    State, affected, ahead, credit, gather, known_error, redundancy, report, resolve, shadow,
    suppress, topology,
};
use crate::model::alert::Join;
use crate::model::incident::{Incident, IncidentId, RecordId};
use crate::model::labels::Fingerprint;
use crate::model::progress::Progress;
use crate::model::time::Timestamp;
use crate::model::timeline::Happening;
use crate::rules::{Group, Rule, Subject};

/// Bytes that most lines have on a timeline.
const LINE_LEN: usize = 192;

/// Puts an alert whose episode began where it belongs.
pub(super) fn place(state: &mut State, ctx: &Context, alert: Fingerprint, now: Timestamp) {
    let matched = Matched::of(state, ctx, alert);
    suppress::hush(state, ctx, alert, now);
    suppress::inhibit::begin(state, ctx, alert, &matched);
    credit::held_back(state, alert, now);
    gather::began(state, ctx, (alert, &matched), now);
    if rejoin(state, ctx, (alert, &matched), now) {
        gather::conclude(state, ctx, alert, now);
    } else {
        relate_matched(state, ctx, (alert, &matched), None, now);
    }
    shadow::began(state, ctx, alert, now);
}

/// Relates an alert to what is open, leaving out its own former incident.
pub(super) fn relate(
    state: &mut State,
    ctx: &Context,
    alert: Fingerprint,
    former: Option<IncidentId>,
    now: Timestamp,
) {
    let matched = Matched::of(state, ctx, alert);
    relate_matched(state, ctx, (alert, &matched), former, now);
}

fn relate_matched(
    state: &mut State,
    ctx: &Context,
    (alert, matched): (Fingerprint, &Matched<'_>),
    former: Option<IncidentId>,
    now: Timestamp,
) {
    let Some(held) = state.alerts.get(&alert) else { return };
    let is_bound = held.ci.is_some();
    let matching = matched.now(state, ctx, held);
    let group = matching.iter().find_map(|rule| Some((*rule, rule.kind.group()?)));
    let group =
        group.map(|(rule, kind)| Grouping::new(rule, kind, &state.around(ctx, held).subject()));
    credit::matched(state, &matching, alert, now);
    let causes = cause_rules(&matching);
    let found = group
        .as_ref()
        .and_then(|group| in_group(state, group, now))
        .or_else(|| topology::explained(state, ctx, alert, now));
    let found = found
        .or_else(|| redundancy::completed(state, ctx, alert, &causes, now))
        .or_else(|| topology::eldest_sufferer(state, ctx, alert, &causes, now))
        .or_else(|| gather::storm::raging(state, alert))
        .or_else(|| report::explained(state, ctx, alert));
    let likely = related::rule_of(&matching);
    let located = likely.map(|rule| related::locate(state, ctx, alert, rule));
    // Labels alone say less than a rule that says by which of them alerts belong together.
    let asked = located.as_ref().filter(|_| group.is_none() || is_bound);
    let mut second = None;
    let found = match (found, asked) {
        (None, Some(located)) => {
            let found = related::explained(state, ctx, alert, located, now);
            let joined = if found.is_some() { Joined::Open } else { Joined::Nothing };
            related::learn(state, alert, joined);
            found.map(|found| {
                second = found.second;
                (found.incident, found.join)
            })
        }
        (found, _) => found,
    };
    if let Some((incident, join)) = found {
        ahead::joins(state, &[incident]);
        attach(state, ctx, alert, Attachment { incident, join }, now);
        related::suggest(state, ctx, alert, (incident, second), now);
    } else if !is_audible(state, alert) {
        hold_back(state, alert);
    } else {
        let cause = gather::absence::rule_of(state, alert).or_else(|| causes.first().cloned());
        let cause = cause.or_else(|| Some(Arc::clone(&likely?.0.name)).filter(|_| group.is_none()));
        let join = former.map_or(Join::Own, |former| Join::Outlived { former });
        open(state, ctx, alert, Opening { matched, cause, group: &group, join }, now);
    }
    if let Some(located) = &located {
        related::began(state, alert, located, now);
    }
    topology::act_as_cause(state, ctx, alert, &causes, now);
    gather::conclude(state, ctx, alert, now);
}

/// True when an alert may open an incident and page.
fn is_audible(state: &State, alert: Fingerprint) -> bool {
    let heard = planted!("silence ignored");
    heard || state.alerts.get(&alert).is_none_or(|held| held.state.is_audible())
}

/// Leaves a silenced alert without an incident; it gets one when its silence ends.
fn hold_back(state: &mut State, alert: Fingerprint) {
    let Some(held) = state.alerts.get_mut(&alert) else { return };
    let former = held.state.incident.take().zip(held.state.record.take());
    held.state.revision += 1;
    if let Some((former, record)) = former {
        state.delist(former, record);
    }
    related::withdraw(state, alert);
    state.pending.touch(alert);
}

/// Returns the topology rules among the matching ones: each takes the alert for a possible cause.
fn cause_rules(matching: &[&Rule]) -> Vec<Arc<str>> {
    let is_topology = |rule: &&&Rule| rule.kind.topology().is_some();
    matching.iter().filter(is_topology).map(|rule| Arc::clone(&rule.name)).collect()
}

/// Returns the incident an alert is part of in the end.
pub(super) fn incident_of(state: &State, alert: Fingerprint) -> Option<IncidentId> {
    state.top(state.alerts.get(&alert)?.state.incident?)
}

/// What a `group` rule makes of one alert.
pub(super) struct Grouping<'a> {
    pub(super) rule: &'a Rule,
    kind: &'a Group,
    pub(super) key: String,
    pub(super) index: u64,
}

impl<'a> Grouping<'a> {
    pub(super) fn new(rule: &'a Rule, kind: &'a Group, subject: &Subject<'_>) -> Self {
        let mut key = String::new();
        for field in &kind.by {
            let comma = if key.is_empty() { "" } else { ", " };
            // A string takes all that is written to it.
            let _written = write!(key, "{comma}{field}={:?}", field.value(subject));
        }
        Self { index: place_of(&rule.name, &key), rule, kind, key }
    }
}

/// Notes an incident that is not closed under the key of its group, if it has one.
pub(super) fn index_group(state: &mut State, id: IncidentId) {
    if let Some(index) = state.incidents.get(&id).and_then(|case| group_of(&case.record)) {
        let ids = state.groups.entry(index).or_default();
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
}

/// Forgets an incident under the key of its group; it is closed.
pub(super) fn unindex_group(state: &mut State, id: IncidentId) {
    let index = state.incidents.get(&id).and_then(|case| group_of(&case.record));
    if let Some((index, ids)) = index.and_then(|index| Some((index, state.groups.get_mut(&index)?)))
    {
        ids.retain(|it| *it != id);
        if ids.is_empty() {
            state.groups.remove(&index);
        }
    }
}

/// Returns the place of an incident's group in [`State::groups`].
fn group_of(record: &Incident) -> Option<u64> {
    Some(place_of(record.group_rule.as_deref()?, record.key.as_deref()?))
}

/// Returns the place of a rule's key in [`State::groups`].
pub(super) fn place_of(rule: &str, key: &str) -> u64 {
    use core::hash::BuildHasher;
    foldhash::quality::FixedState::with_seed(0).hash_one((rule, key))
}

/// Finds the open incident that takes the alerts of a group: of several the one active last.
fn in_group(state: &State, group: &Grouping<'_>, now: Timestamp) -> Option<(IncidentId, Join)> {
    let candidates = state.groups.get(&group.index)?.iter();
    let taking = candidates.filter_map(|id| {
        let top = state.top(*id)?;
        let record = &state.incidents.get(&top)?.record;
        let takes = record.progress.is_open()
            && now < record.active_at.plus(group.kind.window)
            && now < record.opened_at.plus(group.kind.max_age);
        takes.then_some((record.active_at, top))
    });
    let (_, id) = taking.max()?;
    let join = Join::Group { rule: Arc::clone(&group.rule.name), key: group.key.as_str().into() };
    Some((id, join))
}

/// Takes an alert back into the incident it was part of: while that is open, or as its root within
/// the reopen window.
fn rejoin(
    state: &mut State,
    ctx: &Context,
    (alert, matched): (Fingerprint, &Matched<'_>),
    now: Timestamp,
) -> bool {
    let Some(id) = incident_of(state, alert) else { return false };
    if related::parts(state, ctx, alert, id, now) {
        return false;
    }
    let Some(case) = state.incidents.get(&id) else { return false };
    let reopens = match &case.record.progress {
        Progress::New
        | Progress::Acknowledged { .. }
        | Progress::InProgress { .. }
        | Progress::OnHold { .. } => false,
        Progress::Resolved { at, .. } => {
            let is_watched = watch::until(&case.record).is_some_and(|until| now < until);
            let is_root = case.record.root.alert == alert;
            let in_time = is_watched || is_root && now < at.plus(ctx.rules.lifecycle.reopen);
            if !in_time || !is_audible(state, alert) {
                return false;
            }
            true
        }
        Progress::Closed { .. } | Progress::Cancelled { .. } => return false,
    };
    if reopens {
        let why = if case.record.root.alert == alert {
            "its root fires again".to_owned()
        } else {
            format!("{} fires again while it is watched", name_of(state, ctx, alert))
        };
        resolve::reopen(state, ctx, id, &why, now);
    }
    let text = format!("{} fires again", name_of(state, ctx, alert));
    state.pending.tell(id, now, Told { what: Happening::Refired, text, path: None });
    count_in(state, ctx, alert, now);
    let Some(held) = state.alerts.get(&alert) else { return true };
    let matching = matched.now(state, ctx, held);
    credit::matched(state, &matching, alert, now);
    let causes = cause_rules(&matching);
    if let Some(rule) = related::rule_of(&matching) {
        let located = related::locate(state, ctx, alert, rule);
        related::began(state, alert, &located, now);
    }
    topology::act_as_cause(state, ctx, alert, &causes, now);
    true
}

/// Where an alert goes, and why.
pub(super) struct Attachment {
    pub(super) incident: IncidentId,
    pub(super) join: Join,
}

/// Makes an alert a subordinate of an open incident.
pub(super) fn attach(
    state: &mut State,
    ctx: &Context,
    alert: Fingerprint,
    to: Attachment,
    now: Timestamp,
) {
    let record = state.next_record();
    let Attachment { incident, join } = to;
    if !state.pending.count_again(incident, Happening::Joined) {
        let told = joined(state, ctx, alert, &join);
        state.pending.tell(incident, now, told);
    }
    let share = share(state, ctx, alert);
    credit::joined(state, &join, share, now);
    enrol(state, alert, MemberKey { incident, record }, join, now);
    // It is among what changed.
    if let Some(case) = state.incidents.get_mut(&incident) {
        case.record.members += 1;
    }
    if let Some(share) = share {
        count_share_in(state, ctx, (alert, share), now);
    }
}

fn joined(state: &State, ctx: &Context, alert: Fingerprint, join: &Join) -> Told {
    let held_back = suppress::inhibit::words(state, ctx, alert);
    let held_back = held_back.map(|by| format!("; {by}, so nobody is told")).unwrap_or_default();
    // One allocation for the usual line: one is written for each incident that alerts join.
    let mut text = String::with_capacity(LINE_LEN);
    write_name(&mut text, state, ctx, alert);
    // A string takes all that is written to it.
    let _written = write!(text, " joined: {}{held_back}", Reason(join));
    Told { what: Happening::Joined, text, path: join.path().cloned() }
}

#[derive(Clone, Copy)]
pub(super) struct MemberKey {
    pub(super) incident: IncidentId,
    pub(super) record: RecordId,
}

/// Gives an alert's episode its record.
pub(super) fn enrol(
    state: &mut State,
    alert: Fingerprint,
    key: MemberKey,
    join: Join,
    now: Timestamp,
) {
    let MemberKey { incident, record } = key;
    let of = state.alerts.get(&alert).map(|held| (held.state.incident, held.state.record));
    if let Some((Some(former), Some(record))) = of {
        state.delist(former, record);
    }
    let Some(held) = state.alerts.get_mut(&alert) else { return };
    held.state.record = Some(record);
    held.state.incident = Some(incident);
    held.state.revision += 1;
    let what = MemberOf::Alert { fingerprint: alert, episode: held.state.episode };
    let row = MemberRow { incident, record, what, joined_at: now, join };
    state.pending.touch(alert);
    related::moved(state, alert, incident, now);
    state.pending.members.push(row);
    state.enlist(incident, record, alert);
    state.change(incident);
}

/// Counts a firing member into its incident and all that this is part of.
pub(super) fn count_in(state: &mut State, ctx: &Context, alert: Fingerprint, now: Timestamp) {
    if let Some(share) = share(state, ctx, alert) {
        count_share_in(state, ctx, (alert, share), now);
    }
}

/// Counts in what a member that is held adds.
fn count_share_in(
    state: &mut State,
    ctx: &Context,
    (alert, share): (Fingerprint, Share),
    now: Timestamp,
) {
    let mut next = state.alerts.get(&alert).and_then(|held| held.state.incident);
    while let Some(id) = next.filter(|id| state.incidents.contains_key(id)) {
        tally::add(state, id, share);
        next = None;
        if let Some(case) = state.change(id) {
            case.record.firing = case.tally.firing();
            case.record.active_at = now;
            case.record.clear_since = None;
            next = case.record.parent;
        }
        affected::note_ci(state, ctx, id, alert);
        state.pending.unsettled.insert(id);
    }
    known_error::review_member(state, ctx, alert, now);
}

/// Returns what a firing alert adds to its incident's tally.
pub(super) fn share(state: &State, ctx: &Context, alert: Fingerprint) -> Option<Share> {
    let held = state.alerts.get(&alert)?;
    Some(Share(held.state.is_audible().then(|| (held.urgency(ctx), held.ci))))
}

/// Re-counts a firing member whose severity is another than before.
pub(super) fn severity_changed(
    state: &mut State,
    ctx: &Context,
    alert: Fingerprint,
    now: Timestamp,
) {
    gather::refresh(state, ctx, alert, now);
    shadow::note(state, ctx, alert);
    let own = state.alerts.get(&alert).and_then(|held| held.state.incident);
    if own.is_some_and(|own| !state.incidents.contains_key(&own)) {
        // Its incident was a false alarm, says somebody, but it was not that bad then.
        relate(state, ctx, alert, None, now);
        return;
    }
    for id in state.chain(own) {
        let tally = count(state, ctx, id);
        if let Some(case) = state.change(id) {
            if tally.urgency() > case.tally.urgency() {
                case.record.active_at = now;
            }
            case.tally = tally;
        }
        state.pending.unsettled.insert(id);
    }
    known_error::review_member(state, ctx, alert, now);
}

/// Counts an incident's firing members anew, its subordinates' included.
pub(super) fn count(state: &mut State, ctx: &Context, id: IncidentId) -> Tally {
    let mut tally = Tally::default();
    let Some(case) = state.incidents.get(&id) else { return tally };
    let children: Vec<IncidentId> = case.children.iter().copied().collect();
    for alert in firing_members(state, id) {
        if let Some(share) = share(state, ctx, alert) {
            tally.add_weighed(share, &tally::harm_of(state, ctx, share));
        }
    }
    for child in children {
        tally.absorb(&count(state, ctx, child));
    }
    tally
}

/// Returns the firing members of one incident in the order of their records, without those of its
/// subordinates.
pub(super) fn firing_members(state: &State, id: IncidentId) -> Vec<Fingerprint> {
    let Some(case) = state.incidents.get(&id) else { return Vec::new() };
    let fires = |alert: &Fingerprint| state.alerts.get(alert).is_some_and(|h| h.state.fires());
    case.live.alerts().filter(fires).collect()
}

/// Returns the name people know an alert by.
pub(super) fn name_of(state: &State, ctx: &Context, alert: Fingerprint) -> String {
    let mut text = String::new();
    write_name(&mut text, state, ctx, alert);
    text
}

/// Adds to a text what [`name_of`] returns.
fn write_name(text: &mut String, state: &State, ctx: &Context, alert: Fingerprint) {
    let Some(held) = state.alerts.get(&alert) else {
        text.push_str(&alert.to_string());
        return;
    };
    let name = held.name(held.ci.map(|ci| ctx.topology.ci(ci)));
    if let Some(alertname) = held.labels.get("alertname").filter(|alertname| **alertname != name) {
        text.extend([alertname, " "]);
    }
    text.push_str(&name);
}
