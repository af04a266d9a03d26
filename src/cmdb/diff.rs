//! What changes when one CMDB replaces another.

use core::cmp::Ordering;
use core::fmt;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::delta::walk;
use super::relation::RelationType;
use super::rows::{CiRow, RelationRow, Rows};

/// CIs and relations together that may be removed without a word, however few there are.
pub const REMOVED_MAX: usize = 10;

/// The share of all CIs and relations that may be removed without a word: one in so many. An export
/// that broke off half-way removes more; a day's changes do not.
pub const REMOVED_SHARE: usize = 10;

/// Examples kept of each kind of difference.
const LISTED_MAX: usize = 10;

/// Differences of one kind: how many, and the first of them in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Side {
    /// How many there are.
    pub count: usize,
    /// The first of them, by name.
    pub first: Vec<String>,
}

impl Side {
    fn add(&mut self, text: impl FnOnce() -> String) {
        self.count += 1;
        if self.first.len() < LISTED_MAX {
            self.first.push(text());
        }
    }
}

/// What changes from one CMDB to another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// CIs that are new.
    pub cis_added: Side,
    /// CIs that are gone.
    pub cis_removed: Side,
    /// Attributes, classes and label sets of CIs in both that changed.
    pub attributes: Side,
    /// Relations that are new.
    pub relations_added: Side,
    /// Relations that are gone.
    pub relations_removed: Side,
    /// Relations in both whose source or validity changed.
    pub facts: Side,
    /// Relations in both of which nothing changed but when their source last said so.
    pub confirmed: usize,
    /// Relation types that are new or declared otherwise.
    pub types_added: Side,
    /// Relation types that are gone or declared otherwise.
    pub types_removed: Side,
}

impl Difference {
    /// True when both are the same.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns how many CIs and relations are gone.
    pub fn removed(&self) -> usize {
        self.cis_removed.count + self.relations_removed.count
    }

    /// True when so many of `objects` CIs and relations are gone that a person has to say so.
    pub fn is_large(&self, objects: usize) -> bool {
        self.removed() > REMOVED_MAX.max(objects / REMOVED_SHARE)
    }
}

/// Compares checked rows.
pub fn diff(old: &Rows, new: &Rows) -> Difference {
    let by_name = |a: &Arc<CiRow>, b: &Arc<CiRow>| a.name.cmp(&b.name);
    let mut attributes = Side::default();
    let mut changed = |old: &Arc<CiRow>, new: &Arc<CiRow>| {
        if !Arc::ptr_eq(old, new) {
            diff_ci(old, new, &mut attributes);
        }
    };
    let describe = |ci: &Arc<CiRow>| format!("{} ({})", ci.name, ci.class);
    let (cis_added, cis_removed) = compare(&old.cis, &new.cis, by_name, describe, &mut changed);
    let (mut facts, mut confirmed) = (Side::default(), 0);
    let by_ends = |a: &RelationRow, b: &RelationRow| a.ends().cmp(&b.ends());
    let mut known = |old: &RelationRow, new: &RelationRow| {
        confirmed += usize::from(diff_facts(old, new, &mut facts));
    };
    let (relations_added, relations_removed) =
        compare(&old.relations, &new.relations, by_ends, RelationRow::to_string, &mut known);
    let (types_added, types_removed) =
        compare(&old.types, &new.types, Ord::cmp, relation_type, &mut |_, _| {});
    Difference {
        cis_added,
        cis_removed,
        attributes,
        relations_added,
        relations_removed,
        facts,
        confirmed,
        types_added,
        types_removed,
    }
}

/// Compares two sorted lists; what stands in both goes to `both`, the rest is returned as added and
/// removed.
fn compare<T>(
    old: &[T],
    new: &[T],
    order: impl Fn(&T, &T) -> Ordering,
    describe: impl Fn(&T) -> String,
    both: &mut impl FnMut(&T, &T),
) -> (Side, Side) {
    let (mut added, mut removed) = (Side::default(), Side::default());
    walk(old, new, order, &mut |old, new| match (old, new) {
        (Some(old), Some(new)) => both(old, new),
        (Some(old), None) => removed.add(|| describe(old)),
        (None, Some(new)) => added.add(|| describe(new)),
        (None, None) => {}
    });
    (added, removed)
}

fn diff_ci(old: &CiRow, new: &CiRow, changed: &mut Side) {
    let name = &new.name;
    let mut compare = |attribute: &str, old: Option<&str>, new: Option<&str>| {
        if old != new {
            let (old, new) = (old.unwrap_or("(none)"), new.unwrap_or("(none)"));
            changed.add(|| format!("{name} {attribute}: {old} -> {new}"));
        }
    };
    compare("class", Some(&old.class), Some(&new.class));
    let (a, b) = (old.labels.to_string(), new.labels.to_string());
    compare("labels", (!a.is_empty()).then_some(&a), (!b.is_empty()).then_some(&b));
    let names: BTreeSet<&str> =
        old.attributes.iter().chain(&new.attributes).map(|(name, _)| name).collect();
    for attribute in names {
        compare(attribute, old.attributes.get(attribute), new.attributes.get(attribute));
    }
}

/// Compares what is known of a relation; true when it was only confirmed.
fn diff_facts(old: &RelationRow, new: &RelationRow, changed: &mut Side) -> bool {
    if old.facts == new.facts {
        return false;
    }
    let facts = |row: &RelationRow| row.facts.as_deref().cloned().unwrap_or_default();
    let (before, after) = (facts(old), facts(new));
    if before.same_but_seen(&after) {
        return before != after;
    }
    changed.add(|| format!("{new}: {before} -> {after}"));
    false
}

fn relation_type(row: &RelationType) -> String {
    format!("cause -{}-> sufferer, sufferer -{}-> cause", row.spreads(), row.suffered())
}

/// Writes the counts on one line, then the first of each kind behind its sign.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sides = [
            ('+', &self.cis_added, "CIs"),
            ('-', &self.cis_removed, "CIs"),
            ('~', &self.attributes, "attributes"),
            ('+', &self.relations_added, "relations"),
            ('-', &self.relations_removed, "relations"),
            ('~', &self.facts, "relations"),
            ('+', &self.types_added, "relation types"),
            ('-', &self.types_removed, "relation types"),
        ];
        let mut gap = "";
        for (place, (sign, side, what)) in sides.iter().enumerate() {
            // Types and what is known of relations hardly ever change: counted only when they do.
            if place < 5 || side.count > 0 {
                write!(f, "{gap}{sign} {} {what}", side.count)?;
                gap = "    ";
            }
        }
        if self.confirmed > 0 {
            write!(f, "{gap}{} confirmed", self.confirmed)?;
        }
        for (sign, side, what) in sides {
            for text in &side.first {
                write!(f, "\n  {sign} {text}")?;
            }
            if side.count > side.first.len() {
                write!(f, "\n  {sign} … and {} more {what}", side.count - side.first.len())?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmdb::import;

    fn rows(text: &str) -> Rows {
        import::read(text, "test").unwrap()
    }

    #[test]
    fn a_difference_counts_and_names_every_change() {
        let old = rows(
            "relation_types: {feeds: {converse: fed_by, suffers: to}}
cis: {a: {class: server, rack: R1, owner: linux}, b: {class: vm}, c: {class: vm}}
relations: [a -hosts-> b, a -feeds-> c]",
        );
        let new = rows(
            "cis:
  a: {class: pdu, rack: R2, tier: 1, labels: {host: a}}
  b: {class: vm}
  d: {class: vm}
  e: {class: pod}
relations: [b -hosted_on-> a, a -powers-> d]",
        );
        let expected = "\
+ 2 CIs    - 1 CIs    ~ 5 attributes    + 1 relations    - 1 relations    - 1 relation types
  + d (vm)
  + e (pod)
  - c (vm)
  ~ a class: server -> pdu
  ~ a labels: (none) -> host=\"a\"
  ~ a owner: linux -> (none)
  ~ a rack: R1 -> R2
  ~ a tier: (none) -> 1
  + a -powers-> d
  - a -feeds-> c
  - cause -feeds-> sufferer, sufferer -fed_by-> cause";
        assert_eq!(diff(&old, &new).to_string(), expected);
        assert!(!diff(&old, &new).is_empty());
    }

    #[test]
    fn a_relation_that_was_only_confirmed_is_counted_and_not_shown() {
        let old = rows(
            "{cis: {a: {class: vm}, b: {class: vm}, c: {class: vm}}, relations: [
              {relation: a -hosts-> b, source: netbox, seen_at: 2026-01-01T00:00:00Z},
              {relation: a -hosts-> c, source: netbox}]}",
        );
        let new = rows(
            "{cis: {a: {class: vm}, b: {class: vm}, c: {class: vm}}, relations: [
              {relation: a -hosts-> b, source: netbox, seen_at: 2026-01-09T00:00:00Z},
              {relation: a -hosts-> c, source: hand, valid_until: 2026-02-01T00:00:00Z}]}",
        );
        let expected = "\
+ 0 CIs    - 0 CIs    ~ 0 attributes    + 0 relations    - 0 relations    ~ 1 relations    1 confirmed
  ~ a -hosts-> c: netbox -> hand, until 2026-02-01T00:00:00.000Z";
        let difference = diff(&old, &new);
        assert_eq!(difference.to_string(), expected);
        assert_eq!((difference.removed(), difference.is_empty()), (0, false));
    }

    #[test]
    fn no_difference_is_five_zeros() {
        let rows = rows("cis: {a: {class: server}}");
        let none = diff(&rows, &rows);
        assert!(none.is_empty());
        let line = "+ 0 CIs    - 0 CIs    ~ 0 attributes    + 0 relations    - 0 relations";
        assert_eq!(none.to_string(), line);
    }

    #[test]
    fn a_long_difference_names_the_first_and_counts_the_rest() {
        let cis: Vec<String> = (0..13).map(|i| format!("ci-{i:02}: {{class: vm}}")).collect();
        let text = format!("cis: {{{}}}", cis.join(", "));
        let difference = diff(&Rows::default(), &rows(&text));
        assert_eq!((difference.cis_added.count, difference.cis_added.first.len()), (13, 10));
        assert!(difference.to_string().ends_with("+ ci-09 (vm)\n  + … and 3 more CIs"));
    }
}
