//! Compares what came of a test with what was expected at a time.

use core::time::Duration;

use super::super::held_back;
use super::actual::{Actual, Comparison};
use super::play::Played;
use super::{Finding, Mismatch, Reason, reasons, storms};
use crate::model::notice::NoticeKind;
use crate::rules::edit::{Change, Edit};
use crate::rules::testcase::{Expectation, Expected, IncidentExpectation, Silent};

/// Notes what differs, and what would make it right.
pub(super) fn compare(
    played: &Played,
    expectation: &Expectation,
    findings: &mut Vec<Finding>,
    edits: &mut Vec<Edit>,
) {
    let actual: Vec<Actual> = played.tops().map(|it| Actual::of(played, it)).collect();
    let mut notes = Notes { played, at: expectation.at, findings, edits };
    if let Some(all) = &expectation.incidents {
        let (missing, extra) = notes.each(&all.value, &actual);
        let drop: Vec<_> = missing.iter().map(|wanted| wanted.span).collect();
        let add: Vec<_> = extra.iter().map(|it| it.expectation()).collect();
        for wanted in missing {
            notes.missing(wanted, &actual, "");
        }
        for it in extra {
            notes.extra(all, it);
        }
        if !(drop.is_empty() && add.is_empty()) {
            notes.edits.push(Edit { span: all.span, change: Change::Items { drop, add } });
        }
    }
    if let Some(some) = &expectation.incidents_include {
        let (missing, _) = notes.each(&some.value, &actual);
        let why = "no incident is left that it could mean";
        for wanted in missing {
            notes.missing(wanted, &actual, why);
        }
    }
    for Silent { rule, names } in &expectation.silent {
        notes.silent(rule, names);
    }
    if let Some(storms) = &expectation.storms
        && let Some((wanted, got)) = storms::difference(played, &storms.value)
    {
        let place = (storms.line, storms.column);
        let unmendable = "which storms are meant cannot be guessed";
        notes.single(place, "all storms", ("storms", wanted, got, Vec::new()), unmendable);
    }
    notes.total(("pages_total", NoticeKind::Page), expectation.pages_total.as_ref());
    notes.total(("tickets_total", NoticeKind::Ticket), expectation.tickets_total.as_ref());
}

struct Notes<'a> {
    played: &'a Played,
    at: Duration,
    findings: &'a mut Vec<Finding>,
    edits: &'a mut Vec<Edit>,
}

impl Notes<'_> {
    /// Compares each expected incident with the one that is most like it. Returns the expected ones
    /// for which none is left, and those that nobody expected.
    fn each<'e>(
        &mut self,
        expected: &'e [IncidentExpectation],
        actual: &'e [Actual],
    ) -> (Vec<&'e IncidentExpectation>, Vec<&'e Actual>) {
        let distances: Vec<Vec<usize>> = expected
            .iter()
            .map(|wanted| actual.iter().map(|it| it.compare(wanted).distance()).collect())
            .collect();
        let pairs = pairs(&distances, actual.len());
        let mut missing = Vec::new();
        for (wanted, at) in expected.iter().zip(&pairs) {
            match at.and_then(|at| actual.get(at)) {
                Some(it) => self.pair(wanted, it),
                None => missing.push(wanted),
            }
        }
        let left = |(at, _): &(usize, &Actual)| !pairs.contains(&Some(*at));
        let extra = actual.iter().enumerate().filter(left).map(|(_, it)| it).collect();
        (missing, extra)
    }

    fn pair(&mut self, wanted: &IncidentExpectation, it: &Actual) {
        let Comparison { differences, as_expected } = it.compare(wanted);
        let Some((line, column)) = differences.first().map(|found| (found.line, found.column))
        else {
            return;
        };
        let unmendable = if differences.iter().any(|found| found.change.is_none()) {
            "a text that was told cannot be guessed"
        } else {
            ""
        };
        let mut mismatches = Vec::new();
        for found in differences {
            let because = reasons::of(self.played, found.field, it, wanted);
            self.edits.extend(found.change.map(|change| Edit { span: found.span, change }));
            let (field, expected, got) = (found.field, found.expected, found.got);
            mismatches.push(Mismatch { field, expected, got, because });
        }
        let (at, about) = (self.at, it.about.clone());
        let found = Finding { line, column, at, about, mismatches, as_expected, unmendable };
        self.findings.push(found);
    }

    fn missing(
        &mut self,
        wanted: &IncidentExpectation,
        actual: &[Actual],
        unmendable: &'static str,
    ) {
        let root = wanted.root.as_ref().map(|root| &*root.value);
        let expected = root.map_or("one more".into(), |root| format!("one with the root {root}"));
        let there: Vec<&str> = actual.iter().map(|it| &*it.about).collect();
        let got = match &*there {
            [] => "no incident".into(),
            all => format!("none like it among {}", all.join(", ")),
        };
        let because = root.map_or(Vec::new(), |root| reasons::whereabouts(self.played, root));
        let place = (wanted.line, wanted.column);
        self.single(place, "missing", ("incident", expected, got, because), unmendable);
    }

    fn extra(&mut self, all: &Expected<Vec<IncidentExpectation>>, it: &Actual) {
        let because = reasons::opened(self.played, it);
        let got = format!("{:?}", it.record.title);
        let place = (all.line, all.column);
        self.single(place, &it.about, ("incident", "none".into(), got, because), "");
    }

    fn silent(&mut self, rule: &str, expected: &Expected<Vec<Box<str>>>) {
        let got = held_back::by_rule(self.played.world.image(), rule);
        let mut wanted: Vec<&str> = expected.value.iter().map(|name| &**name).collect();
        wanted.sort_unstable();
        if got == wanted {
            return;
        }
        let change = Change::Names(got.iter().map(|name| name.as_str().into()).collect());
        self.edits.push(Edit { span: expected.span, change });
        let list = |names: &str| format!("[{names}]");
        let values = (list(&wanted.join(", ")), list(&got.join(", ")));
        let place = (expected.line, expected.column);
        self.single(place, rule, ("silent", values.0, values.1, Vec::new()), "");
    }

    fn total(&mut self, what: (&'static str, NoticeKind), total: Option<&Expected<u32>>) {
        let Some(total) = total else { return };
        let (field, kind) = what;
        let sent: Vec<_> =
            self.played.world.sent().iter().filter(|notice| notice.kind == kind).collect();
        if sent.len() == total.value as usize {
            return;
        }
        let because = reasons::notices(self.played, &sent);
        let (expected, got) = (total.value.to_string(), sent.len().to_string());
        let change = Change::Text(Some(got.as_str().into()));
        self.edits.push(Edit { span: total.span, change });
        let place = (total.line, total.column);
        self.single(place, "all incidents", (field, expected, got, because), "");
    }

    fn single(
        &mut self,
        (line, column): (u32, u32),
        about: &str,
        (field, expected, got, because): (&'static str, String, String, Vec<Reason>),
        unmendable: &'static str,
    ) {
        let mismatches = vec![Mismatch { field, expected, got, because }];
        let (at, about, as_expected) = (self.at, about.into(), Vec::new());
        let found = Finding { line, column, at, about, mismatches, as_expected, unmendable };
        self.findings.push(found);
    }
}

/// Finds for each expected incident an actual one of its own. All that can be exactly as expected at
/// once are; the others, in their order, get what is nearest of the rest.
fn pairs(distances: &[Vec<usize>], actual: usize) -> Vec<Option<usize>> {
    let mut taken: Vec<Option<usize>> = vec![None; actual];
    for wanted in 0..distances.len() {
        seat(wanted, distances, &mut taken, &mut vec![false; actual]);
    }
    let mut pairs = vec![None; distances.len()];
    for (at, wanted) in taken.iter().enumerate() {
        if let Some(pair) = wanted.and_then(|wanted| pairs.get_mut(wanted)) {
            *pair = Some(at);
        }
    }
    for (wanted, row) in distances.iter().enumerate() {
        let free = row.iter().enumerate().filter(|(at, _)| taken.get(*at) == Some(&None));
        let nearest = free.min_by_key(|(_, distance)| **distance).map(|(at, _)| at);
        let (Some(pair @ None), Some(at)) = (pairs.get_mut(wanted), nearest) else { continue };
        *pair = Some(at);
        if let Some(seat) = taken.get_mut(at) {
            *seat = Some(wanted);
        }
    }
    pairs
}

/// Gives `wanted` an actual incident that is exactly as expected; another gives way if it has one to
/// go to (Kuhn's augmenting paths).
fn seat(
    wanted: usize,
    distances: &[Vec<usize>],
    taken: &mut [Option<usize>],
    tried: &mut [bool],
) -> bool {
    let Some(row) = distances.get(wanted) else { return false };
    for at in row.iter().enumerate().filter(|(_, distance)| **distance == 0).map(|(at, _)| at) {
        match tried.get_mut(at) {
            Some(tried @ false) => *tried = true,
            Some(true) | None => continue,
        }
        let free = match taken.get(at).copied().flatten() {
            None => true,
            Some(other) => seat(other, distances, taken, tried),
        };
        if free {
            if let Some(seat) = taken.get_mut(at) {
                *seat = Some(wanted);
            }
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_expectation_that_can_be_met_gets_the_incident_that_meets_it() {
        for (distances, expected) in [
            (vec![vec![0, 0], vec![0, 1]], vec![Some(1), Some(0)]),
            (vec![vec![0, 0], vec![1, 0]], vec![Some(0), Some(1)]),
            (vec![vec![2, 1], vec![1, 1]], vec![Some(1), Some(0)]),
            (vec![vec![1], vec![0]], vec![None, Some(0)]),
            (vec![vec![0, 1, 1]], vec![Some(0)]),
            (vec![vec![]], vec![None]),
        ] {
            let actual = distances[0].len();
            assert_eq!(pairs(&distances, actual), expected, "{distances:?}");
        }
    }
}
