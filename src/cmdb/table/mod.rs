//! A CMDB that comes record by record: what a topic says now of CIs and relations, onto what there is.
//!
//! The topic is a table: the last record of a key is the row, and a row taken back is gone. Rows come in
//! any order, so a relation waits for its ends and for its type; it is not followed meanwhile, and
//! `lint` tells of it. A topic takes away only what it has said itself: where another source has a CI
//! or a relation, that one's word stands, and only what it does not say is added.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::check::Draft;
use super::facts::Facts;
use super::import::{filled_in, source_of};
use super::merge::normal;
use super::problem::{Place, Problem};
use super::relation::Types;
use super::rows::{CiRow, RelationRow, Rows};
use super::topology::Topology;
use crate::model::time::Timestamp;

/// What one record says. Whose word it is stands in it, where it adds something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// There is this CI.
    Ci(Arc<CiRow>),
    /// There is this relation.
    Relation(RelationRow),
    /// The CI with this name is there no more.
    CiGone(Box<str>),
    /// This relation, by its ends and either name of its type, is there no more.
    RelationGone(RelationRow),
}

/// What records make of a CMDB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The rows, checked.
    pub rows: Rows,
    /// Places of the records that do not go with the rest, ascending, and why.
    pub refused: Vec<(usize, String)>,
}

/// Returns the rows of `base` with what records say, of which the last of a key counts; they are the word
/// of `source`, read `now`.
///
/// # Errors
/// What is wrong with the whole and with no record in particular: a limit is passed.
pub fn take(
    base: &Topology,
    (source, said): (&str, &[Said]),
    now: Timestamp,
) -> Result<Taken, Vec<Problem>> {
    let mut types = Types::built_in();
    for own in base.own_types() {
        // Cannot fail: they are in force.
        drop(types.add(Place::default(), own));
    }
    let here = base.rows();
    let mut wishes = Wishes::of(said, &types);
    let mut refused = BTreeMap::<usize, Vec<String>>::new();
    loop {
        let wrong = match wishes.onto(&here, source, now).check() {
            Ok((_, rows)) => {
                let refused = refused.into_iter().map(|(at, words)| (at, words.join("; ")));
                return Ok(Taken { rows, refused: refused.collect() });
            }
            Err(wrong) => wrong,
        };
        // A line is the place of a record, from 1.
        let (of_record, of_all): (Vec<_>, Vec<_>) = wrong.into_iter().partition(|it| it.line > 0);
        if of_record.is_empty() {
            return Err(of_all);
        }
        for problem in of_record {
            let at = problem.line as usize - 1;
            wishes.drop(at);
            let told = Problem { line: 0, column: 0, ..problem }.to_string();
            let words = refused.entry(at).or_default();
            words.push(told);
        }
    }
}

/// A record's place with what it wants; nothing where it takes away.
type Wish<T> = (usize, Option<T>);

/// What is wanted of each CI and relation.
struct Wishes {
    cis: BTreeMap<Box<str>, Wish<Arc<CiRow>>>,
    /// By their ends, without facts.
    relations: BTreeMap<RelationRow, Wish<Arc<Facts>>>,
}

impl Wishes {
    fn of(said: &[Said], types: &Types) -> Self {
        let (mut cis, mut relations) = (BTreeMap::new(), BTreeMap::new());
        let ends = |row: &RelationRow| RelationRow { facts: None, ..normal(types, row.clone()) };
        for (at, said) in said.iter().enumerate() {
            match said {
                Said::Ci(ci) => _ = cis.insert(ci.name.clone(), (at, Some(Arc::clone(ci)))),
                Said::CiGone(name) => _ = cis.insert(name.clone(), (at, None)),
                Said::Relation(row) => {
                    let facts = row.facts.clone().unwrap_or_default();
                    relations.insert(ends(row), (at, Some(facts)));
                }
                Said::RelationGone(row) => _ = relations.insert(ends(row), (at, None)),
            }
        }
        Self { cis, relations }
    }

    /// Leaves out what the record at a place wants.
    fn drop(&mut self, place: usize) {
        self.cis.retain(|_, (at, _)| *at != place);
        self.relations.retain(|_, (at, _)| *at != place);
    }

    /// Puts them onto rows, to be checked.
    fn onto(&self, here: &Rows, source: &str, now: Timestamp) -> Draft {
        let is_left = |end: &str| self.takes_away(here, end, source);
        let stays =
            |row: &&RelationRow| row.can_wait() || !(is_left(&row.from) || is_left(&row.to));
        let old: Vec<&RelationRow> = here.relations.iter().filter(stays).collect();
        Draft {
            types: here.types.iter().map(|own| (Place::default(), own.clone())).collect(),
            cis: self.cis_onto(here, source),
            relations: self.relations_onto(&old, source, now),
            ..Draft::default()
        }
    }

    fn cis_onto(&self, here: &Rows, source: &str) -> Vec<(Place, Arc<CiRow>)> {
        let mut cis = Vec::with_capacity(here.cis.len() + self.cis.len());
        let mut wishes = self.cis.iter().peekable();
        for old in &here.cis {
            while let Some((_, wish)) = wishes.next_if(|(name, _)| **name < old.name) {
                cis.extend(new(wish));
            }
            let Some((_, (at, wish))) = wishes.next_if(|(name, _)| **name == old.name) else {
                cis.push((Place::default(), Arc::clone(old)));
                continue;
            };
            let is_own = source_of(old) == source;
            match wish {
                Some(ci) if is_own => cis.push((place(*at), Arc::clone(ci))),
                Some(ci) => cis.push((place(*at), Arc::new(filled_in(old, ci)))),
                None if is_own => {}
                None => cis.push((Place::default(), Arc::clone(old))),
            }
        }
        cis.extend(wishes.filter_map(|(_, wish)| new(wish)));
        cis
    }

    fn relations_onto(
        &self,
        here: &[&RelationRow],
        source: &str,
        now: Timestamp,
    ) -> Vec<(Place, RelationRow)> {
        let mut rows = Vec::with_capacity(here.len() + self.relations.len());
        let row = |ends: &RelationRow, (at, facts): &Wish<Arc<Facts>>| {
            let facts = facts.clone()?;
            Some((place(*at), RelationRow { facts: Some(facts), ..ends.clone() }))
        };
        let mut wishes = self.relations.iter().peekable();
        for &old in here {
            while let Some((ends, wish)) = wishes.next_if(|(it, _)| it.ends() < old.ends()) {
                rows.extend(row(ends, wish));
            }
            let Some((ends, wish)) = wishes.next_if(|(it, _)| it.ends() == old.ends()) else {
                rows.push((Place::default(), old.clone()));
                continue;
            };
            if old.said_by() == source {
                rows.extend(row(ends, wish));
                continue;
            }
            let mut confirmed = old.clone();
            if wish.1.is_some() {
                let facts = confirmed.facts.take().unwrap_or_default();
                confirmed.facts = Some(Arc::new(Facts { seen_at: None, ..(*facts).clone() }));
                confirmed.seen(Some(old), now);
            }
            rows.push((Place::default(), confirmed));
        }
        rows.extend(wishes.filter_map(|(ends, wish)| row(ends, wish)));
        rows
    }

    /// True when a CI goes: it is taken back by whoever said it.
    fn takes_away(&self, here: &Rows, name: &str, source: &str) -> bool {
        let is_wished = self.cis.get(name).is_some_and(|(_, wish)| wish.is_none());
        let at = || here.cis.binary_search_by(|ci| (*ci.name).cmp(name)).ok();
        is_wished && at().and_then(|at| here.cis.get(at)).is_some_and(|ci| source_of(ci) == source)
    }
}

fn new((at, wish): &Wish<Arc<CiRow>>) -> Option<(Place, Arc<CiRow>)> {
    Some((place(*at), Arc::clone(wish.as_ref()?)))
}

/// A record's place as that of a line.
fn place(at: usize) -> Place {
    Place { line: u32::try_from(at).unwrap_or(u32::MAX - 1) + 1, column: 0 }
}

#[cfg(test)]
mod tests;
