//! What an incident is held to beside its policy: the agreement of a service that suffers, and a
//! priority that a person gave it.

use super::State;
use super::context::Context;
use super::notices::{self, Plan};
use super::order::Order;
use super::pending::Told;
use super::refusal::Refusal;
use crate::model::escalation::Target;
use crate::model::incident::IncidentId;
use crate::model::notice::NoticeKind;
use crate::model::priority::{Assessment, Priority};
use crate::model::progress::Progress;
use crate::model::terms::ByHand;
use crate::model::time::Timestamp;
use crate::model::timeline::Happening;
use crate::rules::IncidentSpec;

/// How the sum of a priority goes on that a person gave.
const SET_BY: &str = " (set by ";

/// Finds the agreement that an incident is held to: the first that covers a service that suffers.
/// When nothing fires the last one stands.
pub(super) fn agree(state: &mut State, ctx: &Context, id: IncidentId, now: Timestamp) {
    let Some(case) = state.incidents.get(&id) else { return };
    let before = &case.record.terms.agreement;
    let none = ctx.rules.agreements.is_empty();
    if case.tally.audible() == 0 || none && before.is_none() {
        return;
    }
    let services: Vec<_> = if none { Vec::new() } else { case.tally.services().collect() };
    let found = ctx.rules.agreements.iter().find_map(|agreement| {
        let covers = |ci: &&_| agreement.covers(ctx.topology.ci(**ci));
        services.iter().find(covers).map(|ci| (agreement, ctx.topology.ci(*ci)))
    });
    if found.map(|(agreement, _)| &agreement.name) == before.as_ref() {
        return;
    }
    let text = match found {
        Some((agreement, service)) => {
            format!("the limits of agreement {} hold, for {}", agreement.name, service.name)
        }
        None => "the general limits hold: no agreement covers a service that suffers".into(),
    };
    let agreement = found.map(|(agreement, _)| agreement.name.clone());
    if let Some(case) = state.change(id) {
        case.record.terms.agreement = agreement;
    }
    state.pending.tell(id, now, Told { what: Happening::Priority, text, path: None });
}

/// A person gives an incident a priority, or lifts the one that somebody gave it.
pub(super) fn by_hand(
    state: &mut State,
    order: &Order,
    priority: Option<Priority>,
    now: Timestamp,
) -> Result<(), Refusal> {
    let Order { incident: id, by, note, .. } = order;
    if note.is_empty() && priority.is_some() {
        return Err(Refusal::NoReason { wish: order.command.wish() });
    }
    let Some(case) = state.change(*id) else { return Err(Refusal::NotOpen(*id)) };
    let present = case.record.assessment.priority;
    let terms = &mut case.record.terms;
    // What was computed until now its holder knows, and so does whoever says otherwise.
    let told = terms.by_hand.take().map_or(Some(present), |earlier| earlier.told);
    let because = note.as_str().into();
    terms.by_hand = priority.map(|priority| ByHand { priority, by: by.clone(), because, told });
    case.record.version += 1;
    let text = match priority {
        Some(priority) => format!("{priority} until lifted, {}", super::handle::by_whom(order)),
        None => format!("as computed again, {}", super::handle::by_whom(order)),
    };
    state.pending.tell(*id, now, Told { what: Happening::Priority, text, path: None });
    state.pending.unsettled.insert(*id);
    Ok(())
}

/// True when an assessment does not show what a person said of its priority, or no longer says.
pub(super) fn is_outdated(shown: &Assessment, by_hand: Option<&ByHand>) -> bool {
    let is_by_hand = shown.sum.get(2..).is_some_and(|rest| rest.starts_with(SET_BY));
    is_by_hand != by_hand.is_some() || by_hand.is_some_and(|it| it.priority != shown.priority)
}

/// Derives a priority anew from the impact and urgency that stand while nothing fires.
pub(super) fn again(ctx: &Context, old: &Assessment, spec: Option<&IncidentSpec>) -> Assessment {
    let Assessment { impact, urgency, .. } = *old;
    let priorities = &ctx.rules.priorities;
    let computed = priorities.priority(impact, urgency);
    let by_rule = spec.and_then(|spec| spec.priority);
    let priority = by_rule.unwrap_or(computed);
    let pages = match by_rule {
        Some(by_rule) => priorities.page.priorities.contains(&by_rule),
        None => priorities.pages(computed, urgency),
    };
    let sum = format!("{priority} = {}", factors(&old.sum));
    Assessment { impact, urgency, priority, sum, pages, loss: old.loss, until: None }
}

/// Returns what a sum says of impact and urgency.
fn factors(sum: &str) -> &str {
    sum.split_once(" = impact ").and_then(|(before, _)| sum.get(before.len() + 3..)).unwrap_or(sum)
}

/// Puts the priority that a person gave in the place of the computed one.
pub(super) fn put(ctx: &Context, by_hand: &ByHand, assessment: &mut Assessment) {
    let ByHand { priority, by, because, .. } = by_hand;
    let computed = assessment.priority;
    assessment.sum = format!(
        "{priority}{SET_BY}{by}: {because}; else {computed}) = {}",
        factors(&assessment.sum)
    );
    assessment.pages = ctx.rules.priorities.page.priorities.contains(priority);
    assessment.priority = *priority;
}

/// Tells whoever has an incident, and their lead, when the computed priority rises above the one
/// that a person gave it: once for each rise.
pub(super) fn warn_holder(
    state: &mut State,
    ctx: &Context,
    id: IncidentId,
    computed: Priority,
    now: Timestamp,
) {
    let Some(case) = state.incidents.get_mut(&id) else { return };
    let Some(by_hand) = &mut case.record.terms.by_hand else { return };
    let ByHand { priority, by, told, .. } = by_hand.clone();
    // P1 is the least in order.
    if computed >= priority || told.is_some_and(|told| told <= computed) {
        return;
    }
    by_hand.told = Some(computed);
    let because =
        format!("would be {computed} by now; {by} set {priority}, which holds until lifted");
    let text = format!("its holder and their lead hear that it {because}");
    state.pending.incidents.insert(id);
    state.pending.tell(id, now, Told { what: Happening::Priority, text, path: None });
    for target in [&Target::Assigned, &Target::Lead] {
        if notices::say_with(state, ctx, id, (target, &because), now) {
            continue;
        }
        let (kind, because, also) = (NoticeKind::Update, because.clone(), Vec::new());
        notices::plan(state, ctx, id, Plan { kind, target, because, also }, now);
    }
}

/// Says when an incident falls due by the limits of its new priority.
pub(super) fn say_deadlines(
    state: &mut State,
    id: IncidentId,
    before: &Assessment,
    now: Timestamp,
) {
    let Some(record) = state.incidents.get(&id).map(|case| &case.record) else { return };
    let priority = record.assessment.priority;
    if before.sum.is_empty() || before.priority == priority || record.quiet {
        return;
    }
    let answer = matches!(record.progress, Progress::New)
        .then(|| format!("answered by {}, ", record.response.due_at));
    let restored = match record.resolution.stands_since {
        Some(_) => "service back when it goes on".into(),
        None => format!("service back by {}", record.resolution.due_at),
    };
    let of = record.terms.agreement.as_deref();
    let of = of.map(|name| format!(" of agreement {name}")).unwrap_or_default();
    let text =
        format!("clocks by the limits of {priority}{of}: {}{restored}", answer.unwrap_or_default());
    state.pending.tell(id, now, Told { what: Happening::Priority, text, path: None });
}
