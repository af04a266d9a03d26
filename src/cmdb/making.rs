//! A topology in the making: CIs first, then relation by relation. What is read from a store goes
//! into the graph as it comes, so that three million relations are never held as rows.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::check::share_class;
use super::edges::Laying;
use super::names::Names;
use super::problem::Place;
use super::relation::{RelationType, Types};
use super::rows::{CiId, CiRow, RelationRow, Rows};
use super::topology::Topology;
use crate::model::time::Timestamp;

/// Takes rows that are as a check leaves them: sorted, without duplicates, each end of a relation
/// known unless it may wait for it, each relation in the direction in which harm spreads. Says of the first that is not.
#[derive(Debug)]
pub struct Making {
    pub(super) version: u64,
    /// Relations that do not hold then are looked at and left out of the graph.
    pub(super) at: Option<Timestamp>,
    pub(super) types: Types,
    pub(super) cis: Vec<Arc<CiRow>>,
    pub(super) laying: Laying,
    pub(super) dormant: Vec<RelationRow>,
    classes: BTreeSet<Arc<str>>,
    /// Made when the first relation comes.
    names: Option<Names>,
    last: Option<(CiId, u8, CiId)>,
}

impl Making {
    /// Begins with nothing; every relation holds, or those that do `at` a time.
    pub fn begin(version: u64, at: Option<Timestamp>) -> Self {
        Self {
            version,
            at,
            types: Types::built_in(),
            cis: Vec::new(),
            laying: Laying::begin(),
            dormant: Vec::new(),
            classes: BTreeSet::new(),
            names: None,
            last: None,
        }
    }

    /// Takes whole rows.
    pub(super) fn of(version: u64, rows: &Rows, at: Option<Timestamp>) -> Option<Self> {
        let mut making = Self::begin(version, at);
        for own in &rows.types {
            making.relation_type(own.clone())?;
        }
        making.cis.reserve_exact(rows.cis.len());
        for ci in &rows.cis {
            making.ci(Arc::clone(ci))?;
        }
        making.laying.reserve(rows.relations.len());
        for row in &rows.relations {
            making.relation(row)?;
        }
        Some(making)
    }

    /// Adds a relation type; before the relations of it.
    pub fn relation_type(&mut self, own: RelationType) -> Option<()> {
        self.types.add(Place::default(), own).ok().filter(|new| *new).map(|_| ())
    }

    /// Adds a CI; before the relations.
    pub fn ci(&mut self, mut ci: Arc<CiRow>) -> Option<()> {
        let last = self.cis.last().map_or("", |last| &last.name);
        if self.names.is_some() || *last >= *ci.name {
            return None;
        }
        share_class(&mut ci, &mut self.classes);
        self.cis.push(ci);
        Some(())
    }

    /// Adds a relation.
    pub fn relation(&mut self, row: &RelationRow) -> Option<()> {
        // Those of one cause follow each other.
        let cause = self.last.map(|(cause, ..)| cause).filter(|cause| self.is(*cause, &row.from));
        let cause = cause.or_else(|| self.find(&row.from));
        let (sufferer, kind) = (self.find(&row.to), self.types.kind(&row.relation));
        let (Some(cause), Some(sufferer), Some(kind)) = (cause, sufferer, kind) else {
            // Not: its order. Nothing is looked up among those that wait.
            return row.can_wait().then(|| self.dormant.push(row.clone()));
        };
        let behind =
            self.last.is_none_or(|last| self.key(last) < self.key((cause, kind, sufferer)));
        if cause == sufferer || self.spreads(kind) != Some(&*row.relation) || !behind {
            return None;
        }
        self.last = Some((cause, kind, sufferer));
        let facts = row.facts.as_ref();
        if self.at.zip(facts).is_none_or(|(at, facts)| facts.holds(at)) {
            self.laying.push(cause, (sufferer, kind), facts);
        } else {
            self.dormant.push(row.clone());
        }
        Some(())
    }

    /// Lays the graph out.
    pub fn end(mut self) -> Topology {
        self.cis.shrink_to_fit();
        let names = self.names.take().unwrap_or_else(|| Names::of(&self.cis));
        Topology::lay_out(self, names)
    }

    /// The order of relations: CIs are in that of their names.
    fn key(&self, (cause, kind, sufferer): (CiId, u8, CiId)) -> (CiId, Option<&str>, CiId) {
        (cause, self.spreads(kind), sufferer)
    }

    fn spreads(&self, kind: u8) -> Option<&str> {
        self.types.get(kind).map(RelationType::spreads)
    }

    fn find(&mut self, name: &str) -> Option<CiId> {
        let names = self.names.get_or_insert_with(|| Names::of(&self.cis));
        let cis = &self.cis;
        names.find(name, |ci| is(cis, ci, name))
    }

    fn is(&self, ci: CiId, name: &str) -> bool {
        is(&self.cis, ci, name)
    }
}

fn is(cis: &[Arc<CiRow>], ci: CiId, name: &str) -> bool {
    cis.get(ci.0 as usize).is_some_and(|ci| *ci.name == *name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmdb::import;

    type Change = fn(&mut Rows);

    #[test]
    fn only_rows_in_order_are_taken() {
        let rows = import::read(
            "relation_types: {feeds: {converse: fed_by, suffers: to}}\n\
             cis: {a: {class: vm}, b: {class: vm}, c: {class: vm}}\n\
             relations: [a -feeds-> b, a -feeds-> c, a -hosts-> b, b -hosts-> c]",
            "test",
        );
        let rows = rows.unwrap();
        let is_taken = |change: Change| {
            let mut rows = rows.clone();
            change(&mut rows);
            Making::of(1, &rows, None).is_some()
        };
        assert!(is_taken(|_| {}));
        let changes: [(&str, Change); 13] = [
            ("CIs in another order", |rows| rows.cis.swap(0, 1)),
            ("a CI twice", |rows| rows.cis.insert(0, Arc::clone(&rows.cis[0]))),
            ("a CI without a name", |rows| Arc::make_mut(&mut rows.cis[0]).name = "".into()),
            ("relations in another order", |rows| rows.relations.swap(0, 1)),
            ("types in another order", |rows| rows.relations.swap(1, 2)),
            ("causes in another order", |rows| rows.relations.swap(2, 3)),
            ("a relation twice", |rows| rows.relations.push(rows.relations[3].clone())),
            ("an unknown sufferer", |rows| rows.relations[3].to = "d".into()),
            ("an unknown cause", |rows| rows.relations[3].from = "bb".into()),
            ("an unknown type", |rows| rows.relations[3].relation = "warms".into()),
            ("the other direction", |rows| rows.relations[3].relation = "hosted_on".into()),
            ("itself", |rows| rows.relations[3].to = "b".into()),
            ("a type that is there", |rows| rows.types.push(rows.types[0].clone())),
        ];
        for (why, change) in changes {
            assert!(!is_taken(change), "{why}");
        }
        let mut late = Making::of(1, &rows, None).unwrap();
        let mut ci = CiRow::clone(&rows.cis[2]);
        ci.name = "d".into();
        assert_eq!(late.ci(Arc::new(ci)), None, "a CI behind the relations");
    }
}
