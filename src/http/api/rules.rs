//! `/api/v1/rules`: the rules in force in the order in which they are asked, and what came of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::Uri;
use axum::routing::get;
use axum::{Json, Router};
use utoipa::OpenApi;

use super::super::error::Problem;
use super::super::query::Pairs;
use super::super::wire::Time;
use super::super::wire::rules::{RuleCredits, RuleRecord, RuleRow, RulesPage};
use super::super::{App, Reading};
use crate::model::credit::{Credit, Credits};
use crate::rules::{Rule, RuleSet};

/// Documents the paths of this door.
#[derive(OpenApi)]
#[openapi(paths(list, one))]
pub(in crate::http) struct Document;

/// Returns the paths of this door.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/api/v1/rules", get(list)).route("/api/v1/rules/{name}", get(one))
}

/// Lists the rules in force with what came of them, in the order in which they are asked.
#[utoipa::path(
    get,
    path = "/api/v1/rules",
    params(("kind" = Option<String>, Query, description = "Only rules of this kind")),
    responses((status = 200, body = RulesPage))
)]
async fn list(State(app): State<Arc<App>>, uri: Uri) -> Result<Json<RulesPage>, Problem> {
    let pairs = Pairs::read(&uri, &["kind"])?;
    let kind = pairs.one("kind")?.map(Box::<str>::from);
    let page = app.read(move |reading| {
        let mut items = rows(reading)?;
        items.retain(|row| kind.as_deref().is_none_or(|kind| *kind == row.kind));
        let version = format!("{:016x}", reading.context.rules.version);
        Ok(RulesPage { items, version, now: Time(reading.now) })
    });
    Ok(Json(page.await?))
}

/// Shows a rule with what it looks at and what came of it.
#[utoipa::path(
    get,
    path = "/api/v1/rules/{name}",
    params(("name" = String, Path, description = "Its full name, with `/` written as %2F")),
    responses((status = 200, body = RuleRecord))
)]
async fn one(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
) -> Result<Json<RuleRecord>, Problem> {
    let record = app.read(move |reading| {
        let rules = &reading.context.rules;
        let rule = rules.any(&name).ok_or_else(|| unknown(&name))?;
        let mut rows = rows(reading)?;
        rows.retain(|row| row.kind == rule.kind.name());
        let at = rows.iter().position(|row| row.name == *rule.name).unwrap_or_default();
        let name_at = |at: usize| rows.get(at).map(|row| row.name.clone());
        Ok(RuleRecord {
            asked_after: at.checked_sub(1).and_then(name_at),
            asked_before: name_at(at + 1),
            matchers: matchers(rule),
            policy: rules.policy_of(Some(rule)).name.to_string(),
            rule: rows.get(at).cloned().ok_or_else(|| unknown(&name))?,
        })
    });
    Ok(Json(record.await?))
}

fn unknown(name: &str) -> Problem {
    Problem::not_found(format!("no rule is called {name}; `incidentd rules ls` lists them"))
}

/// Returns all rules in the order in which they are asked.
pub(super) fn in_order(rules: &RuleSet) -> Vec<&Rule> {
    let mut all: Vec<&Rule> = rules.rules.iter().chain(rules.shadows()).collect();
    // Stable: within a kind their own order stays.
    all.sort_by_key(|rule| rule.kind.rank());
    all
}

fn rows(reading: &Reading<'_>) -> Result<Vec<RuleRow>, Problem> {
    let credits = reading.view.credits()?;
    let credits: BTreeMap<&str, &Credits> = credits.iter().map(|of| (&*of.rule, of)).collect();
    let mut turns = BTreeMap::<usize, u32>::new();
    let row = |rule: &Rule| {
        let turn = turns.entry(rule.kind.rank()).or_default();
        *turn += 1;
        let of = credits.get(&*rule.name);
        RuleRow {
            name: rule.name.to_string(),
            kind: rule.kind.name().into(),
            turn: *turn,
            shadow: rule.shadow,
            owner: rule.owner.as_deref().map(Into::into),
            summary: rule.summary.to_string(),
            file: rule.place.file.to_string(),
            line: rule.place.line,
            last: of.map(|of| Time(of.last)),
            credits: of.map(|of| shown(of)).unwrap_or_default(),
        }
    };
    Ok(in_order(&reading.context.rules).into_iter().map(row).collect())
}

fn shown(of: &Credits) -> RuleCredits {
    let count = |what| of.counts.of(what);
    RuleCredits {
        matched: count(Credit::Matched),
        opened: count(Credit::Opened),
        absorbed: count(Credit::Absorbed),
        spared: count(Credit::Spared),
        held_back: count(Credit::HeldBack),
        split: count(Credit::Split),
        would_absorb: count(Credit::WouldAbsorb),
        would_hold_back: count(Credit::WouldHoldBack),
    }
}

fn matchers(rule: &Rule) -> Vec<String> {
    let lists = rule.conditions().into_iter();
    let lines = lists.flat_map(|(list, conditions)| {
        conditions.matchers().map(move |matcher| format!("{list} {matcher}"))
    });
    lines.collect()
}
