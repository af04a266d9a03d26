//! What people write on the record of an incident, and what has to be written before it may end.

use core::time::Duration;

use super::context::Context;
use super::handle::by_whom;
use super::order::{Ending, Order};
use super::pending::Told;
use super::refusal::Refusal;
use super::{State, resolve};
use crate::model::incident::{Incident, IncidentId};
use crate::model::sheet::{Edit, Field, Reclassified, Sheet};
use crate::model::time::{Brief, Timestamp};
use crate::model::timeline::Happening;

/// Says what edits write: `location=fra1, solution=`.
pub(super) fn said(edits: &[Edit]) -> String {
    let one = |edit: &Edit| format!("{}={}", edit.field, edit.value.as_deref().unwrap_or(""));
    edits.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// A person writes on the record.
pub(super) fn set(
    state: &mut State,
    ctx: &Context,
    order: &Order,
    edits: &[Edit],
    now: Timestamp,
) -> Result<(), Refusal> {
    if edits.is_empty() {
        return Err(Refusal::NothingSet("as in location=fra1".into()));
    }
    known(ctx, edits)?;
    write(state, order, edits, now);
    Ok(())
}

/// Refuses words that the rules do not list.
pub(super) fn known(ctx: &Context, edits: &[Edit]) -> Result<(), Refusal> {
    for Edit { field, value } in edits {
        let (Some(given), Some(words)) = (value, ctx.rules.closing.words(*field)) else { continue };
        if !words.contains(&&**given) {
            let (field, given, known) = (*field, given.clone(), words.join(", "));
            return Err(Refusal::UnknownCode { field, given, known });
        }
    }
    Ok(())
}

/// Writes what is another than before, and tells each change with what was there.
fn write(state: &mut State, order: &Order, edits: &[Edit], now: Timestamp) {
    let id = order.incident;
    let Some(case) = state.change(id) else { return };
    let changed = changed(&mut case.record.sheet, edits);
    if changed.is_empty() {
        return;
    }
    case.record.version += 1;
    let text = format!("{}, {}", changed.join(", "), by_whom(order));
    state.pending.tell(id, now, Told { what: Happening::Written, text, path: None });
}

/// Writes edits and says of each that makes a difference what is there now and was before.
pub(super) fn changed(sheet: &mut Sheet, edits: &[Edit]) -> Vec<String> {
    let mut changed = Vec::new();
    for edit in edits {
        let (field, to) = (edit.field, edit.value.clone());
        let before = sheet.set(edit.clone());
        if before == to {
            continue;
        }
        let to = to.as_deref().unwrap_or("nothing").to_owned();
        let was = before.map(|before| format!(" (was {before})")).unwrap_or_default();
        changed.push(format!("{field} is {to}{was}"));
    }
    changed
}

/// A person says that it is of another category. Rules do not change it again.
pub(super) fn classify(
    state: &mut State,
    order: &Order,
    category: &str,
    now: Timestamp,
) -> Result<(), Refusal> {
    if order.note.is_empty() {
        return Err(Refusal::NoReason { wish: order.command.wish() });
    }
    let id = order.incident;
    let Some(case) = state.change(id) else { return Err(Refusal::NotOpen(id)) };
    let from = case.record.category.replace(category.into());
    let was = from.as_deref().unwrap_or("nothing");
    let text = format!("from {was} to {category}, {}", by_whom(order));
    case.record.sheet.reclassify(Reclassified {
        at: now,
        by: order.by.clone(),
        from,
        to: category.into(),
        because: order.note.as_str().into(),
    });
    case.record.version += 1;
    state.pending.tell(id, now, Told { what: Happening::Reclassified, text, path: None });
    Ok(())
}

/// Somebody worked on it, in the line of the team that has it.
pub(super) fn spend(
    state: &mut State,
    ctx: &Context,
    id: IncidentId,
    work: (&str, Duration),
    now: Timestamp,
) {
    let (who, time) = work;
    let line = line(state, ctx, id);
    let Some(case) = state.change(id) else { return };
    case.record.sheet.spend(who, line, time);
    case.record.version += 1;
    let all = Brief(case.record.sheet.spent_in_all());
    let text = format!("{} by {who}, {all} in all", Brief(time));
    state.pending.tell(id, now, Told { what: Happening::Timed, text, path: None });
}

/// Returns the line of support of the team that has an incident; 0 without one.
fn line(state: &State, ctx: &Context, id: IncidentId) -> u8 {
    let team = state.incidents.get(&id).and_then(|case| case.record.team.as_deref());
    team.and_then(|team| ctx.rules.teams.get(team)).map_or(0, |team| team.line)
}

/// A person says that service is restored, and how.
pub(super) fn resolve(
    state: &mut State,
    ctx: &Context,
    order: &Order,
    ending: &Ending,
    now: Timestamp,
) -> Result<(), Refusal> {
    let id = order.incident;
    known(ctx, &ending.edits)?;
    complete(state, ctx, order, &ending.edits)?;
    write(state, order, &ending.edits, now);
    if let Some(time) = ending.spent {
        spend(state, ctx, id, (&order.by, time), now);
    }
    let line = line(state, ctx, id);
    if let Some(case) = state.change(id).filter(|_| line > 0) {
        // In which line it was resolved cannot be found out later: teams change.
        let role = ["1st line", "2nd line", "3rd line", "supplier"].get(usize::from(line) - 1);
        if case.record.sheet.get(Field::ResolverRole).is_none() {
            let value = role.map(|role| (*role).into());
            case.record.sheet.set(Edit { field: Field::ResolverRole, value });
        }
    }
    resolve::by_hand(state, ctx, id, (&order.by, &order.note), now);
    Ok(())
}

/// Refuses an end before all is written that the rules want, `edits` included.
pub(super) fn complete(
    state: &State,
    ctx: &Context,
    order: &Order,
    edits: &[Edit],
) -> Result<(), Refusal> {
    let id = order.incident;
    let Some(case) = state.incidents.get(&id) else { return Err(Refusal::NotOpen(id)) };
    let record = &case.record;
    let mut after = record.sheet.clone();
    for edit in edits {
        after.set(edit.clone());
    }
    let required = ctx.rules.closing.required(record.assessment.priority, after.nature());
    let missing = required.into_iter().filter(|field| after.get(*field).is_none());
    let missing: Vec<String> = missing.map(|field| field.to_string()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let (missing, wish) = (missing.join(", "), order.command.wish());
    Err(Refusal::Incomplete { incident: id, missing, wish })
}

/// Refuses to close a major incident without a review.
pub(super) fn reviewed(state: &State, order: &Order) -> Result<(), Refusal> {
    let id = order.incident;
    let record = state.incidents.get(&id).map(|case| &case.record);
    if record.is_none_or(is_reviewed) {
        return Ok(());
    }
    let (missing, wish) = (Field::Review.to_string(), order.command.wish());
    Err(Refusal::Incomplete { incident: id, missing, wish })
}

/// True for an incident that is no major one, or of which a review is written.
pub(super) fn is_reviewed(record: &Incident) -> bool {
    !record.is_major() || record.sheet.get(Field::Review).is_some()
}

/// Refuses those who are not of the desk, where the rules name one.
pub(super) fn only(ctx: &Context, by: &str) -> Result<(), Refusal> {
    let Some(name) = &ctx.rules.closing.desk else { return Ok(()) };
    let members = ctx.rules.teams.get(name).map(|team| team.members.as_slice()).unwrap_or_default();
    // Whoever speaks through a tool is named as `ann by bot`.
    let person = by.split(" by ").next().unwrap_or(by);
    if members.iter().any(|member| **member == *person) {
        return Ok(());
    }
    let members = members.iter().map(|member| &**member).collect::<Vec<_>>().join(", ");
    Err(Refusal::NotDesk { by: by.into(), team: name.clone(), members })
}

/// A person says that it was a false alarm.
pub(super) fn cancel(
    state: &mut State,
    ctx: &Context,
    order: &Order,
    now: Timestamp,
) -> Result<(), Refusal> {
    only(ctx, &order.by)?;
    if order.note.is_empty() {
        return Err(Refusal::NoReason { wish: order.command.wish() });
    }
    resolve::cancel(state, ctx, order.incident, (&order.by, &order.note), now);
    Ok(())
}
