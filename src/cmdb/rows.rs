//! The rows of a CMDB: what is imported, compared and stored.

use core::fmt;
use std::sync::Arc;

use super::attributes::Attributes;
use super::facts::{Facts, FactsShared, is_topic};
use super::relation::RelationType;
use crate::model::labels::Labels;
use crate::model::time::Timestamp;

/// Bytes in the name of a CI, a class or an attribute: what a DNS name may have, and some more.
pub const NAME_LEN_MAX: usize = 512;

/// Bytes in the value of an attribute or a label of a CI.
pub const VALUE_LEN_MAX: usize = 4096;

/// Attributes of one CI; its labels have the same bound.
pub const ATTRIBUTES_MAX: usize = 128;

/// CIs of a CMDB: four times the million that is the largest we know of.
pub const CIS_MAX: usize = 4_000_000;

/// Relations of a CMDB; each is two edges of four bytes in memory.
pub const RELATIONS_MAX: usize = 40_000_000;

/// The class of the CIs in which impact is counted.
const SERVICE: &str = "service";

/// Different sets of label names by which the CIs of a CMDB are recognised: binding an alert costs
/// one look-up for each.
pub const SHAPES_MAX: usize = 64;

/// A CI by its place in one topology, in byte order of the names; another topology has others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CiId(pub u32);

impl From<CiId> for u64 {
    fn from(ci: CiId) -> Self {
        ci.0.into()
    }
}

/// One configuration item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CiRow {
    /// Identifies it.
    pub name: Box<str>,
    /// What it is, such as `server`; impact is counted in CIs of class `service`.
    pub class: Arc<str>,
    /// All else that is known of it.
    pub attributes: Attributes,
    /// An alert that carries all of these speaks of this CI; empty when it has no such labels.
    pub labels: Labels,
}

impl CiRow {
    /// True for a CI in which impact is counted.
    pub fn is_service(&self) -> bool {
        &*self.class == SERVICE
    }

    /// Returns an attribute; `name` and `class` are attributes too.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        match name {
            "name" => Some(&self.name),
            "class" => Some(&self.class),
            other => self.attributes.get(other),
        }
    }
}

/// One relation; checked rows have it in the direction in which harm spreads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RelationRow {
    /// Name of a CI; in checked rows the cause.
    pub from: Arc<str>,
    /// Either name of a relation type; in checked rows the one that reads from the cause.
    pub relation: Box<str>,
    /// Name of a CI; in checked rows the sufferer.
    pub to: Arc<str>,
    /// What else is known of it; in checked rows shared, and missing where nothing is.
    pub facts: Option<Arc<Facts>>,
}

impl RelationRow {
    /// Makes a relation of which nothing else is known.
    pub fn new(from: &str, relation: &str, to: &str) -> Self {
        let (from, to) = (Arc::from(from), Arc::from(to));
        Self { from, relation: relation.into(), to, facts: None }
    }

    /// Returns what tells it apart from all others, which also is the order of checked rows.
    pub fn ends(&self) -> (&str, &str, &str) {
        (&self.from, &self.relation, &self.to)
    }

    /// Returns who says so; nothing where nobody is named.
    pub(super) fn said_by(&self) -> &str {
        self.facts.as_ref().map_or("", |facts| &*facts.source)
    }

    /// True when this source says so.
    pub fn is_by(&self, source: &str) -> bool {
        self.said_by() == source
    }

    /// True when it came by a topic: without the CIs at its ends, or its type, it waits for them.
    pub fn can_wait(&self) -> bool {
        is_topic(self.said_by())
    }

    /// Says when its source last said so, unless that is given; `known` is the same relation as it
    /// was before. What came by a topic is not confirmed: it stands until the topic takes it back.
    pub(super) fn seen(&mut self, known: Option<&Self>, now: Timestamp) {
        if self.can_wait() {
            return;
        }
        let known = known.and_then(|known| known.facts.as_ref()?.seen_at);
        let facts = self.facts.as_deref().cloned().unwrap_or_default().seen(known, now);
        if self.facts.as_deref() != Some(&facts) {
            self.facts = Some(Arc::new(facts));
        }
    }
}

/// Writes `pdu-r12a -powers-> srv-0412`.
impl fmt::Display for RelationRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -{}-> {}", self.from, self.relation, self.to)
    }
}

/// A whole CMDB. Checked rows are sorted, without duplicates and share the text of their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// Relation types beyond the built-in ones, by name.
    pub types: Vec<RelationType>,
    /// CIs by name; shared, so that the next version holds only what changed.
    pub cis: Vec<Arc<CiRow>>,
    /// Relations by cause, type and sufferer.
    pub relations: Vec<RelationRow>,
}

impl Rows {
    /// Says of every relation that does not tell when its source last said so that it is now; one
    /// that was confirmed less than a day ago in the rows `before` keeps that time.
    #[must_use]
    pub fn seen(mut self, before: &Self, now: Timestamp) -> Self {
        let mut shared = FactsShared::default();
        let mut known = before.relations.iter().peekable();
        for row in &mut self.relations {
            while known.next_if(|known| known.ends() < row.ends()).is_some() {}
            row.seen(known.peek().filter(|known| known.ends() == row.ends()).copied(), now);
            row.facts = shared.share(row.facts.take());
        }
        self
    }
}
