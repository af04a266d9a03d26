//! Which CI alerts are bound to and why: `/api/v1/cmdb/bind`, `/api/v1/alerts/unbound`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;

use super::super::App;
use super::super::error::Problem;
use super::super::query::Pairs;
use super::super::wire::Time;
use super::super::wire::binding::{
    BindingExplanation, BindingHint, LookedUp, Sought, UnboundGroup, UnboundReport,
};
use super::super::wire::object;
use super::explain;
use crate::cmdb::{Answer, Bound, CiId, Counts, Found, Group, Topology, Tried, Unbound};
use crate::engine::context::Context;
use crate::model::few::few;
use crate::model::labels::Labels;

/// Groups of one answer.
const GROUPS_MAX: usize = 50;

/// Look-ups that are told in words; the answer has them all.
const TOLD_MAX: usize = 4;

/// Tells what the CMDB in force says of labels.
pub(super) fn sought(ctx: &Context, labels: &Labels) -> Sought {
    let topology = &ctx.topology;
    let (answer, tried) = ctx.binder.explain(topology, labels);
    let tried: Vec<LookedUp> = tried.iter().map(|one| looked_up(topology, one)).collect();
    let (outcome, by, among, count) = match answer {
        Answer::Bound(Bound { ci, by }) => ("bound", Some(by), vec![ci], 1),
        Answer::Ambiguous { by, among, count } => ("ambiguous", Some(by), among, count),
        Answer::Unbound => ("unbound", None, Vec::new(), 0),
    };
    let among = names(topology, &among);
    let text = match (outcome, &by) {
        ("bound", Some(by)) => format!("{} by {by}", among.concat()),
        (_, Some(by)) => {
            format!("ambiguous by {by}: {}; bound to none of them", few(&among, count))
        }
        (_, None) => format!("no CI: {}", in_vain(&tried)),
    };
    Sought { outcome: outcome.into(), text, by: by.map(Into::into), among, count, tried }
}

fn looked_up(topology: &Topology, tried: &Tried) -> LookedUp {
    let (lacks, found, count) = match &tried.found {
        Found::Lacks(label) => (Some(label.to_string()), Vec::new(), 0),
        Found::Cis(cis, count) => (None, names(topology, cis), *count),
    };
    let values = tried.values.iter().map(ToString::to_string).collect();
    let (by, compared) = (tried.by.to_string(), tried.compared.to_string());
    LookedUp { by, compared, lacks, values, found, count }
}

fn names(topology: &Topology, cis: &[CiId]) -> Vec<String> {
    cis.iter().map(|ci| topology.ci(*ci).name.to_string()).collect()
}

/// Says what was looked up without finding anything.
fn in_vain(tried: &[LookedUp]) -> String {
    let looked = tried.iter().filter(|one| one.lacks.is_none());
    let told: Vec<String> = looked
        .clone()
        .take(TOLD_MAX)
        .map(|one| {
            format!("{} `{}` is the {} of none", one.by, one.values.join(", "), one.compared)
        })
        .collect();
    let more = looked.count().saturating_sub(told.len());
    match (told.is_empty(), more) {
        (true, _) => "it has no label by which CIs are recognised".into(),
        (false, 0) => told.join("; "),
        (false, _) => format!("{}; and {more} more were tried", told.join("; ")),
    }
}

/// Tells which CI an alert with these labels would be bound to.
pub fn explanation(ctx: &Context, labels: &Labels) -> BindingExplanation {
    BindingExplanation {
        labels: object(labels),
        sought: sought(ctx, labels),
        binding: explain::binding(ctx, labels),
        version: ctx.topology.version(),
    }
}

/// Says which CI an alert with these labels would be bound to, with every look-up on the way.
#[utoipa::path(
    get,
    path = "/api/v1/cmdb/bind",
    params(("label" = Vec<String>, Query, example = json!(["instance=web-1:9100"]), description = "A label of the alert")),
    responses((status = 200, body = BindingExplanation))
)]
pub(super) async fn bind(
    State(app): State<Arc<App>>,
    uri: Uri,
) -> Result<Json<BindingExplanation>, Problem> {
    let pairs = Pairs::read(&uri, &["label"])?;
    let mut labels = BTreeMap::new();
    for text in pairs.all("label") {
        let (name, value) = text.split_once('=').ok_or_else(|| {
            Problem::bad_request(format!("label is `{text}`, must be like instance=web-1:9100"))
        })?;
        if labels.insert(name, value).is_some() {
            return Err(Problem::bad_request(format!("label `{name}` is given twice")));
        }
    }
    if labels.is_empty() {
        return Err(Problem::bad_request("label: an alert has at least one, as in job=node"));
    }
    let built = Labels::build(&mut labels.into_iter().collect::<Vec<_>>());
    let labels = built.map_err(|error| Problem::bad_request(format!("label: {error}")))?;
    let told = app.read(move |reading| Ok(explanation(&reading.context, &labels)));
    Ok(Json(told.await?))
}

/// Lists the firing alerts that are bound to no CI, in groups, with what would bind them.
#[utoipa::path(
    get,
    path = "/api/v1/alerts/unbound",
    responses((status = 200, body = UnboundReport))
)]
pub(super) async fn unbound(State(app): State<Arc<App>>) -> Result<Json<UnboundReport>, Problem> {
    let report = app.read(|reading| {
        let ctx = &reading.context;
        let sources = reading.view.counters()?.sources;
        let mut unbound = Unbound::new(&ctx.topology, &ctx.binder);
        reading.view.each_alert(&mut |labels, state| {
            if state.fires() {
                let names =
                    state.leases.iter().filter_map(|lease| sources.get(lease.source.0 as usize));
                let mut names: Vec<Arc<str>> = names.map(Arc::clone).collect();
                names.sort();
                unbound.add(labels, names);
            }
        })?;
        let (groups, counts) = unbound.finish();
        let listed = groups.iter().take(GROUPS_MAX).map(|group| show(ctx, group));
        let cut: u64 = groups.iter().skip(GROUPS_MAX).map(|group| group.count).sum();
        let Counts { bound, ambiguous, unbound, others } = counts;
        Ok(UnboundReport {
            bound,
            ambiguous,
            unbound,
            groups: listed.collect(),
            more: others + cut,
            version: ctx.topology.version(),
            now: Time(reading.now),
        })
    });
    Ok(Json(report.await?))
}

fn show(ctx: &Context, group: &Group) -> UnboundGroup {
    let hint = |hint: &crate::cmdb::Hint| BindingHint { ci: hint.ci.to_string(), key: hint.key() };
    UnboundGroup {
        outcome: if group.is_ambiguous { "ambiguous" } else { "unbound" }.into(),
        sources: group.sources.iter().map(ToString::to_string).collect(),
        labels: group.labels.iter().map(ToString::to_string).collect(),
        count: group.count,
        example: object(&group.example),
        sought: sought(ctx, &group.example),
        hints: group.hints.iter().map(hint).collect(),
        remedy: remedy(group),
    }
}

fn remedy(group: &Group) -> String {
    if group.is_ambiguous {
        return "give each of these CIs its own value, or put a key in front that tells them apart"
            .into();
    }
    if let Some(hint) = group.hints.first() {
        let value = group.example.get(&hint.label).unwrap_or("");
        let (label, attribute, ci, key) = (&hint.label, &hint.attribute, &hint.ci, hint.key());
        return format!(
            "label {label} `{value}` is the {attribute} of {ci} alone: add to `binding:`  {key}"
        );
    }
    if let Some((label, ci)) = &group.near {
        let value = group.example.get(label).unwrap_or("");
        return format!(
            "no CI has the value of a label; label {label} `{value}` is most like CI {ci}"
        );
    }
    "no CI has the value of a label: import what they speak of, or have senders set the label `ci`"
        .into()
}
