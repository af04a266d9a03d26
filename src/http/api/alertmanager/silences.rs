//! `/api/v2/silences` and `/api/v2/silence/{id}`.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use bytes::Bytes;
use serde_json::{Value, json};

use super::Refused;
use super::query::Parameters;
use super::silence_body;
use crate::http::api::silencing::{Denied, Wish, by_state, find, silence, unsilence};
use crate::http::auth::Caller;
use crate::http::wire::alertmanager::{Matcher, Silence as Shown, SilenceStatus};
use crate::http::wire::{self, Time};
use crate::http::{App, body};
use crate::model::silence::{Silence, SilenceId, SilenceMatcher, SilenceState};
use crate::model::time::Timestamp;
use crate::rules::in_silence;
use crate::rules::matcher::Matcher as Asked;

/// The label under which a window on a CI is shown.
const CI: &str = "ci";

/// The label under which the rule of a window is shown.
const RULE: &str = "rule";

/// `InvalidTypeCode` of go-openapi/errors.
const INVALID_TYPE: u16 = 601;

/// Who ends a silence of whom this API says nothing.
const SOMEBODY: &str = "api/v2";

pub(super) async fn list(
    State(app): State<Arc<App>>,
    uri: Uri,
) -> Result<Json<Vec<Shown>>, Refused> {
    let parameters = Parameters::read(&uri)?;
    let filter = parameters.matchers("filter", "")?;
    let states = [SilenceState::Active, SilenceState::Pending, SilenceState::Expired];
    let states: Vec<SilenceState> =
        states.into_iter().filter(|state| parameters.wants(&state.to_string())).collect();
    let silences = app.read(move |reading| {
        let mut silences = reading.view.silences()?;
        silences.retain(|one| states.contains(&one.state(reading.now)) && has(one, &filter));
        silences.sort_by_key(|one| by_state(one, reading.now));
        Ok(silences.iter().map(|one| shown(one, reading.now)).collect())
    });
    Ok(Json(silences.await?))
}

/// True when a silence has all these matchers, as they are written: nothing is evaluated.
fn has(silence: &Silence, filter: &[Asked]) -> bool {
    let matchers = visible(silence);
    filter.iter().all(|asked| in_silence(asked).is_some_and(|asked| matchers.contains(&asked)))
}

pub(super) async fn one(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<Shown>, Refused> {
    let id = number(&id)?;
    let silence = app.read(move |reading| Ok(shown(&find(reading, id)?, reading.now)));
    Ok(Json(silence.await?))
}

pub(super) async fn end(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Refused> {
    let by = caller.name().map_or(SOMEBODY, |name| name);
    unsilence(&app, number(&id)?, by).await?;
    Ok(StatusCode::OK)
}

pub(super) async fn post(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    read: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, Refused> {
    let body = body(read, app.doors.limits.body_bytes)?;
    if !body.is_empty() {
        super::require_json(&headers)?;
    }
    let (named, mut wish) = silence_body::read(&body)?;
    wish.created_by = caller.acting(&wish.created_by);
    let unknown = || Refused::Handler(StatusCode::NOT_FOUND, "silence not found".into());
    if !named.is_empty() {
        let id: SilenceId = named.parse().map_err(|_| unknown())?;
        let held = app.read(move |reading| Ok(reading.view.silence(id)?)).await?;
        keep_window(&mut wish, &held.ok_or_else(unknown)?);
        wish.replaces = Some(id);
    }
    match silence(&app, wish).await {
        Ok(id) => Ok(Json(json!({ "silenceID": id.to_string() }))),
        Err(Denied::Invalid(why)) => Err(Refused::bad_request(format!("invalid silence: {why}"))),
        Err(Denied::Untimely(why)) => {
            Err(Refused::bad_request(format!("Failed to create silence: {why}")))
        }
        Err(Denied::Unknown(_)) => Err(unknown()),
        Err(Denied::Problem(problem)) => Err(problem.into()),
    }
}

/// Takes the matchers away that show the window and the rule of the silence that is replaced.
fn keep_window(wish: &mut Wish, replaced: &Silence) {
    let mut take = |shown: Option<SilenceMatcher>| {
        let at = shown.and_then(|shown| wish.matchers.iter().rposition(|it| *it == shown));
        at.map(|at| wish.matchers.remove(at)).is_some()
    };
    let (keeps_window, keeps_rule) = (take(window(replaced)), take(rule(replaced)));
    if keeps_window {
        wish.cis.clone_from(&replaced.cis);
    }
    if keeps_rule {
        wish.rule.clone_from(&replaced.rule);
    }
}

/// Reads an id out of a path.
fn number(text: &str) -> Result<SilenceId, Refused> {
    text.parse().map_err(|_| {
        let message = format!("silenceID in path must be of type uuid: {text:?}");
        Refused::Framework(INVALID_TYPE, message)
    })
}

fn window(silence: &Silence) -> Option<SilenceMatcher> {
    let (value, is_regex) = match &*silence.cis {
        [] => return None,
        [ci] => (ci.clone(), false),
        cis => (cis.iter().map(|ci| literal(ci)).collect::<Vec<_>>().join("|").into(), true),
    };
    Some(SilenceMatcher { name: CI.into(), value, is_regex, is_equal: true })
}

/// Returns a pattern that matches this text alone.
fn literal(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut pattern, c| {
        if c.is_ascii_punctuation() {
            pattern.push('\\');
        }
        pattern.push(c);
        pattern
    })
}

fn rule(silence: &Silence) -> Option<SilenceMatcher> {
    let value = silence.rule.as_deref()?.into();
    Some(SilenceMatcher { name: RULE.into(), value, is_regex: false, is_equal: true })
}

/// Returns the matchers as they are shown, with those of the window and its rule last.
fn visible(silence: &Silence) -> Vec<SilenceMatcher> {
    silence.matchers.iter().cloned().chain(window(silence)).chain(rule(silence)).collect()
}

fn shown(silence: &Silence, now: Timestamp) -> Shown {
    let matcher = |it: SilenceMatcher| Matcher {
        is_equal: it.is_equal,
        is_regex: it.is_regex,
        name: it.name.into(),
        value: it.value.into(),
    };
    Shown {
        id: silence.id.to_string(),
        status: SilenceStatus { state: silence.state(now).to_string() },
        updated_at: Time(silence.updated_at),
        annotations: wire::object(&silence.annotations),
        comment: silence.comment.to_string(),
        created_by: silence.created_by.to_string(),
        ends_at: Time(silence.ends_at),
        matchers: visible(silence).into_iter().map(matcher).collect(),
        starts_at: Time(silence.starts_at),
    }
}
