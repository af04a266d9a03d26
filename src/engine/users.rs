//! The users of what a major incident hurts: they hear that it is one, how it stands and how it ends.
//!
//! Who they are stands on the services in the CMDB. Each is told once, of the first service that
//! concerns them, and hears the rest as subscribers do. They are written to within the limit of the
//! section `reports`, apart from their pages: what is told to a thousand must not keep anybody from
//! being called.

use super::State;
use super::context::Context;
use super::pending::Told;
use super::reporters::{self, News};
use crate::cmdb::users;
use crate::model::incident::{Incident, IncidentId};
use crate::model::major::{Major, USERS_MAX};
use crate::model::time::Timestamp;
use crate::model::timeline::Happening;

/// Services that are named in one message.
const NAMED_MAX: usize = 5;

/// Tells the users of the services that a major incident hurts, as far as they do not know it.
pub(super) fn follow(state: &mut State, ctx: &Context, id: IncidentId, now: Timestamp) {
    let Some(record) = state.incidents.get(&id).map(|case| &case.record) else { return };
    let Some(major) = record.major.as_ref().filter(|major| major.stands()) else { return };
    if !record.progress.is_open() {
        return;
    }
    let said = major.said();
    let room = USERS_MAX.saturating_sub(major.users.len());
    if room == 0 {
        return;
    }
    let fresh = unheard(ctx, record, major);
    let left = fresh.len().saturating_sub(room);
    let messages: Vec<(Box<str>, String)> = fresh
        .into_iter()
        .take(room)
        .map(|(who, services)| {
            let text = format!("{} is hurt: {said}", some(&services));
            (who, text)
        })
        .collect();
    // Said once: afterwards there is no room.
    if left > 0 {
        let text = format!("{left} more users are not told: {USERS_MAX} are the most");
        state.pending.tell(id, now, Told { what: Happening::Notice, text, path: None });
    }
    for (who, text) in messages {
        if let Some(major) = state.change(id).and_then(|case| case.record.major.as_mut()) {
            major.users.push(who.clone());
        }
        reporters::write(state, ctx, id, (&who, News::Plain(&text)), now);
    }
}

/// Returns who does not know it yet, each once, with the services for which they are named.
fn unheard<'r>(
    ctx: &Context,
    record: &'r Incident,
    major: &Major,
) -> Vec<(Box<str>, Vec<&'r str>)> {
    let mut found: Vec<(Box<str>, Vec<&str>)> = Vec::new();
    for service in record.affected.services.iter() {
        let Some(ci) = ctx.topology.find(service).map(|ci| ctx.topology.ci(ci)) else { continue };
        for who in users(ci) {
            if !ctx.rules.reaches(who) || major.users.iter().any(|it| **it == *who) {
                continue;
            }
            match found.iter_mut().find(|(known, _)| **known == *who) {
                Some((_, services)) if services.last() == Some(&service) => {}
                Some((_, services)) => services.push(service),
                None => found.push((who.into(), vec![service])),
            }
        }
    }
    found
}

fn some(services: &[&str]) -> String {
    let named = services.iter().take(NAMED_MAX).copied().collect::<Vec<_>>().join(", ");
    match services.len().saturating_sub(NAMED_MAX) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

/// Tells the users who were told of a major incident what becomes of it.
pub(super) fn tell(state: &mut State, ctx: &Context, id: IncidentId, text: &str, now: Timestamp) {
    let major = state.incidents.get(&id).and_then(|case| case.record.major.as_ref());
    for who in major.map(|major| major.users.clone()).unwrap_or_default() {
        if ctx.rules.reaches(&who) {
            reporters::write(state, ctx, id, (&who, News::Plain(text)), now);
        }
    }
}
