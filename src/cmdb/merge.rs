//! Changes to a CMDB: what a file adds, changes and takes away, onto what there is.
//!
//! The result is checked like a whole file, so a merge can break nothing that an import could not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::check::Draft;
use super::facts::Facts;
use super::problem::{Place, Problem};
use super::relation::Types;
use super::rows::{CiRow, RelationRow, Rows};
use super::topology::Topology;
use crate::model::labels::Labels;
use crate::model::time::Timestamp;

/// Returns the rows of `base` with the changes, which are made `now`.
pub(super) fn merge(
    base: &Topology,
    mut changes: Draft,
    now: Timestamp,
) -> Result<Rows, Vec<Problem>> {
    if changes.is_empty() {
        let message = "the file holds no change".into();
        let help = "write CIs under `cis:`, relations under `relations:`".into();
        let none = Problem::new(Place::default(), "C011", "cis", message).help(help);
        return Err(vec![none]);
    }
    let mut whole = Draft::from(base.rows());
    let types = types(&whole, &changes);
    take_away(&mut whole, &mut changes, &types);
    relate(&mut whole, &mut changes, &types, now);
    put(&mut whole, core::mem::take(&mut changes.cis), &over);
    whole.types.append(&mut changes.types);
    whole.problems.append(&mut changes.problems);
    whole.check().map(|(_, rows)| rows)
}

/// Knows the types of both; what cannot be added is told when the whole is checked.
pub(super) fn types(whole: &Draft, changes: &Draft) -> Types {
    let mut types = Types::built_in();
    for (place, own) in whole.types.iter().chain(&changes.types) {
        drop(types.add(*place, own.clone()));
    }
    types
}

pub(super) fn take_away(whole: &mut Draft, changes: &mut Draft, types: &Types) {
    let gone: BTreeMap<Box<str>, Place> =
        changes.cis_gone.drain(..).map(|(place, name)| (name, place)).collect();
    let mut relations: Vec<RelationRow> =
        changes.relations_gone.drain(..).map(|(_, row)| normal(types, row)).collect();
    relations.sort();
    whole.cis.retain(|(_, ci)| !gone.contains_key(&*ci.name));
    whole.relations.retain(|(_, row)| {
        let stands = !gone.contains_key(&*row.from) && !gone.contains_key(&*row.to);
        (stands || row.can_wait())
            && relations.binary_search_by(|gone| gone.ends().cmp(&row.ends())).is_err()
    });
}

/// Adds relations. What is known of one that is there already stays, but for what the file says; and
/// it is confirmed.
pub(super) fn relate(whole: &mut Draft, changes: &mut Draft, types: &Types, now: Timestamp) {
    let normal = |(place, row)| (place, normal(types, row));
    let mut new: Vec<(Place, RelationRow)> = changes.relations.drain(..).map(normal).collect();
    new.sort_by(|(_, a), (_, b)| a.cmp(b));
    let mut known = BTreeMap::<usize, RelationRow>::new();
    whole.relations.retain(|(_, old)| {
        let at = new.partition_point(|(_, row)| row.ends() < old.ends());
        let is_there = new.get(at).is_some_and(|(_, row)| row.ends() == old.ends());
        if is_there {
            known.insert(at, old.clone());
        }
        !is_there
    });
    let mut last: Option<RelationRow> = None;
    for (at, (_, row)) in new.iter_mut().enumerate() {
        // The file may give a relation twice: the one before it has the same past.
        let same = last.take().filter(|last| last.ends() == row.ends());
        let old = known.remove(&at).or(same);
        if let Some(facts) = old.as_ref().and_then(|old| old.facts.as_deref()) {
            let unseen = Facts { seen_at: None, ..facts.clone() };
            row.facts =
                Some(Arc::new(unseen.under(&row.facts.as_deref().cloned().unwrap_or_default())));
        }
        row.seen(old.as_ref(), now);
        last = old;
    }
    whole.relations.append(&mut new);
}

/// Turns a relation into the direction in which harm spreads, where its type is known.
pub(super) fn normal(types: &Types, row: RelationRow) -> RelationRow {
    match types.find(&row.relation) {
        Some(kind) if *kind.spreads() != *row.relation => RelationRow {
            from: row.to,
            relation: kind.spreads().into(),
            to: row.from,
            facts: row.facts,
        },
        _ => row,
    }
}

/// Adds CIs, or puts them `over` those that are there; one that the file gives twice stays given twice.
pub(super) fn put(
    whole: &mut Draft,
    cis: Vec<(Place, Arc<CiRow>)>,
    over: &dyn Fn(&CiRow, &CiRow) -> CiRow,
) {
    let known = whole.cis.len();
    let mut changed = BTreeSet::new();
    for (place, new) in cis {
        let old = whole.cis.get_mut(..known).unwrap_or_default();
        let at = old.binary_search_by(|(_, ci)| ci.name.cmp(&new.name));
        let Some(entry) = at.ok().and_then(|at| old.get_mut(at)) else {
            whole.cis.push((place, new));
            continue;
        };
        let merged = (place, Arc::new(over(&entry.1, &new)));
        if changed.insert(new.name.clone()) {
            *entry = merged;
        } else {
            whole.cis.push(merged);
        }
    }
}

/// Returns a CI with what is given of another put over it.
pub(super) fn over(old: &CiRow, new: &CiRow) -> CiRow {
    let mut ci = old.clone();
    if !new.class.is_empty() {
        ci.class = Arc::clone(&new.class);
    }
    ci.attributes = old.attributes.iter().chain(&new.attributes).collect();
    let labels: BTreeMap<&str, &str> = old.labels.iter().chain(new.labels.iter()).collect();
    let mut pairs: Vec<(&str, &str)> = labels.into_iter().collect();
    // Cannot fail: all pairs are out of label sets, and no name occurs twice.
    ci.labels = Labels::build(&mut pairs).unwrap_or_else(|_| new.labels.clone());
    ci
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmdb::import;

    const BASE: &str = "
cis:
  a: {class: server, rack: R1, labels: {host: a, site: fra}}
  b: {class: vm}
  c: {class: vm}
relations: [a -hosts-> b, a -hosts-> c, b -runs-> c]";

    const NOW: Timestamp = Timestamp::from_millis(9_000);

    #[test]
    fn what_is_known_of_a_relation_stays_but_for_what_is_said_anew() {
        const DAY_10: Timestamp = Timestamp::from_millis(10 * 86_400_000);
        let base = Topology::of(
            "{cis: {a: {class: vm}, b: {class: vm}}, relations: [{relation: a -hosts-> b, \
              source: netbox, valid_from: 1970-01-02T00:00:00Z, seen_at: 1970-01-03T00:00:00Z}]}",
        );
        for (changes, facts) in [
            ("relations: [b -hosted_on-> a]", "netbox, confirmed 0s ago, from 1970-01-02"),
            (
                "{source: hand, relations: [a -hosts-> b]}",
                "hand, confirmed 0s ago, from 1970-01-02",
            ),
            (
                "relations: [{relation: a -hosts-> b, seen_at: 1970-01-10T00:00:00Z}]",
                "netbox, confirmed 1d ago, from 1970-01-02",
            ),
            ("cis: {a: {rack: R1}}", "netbox, confirmed 8d ago, from 1970-01-02"),
        ] {
            let rows = import::read_changes(changes, "f", &base, DAY_10).unwrap();
            let words = rows.relations[0].facts.as_ref().unwrap().words(DAY_10);
            assert_eq!(words, format!("{facts}T00:00:00.000Z"), "{changes}");
        }
    }

    fn merged(changes: &str) -> Result<Rows, Vec<String>> {
        let rows = import::read_changes(changes, "f", &Topology::of(BASE), NOW);
        rows.map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_merge_adds_and_changes_and_removes_only_what_it_names() {
        for (changes, expected) in [
            (
                "cis: {a: {owner: linux, labels: {host: a1}}}",
                "{cis: {a: {class: server, rack: R1, owner: linux, labels: {host: a1, site: fra}},
                   b: {class: vm}, c: {class: vm}},
                  relations: [a -hosts-> b, a -hosts-> c, b -runs-> c]}",
            ),
            (
                "{cis: {d: {class: pod}}, relations: [d -runs_on-> b, c -hosted_on-> a]}",
                "{cis: {a: {class: server, rack: R1, labels: {host: a, site: fra}}, b: {class: vm},
                   c: {class: vm}, d: {class: pod}},
                  relations: [{relation: a -hosts-> b}, {relation: a -hosts-> c, seen_at: '1970-01-01T00:00:09Z'},
                    b -runs-> c, {relation: b -runs-> d, seen_at: '1970-01-01T00:00:09Z'}]}",
            ),
            (
                "remove: {cis: [b, nobody], relations: [c -hosted_on-> a]}",
                "cis: {a: {class: server, rack: R1, labels: {host: a, site: fra}}, c: {class: vm}}",
            ),
            (
                // Removed and given again: as if it had never been there.
                "{remove: {cis: [a]}, cis: {a: {class: rack}}}",
                "{cis: {a: {class: rack}, b: {class: vm}, c: {class: vm}}, relations: [b -runs-> c]}",
            ),
        ] {
            assert_eq!(merged(changes), Ok(import::read(expected, "f").unwrap()), "{changes}");
        }
    }

    #[test]
    fn a_bad_merge_is_refused_with_the_places_of_its_own_file() {
        for (changes, expected) in [
            ("{}", "f: error[C011]: the file holds no change"),
            ("cis: {e: {rack: R1}}", "f:1:7: error[C011]: CI `e` needs a class"),
            (
                r#"{"cis": [{"id": "a", "x": 1}, {"id": "a", "x": 2}]}"#,
                "f:1:38: error[C003]: CI `a` is given twice; keep one of the two",
            ),
            (
                "cis:\n  a: {x: 1}\n  a: {x: 2}",
                "f:3:3: error[C003]: CI `a` is given twice; keep one of the two",
            ),
            ("relations: [a -hosts-> x]", "f:1:13: error[C006]: relation to an unknown CI `x`"),
            (
                "remove: {ci: [a]}",
                "f:1:10: error[C011]: unknown field `ci` of `remove`; did you mean `cis`?",
            ),
        ] {
            let problems = merged(changes).unwrap_err();
            assert!(problems[0].starts_with(expected), "{changes}: {problems:?}");
        }
        let whole = import::read("{cis: {a: {class: vm}}, remove: {cis: [b]}}", "f").unwrap_err();
        assert_eq!(
            whole[0].to_string(),
            "f:1:40: error[C011]: `b` is to be removed from a whole CMDB; \
             leave it out, or import the file in mode merge"
        );
    }
}
