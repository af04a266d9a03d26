//! Makes two open incidents one: the oldest number survives, the cause becomes the root.
//!
//! Pages that are out already are amended, not repeated. Which incidents belong together is decided
//! in [`super::topology`].

use std::sync::Arc;

use super::changes::{MemberOf, MemberRow};
use super::context::Context;
use super::correlate::name_of;
use super::pending::Told;
use super::reason::Reason;
use super::roots::{index_root, root_ci, unindex_root};
use super::sure::{Timing, Way};
use super::topology::Dependency;
use super::{State, credit, escalate, gather, known_error, notices, planning, tally, topology};
use crate::model::alert::{Join, Path};
use crate::model::incident::IncidentId;
use crate::model::labels::Fingerprint;
use crate::model::time::Timestamp;
use crate::model::timeline::Happening;

/// Two open incidents, one of which has the cause of the other.
pub(super) struct Union {
    /// The alert that explains both.
    pub(super) cause: Fingerprint,
    /// The incident it is a member of.
    pub(super) own: IncidentId,
    /// The incident that suffers.
    pub(super) other: IncidentId,
    /// The rule that says so.
    pub(super) rule: Arc<str>,
    /// From the cause to the root of `other`.
    pub(super) path: Path,
    pub(super) way: Way,
}

/// Unites two incidents under the older number.
pub(super) fn unite(state: &mut State, ctx: &Context, union: Union, now: Timestamp) {
    let Union { cause, own, other, rule, path, way } = union;
    if own < other {
        let join = dependant(state, ctx, (other, cause), (&rule, path, way));
        subordinate(state, ctx, Adoption { parent: own, child: other, join }, now);
        return;
    }
    // The sufferer is older: it survives, and what the newcomer knows of the cause becomes its own.
    let root = state.incidents.get(&own).map_or(cause, |case| case.record.root.alert);
    explain_root(state, ctx, NewRoot { id: other, alert: root, rule: &rule, path, way }, now);
    let join = Join::Cause { rule, confidence: way.confidence(Timing::Fits) };
    subordinate(state, ctx, Adoption { parent: other, child: own, join }, now);
}

fn dependant(
    state: &State,
    ctx: &Context,
    (child, cause): (IncidentId, Fingerprint),
    (rule, path, way): (&Arc<str>, Path, Way),
) -> Join {
    let began = state.incidents.get(&child).map_or(0, |case| case.record.opened_at.millis());
    let cause_began = state.alerts.get(&cause).map_or(0, |held| held.state.first_seen.millis());
    let kind = ctx.rules.any(rule).and_then(|rule| rule.kind.topology());
    let delay = kind.and_then(|kind| kind.delay(&ctx.topology, &path));
    Dependency { rule, path, way, delay, after_ms: began - cause_began }.join()
}

/// An alert that explains an incident's root.
pub(super) struct NewRoot<'a> {
    pub(super) id: IncidentId,
    pub(super) alert: Fingerprint,
    pub(super) rule: &'a Arc<str>,
    /// From the alert to the former root.
    pub(super) path: Path,
    pub(super) way: Way,
}

/// Gives an incident another root; the former one becomes a dependant with the way as its reason.
pub(super) fn explain_root(state: &mut State, ctx: &Context, new: NewRoot<'_>, now: Timestamp) {
    let NewRoot { id, alert, rule, path, way } = new;
    let Some(former) = state.incidents.get(&id).map(|case| case.record.root.alert) else { return };
    let join = dependant(state, ctx, (id, alert), (rule, path.clone(), way));
    let text = format!(
        "{} explains {}: rule {rule}, {path}",
        name_of(state, ctx, alert),
        name_of(state, ctx, former),
    );
    state.pending.tell(id, now, Told { what: Happening::RootChanged, text, path: Some(path) });
    let held = state.alerts.get(&former);
    let own = held.filter(|held| held.state.incident == Some(id));
    if let Some((record, episode)) = own.and_then(|h| Some((h.state.record?, h.state.episode))) {
        let what = MemberOf::Alert { fingerprint: former, episode };
        let row = MemberRow { incident: id, record, what, joined_at: now, join };
        state.pending.members.push(row);
    }
    unindex_root(state, &ctx.topology, id);
    let ci = root_ci(state, &ctx.topology, alert);
    // The cause has shown itself; what is left to wait for is a cause of the cause.
    let wait = topology::wait(state, ctx, alert);
    if let Some(case) = state.change(id) {
        case.record.root.alert = alert;
        case.record.root.ci = ci;
        case.record.rule = Some(Arc::clone(rule));
        let until = case.record.opened_at.plus(wait).max(now);
        case.record.wait_until = case.record.wait_until.map(|_| until);
    }
    known_error::review_root(state, ctx, id, now);
    index_root(state, &ctx.topology, id);
    planning::mention(state, ctx, id, now);
    state.pending.unassigned.insert(id);
    state.pending.unsettled.insert(id);
}

/// An incident that becomes a part of another, and why.
pub(super) struct Adoption {
    pub(super) parent: IncidentId,
    pub(super) child: IncidentId,
    pub(super) join: Join,
}

/// Makes an open incident a subordinate of another; its own escalation ends.
pub(super) fn subordinate(state: &mut State, ctx: &Context, it: Adoption, now: Timestamp) {
    let Adoption { parent, child, join } = it;
    credit::adopted(state, child, &join, now);
    unindex_root(state, &ctx.topology, child);
    escalate::stop(state, child, now);
    if let Some(case) = state.change(child) {
        case.record.assignments.dismiss(now);
        case.record.terms.promise = None;
    }
    notices::withdraw(state, child, &format!("now part of {parent}"), now);
    let why = Reason(&join).to_string();
    let path = join.path().cloned();
    let told = Told { what: Happening::Merged, text: format!("now part of {parent}: {why}"), path };
    state.pending.tell(child, now, told);
    let text = format!("{child} is part of it: {why}");
    state.pending.tell(parent, now, Told { what: Happening::Adopted, text, path: None });
    let row = MemberRow {
        incident: parent,
        record: child,
        what: MemberOf::Incident,
        joined_at: now,
        join,
    };
    state.pending.members.push(row);
    gather::storm::hand_over(state, child, parent, now);
    tally::weigh(state, ctx);
    let Some(case) = state.change(child) else { return };
    case.record.parent = Some(parent);
    case.record.update_at = None;
    let (tally, cis) = (case.tally.clone(), case.cis.clone());
    let affected = case.record.affected.clone();
    let (members, told) = (case.record.members, core::mem::take(&mut case.record.told));
    if let Some(case) = state.change(parent) {
        case.children.insert(child);
        case.tally.absorb(&tally);
        case.cis.absorb(&cis);
        case.record.affected.absorb(&affected);
        case.record.members += members;
        case.record.firing = case.tally.firing();
        case.record.active_at = now;
        if case.record.firing > 0 {
            case.record.clear_since = None;
        }
    }
    known_error::review_members(state, ctx, child, now);
    // Whoever was called for the child learns where it went, in one message for all of a moment.
    notices::amend(state, parent, notices::Amendment { told, from: child });
    state.pending.unsettled.insert(parent);
}
