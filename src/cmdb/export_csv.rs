//! Writes a CMDB as tables that read back as the same one; one table at a time.

use std::collections::BTreeSet;

use super::export::{end, facts};
use super::import::csv::{ATTRIBUTE, LABEL, RELATION_COLUMNS, TYPE_COLUMNS};
use super::topology::Topology;

/// A table of the CMDB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// The CIs.
    Cis,
    /// The relations.
    Relations,
    /// The relation types beyond the built-in ones.
    Types,
}

/// Writes a table with its header, in the order of the names.
pub fn csv(topology: &Topology, table: Table) -> String {
    match table {
        Table::Cis => cis(topology),
        Table::Relations => relations(topology),
        Table::Types => types(topology),
    }
}

fn cis(topology: &Topology) -> String {
    let names = topology.cis().flat_map(|(_, ci)| ci.attributes.iter());
    let attributes: BTreeSet<&str> = names.map(|(name, _)| name).collect();
    let labels = topology.cis().flat_map(|(_, ci)| ci.labels.iter());
    let labels: BTreeSet<&str> = labels.map(|(name, _)| name).collect();
    let mut text = String::new();
    let columns = attributes.iter().map(|name| column(name));
    let columns = columns.chain(labels.iter().map(|name| format!("{LABEL}{name}")));
    line(&mut text, ["name".to_owned(), "class".into()].into_iter().chain(columns).map(Some));
    for (_, ci) in topology.cis() {
        let own = [Some(&*ci.name), Some(&*ci.class)].into_iter();
        let values = attributes.iter().map(|name| ci.attributes.get(name));
        line(&mut text, own.chain(values).chain(labels.iter().map(|name| ci.labels.get(name))));
    }
    text
}

/// Returns an attribute's column; the name stands alone where it cannot be taken for something else.
fn column(name: &str) -> String {
    let taken = ["id", "from", "to", "relation", "type"].contains(&name)
        || TYPE_COLUMNS.contains(&name)
        || [LABEL, ATTRIBUTE].iter().any(|prefix| name.starts_with(prefix))
        || name.is_empty();
    if taken { format!("{ATTRIBUTE}{name}") } else { name.into() }
}

fn relations(topology: &Topology) -> String {
    let mut text = String::new();
    line(&mut text, RELATION_COLUMNS.into_iter().map(Some));
    for row in topology.rows().relations {
        let facts = facts(&row);
        let known = RELATION_COLUMNS
            .iter()
            .skip(3)
            .map(|column| facts.iter().find(|(name, _)| name == column).map(|(_, value)| &**value));
        let ends = [Some(&*row.from), Some(&*row.relation), Some(&*row.to)];
        line(&mut text, ends.into_iter().chain(known));
    }
    text
}

fn types(topology: &Topology) -> String {
    let mut text = String::new();
    line(&mut text, TYPE_COLUMNS.into_iter().map(Some));
    for own in topology.own_types() {
        line(
            &mut text,
            [Some(&*own.name), Some(&*own.converse), Some(end(own.suffers))].into_iter(),
        );
    }
    text
}

/// Writes one record; what is missing is empty, and an empty text is `""`.
fn line<T: AsRef<str>>(text: &mut String, cells: impl Iterator<Item = Option<T>>) {
    for (place, cell) in cells.enumerate() {
        if place > 0 {
            text.push(',');
        }
        let Some(cell) = &cell else { continue };
        let cell = cell.as_ref();
        let plain = !cell.is_empty()
            && cell.trim() == cell
            && !cell.contains(['"', ',', ';', '\t', '\r', '\n', '\u{feff}']);
        if plain {
            text.push_str(cell);
        } else {
            text.push('"');
            text.push_str(&cell.replace('"', "\"\""));
            text.push('"');
        }
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::export::tests::rows;
    use super::*;
    use crate::cmdb::Rows;
    use crate::cmdb::import::{File, Request, import};
    use crate::model::time::Timestamp;

    #[test]
    fn tables_can_be_read_by_people() {
        let topology = Topology::of(
            "relation_types: {feeds: {converse: fed_by, suffers: to}}\n\
             cis: {srv-1: {class: server, rack: R12, note: 'a \"b\", c', labels: {host: srv-1}}, \
                   vm: {class: vm, id: 7, empty: ''}}\n\
             relations: [{relation: vm -fed_by-> srv-1, source: netbox}]",
        );
        let cis = "name,class,empty,attribute:id,note,rack,label:host\n\
                   srv-1,server,,,\"a \"\"b\"\", c\",R12,srv-1\n\
                   vm,vm,\"\",7,,,\n";
        assert_eq!(csv(&topology, Table::Cis), cis);
        let relations = "from,relation,to,source,valid_from,valid_until,seen_at\n\
                         srv-1,feeds,vm,netbox,,,\n";
        assert_eq!(csv(&topology, Table::Relations), relations);
        assert_eq!(
            csv(&topology, Table::Types),
            "relation_type,converse,suffers\nfeeds,fed_by,to\n"
        );
    }

    proptest! {
        #[test]
        fn what_is_exported_is_imported_as_the_same(rows in rows()) {
            let topology = Topology::new(1, rows.clone()).unwrap();
            let tables = [Table::Types, Table::Cis, Table::Relations].map(|it| csv(&topology, it));
            let files: Vec<File<'_>> = tables.iter().map(|text| File { name: "t", text }).collect();
            let request = Request { files: &files, ..Request::default() };
            let again = import(&request, &Topology::empty(), Timestamp::EPOCH);
            let rows = rows.seen(&Rows::default(), Timestamp::EPOCH);
            prop_assert_eq!(again.as_ref(), Ok(&rows), "{:?}", tables);
        }
    }
}
