//! Joining and parting incidents by hand. The same transitions as those of the rules, and remembered:
//! what a person parted no rule unites again.

use super::context::Context;
use super::correlate::{self, Attachment, share};
use super::handle::by_whom;
use super::order::Order;
use super::pending::Told;
use super::refusal::Refusal;
use super::unite::{self, Adoption};
use super::{State, credit, escalate, handle, opening, roots, tally};
use crate::model::alert::Join;
use crate::model::incident::{IncidentId, RecordId};
use crate::model::labels::Fingerprint;
use crate::model::progress::Progress;
use crate::model::time::Timestamp;
use crate::model::timeline::Happening;

fn by_hand(order: &Order) -> Join {
    Join::ByHand { by: order.by.clone(), note: order.note.as_str().into() }
}

/// Makes two incidents one: as with the rules the oldest number survives, and is returned.
pub(super) fn merge(
    state: &mut State,
    ctx: &Context,
    order: &Order,
    into: IncidentId,
    now: Timestamp,
) -> Result<IncidentId, Refusal> {
    if order.incident == into {
        return Err(Refusal::SameIncident(into));
    }
    handle::named(state, into, "merged")?;
    let (parent, child) = (into.min(order.incident), into.max(order.incident));
    for (one, other) in [(child, parent), (parent, child)] {
        if let Some(case) = state.change(one) {
            case.record.apart_from.retain(|id| *id != other);
        }
    }
    unite::subordinate(state, ctx, Adoption { parent, child, join: by_hand(order) }, now);
    for id in [child, parent] {
        if let Some(case) = state.change(id) {
            case.record.version += 1;
        }
    }
    Ok(parent)
}

/// What is to be parted: alerts, and incidents that had become subordinates.
#[derive(Default)]
struct Parting {
    alerts: Vec<Fingerprint>,
    children: Vec<IncidentId>,
}

/// Makes some of an incident's records an incident of their own, and returns that one. Alerts go
/// together under a new number; an incident that had become a subordinate comes back under its own,
/// and takes the alerts parted with it.
pub(super) fn split(
    state: &mut State,
    ctx: &Context,
    order: &Order,
    records: &[RecordId],
    now: Timestamp,
) -> Result<IncidentId, Refusal> {
    let id = order.incident;
    let parting = find(state, id, records)?;
    credit::split(state, id, now);
    for child in &parting.children {
        part(state, ctx, order, *child, now);
    }
    let mut target = parting.children.first().copied();
    for alert in parting.alerts {
        leave(state, ctx, alert, now);
        if let Some(incident) = target {
            let to = Attachment { incident, join: by_hand(order) };
            correlate::attach(state, ctx, alert, to, now);
        } else {
            let how = (None, by_hand(order));
            target = Some(opening::open_apart(state, ctx, alert, how, now));
        }
    }
    let target = target.unwrap_or(id);
    keep_apart(state, id, target);
    for child in parting.children {
        keep_apart(state, id, child);
    }
    let text = format!("{target} is on its own now, {}", by_whom(order));
    state.pending.tell(id, now, Told { what: Happening::Split, text, path: None });
    Ok(target)
}

fn find(state: &State, id: IncidentId, records: &[RecordId]) -> Result<Parting, Refusal> {
    let Some(case) = state.incidents.get(&id) else { return Err(Refusal::NotOpen(id)) };
    let mut found = Parting::default();
    for record in records {
        let refused = |why| Refusal::NotSplit { incident: id, record: *record, why };
        if case.children.contains(record) {
            found.children.push(*record);
        } else if let Some(alert) = case.live.get(*record) {
            if case.record.root.alert == alert {
                return Err(refused("it is the root; split off the others instead"));
            }
            if !state.alerts.get(&alert).is_some_and(|held| held.state.fires()) {
                return Err(refused("it has ended; only what still fires goes on by itself"));
            }
            found.alerts.push(alert);
        } else {
            return Err(refused("the incident has no such record that still counts"));
        }
    }
    if found.alerts.is_empty() && found.children.is_empty() {
        return Err(Refusal::NotSplit {
            incident: id,
            record: id,
            why: "name the records to split off",
        });
    }
    Ok(found)
}

/// Takes an alert out of its incident.
fn leave(state: &mut State, ctx: &Context, alert: Fingerprint, now: Timestamp) {
    let Some(held) = state.alerts.get(&alert) else { return };
    let share = if held.state.fires() { share(state, ctx, alert) } else { None };
    let Some(held) = state.alerts.get_mut(&alert) else { return };
    let own = held.state.incident.take();
    let record = held.state.record.take();
    if let Some((own, record)) = own.zip(record) {
        state.delist(own, record);
    }
    let Some(share) = share else { return };
    for id in state.chain(own) {
        tally::remove(state, ctx, id, share);
        let Some(case) = state.change(id) else { continue };
        case.record.firing = case.tally.firing();
        if case.record.firing == 0 {
            case.record.clear_since = Some(now);
        }
        state.pending.unsettled.insert(id);
    }
}

/// Lets a subordinate be an incident again: nobody has answered it.
fn part(state: &mut State, ctx: &Context, order: &Order, child: IncidentId, now: Timestamp) {
    tally::weigh(state, ctx);
    let Some(case) = state.change(child) else { return };
    let parent = case.record.parent.take();
    let (tally, cis) = (case.tally.clone(), case.cis.clone());
    case.record.enter(Progress::New);
    escalate::restart(&mut case.record, now);
    // It became a part of the other before its team was found.
    let is_unassigned = case.record.team.is_none();
    for id in state.chain(parent) {
        let Some(case) = state.change(id) else { continue };
        case.tally.subtract(&tally);
        case.cis.subtract(&cis);
        case.record.firing = case.tally.firing();
        if case.record.firing == 0 {
            case.record.clear_since = Some(now);
        }
        state.pending.unsettled.insert(id);
    }
    if let Some(case) = parent.and_then(|id| state.change(id)) {
        case.children.remove(&child);
    }
    roots::index_root(state, &ctx.topology, child);
    let text = format!("split from its incident {}", by_whom(order));
    state.pending.tell(child, now, Told { what: Happening::Reopened, text, path: None });
    if is_unassigned {
        state.pending.unassigned.insert(child);
    }
    state.pending.unsettled.insert(child);
}

/// Remembers that two incidents are not to be united again by a rule.
pub(super) fn keep_apart(state: &mut State, one: IncidentId, other: IncidentId) {
    for (one, other) in [(one, other), (other, one)] {
        let Some(case) = state.change(one) else { continue };
        if !case.record.apart_from.contains(&other) {
            case.record.apart_from.push(other);
        }
    }
}
