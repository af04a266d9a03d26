//! `POST /api/v1/explain`: what would become of an alert that never came.
//!
//! Played on a copy of what is stored, by the production engine; nothing of it happens.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::json;
use utoipa::OpenApi;

use super::super::error::Problem;
use super::super::wire::what_if::{Call, Question, RuleFile, WhatIf, WouldBe};
use super::super::wire::{self, Time};
use super::super::{App, Reading, json_body};
use super::{explain, show};
use crate::engine::Tried;
use crate::engine::changes::AlertRow;
use crate::engine::context::Context;
use crate::lab::what_if::{self, Hypothesis, Outcome};
use crate::model::alert::{Join, severity};
use crate::model::labels::{Fingerprint, Labels};
use crate::rules::render::short;
use crate::rules::{self, Rule, RuleSet, Severity, SourceFile, Verdict};
use crate::store::Store;

/// Documents the paths of this door.
#[derive(OpenApi)]
#[openapi(paths(explanation))]
pub(in crate::http) struct Document;

/// Returns the paths of this door.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/api/v1/explain", post(explanation))
}

/// Says what would become of an alert if it came now.
#[utoipa::path(
    post,
    path = "/api/v1/explain",
    request_body = Question,
    responses((status = 200, body = WhatIf))
)]
async fn explanation(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<WhatIf>, Problem> {
    let question: Question = json_body(&app, &headers, body)?;
    Ok(Json(ask(&app, question).await?))
}

/// Answers a question; one at a time, because each takes a copy of all that is open.
pub(super) async fn ask(app: &Arc<App>, question: Question) -> Result<WhatIf, Problem> {
    let _turn = app.copies.acquire().await.map_err(|error| Problem::internal(&error))?;
    let store = Arc::clone(&app.doors.store);
    app.read(move |reading| answer(reading, &store, &question)).await
}

fn answer(reading: &Reading<'_>, store: &Store, question: &Question) -> Result<WhatIf, Problem> {
    let known = question.alert.as_deref().map(|text| known(reading, text)).transpose()?;
    let hypothesis = hypothesis(known.as_ref(), question)?;
    let other = question.rules.as_deref().map(|files| with_rules(reading, files)).transpose()?;
    let ctx = other.as_ref().unwrap_or(&reading.context);
    let rule = question.why_not.as_deref().map(|name| named(&ctx.rules, name)).transpose()?;
    let outcome = what_if::what_if(ctx, store.saved()?, &hypothesis, rule);
    let refused = || unprocessable("the engine would not take the alert", Vec::new());
    Ok(told(ctx, &outcome.ok_or_else(refused)?, Time(reading.now)))
}

/// Says why a rule did not apply to an alert that is held.
pub(super) fn why_not(
    reading: &Reading<'_>,
    store: &Store,
    (row, name): (&AlertRow, &str),
) -> Result<String, Problem> {
    let ctx = &reading.context;
    let join = explain::join(reading, row)?;
    let rule = named(&ctx.rules, name)?;
    Ok(what_if::why_not(ctx, store.saved()?, (row.fingerprint, join.as_ref()), rule))
}

fn known(reading: &Reading<'_>, text: &str) -> Result<AlertRow, Problem> {
    let fingerprint: Fingerprint =
        text.parse().map_err(|error| Problem::bad_request(format!("alert: {error}")))?;
    let row = reading.view.alert(fingerprint)?;
    row.ok_or_else(|| Problem::not_found(format!("no alert has the fingerprint {fingerprint}")))
}

fn hypothesis(known: Option<&AlertRow>, question: &Question) -> Result<Hypothesis, Problem> {
    let mut labels: BTreeMap<&str, &str> = known.iter().flat_map(|row| row.labels.iter()).collect();
    for (name, value) in &question.labels {
        labels.insert(name, value);
    }
    labels.retain(|_, value| !value.is_empty());
    let mut pairs: Vec<(&str, &str)> = labels.into_iter().collect();
    if pairs.is_empty() {
        return Err(Problem::bad_request("labels: an alert has at least one label"));
    }
    let built = Labels::build(&mut pairs);
    let labels = built.map_err(|error| Problem::bad_request(format!("labels: {error}")))?;
    let held = known.and_then(|row| row.state.severity.as_deref().map(Into::into));
    let severity = question.severity.as_deref().map(Into::into).or(held);
    Ok(Hypothesis { labels, severity, instead_of: known.map(|row| row.fingerprint) })
}

fn with_rules(reading: &Reading<'_>, files: &[RuleFile]) -> Result<Arc<Context>, Problem> {
    let files: Vec<SourceFile> = files
        .iter()
        .map(|file| SourceFile { name: file.name.clone(), text: file.text.clone() })
        .collect();
    let loaded = rules::load(&files);
    let Some(set) = loaded.set else {
        let errors = loaded.diagnostics.iter().filter(|it| it.severity == Severity::Error);
        let problems = errors.map(|it| json!({"text": short(it).trim_end()})).collect();
        return Err(unprocessable("the rules have errors", problems));
    };
    let (topology, limits) = (Arc::clone(&reading.context.topology), reading.context.limits);
    Ok(Arc::new(Context::new(Arc::new(set), topology, limits)))
}

fn unprocessable(message: &str, problems: Vec<serde_json::Value>) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, message).with(problems)
}

fn named<'a>(rules: &'a RuleSet, name: &str) -> Result<&'a Rule, Problem> {
    rules.any(name).ok_or_else(|| {
        let message = format!("no rule is called {name}; `incidentd rules ls` lists them");
        Problem::not_found(message)
    })
}

/// Tells what would become of an alert.
pub fn told(ctx: &Context, outcome: &Outcome, now: Time) -> WhatIf {
    let row = &outcome.row;
    let word = severity(row.state.severity.as_deref(), &row.labels);
    WhatIf {
        fingerprint: row.fingerprint.to_string(),
        labels: row.labels.iter().map(|(name, value)| (name.into(), value.into())).collect(),
        severity: word.into(),
        binding: explain::binding(ctx, &row.labels),
        sought: super::binding::sought(ctx, &row.labels),
        held_back_by: outcome.held_back_by.clone(),
        rules: tried(ctx, outcome),
        join: outcome.join.as_ref().map(show::join),
        incident: would_be(outcome),
        company: outcome.company.clone(),
        plan: plan(outcome),
        alone: outcome.alone.as_ref().map(alone),
        why_not: outcome.why_not.clone(),
        now,
    }
}

/// Tells what each rule says of it, in the order in which they are asked.
fn tried(ctx: &Context, outcome: &Outcome) -> Vec<wire::explain::RuleTried> {
    let applied = outcome.join.as_ref().and_then(Join::rule);
    let said: BTreeMap<&str, &Tried> = outcome.tried.iter().map(|it| (&*it.rule, it)).collect();
    let all = super::rules::in_order(&ctx.rules).into_iter();
    let tried = all.filter_map(|rule| Some((rule, *said.get(&*rule.name)?)));
    let tried = tried.map(|(rule, it)| wire::explain::RuleTried {
        rule: show::rule(&ctx.rules, &rule.name),
        kind: rule.kind.name().into(),
        matched: it.matched,
        applied: applied == Some(&*rule.name),
        verdicts: it.verdicts.iter().map(verdict).collect(),
    });
    tried.collect()
}

fn verdict(one: &Verdict) -> wire::explain::Verdict {
    let Verdict { matcher, value, holds } = one.clone();
    wire::explain::Verdict { matcher, value, holds }
}

/// Tells what would become of an alert that is alone.
pub(super) fn alone(alone: &crate::lab::alone::Alone) -> wire::explain::Alone {
    let (incident, told) = (&alone.incident, alone.told.as_ref());
    wire::explain::Alone {
        priority: incident.assessment.priority.to_string(),
        sum: incident.assessment.sum.clone(),
        rule: incident.rule.as_ref().map(ToString::to_string),
        team: incident.team.as_deref().map(Into::into),
        kind: told.map(|told| told.kind.to_string()),
        target: told.map(|told| told.target.to_string()),
        after_ms: told.map(|told| millis(told.after)),
    }
}

fn millis(span: core::time::Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn would_be(outcome: &Outcome) -> Option<WouldBe> {
    let it = outcome.incident.as_ref()?;
    let opens =
        matches!(outcome.join, Some(Join::Own)) && outcome.row.state.incident == Some(it.id);
    Some(WouldBe {
        id: it.id.to_string(),
        opens,
        title: it.title.clone(),
        rule: it.rule.as_deref().map(Into::into),
        category: it.category.as_deref().map(Into::into),
        priority: it.assessment.priority.to_string(),
        sum: it.assessment.sum.clone(),
        pages: it.assessment.pages,
        team: it.team.as_deref().map(Into::into),
        policy: outcome.policy.as_ref().map(|policy| policy.name.to_string()),
    })
}

fn plan(outcome: &Outcome) -> Vec<Call> {
    let call = |told: &crate::lab::alone::Told| Call {
        after_ms: millis(told.after),
        kind: told.kind.to_string(),
        target: told.target.to_string(),
    };
    outcome.plan.iter().map(call).collect()
}
