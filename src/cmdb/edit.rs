//! One change to a CMDB by hand: a CI or a relation.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::attributes::Attributes;
use super::check::Draft;
use super::merge::merge;
use super::problem::{Place, Problem};
use super::rows::{CiRow, RelationRow, Rows};
use super::topology::Topology;
use crate::model::labels::Labels;
use crate::model::time::Timestamp;

/// What to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Adds a CI, or puts this in the place of the one with its name.
    Put(CiRow),
    /// Takes a CI away with its relations.
    Remove(Box<str>),
    /// Adds a relation, or says more of the one that is there.
    Relate(RelationRow),
    /// Takes a relation away; either name of its type will do.
    Unrelate(RelationRow),
}

/// Returns the rows of `base` with one change, which is made `now`. What is there already, or gone already, stays so.
///
/// # Errors
/// Everything that would be wrong with the result.
pub fn edit(base: &Topology, edit: Edit, now: Timestamp) -> Result<Rows, Vec<Problem>> {
    let place = Place::default();
    let mut changes = Draft::default();
    match edit {
        Edit::Put(ci) => return put(base, ci),
        Edit::Remove(name) => changes.cis_gone.push((place, name)),
        Edit::Relate(row) => changes.relations.push((place, row)),
        Edit::Unrelate(row) => changes.relations_gone.push((place, row)),
    }
    merge(base, changes, now)
}

/// Not: a merge, which would keep the attributes that are not given.
fn put(base: &Topology, ci: CiRow) -> Result<Rows, Vec<Problem>> {
    let mut whole = Draft::from(base.rows());
    let new = (Place::default(), Arc::new(ci));
    match whole.cis.binary_search_by(|(_, ci)| ci.name.cmp(&new.1.name)) {
        Ok(at) => whole.cis.iter_mut().skip(at).take(1).for_each(|old| *old = new.clone()),
        Err(_) => whole.cis.push(new),
    }
    whole.check().map(|(_, rows)| rows)
}

impl CiRow {
    /// Makes a CI of its parts, as people write them.
    ///
    /// # Errors
    /// When the labels cannot be held.
    pub fn of(
        name: &str,
        class: &str,
        attributes: Attributes,
        labels: &BTreeMap<String, String>,
    ) -> Result<Self, String> {
        let mut pairs: Vec<(&str, &str)> = labels.iter().map(|(n, v)| (&**n, &**v)).collect();
        let labels = Labels::build(&mut pairs).map_err(|error| error.to_string())?;
        Ok(Self { name: name.into(), class: class.into(), attributes, labels })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmdb::import;

    const BASE: &str = "
cis: {a: {class: server, rack: R1}, b: {class: vm}}
relations: [a -hosts-> b]";

    const NOW: Timestamp = Timestamp::from_millis(9_000);

    fn ci(name: &str, class: &str) -> CiRow {
        CiRow::of(name, class, Attributes::default(), &BTreeMap::new()).unwrap()
    }

    fn relation(from: &str, relation: &str, to: &str) -> RelationRow {
        RelationRow::new(from, relation, to)
    }

    #[test]
    fn an_edit_changes_one_thing() {
        for (change, expected) in [
            (
                Edit::Put(ci("a", "rack")),
                "{cis: {a: {class: rack}, b: {class: vm}}, relations: [a -hosts-> b]}",
            ),
            (
                Edit::Put(ci("c", "vm")),
                "{cis: {a: {class: server, rack: R1}, b: {class: vm}, c: {class: vm}}, \
                  relations: [a -hosts-> b]}",
            ),
            (Edit::Remove("b".into()), "cis: {a: {class: server, rack: R1}}"),
            (Edit::Remove("x".into()), BASE),
            (
                Edit::Relate(relation("b", "powered_by", "a")),
                "{cis: {a: {class: server, rack: R1}, b: {class: vm}}, \
                  relations: [a -hosts-> b, {relation: a -powers-> b, seen_at: '1970-01-01T00:00:09Z'}]}",
            ),
            (
                Edit::Unrelate(relation("b", "hosted_on", "a")),
                "cis: {a: {class: server, rack: R1}, b: {class: vm}}",
            ),
        ] {
            let expected = import::read(expected, "f").unwrap();
            assert_eq!(edit(&Topology::of(BASE), change.clone(), NOW), Ok(expected), "{change:?}");
        }
    }

    #[test]
    fn an_edit_that_would_break_the_cmdb_is_refused() {
        let mut named = ci("c", "vm");
        named.attributes = [("labels", "x")].into_iter().collect();
        for (change, code) in [
            (Edit::Put(ci("c", "")), "C011"),
            (Edit::Put(ci("c\u{7}", "vm")), "C016"),
            (Edit::Put(named), "C011"),
            (Edit::Relate(relation("a", "hosts", "x")), "C006"),
            (Edit::Relate(relation("a", "warms", "b")), "C005"),
        ] {
            let problems = edit(&Topology::of(BASE), change, NOW).unwrap_err();
            assert_eq!(problems[0].code, code, "{problems:?}");
        }
    }
}
