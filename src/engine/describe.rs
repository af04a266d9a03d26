//! Says what an incident is: the values its rule's templates see, and the title they make.

use super::State;
use super::context::Context;
use super::correlate::name_of;
use super::state::{Case, Held};
use crate::cmdb::CiRow;
use crate::model::incident::{Incident, IncidentId};
use crate::model::labels::Labels;
use crate::model::priority::Loss;
use crate::rules::{DEPENDANTS_MAX, Field, KnownErrorText, RootScope, Rule, Scope};

/// Collects what templates see of an incident.
pub(super) fn scope(state: &State, ctx: &Context, case: &Case) -> Scope {
    let record = &case.record;
    let root = state.alerts.get(&record.root.alert);
    let labels = root.map_or_else(Labels::empty, Held::all_labels);
    let ci = record.root.ci.as_deref().and_then(|ci| ctx.topology.find(ci));
    Scope {
        incident: record.id.to_string().into(),
        rule: record.rule.as_deref().unwrap_or("").into(),
        priority: record.assessment.priority.to_string().into(),
        root: root_scope(root, ci.map(|ci| ctx.topology.ci(ci))),
        labels,
        group: root.map(|held| group(ctx, case, held)).unwrap_or_default(),
        members: record.members as usize,
        dependants_count: record.members.saturating_sub(1) as usize,
        dependants: dependants(state, ctx, case),
        cis: case.cis.len(),
        suspects: record.suspects.clone(),
    }
}

fn root_scope(held: Option<&Held>, ci: Option<&CiRow>) -> RootScope {
    let name = held.map_or_else(Box::default, |held| held.name(ci).as_ref().into());
    let Some(ci) = ci else { return RootScope { name, ..RootScope::default() } };
    let attributes = ci.attributes.iter().map(|(k, v)| (k.into(), v.into())).collect();
    RootScope { name, class: ci.class.as_ref().into(), attributes }
}

/// Returns what the members have in common under the incident's rule.
fn group(ctx: &Context, case: &Case, root: &Held) -> Vec<(Box<str>, Box<str>)> {
    let rule = case.record.rule.as_deref().and_then(|rule| ctx.rules.find(rule));
    let by = rule.map_or(&[][..], |rule| rule.kind.by());
    let subject = root.subject(ctx);
    // Under `absence` the root is our own alert, which has the values as labels.
    let is_absence = rule.is_some_and(|rule| rule.kind.absence().is_some());
    let value = |field: &Field| {
        if is_absence { subject.label(field.key()) } else { field.value(&subject) }
    };
    let pair = |field: &Field| (field.key().into(), value(field).into());
    by.iter().map(pair).collect()
}

/// Returns what a rule of kind `known_error` says of an incident's root.
pub(super) fn known_error(
    state: &State,
    ctx: &Context,
    case: &Case,
    rule: &Rule,
) -> KnownErrorText {
    let root = state.alerts.get(&case.record.root.alert);
    root.map(|root| ctx.rules.known_error_text(&rule.name, &root.subject(ctx))).unwrap_or_default()
}

/// Returns the names of the first dependants, by record.
fn dependants(state: &State, ctx: &Context, case: &Case) -> Vec<Box<str>> {
    let Incident { id, root, .. } = &case.record;
    let others = state.members(*id).filter(|alert| *alert != root.alert);
    let held = others.filter_map(|alert| state.alerts.get(&alert));
    let name = |held: &Held| {
        let ci = held.ci.map(|ci| ctx.topology.ci(ci));
        held.name(ci).as_ref().into()
    };
    held.take(DEPENDANTS_MAX).map(name).collect()
}

/// Returns the title of an incident: its rule's, else its root's name, its alert and the others.
pub(super) fn title(state: &State, ctx: &Context, id: IncidentId) -> Option<String> {
    let case = state.incidents.get(&id)?;
    let rule = case.record.rule.as_deref().and_then(|rule| ctx.rules.find(rule));
    let template = rule.and_then(|rule| rule.incident.title.as_ref());
    // A root that is no longer held has no labels to make a title of: the last one stands.
    if !state.alerts.contains_key(&case.record.root.alert) {
        return None;
    }
    let rendered = template.and_then(|template| {
        ctx.rules.render(template, &scope(state, ctx, case)).ok().filter(|title| !title.is_empty())
    });
    let title = rendered.unwrap_or_else(|| {
        let root = case.record.root.alert;
        let reported = case.record.reports.iter().find(|report| report.alert == root);
        let name = reported
            .map_or_else(|| name_of(state, ctx, root), |report| String::from(&*report.title));
        match case.record.members.saturating_sub(1) {
            0 => name,
            1 => format!("{name} and 1 more alert"),
            more => format!("{name} and {more} more alerts"),
        }
    });
    Some(match case.record.assessment.loss {
        Loss::Service => title,
        Loss::Redundancy => format!("Redundancy lost: {title}"),
    })
}
