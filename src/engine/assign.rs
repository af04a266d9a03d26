//! Finds the team for an incident: what its rule says, else the routing of its category or CI class,
//! else the owner of the root's CI, else of a service that suffers, else of the rule, else the
//! default team.

use super::State;
use super::context::Context;
use super::describe;
use super::pending::Told;
use super::state::Case;
use crate::model::incident::{Incident, IncidentId};
use crate::model::on_call::Override;
use crate::model::time::Timestamp;
use crate::model::timeline::Happening;
use crate::rules::{Asked, Plan, Seen};

/// Attribute of a CI that names its team.
const OWNER: &str = "owner";

/// Assigns an incident that has a new root; true when another team had it before. An incident that
/// keeps its root keeps its team, so that a hand-over to the next line stands.
pub(super) fn assign(state: &mut State, ctx: &Context, id: IncidentId, now: Timestamp) -> bool {
    if !state.pending.unassigned.remove(&id) {
        return false;
    }
    let (team, why) = find(state, ctx, id);
    let Some(case) = state.change(id) else { return false };
    if case.record.team == team {
        return false;
    }
    let before = core::mem::replace(&mut case.record.team, team.clone());
    let text = match team {
        Some(team) => format!("to {team}: {why}"),
        None => format!("to {}: no team is known for it", ctx.rules.default_contact),
    };
    state.pending.tell(id, now, Told { what: Happening::Assigned, text, path: None });
    before.is_some()
}

fn find(state: &State, ctx: &Context, id: IncidentId) -> (Option<Box<str>>, String) {
    let Some(case) = state.incidents.get(&id) else { return (None, String::new()) };
    let rule = case.record.rule.as_deref().and_then(|rule| ctx.rules.find(rule));
    let named = rule.and_then(|rule| rule.incident.assign.as_ref()).and_then(|template| {
        let scope = describe::scope(state, ctx, case);
        ctx.rules.render(template, &scope).ok().filter(|team| !team.is_empty())
    });
    if let Some(team) = named {
        return (Some(team.into()), "its rule says so".into());
    }
    if let Some(routed) = with_asked(state, ctx, case, |asked| ctx.rules.route(asked)) {
        return (Some(routed.team), routed.because);
    }
    let topology = &ctx.topology;
    let owner = |ci| topology.ci(ci).attribute(OWNER).map(Box::from);
    let root = case.record.root.ci.as_deref().and_then(|ci| topology.find(ci));
    if let Some(team) = root.and_then(owner) {
        return (Some(team), "owner of the root's CI".into());
    }
    if let Some(team) = case.tally.services().find_map(owner) {
        return (Some(team), "owner of a service that suffers".into());
    }
    if let Some(team) = rule.and_then(|rule| rule.owner.clone()) {
        return (Some(team), "owner of its rule".into());
    }
    (ctx.rules.default_team.clone(), "the default team".into())
}

/// Returns the team of the line after the one that has an incident.
pub(super) fn next_line(state: &State, ctx: &Context, id: IncidentId) -> Option<Box<str>> {
    let case = state.incidents.get(&id)?;
    let team = case.record.team.as_deref();
    with_asked(state, ctx, case, |asked| ctx.rules.next_line(asked, team))
}

/// Returns the response plan for an incident.
pub(super) fn plan<'c>(state: &State, ctx: &'c Context, id: IncidentId) -> Option<&'c Plan> {
    let case = state.incidents.get(&id)?;
    with_asked(state, ctx, case, |asked| ctx.rules.plan(asked.category, asked.priority))
}

/// The line after the one that has an incident, and who is called there now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextLine {
    /// The team.
    pub team: Box<str>,
    /// The contact who is called for it.
    pub contact: Box<str>,
}

impl Context {
    /// Returns the team to which a stored incident would go if somebody escalated it; nothing where
    /// no line follows.
    pub fn next_team(&self, record: &Incident) -> Option<Box<str>> {
        let team = record.team.as_deref();
        // What rules add to the category stands in the record once it is stored.
        asked_of(self, record, None, |asked| self.rules.next_line(asked, team))
    }

    /// Returns that team and who would be called there at `now`: who stands in by command, else
    /// whoever the rules say. `overrides` are in the order of their numbers.
    pub fn next_line(
        &self,
        record: &Incident,
        overrides: &[Override],
        now: Timestamp,
    ) -> Option<NextLine> {
        let team = self.next_team(record)?;
        let stands_in = self.rules.stands_in(&team, overrides, now);
        let contact = stands_in.map_or_else(
            || self.rules.called(&team, record.id, now).contact.into(),
            |it| it.contact.clone(),
        );
        Some(NextLine { team, contact })
    }
}

/// Asks something of the routing about an incident.
fn with_asked<R>(
    state: &State,
    ctx: &Context,
    case: &Case,
    ask: impl FnOnce(&Asked<'_>) -> Option<R>,
) -> Option<R> {
    let root = state.alerts.get(&case.record.root.alert);
    let added = root.and_then(|root| root.added.as_deref()?.category.as_deref());
    asked_of(ctx, &case.record, added, ask)
}

fn asked_of<R>(
    ctx: &Context,
    record: &Incident,
    added: Option<&str>,
    ask: impl FnOnce(&Asked<'_>) -> Option<R>,
) -> Option<R> {
    let rule = record.rule.as_deref().and_then(|rule| ctx.rules.find(rule));
    // What the record says of its category is written with the batch: a new one has none yet.
    let by_rule = rule.and_then(|rule| rule.incident.category.as_deref());
    let ci = record.root.ci.as_deref().and_then(|ci| ctx.topology.find(ci));
    let known = record.known_error.as_ref().and_then(|known| ctx.rules.find(&known.rule));
    ask(&Asked {
        category: by_rule.or(added).or(record.category.as_deref()),
        class: ci.map(|ci| &*ctx.topology.ci(ci).class),
        priority: record.assessment.priority,
        seen: if record.recurrence_of.is_some() { Seen::Before } else { Seen::Never },
        known: known.and_then(|rule| rule.kind.known_error()?.line),
    })
}
