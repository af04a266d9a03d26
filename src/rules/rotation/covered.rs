//! Overrides that were made by command, laid over the shifts of the rule files.

use super::{RuleSet, Shift};
use crate::model::on_call::Override;
use crate::model::time::Timestamp;

impl RuleSet {
    /// Returns who stands in for a team by command: of several the one that was made last. One whose
    /// person is no contact any more calls nobody. `overrides` are in the order of their numbers.
    pub fn stands_in<'o>(
        &self,
        team: &str,
        overrides: &'o [Override],
        now: Timestamp,
    ) -> Option<&'o Override> {
        let holds = |it: &&Override| {
            *it.team == *team && it.holds(now) && self.contacts.contains_key(&it.contact)
        };
        overrides.iter().rev().find(holds)
    }

    /// Returns the shifts of a team between two points in time, without a gap, with who stands in by
    /// command; none where it has neither a rotation nor such an override.
    pub fn shifts(
        &self,
        team: &str,
        overrides: &[Override],
        (from, until): (Timestamp, Timestamp),
    ) -> Vec<Shift> {
        let named = self.teams.get(team).and_then(|team| team.on_call.as_deref());
        let mut bounds: Vec<Timestamp> = overrides
            .iter()
            .filter(|it| *it.team == *team)
            .flat_map(|it| [it.from, it.until])
            .collect();
        bounds.retain(|at| from < *at && *at < until);
        let of_rules = match named.and_then(|name| self.rotations.get(name)) {
            Some(rotation) => rotation.shifts(from, until),
            None if bounds.is_empty() && self.stands_in(team, overrides, from).is_none() => {
                return Vec::new();
            }
            None => {
                vec![Shift { contact: Some(self.on_call(team, from).contact.into()), from, until }]
            }
        };
        let mut shifts: Vec<Shift> = Vec::new();
        for shift in of_rules {
            let within = bounds.iter().filter(|at| shift.from < **at && **at < shift.until);
            let mut cuts: Vec<Timestamp> =
                within.copied().chain([shift.from, shift.until]).collect();
            cuts.sort_unstable();
            cuts.dedup();
            for part in cuts.windows(2) {
                let [from, until] = *part else { continue };
                let instead = self.stands_in(team, overrides, from).map(|it| it.contact.clone());
                let contact = instead.or_else(|| shift.contact.clone());
                match shifts.last_mut().filter(|last| last.contact == contact) {
                    Some(last) => last.until = until,
                    None => shifts.push(Shift { contact, from, until }),
                }
            }
        }
        shifts
    }
}
