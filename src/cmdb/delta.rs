//! The rows by which one CMDB differs from another: what has to be written to get from it to it.

use core::cmp::Ordering;
use std::sync::Arc;

use super::relation::RelationType;
use super::rows::{CiRow, RelationRow, Rows};

/// Rows of one kind to write and to delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edits<T> {
    /// New and changed ones, sorted.
    pub put: Vec<T>,
    /// Those that are gone, sorted.
    pub gone: Vec<T>,
}

/// All rows by which two CMDBs differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delta {
    /// Relation types, which are told apart by their name.
    pub types: Edits<RelationType>,
    /// CIs, which are told apart by their name.
    pub cis: Edits<Arc<CiRow>>,
    /// Relations, which are told apart by their ends and type.
    pub relations: Edits<RelationRow>,
}

impl Delta {
    /// Compares checked rows.
    pub fn between(old: &Rows, new: &Rows) -> Self {
        Self {
            types: edits(&old.types, &new.types, |a, b| a.name.cmp(&b.name)),
            cis: edits(&old.cis, &new.cis, |a, b| a.name.cmp(&b.name)),
            relations: edits(&old.relations, &new.relations, |a, b| a.ends().cmp(&b.ends())),
        }
    }
}

fn edits<T: Clone + Eq>(old: &[T], new: &[T], order: impl Fn(&T, &T) -> Ordering) -> Edits<T> {
    let (mut put, mut gone) = (Vec::new(), Vec::new());
    walk(old, new, order, &mut |old, new| match (old, new) {
        (Some(old), None) => gone.push(old.clone()),
        (old, Some(new)) if old != Some(new) => put.push(new.clone()),
        _ => {}
    });
    Edits { put, gone }
}

/// Walks through two sorted lists at once and shows each entry beside its like, if it has one.
pub(super) fn walk<'a, T>(
    old: &'a [T],
    new: &'a [T],
    order: impl Fn(&T, &T) -> Ordering,
    visit: &mut dyn FnMut(Option<&'a T>, Option<&'a T>),
) {
    let (mut olds, mut news) = (old.iter().peekable(), new.iter().peekable());
    loop {
        let next = match (olds.peek(), news.peek()) {
            (Some(a), Some(b)) => order(a, b),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return,
        };
        visit(olds.next_if(|_| next.is_le()), news.next_if(|_| next.is_ge()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmdb::import;

    #[test]
    fn only_what_differs_is_written() {
        let read = |text: &str| import::read(text, "test").unwrap();
        let old = read(
            "relation_types: {feeds: {converse: fed_by, suffers: to}}\n\
             cis: {a: {class: vm}, b: {class: vm, rack: R1}, c: {class: vm}}\n\
             relations: [a -feeds-> b, a -hosts-> c]",
        );
        let new = read(
            "relation_types: {feeds: {converse: fed_from, suffers: to}}\n\
             cis: {a: {class: vm}, b: {class: vm, rack: R2}, d: {class: vm}}\n\
             relations: [a -feeds-> b, a -hosts-> d]",
        );
        let delta = Delta::between(&old, &new);
        let names = |rows: &[Arc<CiRow>]| rows.iter().map(|ci| ci.name.to_string()).collect();
        let names: [Vec<String>; 2] = [names(&delta.cis.put), names(&delta.cis.gone)];
        assert_eq!(names, [vec!["b".to_owned(), "d".into()], vec!["c".into()]]);
        let texts = |rows: &[RelationRow]| rows.iter().map(ToString::to_string).collect();
        let texts: [Vec<String>; 2] = [texts(&delta.relations.put), texts(&delta.relations.gone)];
        assert_eq!(texts, [["a -hosts-> d"], ["a -hosts-> c"]]);
        assert_eq!((delta.types.put, delta.types.gone), (new.types.clone(), vec![]));
        let none = Delta::between(&new, &new);
        assert_eq!((none.cis.put.len(), none.cis.gone.len()), (0, 0));
    }
}
