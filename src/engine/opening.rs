//! Opens incidents.

use core::time::Duration;
use std::sync::Arc;

use super::context::Context;
use super::correlate::{Grouping, MemberKey, count_in, enrol, index_group, name_of};
use super::matched::Matched;
use super::pending::Told;
use super::reason::Reason;
use super::roots::{index_root, root_ci};
use super::state::Case;
use super::{State, credit, escalate, known_error, planning, resolve, topology};
use crate::model::alert::Join;
use crate::model::credit::Credit;
use crate::model::escalation::{Policy, PolicyHash};
use crate::model::incident::{Incident, IncidentId};
use crate::model::labels::Fingerprint;
use crate::model::sheet::{self, Edit};
use crate::model::time::Timestamp;
use crate::model::timeline::Happening;
use crate::rules::FirstNotice;

/// What is known of an alert that is to open an incident.
pub(super) struct Opening<'a> {
    pub(super) matched: &'a Matched<'a>,
    pub(super) cause: Option<Arc<str>>,
    pub(super) group: &'a Option<Grouping<'a>>,
    pub(super) join: Join,
}

/// Opens an incident for an alert that was taken out of another, by a person or under a rule.
pub(super) fn open_apart(
    state: &mut State,
    ctx: &Context,
    alert: Fingerprint,
    (cause, join): (Option<Arc<str>>, Join),
    now: Timestamp,
) -> IncidentId {
    let matched = &Matched::of(state, ctx, alert);
    open(state, ctx, alert, Opening { matched, cause, group: &None, join }, now)
}

/// Opens an incident for an alert that nothing open explains.
pub(super) fn open(
    state: &mut State,
    ctx: &Context,
    alert: Fingerprint,
    how: Opening<'_>,
    now: Timestamp,
) -> IncidentId {
    let id = state.next_record();
    let group = how.group.as_ref();
    let known = known_error::known_by(state, ctx, (alert, how.matched), now);
    let rule = known.map(|rule| Arc::clone(&rule.name)).or(how.cause);
    let rule = rule.or_else(|| group.map(|group| Arc::clone(&group.rule.name)));
    let spec = rule.as_deref().and_then(|name| ctx.rules.find(name));
    let first = spec.map(|rule| rule.incident.notify.first).unwrap_or_default();
    let policy = Arc::clone(ctx.rules.policy_of(spec));
    let policy = remember(state, &policy);
    let mut record = Incident::new(id, alert, policy, now);
    record.rule.clone_from(&rule);
    record.key = group.map(|group| group.key.as_str().into());
    record.group_rule = group.map(|group| Arc::clone(&group.rule.name));
    record.root.ci = root_ci(state, &ctx.topology, alert);
    record.members = 1;
    if let Some(sender) = sender(state, alert) {
        record.sheet.set(Edit { field: sheet::Field::Sender, value: Some(sender) });
    }
    state.incidents.insert(Case::of(record));
    index_group(state, id);
    let join = how.join;
    if let Some(rule) = &rule {
        credit::credit(state, rule, Credit::Opened, now);
    }
    let under = rule.as_ref().map_or_else(String::new, |rule| format!(" under rule {rule}"));
    let text = format!("{}: {}{under}", name_of(state, ctx, alert), Reason(&join));
    state.pending.tell(id, now, Told { what: Happening::Opened, text, path: None });
    enrol(state, alert, MemberKey { incident: id, record: id }, join, now);
    if let Some(known) = known {
        known_error::classify(state, ctx, id, known, now);
    }
    index_root(state, &ctx.topology, id);
    state.pending.unassigned.insert(id);
    resolve::link_recurrence(state, ctx, id, now);
    planning::mention(state, ctx, id, now);
    // What a silence held back has waited long enough.
    let wait = if state.digest.is_some() || first == FirstNotice::Now {
        Duration::ZERO
    } else {
        topology::wait(state, ctx, alert)
    };
    escalate::start(state, id, wait, now);
    count_in(state, ctx, alert, now);
    id
}

/// Returns the name of the source that an alert comes from.
fn sender(state: &State, alert: Fingerprint) -> Option<Box<str>> {
    let lease = state.alerts.get(&alert)?.state.leases.first()?;
    state.counters.sources.get(usize::from(lease.source.0)).map(|name| (**name).into())
}

/// Keeps a policy by its content and returns what it is found by.
pub(super) fn remember(state: &mut State, policy: &Arc<Policy>) -> PolicyHash {
    // Its hash is that of its text: to make that for each incident would be a tenth of the work.
    let mut known = state.policies.iter();
    if let Some((hash, _)) = known.find(|(_, known)| Arc::ptr_eq(known, policy)) {
        return *hash;
    }
    let hash = policy.hash();
    if state.policies.insert(hash, Arc::clone(policy)).is_none() {
        state.pending.policies.push((hash, Arc::clone(policy)));
    }
    hash
}
