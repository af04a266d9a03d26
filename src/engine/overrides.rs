//! Who is called for a team: who stands in by a person's word, else whoever the rules say.
//!
//! Overrides are taken in, taken back, and forgotten long after their end. One whose person is no
//! longer in the rule files calls nobody: the shift is as if it were not there, and whoever reloads is
//! told.

use core::time::Duration;

use super::context::Context;
use super::event::StandIn;
use super::refusal::Refusal;
use super::reply::Reply;
use super::{State, audit, handle};
use crate::model::escalation::Target;
use crate::model::incident::IncidentId;
use crate::model::on_call::Override;
use crate::model::time::Timestamp;
use crate::rules::OnCall;

/// How long an override is kept after its end.
const KEPT: Duration = Duration::from_hours(30 * 24);

/// Overrides held at once: each is looked at when somebody is called.
const OVERRIDES_MAX: usize = 1_000;

/// Returns who is called for a team about an incident.
pub(super) fn called<'a>(
    state: &'a State,
    ctx: &'a Context,
    (team, incident): (&str, IncidentId),
    now: Timestamp,
) -> OnCall<'a> {
    let of_team = state.overrides.values().rev().filter(|it| *it.team == *team && it.holds(now));
    // The last that was made: who changes their mind need not take anything back.
    let known = of_team.map(|it| &*it.contact).find(|it| ctx.rules.contacts.contains_key(*it));
    match known {
        Some(contact) => OnCall { contact, hole: None },
        None => ctx.rules.called(team, incident, now),
    }
}

/// Takes overrides in, all or none.
pub(super) fn plan(
    state: &mut State,
    ctx: &Context,
    (wanted, by, note): (&[StandIn], &str, &str),
    now: Timestamp,
) -> Reply {
    if let Err(refusal) = checked(state, ctx, wanted, now) {
        return Reply::Refused(refusal);
    }
    let mut numbers = Vec::with_capacity(wanted.len());
    for StandIn { team, from, until, contact } in wanted {
        let because = if note.is_empty() { String::new() } else { format!(": {note}") };
        let detail = format!("{contact} from {from} to {until}{because}");
        audit::note(
            state,
            now,
            audit::Deed { by, action: "override on call", object: team, detail },
        );
        let number = state.counters.audited;
        let (team, contact) = (team.clone(), contact.clone());
        let (from, until, note) = (*from, *until, note.into());
        let made =
            Override { number, team, from, until, contact, by: by.into(), made_at: now, note };
        state.overrides.insert(number, made);
        state.pending.overrides.insert(number);
        numbers.push(number);
    }
    Reply::Overridden(numbers)
}

fn checked(
    state: &State,
    ctx: &Context,
    wanted: &[StandIn],
    now: Timestamp,
) -> Result<(), Refusal> {
    if state.overrides.len() + wanted.len() > OVERRIDES_MAX {
        return Err(Refusal::TooManyOverrides(OVERRIDES_MAX));
    }
    for StandIn { team, from, until, contact } in wanted {
        handle::receiver(ctx, &Target::Team(team.clone()))?;
        handle::receiver(ctx, &Target::Contact(contact.clone()))?;
        if *until <= now || until <= from {
            return Err(Refusal::OverrideOver { until: *until });
        }
    }
    Ok(())
}

/// Takes an override back; whose shift it was has it again at once.
pub(super) fn drop(state: &mut State, number: u64, by: &str, now: Timestamp) -> Reply {
    let Some(gone) = state.overrides.remove(&number) else {
        return Reply::Refused(Refusal::UnknownOverride(number));
    };
    state.pending.overrides.insert(number);
    let Override { team, contact, from, until, .. } = gone;
    let detail = format!("{number}: {contact} from {from} to {until}");
    let action = "drop override";
    audit::note(state, now, audit::Deed { by, action, object: &team, detail });
    Reply::Done
}

/// Forgets overrides that ended long ago.
pub(super) fn prune(state: &mut State, now: Timestamp) {
    let old = |it: &&Override| now >= it.until.plus(KEPT);
    let gone: Vec<u64> = state.overrides.values().filter(old).map(|it| it.number).collect();
    for number in gone {
        state.overrides.remove(&number);
        state.pending.overrides.insert(number);
    }
}
