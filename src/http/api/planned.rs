//! `/api/v1/changes`: planned changes. They open windows where a rule says so, and are named on
//! incidents that may come of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::routing::get;
use axum::{Json, Router};
use bytes::Bytes;
use utoipa::OpenApi;

use crate::engine::event::{Event, Rest};

use crate::engine::reply::Reply;
use crate::ingest::planned::Written;
use crate::mailbox::Work;
use crate::model::change::{Change, ChangeState};

use super::super::auth::Caller;
use super::super::error::Problem;
use super::super::guard::require_type;
use super::super::query::Pairs;
use super::super::wire::planned::{NewChanges, Planned, PlannedChange, PlannedRecord};
use super::super::wire::{Page, Time};
use super::super::{App, Reading, body};

/// Differences that one answer names.
const DIFFERENCES_MAX: usize = 1_000;

/// Documents the paths of this door.
#[derive(OpenApi)]
#[openapi(paths(list, one, plan))]
pub(in crate::http) struct Document;

/// Returns the paths of this door.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v1/changes", get(list).post(plan))
        .route("/api/v1/changes/{number}", get(one))
}

/// Lists planned changes, in the order of their numbers.
#[utoipa::path(
    get,
    path = "/api/v1/changes",
    params(
        ("state" = Option<String>, Query, example = "all",
         description = "Names of states with commas between them, or `all`, which is meant when it is left out"),
        ("ci" = Option<String>, Query, description = "Only those of this CI"),
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 1000),
        ("cursor" = Option<String>, Query)
    ),
    responses((status = 200, body = Page<PlannedChange>))
)]
async fn list(State(app): State<Arc<App>>, uri: Uri) -> Result<Json<Page<PlannedChange>>, Problem> {
    let pairs = Pairs::read(&uri, &["state", "ci", "limit", "cursor"])?;
    let states = pairs.one("state")?.filter(|text| *text != "all").map(states).transpose()?;
    let [ci, after] = [pairs.one("ci")?, pairs.one("cursor")?].map(|it| it.map(String::from));
    let limit = pairs.limit()?;
    let page = app.read(move |reading| {
        let mut changes = reading.view.planned_changes()?;
        changes.retain(|change| {
            after.as_deref().is_none_or(|after| *change.number > *after)
                && states.as_ref().is_none_or(|states| states.contains(&change.state))
                && ci.as_deref().is_none_or(|ci| change.cis.iter().any(|it| **it == *ci))
        });
        let more = changes.len() > limit;
        changes.truncate(limit);
        Ok(Page {
            next: changes.last().filter(|_| more).map(|last| last.number.to_string()),
            items: changes.iter().map(shown).collect(),
            now: Time(reading.now),
        })
    });
    Ok(Json(page.await?))
}

fn states(text: &str) -> Result<Vec<ChangeState>, Problem> {
    let read = |name: &str| {
        let state = name.parse::<ChangeState>();
        state.map_err(|error| Problem::bad_request(format!("state: {error}, or `all`")))
    };
    text.split(',').map(read).collect()
}

/// Shows a planned change.
#[utoipa::path(
    get,
    path = "/api/v1/changes/{number}",
    params(("number" = String, Path, description = "The change's number")),
    responses((status = 200, body = PlannedRecord))
)]
async fn one(
    State(app): State<Arc<App>>,
    Path(number): Path<String>,
) -> Result<Json<PlannedRecord>, Problem> {
    let record = app.read(move |reading| {
        let change = reading.view.planned_change(&number)?;
        let change = change
            .ok_or_else(|| Problem::not_found(format!("no change has the number {number}")))?;
        let active = change.is_active(reading.now);
        Ok(PlannedRecord { change: shown(&change), active, now: Time(reading.now) })
    });
    Ok(Json(record.await?))
}

/// Plans changes: new ones, and those of a known number anew.
#[utoipa::path(
    post,
    path = "/api/v1/changes",
    request_body = NewChanges,
    responses((status = 200, body = Planned))
)]
async fn plan(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    read: Result<Bytes, BytesRejection>,
) -> Result<Json<Planned>, Problem> {
    require_type(&headers, &["application/json"])?;
    let body = body(read, app.doors.limits.body_bytes)?;
    let new: NewChanges = serde_json::from_slice(&body)
        .map_err(|error| Problem::bad_request(format!("body: {error}")))?;
    let by = caller.acting(&new.by);
    if by.is_empty() {
        return Err(Problem::bad_request("by must name who says so"));
    }
    let changes = checked(&new.changes)?;
    let rest = if new.replace { Rest::Goes } else { Rest::Stays };
    let wanted = changes.clone();
    let mut answer = app.read(move |reading| compare(reading, &wanted, rest)).await?;
    answer.dry_run = new.dry_run;
    if !new.dry_run {
        let event = Event::PlanChanges { changes, rest, by: by.into() };
        let reply = app.submit(Work::Event(event)).await?;
        if let Reply::Planned(done) = reply {
            (answer.added, answer.changed, answer.removed) =
                (done.added, done.changed, done.removed);
        } else if let Reply::Refused(refusal) = reply {
            return Err(Problem::bad_request(refusal.to_string()));
        } else {
            return Err(Problem::internal(&format!("the engine answered changes with {reply:?}")));
        }
    }
    Ok(Json(answer))
}

/// Reads changes; all that is wrong with them is told at once.
fn checked(given: &[PlannedChange]) -> Result<Vec<Change>, Problem> {
    let mut problems = Vec::new();
    let mut numbers = BTreeSet::new();
    let mut changes = Vec::new();
    for (at, change) in given.iter().enumerate() {
        let PlannedChange { number, cis, from, to, state, owner, summary } = change;
        let (from, to) = (from.0, to.0);
        let written = Written { number, cis, from, to, state, owner, summary };
        let mut wrong = written.check().map(|it| changes.push(it)).err().unwrap_or_default();
        if !number.trim().is_empty() && !numbers.insert(number) {
            wrong.push(format!("number {number} is given twice"));
        }
        problems.extend(wrong.into_iter().map(|what| format!("changes[{at}]: {what}")));
    }
    if problems.is_empty() { Ok(changes) } else { Err(Problem::bad_request(problems.join("; "))) }
}

/// Says what becomes of the changes that are stored.
fn compare(reading: &Reading<'_>, wanted: &[Change], rest: Rest) -> Result<Planned, Problem> {
    let held = reading.view.planned_changes()?;
    let held: BTreeMap<&str, &Change> = held.iter().map(|it| (&*it.number, it)).collect();
    let named: BTreeSet<&str> = wanted.iter().map(|change| &*change.number).collect();
    let mut answer = Planned {
        added: 0,
        changed: 0,
        removed: 0,
        difference: Vec::new(),
        unknown_cis: Vec::new(),
        dry_run: true,
        now: Time(reading.now),
    };
    let mut lines = Vec::new();
    for change in wanted {
        match held.get(&*change.number) {
            Some(old) if *old == change => {}
            Some(old) => {
                answer.changed += 1;
                lines.push(format!("~ {}, was {}", words(change), words(old)));
            }
            None => {
                answer.added += 1;
                lines.push(format!("+ {}", words(change)));
            }
        }
    }
    let goes = |it: &&&Change| rest == Rest::Goes && it.source.is_empty();
    let gone = held.values().filter(goes).filter(|it| !named.contains(&*it.number));
    for change in gone {
        answer.removed += 1;
        lines.push(format!("- {}", words(change)));
    }
    lines.truncate(DIFFERENCES_MAX);
    let cis: BTreeSet<&str> = wanted.iter().flat_map(|it| &it.cis).map(|ci| &**ci).collect();
    let unknown = cis.into_iter().filter(|ci| reading.context.topology.find(ci).is_none());
    answer.unknown_cis = unknown.take(DIFFERENCES_MAX).map(Into::into).collect();
    answer.difference = lines;
    Ok(answer)
}

fn words(change: &Change) -> String {
    let Change { number, cis, starts_at, ends_at, state, .. } = change;
    format!("{number} {state} on {} from {starts_at} to {ends_at}", cis.join(", "))
}

fn shown(change: &Change) -> PlannedChange {
    PlannedChange {
        number: change.number.to_string(),
        cis: change.cis.iter().map(ToString::to_string).collect(),
        from: Time(change.starts_at),
        to: Time(change.ends_at),
        state: change.state.to_string(),
        owner: change.owner.to_string(),
        summary: change.summary.to_string(),
    }
}
