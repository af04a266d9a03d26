//! Who hands incidents on, and how often they come back: totals over many incidents.

use core::fmt;
use std::collections::BTreeMap;

use super::assignment::{Assignment, Assignments, Part, Verdict};
use super::priority::words;

/// By what transfers are totalled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Who handed them on: a person, a rule, or the policy.
    Sender,
    /// The team that got them.
    Team,
}

words!(By, Sender = "sender", Team = "team");

/// What became of the incidents that somebody handed on, or got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All of them.
    pub transfers: u32,
    /// Their receipt was confirmed, and nobody said that they were misrouted.
    pub accepted: u32,
    /// They were given back as misrouted.
    pub returned: u32,
    /// They went on before anybody confirmed them.
    pub passed_on: u32,
}

/// Totals by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals(BTreeMap<Box<str>, Counts>);

impl Totals {
    /// Counts the transfers of one incident. What begins anew where it was, because an
    /// acknowledgement lapsed, is no further transfer; its end counts.
    pub fn count(&mut self, by: By, all: &Assignments) {
        let held: Vec<&Assignment> = all.list.iter().filter(|it| it.part == Part::Holds).collect();
        let goes_on = |it: &Assignment, next: &Assignment| {
            (&it.team, &it.person, &it.sent_by) == (&next.team, &next.person, &next.sent_by)
        };
        for (at, it) in held.iter().enumerate() {
            if held.get(at + 1).is_some_and(|next| goes_on(it, next)) {
                continue;
            }
            let counts = self.0.entry(name(by, it)).or_default();
            counts.transfers += 1;
            match it.verdict {
                Some(Verdict::Accepted) => counts.accepted += 1,
                Some(Verdict::Returned) => counts.returned += 1,
                Some(Verdict::PassedOn) => counts.passed_on += 1,
                None => {}
            }
        }
    }

    /// Returns the totals, whoever misroutes most first.
    pub fn ranked(self) -> Vec<(Box<str>, Counts)> {
        let mut all: Vec<_> = self.0.into_iter().collect();
        all.sort_by_key(|(_, counts)| core::cmp::Reverse((counts.returned, counts.transfers)));
        all
    }
}

fn name(by: By, it: &Assignment) -> Box<str> {
    match by {
        // Whoever speaks through a tool is named as `ann by bot`.
        By::Sender => it.sent_by.split(" by ").next().unwrap_or(&it.sent_by).into(),
        By::Team => it.team.clone().unwrap_or_else(|| "nobody".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::assignment::Handover;
    use crate::model::escalation::Rung;
    use crate::model::time::Timestamp;

    fn assignment(team: &str, sent_by: &str) -> Assignment {
        Assignment {
            team: Some(team.into()),
            line: 1,
            person: None,
            part: Part::Holds,
            from: Timestamp::EPOCH,
            sent_by: sent_by.into(),
            handover: Handover::default(),
            due_at: None,
            accepted: None,
            until: None,
            verdict: None,
            rung: Rung::default(),
        }
    }

    #[test]
    fn each_transfer_counts_once_with_what_became_of_it() {
        let now = Timestamp::EPOCH;
        let mut all = Assignments::default();
        all.hand(assignment("desk", "rule t/x"), Verdict::PassedOn);
        all.accept("ann", now);
        all.hand(assignment("net", "ann by bot"), Verdict::PassedOn);
        all.accept("bob", now);
        all.again(now);
        all.hand(assignment("desk", "bob"), Verdict::Returned);
        all.hand(assignment("apps", "ann"), Verdict::PassedOn);
        all.add(Assignment { part: Part::Convened, ..assignment("help", "ann") });
        let counted = |by| {
            let mut totals = Totals::default();
            totals.count(by, &all);
            let ranked = totals.ranked().into_iter();
            ranked
                .map(|(name, it)| {
                    let Counts { transfers, accepted, returned, passed_on } = it;
                    format!("{name} {transfers}: {accepted} {returned} {passed_on}")
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(counted(By::Sender), ["ann 2: 0 1 0", "bob 1: 0 0 1", "rule t/x 1: 1 0 0"]);
        assert_eq!(counted(By::Team), ["net 1: 0 1 0", "desk 2: 1 0 1", "apps 1: 0 0 0"]);
    }
}
