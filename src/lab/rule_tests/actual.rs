//! What an incident became, as tests name it, and in which fields it is not as expected.
//!
//! A field of an expectation is compared in [`Actual::compare`] and nowhere else.

use core::fmt::Display;

use super::play::{Played, name};
use crate::model::incident::{Incident, IncidentId};
use crate::model::notice::{Notice, NoticeKind};
use crate::rules::edit::{Change, Entry, Item};
use crate::rules::testcase::{Expected, IncidentExpectation};

/// An incident as a test sees it.
#[derive(Debug)]
pub(super) struct Actual {
    pub(super) about: String,
    pub(super) root: String,
    pub(super) members: Vec<String>,
    pub(super) subordinates: usize,
    pub(super) pages: Vec<String>,
    pub(super) called: Vec<String>,
    pub(super) tickets: Vec<String>,
    /// What its timeline and its notices say.
    pub(super) told: Vec<String>,
    pub(super) record: Incident,
    /// It and all that became part of it.
    pub(super) ids: Vec<IncidentId>,
}

/// A field that is not as expected.
#[derive(Debug)]
pub(super) struct Difference {
    pub(super) field: &'static str,
    pub(super) line: u32,
    pub(super) column: u32,
    pub(super) span: crate::rules::diagnostics::Span,
    pub(super) expected: String,
    pub(super) got: String,
    /// What would make it right, if another value would.
    pub(super) change: Option<Change>,
}

/// What came of comparing one incident with what was expected of it.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    pub(super) differences: Vec<Difference>,
    pub(super) as_expected: Vec<&'static str>,
}

impl Comparison {
    /// Orders incidents by likeness: another root makes it another incident, whatever else fits.
    pub(super) fn distance(&self) -> usize {
        let other_root = self.differences.iter().any(|it| it.field == "root");
        self.differences.len() + if other_root { 100 } else { 0 }
    }
}

impl Actual {
    /// Describes an incident as it is now.
    pub(super) fn of(played: &Played, it: &Incident) -> Self {
        let image = played.world.image();
        let mut members: Vec<String> = image.members_of(it.id).into_iter().map(name).collect();
        members.sort_unstable();
        members.dedup();
        let mut ids = vec![it.id];
        let mut at = 0;
        while let Some(id) = ids.get(at).copied() {
            let children = image.incidents.values().filter(|child| child.parent == Some(id));
            ids.extend(children.map(|child| child.id));
            at += 1;
        }
        let sent = |kind| {
            let targets = sent(played, &ids, kind).map(|notice| notice.target.to_string());
            let mut targets: Vec<String> = targets.collect();
            targets.sort_unstable();
            targets
        };
        let entries = ids.iter().flat_map(|id| image.timeline_of(*id));
        let entries = entries.map(|entry| format!("{}: {}", entry.what, entry.text));
        let reasons = played.world.sent().iter().filter(|it| ids.contains(&it.id.incident));
        let told = entries.chain(reasons.map(|notice| notice.because.clone())).collect();
        let attached = image.members.keys().filter(|(id, record)| *id == it.id && record != id);
        let root = played.name_of(it.root.alert);
        Self {
            about: format!("{} ({root})", it.id),
            root,
            members,
            subordinates: attached.count(),
            pages: sent(NoticeKind::Page),
            called: called(played, &ids),
            tickets: sent(NoticeKind::Ticket),
            told,
            record: it.clone(),
            ids,
        }
    }

    /// Compares every field that is given.
    pub(super) fn compare(&self, wanted: &IncidentExpectation) -> Comparison {
        let mut found = Comparison::default();
        let it = &self.record;
        let sum = &it.assessment;
        found.text("rule", wanted.rule.as_ref(), it.rule.as_deref());
        found.value("root", wanted.root.as_ref(), &self.root);
        found.value("title", wanted.title.as_ref(), &it.title);
        found.names("members", wanted.members.as_ref(), &self.members);
        found.value("subordinates", wanted.subordinates.as_ref(), &self.subordinates);
        found.names("pages", wanted.pages.as_ref(), &self.pages);
        found.names("called", wanted.called.as_ref(), &self.called);
        found.names("tickets", wanted.tickets.as_ref(), &self.tickets);
        found.value("impact", wanted.impact.as_ref(), &sum.impact);
        found.value("urgency", wanted.urgency.as_ref(), &sum.urgency);
        found.value("priority", wanted.priority.as_ref(), &sum.priority);
        found.value("state", wanted.state.as_ref(), &it.progress.name());
        found.text("team", wanted.team.as_ref(), it.team.as_deref());
        found.text("category", wanted.category.as_ref(), it.category.as_deref());
        found.value("quiet", wanted.quiet.as_ref(), &it.quiet);
        let known = it.known_error.as_ref().map(|known| &*known.id);
        found.text("known_error", wanted.known_error.as_ref(), known);
        found.contained("because", wanted.because.as_ref(), &self.told);
        found
    }

    /// Writes down what a test would expect of it.
    pub(super) fn expectation(&self) -> Item {
        let names = |names: &[String]| Entry::Names(names.iter().map(|n| (&**n).into()).collect());
        let rule = self.record.rule.as_deref();
        let rule = rule.map(|rule| ("rule", Entry::Text(rule.into())));
        let rest = [
            ("root", Entry::Text((&*self.root).into())),
            ("members", names(&self.members)),
            ("pages", names(&self.pages)),
        ];
        rule.into_iter().chain(rest).collect()
    }
}

/// Returns the people whom pages about these incidents called.
fn called(played: &Played, ids: &[IncidentId]) -> Vec<String> {
    let pages = sent(played, ids, NoticeKind::Page);
    let mut called: Vec<String> = pages.map(|notice| notice.contact.to_string()).collect();
    called.sort_unstable();
    called
}

/// Yields the notices of one kind that were sent about these incidents.
pub(super) fn sent<'a>(
    played: &'a Played,
    ids: &'a [IncidentId],
    kind: NoticeKind,
) -> impl Iterator<Item = &'a Notice> {
    let ours = played.world.sent().iter().filter(move |notice| notice.kind == kind);
    ours.filter(|notice| ids.contains(&notice.id.incident))
}

impl Comparison {
    fn value<T: Display>(
        &mut self,
        field: &'static str,
        wanted: Option<&Expected<T>>,
        got: &impl Display,
    ) {
        let Some(wanted) = wanted else { return };
        let (expected, got) = (wanted.value.to_string(), got.to_string());
        let change = Some(Change::Text(Some(got.as_str().into())));
        self.note(field, wanted, (expected, got), change);
    }

    fn text(
        &mut self,
        field: &'static str,
        wanted: Option<&Expected<Option<Box<str>>>>,
        got: Option<&str>,
    ) {
        let Some(wanted) = wanted else { return };
        let expected = wanted.value.as_deref().unwrap_or("none").to_owned();
        let change = Some(Change::Text(got.map(Into::into)));
        self.note(field, wanted, (expected, got.unwrap_or("none").into()), change);
    }

    fn names(
        &mut self,
        field: &'static str,
        wanted: Option<&Expected<Vec<Box<str>>>>,
        got: &[String],
    ) {
        let Some(wanted) = wanted else { return };
        let mut names: Vec<&str> = wanted.value.iter().map(|name| &**name).collect();
        names.sort_unstable();
        let got: Vec<&str> = got.iter().map(|name| &**name).collect();
        let change = Some(Change::Names(got.iter().map(|name| (*name).into()).collect()));
        self.note(field, wanted, (list(&names), list(&got)), change);
    }

    /// Looks for each text in some of what was told; a word's `_` also stands for a blank.
    fn contained(
        &mut self,
        field: &'static str,
        wanted: Option<&Expected<Vec<Box<str>>>>,
        told: &[String],
    ) {
        let Some(wanted) = wanted else { return };
        let plain = |text: &str| text.replace('_', " ");
        let is_told = |text: &str| told.iter().any(|told| plain(told).contains(&plain(text)));
        let missing: Vec<&str> =
            wanted.value.iter().map(|text| &**text).filter(|text| !is_told(text)).collect();
        if missing.is_empty() {
            return self.as_expected.push(field);
        }
        let got = if told.is_empty() { "nothing".into() } else { told.join("; ") };
        self.note(field, wanted, (missing.join("; "), got), None);
    }

    fn note<T>(
        &mut self,
        field: &'static str,
        wanted: &Expected<T>,
        (expected, got): (String, String),
        change: Option<Change>,
    ) {
        let Expected { line, column, span, .. } = *wanted;
        if expected == got {
            self.as_expected.push(field);
        } else {
            let found = Difference { field, line, column, span, expected, got, change };
            self.differences.push(found);
        }
    }
}

/// Writes `[a, b]`.
pub(super) fn list(names: &[&str]) -> String {
    format!("[{}]", names.join(", "))
}
