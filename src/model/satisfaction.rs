//! How content people are with what became of their incidents: totals over many.

use core::cmp::{Ordering, Reverse};
use core::fmt;
use std::collections::BTreeMap;

use super::incident::Incident;

use super::priority::words;
use super::progress::StateName;
use super::sheet::Field;

/// By what satisfaction is totalled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The team that had it last.
    Team,
    /// Each service that suffered.
    Service,
}

words!(By, Team = "team", Service = "service");

/// What stands for the team or the service of an incident that has none.
const NONE: &str = "none";

/// What people said of incidents that are resolved or closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All of these incidents, whether somebody said something or not.
    pub ended: u32,
    /// How many said 1, not content at all, to 5, very content.
    pub grades: [u32; 5],
}

impl Counts {
    /// Returns how many said something.
    pub fn answered(&self) -> u32 {
        self.grades.iter().sum()
    }

    /// Returns the mean of what they said in hundredths, rounded down; nothing where nobody did.
    pub fn mean_hundredths(&self) -> Option<u64> {
        let weighed = self.grades.iter().zip(1_u64..);
        let sum: u64 = weighed.map(|(count, grade)| u64::from(*count) * grade).sum();
        (sum * 100).checked_div(self.answered().into())
    }
}

/// Totals by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals(BTreeMap<Box<str>, Counts>);

impl Totals {
    /// Counts an incident that is resolved or closed; what is part of another counts there.
    pub fn count(&mut self, by: By, incident: &Incident) {
        let over = matches!(incident.progress.name(), StateName::Resolved | StateName::Closed);
        if !over || incident.parent.is_some() {
            return;
        }
        let said = incident.sheet.get(Field::Satisfaction);
        let said = said.and_then(|text| text.parse::<usize>().ok()?.checked_sub(1));
        let names: Vec<&str> = match by {
            By::Team => incident.team.as_deref().into_iter().collect(),
            By::Service => incident.affected.services.iter().collect(),
        };
        let names = if names.is_empty() { vec![NONE] } else { names };
        for name in names {
            let counts = self.0.entry(name.into()).or_default();
            counts.ended += 1;
            if let Some(count) = said.and_then(|grade| counts.grades.get_mut(grade)) {
                *count += 1;
            }
        }
    }

    /// Returns the totals, the least content first and those of whom nobody said anything last.
    pub fn ranked(self) -> Vec<(Box<str>, Counts)> {
        let mut all: Vec<_> = self.0.into_iter().collect();
        all.sort_by(|(_, a), (_, b)| order(a, b));
        all
    }
}

fn order(a: &Counts, b: &Counts) -> Ordering {
    let key = |it: &Counts| {
        let mean = it.mean_hundredths();
        (mean.is_none(), mean, Reverse(it.answered()), Reverse(it.ended))
    };
    key(a).cmp(&key(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(ended: u32, grades: [u32; 5]) -> Counts {
        Counts { ended, grades }
    }

    #[test]
    fn the_mean_is_of_those_who_said_something() {
        for (grades, answered, mean) in [
            ([0, 0, 0, 0, 0], 0, None),
            ([1, 0, 0, 0, 0], 1, Some(100)),
            ([0, 0, 0, 0, 3], 3, Some(500)),
            ([1, 0, 0, 1, 1], 3, Some(333)),
        ] {
            let it = counts(9, grades);
            assert_eq!((it.answered(), it.mean_hundredths()), (answered, mean), "{grades:?}");
        }
    }

    #[test]
    fn the_least_content_come_first_and_those_nobody_spoke_of_last() {
        let mut totals = Totals::default();
        for (name, it) in [
            ("silent", counts(90, [0; 5])),
            ("good", counts(2, [0, 0, 0, 0, 2])),
            ("bad", counts(1, [1, 0, 0, 0, 0])),
            ("worse", counts(5, [3, 0, 0, 0, 0])),
            ("middling", counts(1, [0, 0, 1, 0, 0])),
        ] {
            totals.0.insert(name.into(), it);
        }
        let names: Vec<_> = totals.ranked().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["worse", "bad", "middling", "good", "silent"].map(Box::from));
    }
}
