//! What rules say of alerts and incidents that are stored, for whoever shows them: derived by the
//! rules and the topology in force, as the engine itself does.

use super::changes::AlertRow;
use super::context::Context;
use crate::model::alert::severity;
use crate::model::incident::Incident;
use crate::rules::{Added, KnownErrorText, Subject};

/// A stored alert as rules see it.
#[derive(Clone, Debug)]
pub struct Seen<'a> {
    sent: Subject<'a>,
    /// What rules add to it.
    pub added: Option<Box<Added>>,
}

impl Seen<'_> {
    /// Returns it with what rules add.
    pub fn subject(&self) -> Subject<'_> {
        self.added.as_deref().map_or(self.sent, |added| added.over(self.sent))
    }

    /// Returns it as it was sent.
    pub fn sent(&self) -> Subject<'_> {
        self.sent
    }
}

/// What helps whoever gets an incident.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Help {
    /// What its known error's rule says; empty where it is taken for none.
    pub known: KnownErrorText,
    /// Links by name.
    pub links: Vec<(Box<str>, Box<str>)>,
}

impl Context {
    /// Returns a stored alert as rules see it.
    pub fn seen<'a>(&'a self, row: &'a AlertRow) -> Seen<'a> {
        // Not: the CI in the row, which is that of the topology in force when it was written.
        let ci = self.binder.bind(&self.topology, &row.labels);
        let severity = severity(row.state.severity.as_deref(), &row.labels);
        let sent = Subject::new(&row.labels, severity, ci.map(|it| self.topology.ci(it.ci)));
        Seen { sent, added: self.rules.enrich(&sent) }
    }

    /// Returns what helps with an incident whose root is `root`.
    pub fn help(&self, incident: &Incident, root: Option<&AlertRow>) -> Help {
        let Some(root) = root.map(|root| self.seen(root)) else { return Help::default() };
        let known = incident.known_error.as_ref();
        let known = known.map(|it| self.rules.known_error_text(&it.rule, &root.subject()));
        let links = root.added.as_deref().map(|added| added.links.clone());
        Help { known: known.unwrap_or_default(), links: links.unwrap_or_default() }
    }
}
