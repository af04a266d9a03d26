//! The graph of CIs and relations, built once from rows and never changed.
//!
//! Read `edges` for how its relations lie in memory.

use core::hint::black_box;
use std::sync::Arc;

use super::age::stale_before;
use super::attributes::Attributes;
use super::check::Draft;
use super::edges::Edges;
use super::facts::{Facts, FactsShared};
use super::known::Known;
use super::making::Making;
use super::names::Names;
use super::needs::{self, NEEDS, Need};
use super::outage::{Outage, outage};
use super::problem::{Problem, shorten};
use super::relation::{RelationSet, RelationType, Types};
use super::rows::{CiId, CiRow, RelationRow, Rows};
use super::walk::{Toward, Walk, walk};
use crate::model::labels::Labels;
use crate::model::time::Timestamp;

/// Hops followed from a CI to the services that suffer with it. Strip, server, machine, pod, service
/// and two services that depend on it are seven.
const IMPACT_HOPS_MAX: u8 = 8;

/// CIs looked at for the services that suffer: beyond it the impact is high anyway.
const IMPACT_NODES_MAX: usize = 4096;

/// One version of all CIs and relations.
#[derive(Clone, Debug)]
pub struct Topology {
    version: u64,
    types: Types,
    /// Sorted by name; a [`CiId`] is a place in it.
    cis: Vec<Arc<CiRow>>,
    names: Names,
    sufferers: Edges,
    causes: Edges,
    /// What CIs need less than all of, sorted: CI, relation type, and how many must stand.
    needs: Vec<(CiId, u8, u32)>,
    /// What is known of relations, by their places among the edges toward the sufferers.
    known: Known,
    /// Before when stale relations were confirmed last; nothing when there are none.
    stale_before: Option<Timestamp>,
    /// Relations that do not hold at the time it was built for, or wait for an end or for their type,
    /// sorted.
    dormant: Vec<RelationRow>,
    /// When the next relation begins or ceases to hold.
    next_bound: Option<Timestamp>,
    /// What an id of another topology reads as.
    nobody: CiRow,
}

impl Topology {
    /// Builds the topology without any CI, version 0.
    pub fn empty() -> Self {
        Making::begin(0, None).end()
    }

    /// Builds the graph of `rows`, which may be in any order and written in either direction; every
    /// relation is taken to hold.
    ///
    /// # Errors
    /// Everything that is wrong with the rows.
    pub fn build(version: u64, rows: &Rows) -> Result<Self, Vec<Problem>> {
        Self::new(version, rows.clone())
    }

    /// Builds the graph as [`build`](Self::build) does. Rows that are as a check leaves them, which
    /// those of an import and of the store are, are neither checked again nor sorted.
    ///
    /// # Errors
    /// Everything that is wrong with the rows.
    pub fn new(version: u64, rows: Rows) -> Result<Self, Vec<Problem>> {
        Self::made(version, rows, None)
    }

    /// Builds the graph as [`new`](Self::new) does, of the relations that hold at a time. The others
    /// are kept as rows: nothing follows them.
    ///
    /// # Errors
    /// Everything that is wrong with the rows.
    pub fn at(version: u64, rows: Rows, at: Timestamp) -> Result<Self, Vec<Problem>> {
        Self::made(version, rows, Some(at))
    }

    fn made(version: u64, rows: Rows, at: Option<Timestamp>) -> Result<Self, Vec<Problem>> {
        if let Some(making) = Making::of(version, &rows, at) {
            return Ok(making.end());
        }
        let (_, rows) = Draft::from(rows).check()?;
        // Cannot be missing: the rows are checked.
        let making = Making::of(version, &rows, at);
        Ok(making.unwrap_or_else(|| Making::begin(version, at)).end())
    }

    /// Lays out the graph of all that was taken.
    pub(super) fn lay_out(making: Making, names: Names) -> Self {
        let Making { version, at, types, cis, laying, dormant, .. } = making;
        let (sufferers, known) = laying.end(cis.len());
        let causes = sufferers.turned(cis.len());
        let asleep = dormant.iter().filter_map(|row| row.facts.as_ref());
        let bounds = asleep.flat_map(|facts| [facts.valid_from, facts.valid_until]).flatten();
        let next_bound =
            at.and_then(|at| known.bounds().chain(bounds).filter(|bound| *bound > at).min());
        let nobody = CiRow {
            name: "".into(),
            class: Arc::from(""),
            attributes: Attributes::default(),
            labels: Labels::empty(),
        };
        let stale_before = stale_before(&known);
        let needs = needs(&types, &cis);
        Self {
            version,
            types,
            cis,
            names,
            sufferers,
            causes,
            needs,
            known,
            stale_before,
            dormant,
            next_bound,
            nobody,
        }
    }

    /// Returns the number it was built with.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Returns how many CIs there are.
    pub fn ci_count(&self) -> usize {
        self.cis.len()
    }

    /// Returns how many relations there are, those that do not hold included.
    pub fn relation_count(&self) -> usize {
        self.sufferers.count() + self.dormant.len()
    }

    /// Returns when the next relation begins or ceases to hold: from then on another topology has to
    /// be built of the same rows.
    pub fn next_bound(&self) -> Option<Timestamp> {
        self.next_bound
    }

    /// True when a relation begins or ceases to hold at some time.
    pub fn is_dated(&self) -> bool {
        let mut asleep = self.dormant.iter().filter_map(|row| row.facts.as_ref());
        self.known.bounds().next().is_some()
            || asleep.any(|it| it.valid_from.is_some() || it.valid_until.is_some())
    }

    /// Yields the relations that wait for a CI or for their type, sorted, each with what it lacks, in
    /// words.
    pub fn waiting(&self) -> impl Iterator<Item = (&RelationRow, String)> {
        self.dormant.iter().filter_map(|row| {
            let ends = [&row.from, &row.to].into_iter().filter(|end| self.find(end).is_none());
            let mut lacks: Vec<String> = ends.map(|end| format!("CI `{}`", shorten(end))).collect();
            if self.types.find(&row.relation).is_none() {
                lacks.push(format!("relation type `{}`", shorten(&row.relation)));
            }
            (!lacks.is_empty()).then(|| (row, lacks.join(" and ")))
        })
    }

    /// Returns the relations that do not hold at the time it was built for, sorted; those that wait
    /// are among them.
    pub fn dormant(&self) -> &[RelationRow] {
        &self.dormant
    }

    /// Returns what is known of a relation in force, by its ends and either name of its type.
    pub fn facts(&self, cause: CiId, relation: &str, sufferer: CiId) -> Option<Facts> {
        self.facts_of(cause, self.types.kind(relation)?, sufferer)
    }

    fn facts_of(&self, cause: CiId, kind: u8, sufferer: CiId) -> Option<Facts> {
        self.known.get(self.sufferers.place(cause, sufferer, kind)?)
    }

    /// Returns when a relation in force was last confirmed.
    pub(super) fn seen_at(&self, cause: CiId, kind: u8, sufferer: CiId) -> Option<Timestamp> {
        self.known.seen_at(self.sufferers.place(cause, sufferer, kind)?)
    }

    pub(super) fn stale_before(&self) -> Option<Timestamp> {
        self.stale_before
    }

    /// Finds a CI by its name.
    pub fn find(&self, name: &str) -> Option<CiId> {
        self.names.find(name, |ci| *self.ci(ci).name == *name)
    }

    /// Returns a CI; an id of another topology that has no place here reads as a CI without a name.
    pub fn ci(&self, id: CiId) -> &CiRow {
        self.cis.get(id.0 as usize).map_or(&self.nobody, |ci| ci)
    }

    /// Yields all CIs in byte order of their names.
    pub fn cis(&self) -> impl Iterator<Item = (CiId, &CiRow)> {
        self.cis_from(CiId(0))
    }

    /// Yields the CIs from this one on, in byte order of their names.
    pub fn cis_from(&self, first: CiId) -> impl Iterator<Item = (CiId, &CiRow)> {
        let rows = self.cis.get(first.0 as usize..).unwrap_or_default();
        (first.0..).map(CiId).zip(rows.iter().map(|ci| &**ci))
    }

    /// Returns the place of the first CI whose name comes behind this one in byte order.
    pub fn behind(&self, name: &str) -> CiId {
        let place = self.cis.partition_point(|ci| &*ci.name <= name);
        CiId(u32::try_from(place).unwrap_or(u32::MAX))
    }

    /// Returns the relation types beyond the built-in ones, sorted.
    pub fn own_types(&self) -> Vec<RelationType> {
        self.types.own()
    }

    /// Returns the rows it was built from, as a check leaves them; CIs are shared, not copied.
    pub fn rows(&self) -> Rows {
        // Each name once, however many relations it is in.
        let names: Vec<Arc<str>> = self.cis.iter().map(|ci| Arc::from(&*ci.name)).collect();
        let name = |id: CiId| names.get(id.0 as usize).map_or_else(|| "".into(), Arc::clone);
        let mut shared = FactsShared::default();
        let of = |(id, _)| self.relation_rows((id, Toward::Sufferers), &name, &mut shared);
        let mut relations: Vec<RelationRow> = self.cis().flat_map(of).collect();
        if !self.dormant.is_empty() {
            relations.extend(self.dormant.iter().cloned());
            // Two runs, each in order.
            relations.sort();
        }
        Rows { types: self.own_types(), cis: self.cis.clone(), relations }
    }

    /// Returns the relations in force of a CI in which it is the cause (`Toward::Sufferers`) or the
    /// sufferer, from the cause to the sufferer, sorted.
    pub fn relations_of(&self, ci: CiId, toward: Toward) -> Vec<RelationRow> {
        let name = |id| Arc::from(&*self.ci(id).name);
        self.relation_rows((ci, toward), &name, &mut FactsShared::default())
    }

    fn relation_rows(
        &self,
        (ci, toward): (CiId, Toward),
        name: &dyn Fn(CiId) -> Arc<str>,
        shared: &mut FactsShared,
    ) -> Vec<RelationRow> {
        let row = |(end, kind): (CiId, u8)| {
            let (from, to) = match toward {
                Toward::Sufferers => (ci, end),
                Toward::Causes => (end, ci),
            };
            let facts = shared.share(self.facts_of(from, kind, to).map(Arc::new));
            RelationRow {
                from: name(from),
                relation: self.spreads(kind).into(),
                to: name(to),
                facts,
            }
        };
        let mut rows: Vec<RelationRow> = self.edges(ci, toward).map(row).collect();
        rows.sort_unstable();
        rows
    }

    /// Collects the relation types with these names, either of a pair; unknown names add nothing.
    pub fn relations<'a>(&self, names: impl Iterator<Item = &'a str>) -> RelationSet {
        self.types.set(names)
    }

    /// Collects all relation types.
    pub fn all_relations(&self) -> RelationSet {
        self.types.all()
    }

    /// Walks from a CI along the relations in `follow`, nearest CIs first and those of one distance
    /// in the order in which they are reached, by name; see [`Walk`] for its bounds.
    #[expect(clippy::too_many_arguments, reason = "two ends of the question and two bounds")]
    pub fn walk(
        &self,
        from: CiId,
        toward: Toward,
        follow: RelationSet,
        max_hops: u8,
        max_nodes: usize,
    ) -> Walk {
        walk(self, from, toward, follow, (max_hops, max_nodes))
    }

    /// Returns the services that fail when `ci` alone fails, itself included, by name.
    pub fn services_hit(&self, ci: CiId) -> Vec<CiId> {
        self.outage(&[ci]).services(self)
    }

    /// Works out what fails when all of `failed` fail, and what only loses redundancy.
    pub fn outage(&self, failed: &[CiId]) -> Outage {
        self.outage_within(failed, IMPACT_HOPS_MAX, IMPACT_NODES_MAX)
    }

    /// Works out an outage within bounds of one's own: rounds, and CIs with those of the beginning.
    pub fn outage_within(&self, failed: &[CiId], max_hops: u8, max_nodes: usize) -> Outage {
        outage(self, failed, (max_hops, max_nodes))
    }

    /// True when any CI stands with fewer causes than it has.
    pub fn has_needs(&self) -> bool {
        !self.needs.is_empty()
    }

    /// Returns how many causes of a relation type a CI needs to stand; `None` where it needs all.
    pub(super) fn least(&self, ci: CiId, kind: u8) -> Option<u32> {
        let at = self.needs.binary_search_by_key(&(ci, kind), |(ci, kind, _)| (*ci, *kind)).ok()?;
        self.needs.get(at).map(|(_, _, least)| *least)
    }

    /// Returns how many causes of a relation type a CI has.
    pub(super) fn legs(&self, ci: CiId, kind: u8) -> u32 {
        let legs = self.edges(ci, Toward::Causes).filter(|(_, of)| *of == kind).count();
        u32::try_from(legs).unwrap_or(u32::MAX)
    }

    /// Yields what CIs need less than all of: the CI, the relation type, and how many it needs.
    pub(super) fn needs(&self) -> impl Iterator<Item = (CiId, u8, u32)> {
        self.needs.iter().copied()
    }

    /// Yields the other ends of a CI's edges with their types.
    pub(super) fn edges(&self, ci: CiId, toward: Toward) -> impl Iterator<Item = (CiId, u8)> {
        match toward {
            Toward::Sufferers => self.sufferers.of(ci),
            Toward::Causes => self.causes.of(ci),
        }
    }

    /// Reads where the edges of several CIs lie, which are asked for next.
    pub fn read_edges_ahead(&self, cis: impl Iterator<Item = CiId>, toward: Toward) {
        match toward {
            Toward::Sufferers => self.sufferers.read_ahead(cis),
            Toward::Causes => self.causes.read_ahead(cis),
        }
    }

    /// Reads all places in memory that are first asked for of CIs: their rows, and their edges in both
    /// directions. What each lies in is read of all before what that leads to.
    pub fn read_ahead(&self, cis: impl Iterator<Item = CiId> + Clone) {
        for ci in cis.clone() {
            black_box(self.cis.get(ci.0 as usize).map(Arc::as_ptr));
        }
        self.causes.read_ahead(cis.clone());
        self.sufferers.read_ahead(cis.clone());
        for ci in cis.clone() {
            black_box(self.ci(ci).name.len());
        }
        for ci in cis {
            self.read_name_ahead(ci);
            self.ci(ci).attributes.read_ahead();
        }
    }

    /// Reads the name of a CI, before it is to be put in words.
    pub fn read_name_ahead(&self, ci: CiId) {
        black_box(self.ci(ci).name.as_bytes().first().copied());
    }

    /// Yields the CIs that can have hurt one outright, by whichever relation.
    pub fn causes_of(&self, ci: CiId) -> impl Iterator<Item = CiId> {
        self.edges(ci, Toward::Causes).map(|(cause, _)| cause)
    }

    /// Returns the name of a relation type that reads from the sufferer to the cause.
    pub(super) fn suffered(&self, kind: u8) -> &str {
        self.types.get(kind).map_or("", RelationType::suffered)
    }

    /// Returns the name of a relation type that reads from the cause to the sufferer.
    pub(super) fn spreads(&self, kind: u8) -> &str {
        self.types.get(kind).map_or("", RelationType::spreads)
    }

    /// Returns a relation type by its place in the table.
    pub(super) fn relation_type(&self, kind: u8) -> Option<&RelationType> {
        self.types.get(kind)
    }

    /// Returns how many relation types there are.
    pub(super) fn type_count(&self) -> u8 {
        self.types.count()
    }
}

/// Lists what CIs need less than all of. What cannot be read was refused by the check; a CMDB that was
/// stored before there was one needs all there.
fn needs(types: &Types, cis: &[Arc<CiRow>]) -> Vec<(CiId, u8, u32)> {
    let mut list = Vec::new();
    for (id, ci) in (0..).map(CiId).zip(cis) {
        let Some(text) = ci.attributes.get(NEEDS) else { continue };
        for (kind, need) in needs::read(text, types).unwrap_or_default() {
            if let Need::AtLeast(least) = need {
                list.push((id, kind, least));
            }
        }
    }
    list.sort_unstable();
    list
}

#[cfg(test)]
impl Topology {
    /// Builds the topology of a text that is known to be good.
    pub(super) fn of(text: &str) -> Self {
        let rows = super::import::read(text, "test").unwrap();
        Self::build(1, &rows).unwrap()
    }

    /// Returns the names behind ids.
    pub(super) fn names(&self, ids: impl IntoIterator<Item = CiId>) -> Vec<&str> {
        ids.into_iter().map(|id| &*self.ci(id).name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmdb::import;

    const DEMO: &str = include_str!("../../config/demo/cmdb.yaml");

    #[test]
    fn both_spellings_of_a_relation_are_one_edge_from_cause_to_sufferer() {
        let topology = Topology::of(
            "cis: {vm: {class: vm}, srv: {class: server}}\n\
             relations: [vm -hosted_on-> srv, srv -hosts-> vm, srv -hosts-> vm]",
        );
        let (srv, vm) = (topology.find("srv").unwrap(), topology.find("vm").unwrap());
        assert_eq!((topology.ci_count(), topology.relation_count()), (2, 1));
        for (from, toward, reached) in [
            (srv, Toward::Sufferers, vec!["vm"]),
            (srv, Toward::Causes, vec![]),
            (vm, Toward::Causes, vec!["srv"]),
            (vm, Toward::Sufferers, vec![]),
        ] {
            let ends = topology.names(topology.edges(from, toward).map(|(end, _)| end));
            assert_eq!(ends, reached, "{from:?} {toward:?}");
        }
    }

    #[test]
    fn rows_are_built_in_any_order_and_names_are_shared() {
        let mut rows = import::read(DEMO, "demo").unwrap();
        let sorted = Topology::build(7, &rows).unwrap();
        rows.cis.reverse();
        rows.relations.reverse();
        let reversed = Topology::build(7, &rows).unwrap();
        assert_eq!(sorted.version(), 7);
        assert_eq!(sorted.cis, reversed.cis);
        for (id, ci) in sorted.cis() {
            assert_eq!(sorted.find(&ci.name), Some(id));
            for toward in [Toward::Sufferers, Toward::Causes] {
                assert!(sorted.edges(id, toward).eq(reversed.edges(id, toward)));
            }
        }
        let classes: Vec<&Arc<str>> =
            sorted.cis.iter().map(|ci| &ci.class).filter(|class| &***class == "server").collect();
        assert!(classes.windows(2).all(|pair| Arc::ptr_eq(pair[0], pair[1])));
    }

    #[test]
    fn a_relation_is_followed_while_it_holds_and_kept_all_the_time() {
        let rows = import::read(
            "{source: netbox, cis: {a: {class: vm}, b: {class: vm}, c: {class: vm}}, relations: [
              a -hosts-> c,
              {relation: a -hosts-> b, valid_from: 1970-01-01T00:00:10Z,
               valid_until: 1970-01-01T00:00:20Z}]}",
            "test",
        );
        let rows = rows.unwrap();
        for (second, reached, next) in [
            (9, &["c"][..], Some(10)),
            (10, &["b", "c"], Some(20)),
            (19, &["b", "c"], Some(20)),
            (20, &["c"], None),
        ] {
            let at = |second: i64| Timestamp::from_millis(second * 1000);
            let topology = Topology::at(1, rows.clone(), at(second)).unwrap();
            let (a, c) = (topology.find("a").unwrap(), topology.find("c").unwrap());
            let ends = topology.edges(a, Toward::Sufferers).map(|(end, _)| end);
            assert_eq!(topology.names(ends), reached, "at {second} s");
            assert_eq!(topology.next_bound(), next.map(at), "at {second} s");
            assert_eq!((topology.rows(), topology.relation_count()), (rows.clone(), 2));
            let facts = topology.facts(a, "hosted_on", c).unwrap();
            assert_eq!((&*facts.source, topology.facts(c, "hosts", a)), ("netbox", None));
        }
    }

    #[test]
    fn unchecked_rows_are_refused_with_all_their_problems() {
        let mut rows = import::read(DEMO, "demo").unwrap();
        rows.cis.push(Arc::clone(&rows.cis[0]));
        rows.relations[0].to = Arc::from("srv-0499");
        rows.relations[1].relation = "power".into();
        let problems = Topology::build(1, &rows).unwrap_err();
        let codes: Vec<&str> = problems.iter().map(|problem| problem.code).collect();
        assert_eq!(codes, ["C003", "C005", "C006"]);
    }

    #[test]
    fn the_services_that_suffer_are_found_through_every_layer() {
        let topology = Topology::of(DEMO);
        for (ci, services) in [
            (
                "pdu-r12a",
                &["cart", "catalog", "checkout", "invoicing", "mail", "payment", "storefront"][..],
            ),
            ("pdu-r12b", &["invoicing", "storefront"]),
            ("srv-0406", &["cart", "checkout", "storefront"]),
            ("orders-db", &["checkout", "invoicing"]),
            ("paygate", &["checkout", "payment"]),
            ("storefront", &["storefront"]),
            ("srv-0409", &[]),
        ] {
            let hit = topology.services_hit(topology.find(ci).unwrap());
            assert_eq!(topology.names(hit), services, "{ci}");
        }
    }

    #[test]
    fn the_strip_of_the_demonstration_powers_twelve_machines() {
        let topology = Topology::of(DEMO);
        let powers = topology.relations(["powered_by"].into_iter());
        let strip = topology.find("pdu-r12a").unwrap();
        let walk = topology.walk(strip, Toward::Sufferers, powers, 1, 100);
        let classes: Vec<&str> =
            walk.steps().iter().skip(1).map(|step| &*topology.ci(step.ci).class).collect();
        let count = |class| classes.iter().filter(|found| **found == class).count();
        assert_eq!((count("switch"), count("server"), classes.len()), (2, 10, 12));
        assert_eq!(topology.ci(strip).attribute("rack"), Some("R12"));
        assert_eq!(topology.ci(strip).attribute("class"), Some("pdu"));
        assert_eq!(topology.ci(strip).attribute("name"), Some("pdu-r12a"));
    }

    #[test]
    fn a_foreign_id_reads_as_a_ci_without_a_name() {
        let empty = Topology::empty();
        let foreign = CiId(u32::MAX);
        assert_eq!((empty.version(), empty.ci_count(), empty.find("")), (0, 0, None));
        assert_eq!(&*empty.ci(foreign).name, "");
        assert_eq!(empty.services_hit(foreign), []);
        assert!(!empty.all_relations().is_empty());
    }
}
