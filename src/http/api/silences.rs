//! `/api/v1/silences`: silences and windows, with what Alertmanager's API cannot carry: a CI.
//!
//! A list is in the order of the ids, which stays as it is while silences begin and end.

use core::time::Duration;
use std::sync::Arc;

use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::routing::get;
use axum::{Json, Router};
use bytes::Bytes;
use utoipa::OpenApi;

use crate::model::silence::{NotASilence, Silence, SilenceId, SilenceMatcher, SilenceState};
use crate::model::time::Timestamp;
use crate::rules::{duration, in_silence, parser, spell};

use super::super::auth::Caller;
use super::super::error::Problem;
use super::super::guard::require_type;
use super::super::query::Pairs;
use super::super::wire::silence::{NewSilence, Silence as Shown, Silenced};
use super::super::wire::{self, Time};
use super::super::{App, Reading, body};
use super::silencing::{Denied, Wish, find, silence, unsilence};

/// Documents the paths of this door.
#[derive(OpenApi)]
#[openapi(paths(list, create, one, end))]
pub(in crate::http) struct Document;

/// Returns the paths of this door.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v1/silences", get(list).post(create))
        .route("/api/v1/silences/{id}", get(one).delete(end))
}

/// Lists silences and windows, in the order of their ids.
#[utoipa::path(
    get,
    path = "/api/v1/silences",
    params(
        ("state" = Option<String>, Query, example = "all",
         description = "Names of states with commas between them, or `all`; `active,pending` when \
            left out"),
        ("by" = Option<String>, Query, description = "Only those that this person made"),
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 1000),
        ("cursor" = Option<String>, Query)
    ),
    responses((status = 200, body = wire::Page<Shown>))
)]
async fn list(State(app): State<Arc<App>>, uri: Uri) -> Result<Json<wire::Page<Shown>>, Problem> {
    let pairs = Pairs::read(&uri, &["state", "by", "limit", "cursor"])?;
    let states = states(pairs.one("state")?.unwrap_or("active,pending"))?;
    let by = pairs.one("by")?.map(ToOwned::to_owned);
    let limit = pairs.limit()?;
    let after = pairs.one("cursor")?.map(number).transpose()?;
    let page = app.read(move |reading| {
        let mut silences = reading.view.silences()?;
        silences.retain(|one| {
            after.is_none_or(|after| one.id > after)
                && states.contains(&one.state(reading.now))
                && by.as_deref().is_none_or(|by| *one.created_by == *by)
        });
        let more = silences.len() > limit;
        silences.truncate(limit);
        Ok(wire::Page {
            next: silences.last().filter(|_| more).map(|last| last.id.to_string()),
            items: silences.iter().map(|one| shown(one, reading.now)).collect(),
            now: Time(reading.now),
        })
    });
    Ok(Json(page.await?))
}

/// Reads the states that are asked for.
fn states(text: &str) -> Result<Vec<SilenceState>, Problem> {
    if text == "all" {
        return Ok(vec![SilenceState::Active, SilenceState::Pending, SilenceState::Expired]);
    }
    let read = |name: &str| {
        let state = name.parse::<SilenceState>();
        state.map_err(|error| Problem::bad_request(format!("state: {error}, or `all`")))
    };
    text.split(',').map(read).collect()
}

fn number(text: &str) -> Result<SilenceId, Problem> {
    text.parse().map_err(|error: NotASilence| Problem::bad_request(error.to_string()))
}

/// Shows a silence.
#[utoipa::path(
    get,
    path = "/api/v1/silences/{id}",
    params(("id" = String, Path, pattern = "^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$", description = "The silence's id")),
    responses((status = 200, body = Silenced))
)]
async fn one(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<Silenced>, Problem> {
    answer(&app, number(&id)?).await
}

async fn answer(app: &Arc<App>, id: SilenceId) -> Result<Json<Silenced>, Problem> {
    let silenced = app.read(move |reading| {
        let silence = shown(&find(reading, id)?, reading.now);
        Ok(Silenced { silence, now: Time(reading.now) })
    });
    Ok(Json(silenced.await?))
}

/// Makes a silence or a window, or changes one.
#[utoipa::path(
    post,
    path = "/api/v1/silences",
    request_body = NewSilence,
    responses((status = 200, body = Silenced))
)]
async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    read: Result<Bytes, BytesRejection>,
) -> Result<Json<Silenced>, Problem> {
    require_type(&headers, &["application/json"])?;
    let body = body(read, app.doors.limits.body_bytes)?;
    let mut new: NewSilence = serde_json::from_slice(&body)
        .map_err(|error| Problem::bad_request(format!("body: {error}")))?;
    new.by = caller.acting(&new.by);
    let wish = wish(new, app.doors.clock.now())?;
    if let Some(ci) = wish.cis.first().cloned() {
        app.read(move |reading| require_ci(reading, &ci)).await?;
    }
    match silence(&app, wish).await {
        Ok(id) => answer(&app, id).await,
        Err(Denied::Invalid(why)) => Err(Problem::bad_request(why)),
        Err(Denied::Untimely(why)) => Err(Problem::bad_request(why)),
        Err(Denied::Unknown(id)) => Err(Problem::not_found(format!("no silence {id}"))),
        Err(Denied::Problem(problem)) => Err(problem),
    }
}

/// Refuses a window on nothing: a slip of the pen would be noticed when the pager rings.
fn require_ci(reading: &Reading<'_>, name: &str) -> Result<(), Problem> {
    match reading.context.topology.find(name) {
        Some(_) => Ok(()),
        None => Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            format!("the CMDB has no CI `{name}`; import it first, or silence by labels"),
        )),
    }
}

fn wish(new: NewSilence, now: Timestamp) -> Result<Wish, Problem> {
    let refuse = |what: &str| Err(Problem::bad_request(what));
    if new.by.trim().is_empty() {
        return refuse("by must name who says so");
    }
    if new.comment.trim().is_empty() {
        return refuse("comment must say why");
    }
    if new.matchers.is_empty() && new.ci.is_none() {
        return refuse("matchers or ci must say what is to be silent");
    }
    let starts_at = new.starts_at.map_or(now, |time| time.0);
    let ends_at = match (new.ends_at, new.lasts.as_deref()) {
        (Some(time), None) => time.0,
        (None, Some(text)) => starts_at.plus(span(text)?),
        (Some(_), Some(_)) | (None, None) => return refuse("give either ends_at or for"),
    };
    Ok(Wish {
        replaces: new.replaces.as_deref().map(number).transpose()?,
        matchers: matchers(&new.matchers)?,
        cis: new.ci.into_iter().map(Into::into).collect(),
        rule: None,
        starts_at,
        ends_at,
        created_by: new.by.trim().into(),
        comment: new.comment,
        annotations: std::collections::BTreeMap::new(),
    })
}

fn span(text: &str) -> Result<Duration, Problem> {
    duration(text).filter(|span| !span.is_zero()).ok_or_else(|| {
        Problem::bad_request(format!("for is `{text}`, must be a time such as 2h or 1d"))
    })
}

fn matchers(texts: &[String]) -> Result<Vec<SilenceMatcher>, Problem> {
    let mut matchers = Vec::new();
    for text in texts {
        let refuse = |why: String| Problem::bad_request(format!("matchers: `{text}`: {why}"));
        let parsed =
            parser::parse(text).map_err(|error| refuse(format!("{error}; {}", error.help)))?;
        for matcher in parsed {
            let plain = in_silence(&matcher).ok_or_else(|| {
                refuse(format!(
                    "{matcher} asks the CMDB, a silence knows labels; give `ci` instead"
                ))
            })?;
            matchers.push(plain);
        }
    }
    Ok(matchers)
}

/// Ends a silence now.
#[utoipa::path(
    delete,
    path = "/api/v1/silences/{id}",
    params(
        ("id" = String, Path, pattern = "^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$", description = "The silence's id"),
        ("by" = Option<String>, Query, pattern = r"\S", max_length = 128,
         description = "Who says so; may be left out by whoever showed a token")
    ),
    responses((status = 200, body = Silenced))
)]
async fn end(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Json<Silenced>, Problem> {
    let pairs = Pairs::read(&uri, &["by"])?;
    let id = number(&id)?;
    let by = caller.acting(pairs.one("by")?.unwrap_or(""));
    if by.is_empty() {
        return Err(Problem::bad_request("by must name who says so"));
    }
    unsilence(&app, id, &by).await?;
    answer(&app, id).await
}

fn shown(silence: &Silence, now: Timestamp) -> Shown {
    Shown {
        id: silence.id.to_string(),
        state: silence.state(now).to_string(),
        matchers: silence.matchers.iter().map(spell).collect(),
        ci: match &*silence.cis {
            [ci] => Some(ci.to_string()),
            _ => None,
        },
        cis: silence.cis.iter().map(ToString::to_string).collect(),
        rule: silence.rule.as_ref().map(ToString::to_string),
        starts_at: Time(silence.starts_at),
        ends_at: Time(silence.ends_at),
        updated_at: Time(silence.updated_at),
        created_by: silence.created_by.to_string(),
        comment: silence.comment.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_255_200_000);

    fn wished(json: &str) -> Result<Wish, Problem> {
        wish(serde_json::from_str(json).unwrap(), NOW)
    }

    #[test]
    fn a_wish_says_who_why_what_and_until_when() {
        for (json, message) in [
            (r#"{"by":" ","comment":"c"}"#, "by must name who says so"),
            (r#"{"by":"mia","comment":" "}"#, "comment must say why"),
            (r#"{"by":"mia","comment":"c","for":"2h"}"#, "matchers or ci must say"),
            (r#"{"by":"mia","comment":"c","ci":"a"}"#, "give either ends_at or for"),
            (
                r#"{"by":"mia","comment":"c","ci":"a","for":"2h","ends_at":"2026-11-21T12:00:00Z"}"#,
                "give either ends_at or for",
            ),
            (r#"{"by":"mia","comment":"c","ci":"a","for":"soon"}"#, "for is `soon`, must be"),
            (r#"{"by":"mia","comment":"c","ci":"a","for":"0s"}"#, "for is `0s`, must be"),
            (
                r#"{"by":"mia","comment":"c","matchers":["a => b"],"for":"2h"}"#,
                "matchers: `a => b`: unknown operator `=>`",
            ),
            (
                r#"{"by":"mia","comment":"c","matchers":["ci.class=pdu"],"for":"2h"}"#,
                "matchers: `ci.class=pdu`: ci.class=\"pdu\" asks the CMDB",
            ),
            (
                r#"{"by":"mia","comment":"c","ci":"a","for":"2h","replaces":"7"}"#,
                "`7` is no silence id",
            ),
        ] {
            let refused = wished(json).unwrap_err();
            assert_eq!(refused.status.as_u16(), 400);
            assert!(refused.message.starts_with(message), "{json}: {}", refused.message);
        }
    }

    #[test]
    fn a_wish_lasts_from_its_start() {
        let json = r#"{"by":"mia ","comment":"c","matchers":["a=b, c!~d","e=~\"f\""],"for":"2h",
            "starts_at":"2026-11-21T22:00:00+01:00"}"#;
        let wish = wished(json).unwrap();
        assert_eq!(
            wish.matchers.iter().map(spell).collect::<Vec<_>>(),
            ["a=\"b\"", "c!~\"d\"", "e=~\"f\""]
        );
        assert_eq!(
            (&*wish.created_by, wish.starts_at.to_string()),
            ("mia", "2026-11-21T21:00:00.000Z".into())
        );
        assert_eq!(wish.ends_at.since(wish.starts_at), Duration::from_hours(2));
    }

    #[test]
    fn states_are_read_by_name_or_as_all() {
        assert_eq!(states("all").unwrap().len(), 3);
        assert_eq!(
            states("expired,active").unwrap(),
            [SilenceState::Expired, SilenceState::Active]
        );
        let refused = states("gone").unwrap_err().message;
        assert_eq!(refused, "state: `gone` is none of active, pending, expired, or `all`");
    }
}
