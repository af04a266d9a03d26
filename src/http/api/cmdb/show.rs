//! The CMDB's things in the shapes of the API.

use std::collections::BTreeMap;

use crate::cmdb::{self, CiRow, Difference, Lint, RelationRow, Topology};

use super::super::super::wire::Time;
use super::super::super::wire::cmdb::{Change, Ci, Finding, Findings, Import, Relation};

pub(super) fn ci(row: &CiRow) -> Ci {
    let attributes = row.attributes.iter();
    let labels = row.labels.iter();
    Ci {
        name: row.name.to_string(),
        class: row.class.to_string(),
        attributes: attributes.map(|(name, value)| (name.to_string(), value.to_string())).collect(),
        labels: labels.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
    }
}

pub(super) fn relation(row: &RelationRow) -> Relation {
    let [from, relation, to] = [&*row.from, &*row.relation, &*row.to].map(ToOwned::to_owned);
    let facts = row.facts.as_deref().cloned().unwrap_or_default();
    Relation {
        from,
        relation,
        to,
        source: (!facts.source.is_empty()).then(|| facts.source.to_string()),
        valid_from: facts.valid_from.map(Time),
        valid_until: facts.valid_until.map(Time),
        seen_at: facts.seen_at.map(Time),
    }
}

pub(super) fn findings(lint: &Lint, version: u64) -> Findings {
    let counts: BTreeMap<String, usize> =
        lint.counts.iter().map(|(code, count)| ((*code).to_owned(), *count)).collect();
    let findings = lint.findings.iter().map(Finding::from).collect();
    Findings { version: Some(version), findings, counts }
}

pub(super) fn change(change: cmdb::Change) -> Change {
    Change {
        version: change.version,
        at: Time(change.at),
        by: change.by.into(),
        what: change.what.into(),
        cis_added: change.cis_added,
        cis_removed: change.cis_removed,
        attributes: change.attributes,
        relations_added: change.relations_added,
        relations_removed: change.relations_removed,
        relations_changed: change.relations_changed,
        confirmed: change.confirmed,
    }
}

/// Shows what a change from one topology to another would be.
pub(super) fn import(old: &Topology, new: &Topology, difference: &Difference) -> Import {
    let objects = old.ci_count() + old.relation_count();
    let same = difference.is_empty();
    let removed = difference.removed();
    Import {
        dry_run: true,
        same,
        version: if same { old.version() } else { new.version() },
        difference: difference.to_string(),
        removed,
        expect_removed: difference.is_large(objects).then_some(removed),
        warnings: cmdb::lint_change(old, new).findings.iter().map(Finding::from).collect(),
        cis: new.ci_count(),
        relations: new.relation_count(),
    }
}
