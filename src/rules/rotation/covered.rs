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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{SourceFile, load};

    const RULES: &str = "version: 1
contacts: {anna: {channels: log}, bert: {channels: log}, carla: {channels: log}}
rotations:
  shop:
    zone: UTC
    layers: [{members: [anna, bert], every: 1d, handover: {at: '00:00'}, start: 1970-01-01}]
teams: {shop: {members: [anna], on_call: shop}, web: {members: [bert]}}
";

    fn hour(hour: i64) -> Timestamp {
        Timestamp::from_millis(hour * 3_600_000)
    }

    fn made(number: u64, team: &str, contact: &str, (from, until): (i64, i64)) -> Override {
        Override {
            number,
            team: team.into(),
            from: hour(from),
            until: hour(until),
            contact: contact.into(),
            by: "mia".into(),
            made_at: hour(0),
            note: "".into(),
        }
    }

    #[test]
    fn what_was_said_last_lies_over_what_was_said_before_and_over_the_rotation() {
        let file = SourceFile { name: "t.yaml".into(), text: RULES.into() };
        let rules = load(&[file]).set.unwrap();
        let overrides = [
            made(1, "shop", "carla", (6, 30)),
            made(2, "shop", "bert", (12, 18)),
            made(3, "shop", "gone", (40, 44)),
            made(4, "web", "anna", (0, 6)),
        ];
        for (team, overrides, expected) in [
            ("shop", &overrides[..], "anna 0-6, carla 6-12, bert 12-18, carla 18-30, bert 30-48"),
            ("shop", &overrides[1..2], "anna 0-12, bert 12-18, anna 18-24, bert 24-48"),
            ("shop", &[], "anna 0-24, bert 24-48"),
            ("web", &overrides[..], "anna 0-6, bert 6-48"),
            ("web", &overrides[..2], ""),
        ] {
            let shifts = rules.shifts(team, overrides, (hour(0), hour(48)));
            let at = |it: Timestamp| it.millis() / 3_600_000;
            let shown = shifts.iter().map(|it| {
                let who = it.contact.as_deref().unwrap_or("nobody");
                format!("{who} {}-{}", at(it.from), at(it.until))
            });
            assert_eq!(shown.collect::<Vec<_>>().join(", "), expected, "{team}");
        }
    }
}
