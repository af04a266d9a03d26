//! Section `majors`: which incidents are major ones, and who hears of them first.

use super::reader::{Noun, Reader};
use super::sections::references;
use super::yaml::Node;
use crate::model::priority::Priority;

/// Which incidents are major ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Majors {
    /// Those of these priorities; none, where none is named. A person can declare any.
    pub priorities: Vec<Priority>,
    /// Contacts who are paged when one is declared.
    pub management: Vec<Box<str>>,
}

/// Reads the section `majors`.
pub(super) fn read(reader: &mut Reader<'_>, node: &Node) -> Option<Majors> {
    let mut fields = reader.map(node, "`majors`")?;
    let priorities = fields.read(reader, "priorities", |r, n| {
        let items = r.one_or_many(n)?;
        Some(items.iter().filter_map(|item| r.word(item)).collect())
    });
    let management = fields.read(reader, "management", |r, n| references(r, n, Noun::Contact));
    fields.finish(reader);
    Some(Majors {
        priorities: priorities.unwrap_or_default(),
        management: management.unwrap_or_default(),
    })
}
