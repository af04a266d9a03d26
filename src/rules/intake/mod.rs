//! The intake: which alerts are left out, and what is added to the others, before all other rules.
//!
//! Asked when an episode begins. What is added never changes which alert it is: the identity is that
//! of the labels as they were sent. It is derived, never stored: whoever holds an alert asks again
//! when rules or topology are others.

use core::fmt;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::condition::Conditions;
use super::index::Index;
use super::kinds::Kind;
use super::kinds::drop::Drop;
use super::kinds::enrich::Enrich;
use super::set::{Rule, RuleSet};
use super::subject::{Field, Subject};
use super::template::Template;
use crate::model::labels::{Labels, TEXT_LEN_MAX};

/// The rules that are asked at the intake, each kind with an index of its own.
#[derive(Clone, Debug, Default)]
pub(super) struct Phase {
    drop: Shelf,
    enrich: Shelf,
}

/// Some of the rules, with their places among all.
#[derive(Clone, Debug, Default)]
struct Shelf {
    index: Index,
    places: Vec<usize>,
}

impl Phase {
    /// Files the rules of the kinds `drop` and `enrich`.
    pub(super) fn build(rules: &[Rule]) -> Self {
        let enriching = rules.iter().filter_map(|rule| enrich(rule));
        let set: BTreeSet<&str> = enriching.flat_map(Enrich::sets).collect();
        // What another rule may set is not known when the index is asked.
        let is_set = |rule: &Rule| {
            rule.when.matchers().any(
                |matcher| matches!(matcher.field(), Field::Label(name) if set.contains(&**name)),
            )
        };
        Self {
            drop: Shelf::build(rules, |rule| drop(rule).map(|_| rule.when.clone())),
            enrich: Shelf::build(rules, |rule| {
                enrich(rule)?;
                Some(if is_set(rule) { Conditions::default() } else { rule.when.clone() })
            }),
        }
    }
}

impl Shelf {
    /// Files the rules for which `conditions` gives some.
    fn build(rules: &[Rule], conditions: impl Fn(&Rule) -> Option<Conditions>) -> Self {
        let filed: Vec<(usize, Conditions)> = rules
            .iter()
            .enumerate()
            .filter_map(|(place, rule)| Some((place, conditions(rule)?)))
            .collect();
        let index = Index::build(filed.iter().map(|(_, conditions)| conditions));
        Self { index, places: filed.into_iter().map(|(place, _)| place).collect() }
    }

    /// Yields the rules that could match, in order.
    fn candidates<'a>(
        &'a self,
        rules: &'a [Rule],
        subject: &Subject<'_>,
    ) -> impl Iterator<Item = &'a Rule> {
        let found =
            if self.places.is_empty() { Vec::new() } else { self.index.candidates(subject) };
        found.into_iter().filter_map(|at| rules.get(*self.places.get(at)?))
    }
}

fn drop(rule: &Rule) -> Option<&Drop> {
    if let Kind::Drop(drop) = &rule.kind { Some(drop) } else { None }
}

fn enrich(rule: &Rule) -> Option<&Enrich> {
    if let Kind::Enrich(enrich) = &rule.kind { Some(enrich) } else { None }
}

/// Why an alert is left out.
#[derive(Clone, Copy, Debug)]
pub struct Dropped<'a> {
    /// The rule that says so.
    pub rule: &'a Rule,
    /// Its reason.
    pub reason: &'a str,
}

/// Writes `dropped by ops/staging: nobody is on call for staging`.
impl fmt::Display for Dropped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "dropped by {}: {}", self.rule.name, self.reason)
    }
}

/// What rules added to an alert.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Added {
    /// The labels that were added, or put in the place of others.
    pub labels: Vec<(Box<str>, Box<str>)>,
    /// Its severity, whatever was sent.
    pub severity: Option<Box<str>>,
    /// The category of the incident that it opens.
    pub category: Option<Box<str>>,
    /// Links by name, for messages about that incident.
    pub links: Vec<(Box<str>, Box<str>)>,
    /// The rules that added something, in order.
    pub rules: Vec<Arc<str>>,
    /// Templates that failed, in words; they add nothing.
    pub flaws: Vec<String>,
}

impl Added {
    /// Returns an alert with what was added; `sent` is what its sender said.
    pub fn over<'a>(&'a self, sent: Subject<'a>) -> Subject<'a> {
        Subject {
            added: &self.labels,
            severity: self.severity.as_deref().unwrap_or(sent.severity),
            ..sent
        }
    }

    /// Returns all labels, those that were sent included.
    pub fn all_labels(&self, sent: &Labels) -> Labels {
        let added = self.labels.iter().map(|(name, value)| (&**name, &**value));
        let replaced = |name: &str| self.labels.iter().any(|(known, _)| **known == *name);
        let kept = sent.iter().filter(|(name, _)| !replaced(name));
        let mut pairs: Vec<(&str, &str)> = kept.chain(added).collect();
        // Cannot fail: each name is there once, and none is set that is too long.
        Labels::build(&mut pairs).unwrap_or_else(|_| sent.clone())
    }

    fn set_label(&mut self, name: &str, value: &str) {
        if name.len().max(value.len()) <= TEXT_LEN_MAX {
            put(&mut self.labels, name, value);
        }
    }
}

/// Sets a value under a name.
fn put(pairs: &mut Vec<(Box<str>, Box<str>)>, name: &str, value: &str) {
    pairs.retain(|(known, _)| &**known != name);
    pairs.push((name.into(), value.into()));
}

/// What is known of an incident that a rule of kind `known_error` speaks of. What is not said is
/// empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownErrorText {
    /// What helps until it is mended.
    pub workaround: String,
    /// Why it happens.
    pub cause: String,
    /// Where to read on.
    pub runbook: String,
    /// What it will be gone with.
    pub fixed_in: String,
}

impl RuleSet {
    /// True when any rule leaves alerts out.
    pub fn drops(&self) -> bool {
        !self.intake.drop.places.is_empty()
    }

    /// Returns the first rule that leaves an alert out, as it was sent.
    pub fn dropped(&self, sent: &Subject<'_>) -> Option<Dropped<'_>> {
        let mut rules = self.intake.drop.candidates(&self.rules, sent);
        let rule = rules.find(|rule| rule.matches(sent))?;
        Some(Dropped { rule, reason: &drop(rule)?.reason })
    }

    /// Returns what rules add to an alert; each rule sees what those before it added.
    pub fn enrich(&self, sent: &Subject<'_>) -> Option<Box<Added>> {
        let mut added = Added::default();
        for rule in self.intake.enrich.candidates(&self.rules, sent) {
            let before = added.clone();
            let subject = before.over(*sent);
            if let Some(enrich) = enrich(rule).filter(|_| rule.matches(&subject)) {
                let at = Step { rules: self, rule, enrich, subject };
                at.take(&mut added);
            }
        }
        (added != Added::default()).then(|| added.into())
    }

    /// Renders what a rule of kind `known_error` says of an alert; nothing of a rule that is gone.
    pub fn known_error_text(&self, rule: &str, subject: &Subject<'_>) -> KnownErrorText {
        let Some(kind) = self.find(rule).and_then(|rule| rule.kind.known_error()) else {
            return KnownErrorText::default();
        };
        let text = |template: &Template| {
            let rendered = self.templates.render_intake(template, subject);
            rendered.unwrap_or_else(|flaw| format!("({}: {flaw})", template.source()))
        };
        KnownErrorText {
            workaround: text(&kind.workaround),
            cause: kind.cause.as_ref().map(text).unwrap_or_default(),
            runbook: kind.runbook.as_ref().map(text).unwrap_or_default(),
            fixed_in: kind.fixed_in.as_deref().unwrap_or_default().into(),
        }
    }
}

/// One rule that adds to one alert.
struct Step<'a> {
    rules: &'a RuleSet,
    rule: &'a Rule,
    enrich: &'a Enrich,
    /// The alert with what rules before it added.
    subject: Subject<'a>,
}

impl Step<'_> {
    fn take(&self, added: &mut Added) {
        let before = added.clone();
        for (name, template) in &self.enrich.labels {
            let is_free = self.subject.written(name).is_none_or(str::is_empty);
            if let Some(value) = self.value(added, (name, is_free), template) {
                added.set_label(name, &value);
            }
        }
        if let Some(template) = &self.enrich.severity {
            let is_free = self.subject.severity.is_empty();
            let value = self.value(added, ("severity", is_free), template);
            added.severity = value.map(Into::into).or(added.severity.take());
        }
        if let Some(template) = &self.enrich.category {
            let value = self.value(added, ("category", added.category.is_none()), template);
            added.category = value.map(Into::into).or(added.category.take());
        }
        for (name, template) in &self.enrich.links {
            let is_free = added.links.iter().all(|(known, _)| known != name);
            if let Some(value) = self.value(added, (name, is_free), template) {
                put(&mut added.links, name, &value);
            }
        }
        if *added != before {
            added.rules.push(Arc::clone(&self.rule.name));
        }
    }

    /// Renders a value for what is free, or may be replaced; nothing where nothing comes out.
    fn value(
        &self,
        added: &mut Added,
        (name, is_free): (&str, bool),
        template: &Template,
    ) -> Option<String> {
        if !is_free && !self.enrich.overrides {
            return None;
        }
        match self.rules.templates.render_intake(template, &self.subject) {
            Ok(text) => Some(text).filter(|text| !text.is_empty()),
            Err(flaw) => {
                added.flaws.push(format!("rule {} cannot set {name}: {flaw}", self.rule.name));
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;
