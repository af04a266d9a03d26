//! Rotations: who has the shift at a point in time.
//!
//! A shift is what lies between two hand-overs, and a hand-over is a date and a time of day in a
//! zone: shifts neither gap nor overlap where clocks leap, and none is made of hours counted off.
//! It reads no clock. See `read.rs` for how rotations are written.

mod covered;
pub(super) mod read;
#[cfg(test)]
mod tests;

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::ToSpan;
use jiff::civil::Date;

use super::calendar::Calendar;
use super::calendar::zone::Zone;
use super::codes;
use super::diagnostics::{self, Diagnostic, Span};
use super::sections::Turns;
use super::set::RuleSet;
use super::source::SourceFile;
use crate::model::incident::IncidentId;
use crate::model::time::Timestamp;

/// How far ahead holes are looked for.
const LOOK_AHEAD: Duration = Duration::from_hours(24 * 365);

/// Who has the shift, by layers and exceptions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// The zone of its hand-overs.
    pub zone: Zone,
    /// The last one that has somebody at a time decides.
    layers: Vec<Layer>,
    /// Where one holds it decides over all layers, the last of several.
    overrides: Vec<Override>,
    file: Box<str>,
    span: Span,
}

/// People who take turns.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Layer {
    /// At least one.
    members: Vec<Box<str>>,
    /// Days from one hand-over to the next, at least 1.
    days: i64,
    /// The date of the first hand-over: nobody has a shift before it.
    start: Date,
    /// The time of day of the hand-over, in minutes.
    at: u16,
    /// The times at which the shift counts; all when there are none.
    hours: Option<Arc<Calendar>>,
}

/// A person who stands in.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Override {
    from: Timestamp,
    /// Exclusive.
    until: Timestamp,
    contact: Box<str>,
}

/// An unbroken time of one person, or of nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shift {
    /// Who has it.
    pub contact: Option<Box<str>>,
    /// When it begins, or where the times asked for do.
    pub from: Timestamp,
    /// Its end, exclusive, or that of the times asked for.
    pub until: Timestamp,
}

impl Rotation {
    /// Returns who has the shift.
    pub fn on_call(&self, now: Timestamp) -> Option<&str> {
        let stands_in = |it: &&Override| it.from <= now && now < it.until;
        let instead = self.overrides.iter().rev().find(stands_in).map(|it| &*it.contact);
        instead.or_else(|| self.layers.iter().rev().find_map(|it| it.on_call(&self.zone, now)))
    }

    /// Returns the shifts between two points in time, without a gap: those of nobody stand there
    /// without a contact.
    pub fn shifts(&self, from: Timestamp, until: Timestamp) -> Vec<Shift> {
        let mut shifts: Vec<Shift> = Vec::new();
        let mut at = from;
        while at < until {
            let next = self.next_boundary(at, until);
            let contact = self.on_call(at).map(Box::from);
            match shifts.last_mut().filter(|last| last.contact == contact) {
                Some(last) => last.until = next,
                None => shifts.push(Shift { contact, from: at, until: next }),
            }
            at = next;
        }
        shifts
    }

    /// Returns the next point in time at which another may have the shift, at most `latest`.
    fn next_boundary(&self, now: Timestamp, latest: Timestamp) -> Timestamp {
        let ends = self.overrides.iter().flat_map(|it| [it.from, it.until]);
        let turns = self.layers.iter().map(|layer| layer.next_boundary(&self.zone, now, latest));
        let next = ends.chain(turns).filter(|at| *at > now).min();
        next.map_or(latest, |next| next.min(latest))
    }
}

impl Layer {
    fn on_call(&self, zone: &Zone, now: Timestamp) -> Option<&str> {
        let turn = usize::try_from(self.turn(zone, now)?).ok()?;
        let member = self.members.get(turn.checked_rem(self.members.len())?)?;
        let counts = self.hours.as_ref().is_none_or(|hours| hours.covers(now));
        counts.then_some(member)
    }

    /// Counts the hand-overs since the first, which is 0.
    fn turn(&self, zone: &Zone, now: Timestamp) -> Option<i64> {
        let today = zone.local(now).date();
        // Tomorrow's may be past: clocks that are put back at midnight show a day twice.
        let days = [today.saturating_add(1.day()), today, today.saturating_sub(1.day())];
        let day = days.into_iter().find(|day| zone.first(*day, self.at) <= now)?;
        let days = i64::from((day - self.start).get_days());
        (days >= 0).then(|| days / self.days)
    }

    fn next_boundary(&self, zone: &Zone, now: Timestamp, latest: Timestamp) -> Timestamp {
        let next = self.turn(zone, now).map_or(0, |turn| turn + 1);
        let date = self.start.saturating_add(next.saturating_mul(self.days).days());
        let next = zone.first(date, self.at).min(latest);
        let hours = self.hours.as_ref().and_then(|hours| hours.next_change_by(now, next));
        hours.unwrap_or(next)
    }
}

/// Who is called for a team.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OnCall<'a> {
    /// The person.
    pub contact: &'a str,
    /// The rotation that has nobody, for which they are called as the first of the team.
    pub hole: Option<&'a str>,
}

impl RuleSet {
    /// Returns who is called for a team: who has the shift, else its first member; the default
    /// contact for a team that is not known.
    pub fn on_call(&self, team: &str, now: Timestamp) -> OnCall<'_> {
        let Some(team) = self.teams.get(team) else {
            return OnCall { contact: &self.default_contact, hole: None };
        };
        let first = team.members.first().map_or(&*self.default_contact, |first| &**first);
        let Some(name) = team.on_call.as_deref() else {
            return OnCall { contact: first, hole: None };
        };
        match self.rotations.get(name).and_then(|rotation| rotation.on_call(now)) {
            Some(contact) => OnCall { contact, hole: None },
            None => OnCall { contact: first, hole: Some(name) },
        }
    }

    /// Returns who is called for a team about an incident: of a team without a rotation each member
    /// in turn where it says so.
    pub fn called(&self, team: &str, incident: IncidentId, now: Timestamp) -> OnCall<'_> {
        let turns = self.teams.get(team).filter(|team| team.turns == Turns::ByIncident);
        let member = turns.and_then(|team| {
            let members = u64::try_from(team.members.len()).unwrap_or(u64::MAX);
            let at = incident.0.checked_rem(members)?;
            team.members.get(usize::try_from(at).ok()?)
        });
        match member {
            Some(contact) => OnCall { contact, hole: None },
            None => self.on_call(team, now),
        }
    }

    /// Returns a warning for each rotation that has nobody at some time of the next twelve months.
    /// `files` are those that the set was made of.
    pub fn gaps(&self, files: &[SourceFile], now: Timestamp) -> Vec<Diagnostic> {
        let found = self.rotations.iter().filter_map(|(name, rotation)| {
            let file = files.iter().find(|file| *file.name == *rotation.file)?;
            let shifts = rotation.shifts(now, now.plus(LOOK_AHEAD));
            let mut holes = shifts.iter().filter(|shift| shift.contact.is_none());
            let first = holes.next()?;
            let more = match holes.count() {
                0 => String::new(),
                more => format!(", and {more} more times within a year"),
            };
            let show = |at| rotation.zone.show(at);
            let message = format!("nobody is on call in rotation `{name}`");
            let label = format!("from {} to {}{more}", show(first.from), show(first.until));
            let help = "add a layer without `hours` as the first, or an override; \
                        without one the first member of the team is called";
            let gap = Diagnostic::error(codes::GAP, file, rotation.span, message);
            Some(gap.label(label).help(help).warning())
        });
        let mut found: Vec<Diagnostic> = found.collect();
        let files: Vec<&SourceFile> = files.iter().collect();
        diagnostics::place(&mut found, &files);
        found
    }
}

/// The rotations of a rule set by name.
pub(super) type Rotations = BTreeMap<Box<str>, Rotation>;
