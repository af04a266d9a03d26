//! Kind `sequence`: alerts that begin in an order are one incident.

use core::fmt;
use core::time::Duration;

use super::group::fields;
use super::storm::joined;
use crate::model::priority::words;
use crate::rules::codes;
use crate::rules::condition::Conditions;
use crate::rules::reader::{MINUTE, Reader};
use crate::rules::rule::conditions;
use crate::rules::subject::{Field, Subject};
use crate::rules::yaml::Node;

/// Steps of one sequence.
const STEPS_MAX: usize = 8;

/// Makes one incident of alerts that begin in an order.
#[derive(Clone, Debug)]
pub struct Sequence {
    /// What must be equal.
    pub by: Vec<Field>,
    /// The steps in their order, 2 to 8.
    pub steps: Vec<Step>,
    /// How long after the first step the last may begin; half-open. At most 30 minutes: so long
    /// ended alerts are held.
    pub within: Duration,
    /// Which step's alert explains the others.
    pub root: RootStep,
}

/// One step.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its name, for people.
    pub name: Box<str>,
    pub(in crate::rules) when: Conditions,
}

/// Which step's alert explains the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RootStep {
    /// The first.
    #[default]
    First,
    /// The last.
    Last,
}

words!(RootStep, First = "first", Last = "last");

impl Sequence {
    /// Yields the places of the steps that an alert of the rule is one of.
    pub fn steps_of(&self, subject: &Subject<'_>) -> impl Iterator<Item = usize> {
        let steps = self.steps.iter().enumerate();
        steps.filter(|(_, step)| step.when.all_hold(subject)).map(|(at, _)| at)
    }

    /// Returns what alerts of one sequence share: `db/failover/orders`.
    pub fn key(&self, rule: &str, subject: &Subject<'_>) -> String {
        joined(rule, self.by.iter().map(|field| field.value(subject)))
    }
}

/// Reads the value of `sequence:`.
pub(in crate::rules) fn read(reader: &mut Reader<'_>, node: &Node) -> Option<Sequence> {
    let mut entries = reader.map(node, "`sequence`")?;
    let by = entries.need(reader, "by").and_then(|n| fields(reader, n));
    let steps = entries.need(reader, "steps").and_then(|n| steps(reader, n));
    let second = Duration::from_secs(1);
    let within = entries.read(reader, "within", |r, n| r.duration(n, second..=30 * MINUTE));
    let root = entries.read(reader, "root", Reader::word);
    entries.finish(reader);
    let (within, root) = (within.unwrap_or(10 * MINUTE), root.unwrap_or_default());
    Some(Sequence { by: by?, steps: steps?, within, root })
}

fn steps(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<Step>> {
    let items = reader.list(node)?;
    if items.len() < 2 || items.len() > STEPS_MAX {
        let plural = if items.len() == 1 { "" } else { "s" };
        let message = format!("a sequence with {} step{plural}", items.len());
        reader
            .error(codes::SEQUENCE, node.span, message)
            .label(format!("expected 2 to {STEPS_MAX}"))
            .help("for alerts in any order use   group:");
        return None;
    }
    let mut steps: Vec<Step> = Vec::with_capacity(items.len());
    for item in items {
        let mut entries = reader.map(item, "a step")?;
        let name_node = entries.need(reader, "name");
        let name = name_node.and_then(|n| {
            let text = reader.text(n)?;
            reader.name(text, n.span)
        });
        let when = entries.need(reader, "when").and_then(|n| conditions(reader, n));
        entries.finish(reader);
        let (name, when) = (name?, when?);
        if let Some(node) = name_node.filter(|_| steps.iter().any(|step| step.name == name)) {
            let message = format!("step `{name}` is given twice");
            reader.error(codes::DUPLICATE, node.span, message).help("give each its own name");
        }
        steps.push(Step { name, when });
    }
    Some(steps)
}
