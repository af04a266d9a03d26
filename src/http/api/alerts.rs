//! `/api/v1/alerts`: list, show, explain.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::Uri;
use axum::routing::get;
use axum::{Json, Router};
use utoipa::OpenApi;

use crate::engine::changes::AlertRow;
use crate::model::labels::Fingerprint;
use crate::store::view::AlertQuery;

use super::super::error::Problem;
use super::super::query::Pairs;
use super::super::wire::what_if::Question;
use super::super::wire::{self, Time};
use super::super::{App, Reading};
use super::filter::Filter;
use super::{binding, explain, show, what_if};

/// Earlier firings that one answer shows at most.
const EPISODES_MAX: usize = 100;

/// Documents the paths of this door.
#[derive(OpenApi)]
#[openapi(paths(list, one, explanation, binding::unbound))]
pub(in crate::http) struct Document;

/// Returns the paths of this door.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v1/alerts", get(list))
        .route("/api/v1/alerts/unbound", get(binding::unbound))
        .route("/api/v1/alerts/{fingerprint}", get(one))
        .route("/api/v1/alerts/{fingerprint}/explain", get(explanation))
}

/// Lists alerts.
#[utoipa::path(
    get,
    path = "/api/v1/alerts",
    params(
        ("state" = Option<String>, Query, description = "All when left out",
         pattern = "^(firing|ended|all)$"),
        ("silenced" = Option<String>, Query, pattern = "^(true|false|)$", description = "Only those that are silenced, or are not"),
        ("inhibited" = Option<String>, Query, pattern = "^(true|false|)$", description = "Only those that other alerts inhibit, or that none does"),
        ("filter" = Option<Vec<String>>, Query),
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 1000),
        ("cursor" = Option<String>, Query)
    ),
    responses((status = 200, body = wire::Page<wire::Alert>))
)]
async fn list(
    State(app): State<Arc<App>>,
    uri: Uri,
) -> Result<Json<wire::Page<wire::Alert>>, Problem> {
    let pairs =
        Pairs::read(&uri, &["state", "silenced", "inhibited", "filter", "limit", "cursor"])?;
    let firing = match pairs.one("state")? {
        None | Some("all") => None,
        Some("firing") => Some(true),
        Some("ended") => Some(false),
        Some(other) => {
            let message = format!("state is `{other}`, must be firing, ended or all");
            return Err(Problem::bad_request(message));
        }
    };
    let switch = |name| match pairs.one(name)? {
        None => Ok(None),
        Some(_) => pairs.switch(name).map(Some),
    };
    let (silenced, inhibited) = (switch("silenced")?, switch("inhibited")?);
    let (limit, after, filter) = (pairs.limit()?, super::cursor(&pairs)?, Filter::read(&pairs)?);
    let page = app.read(move |reading| {
        let context = &reading.context;
        let takes = |row: &AlertRow| {
            let fits = |asked: Option<bool>, is| asked.is_none_or(|asked| asked == is);
            fits(silenced, !row.state.silenced_by.is_empty())
                && fits(inhibited, !row.state.inhibited_by.is_empty())
                && filter.takes(row, context)
        };
        let query = AlertQuery { firing, after, limit, filter: &takes };
        let page = reading.view.alerts(&query)?;
        let sources = reading.view.counters()?.sources;
        Ok(wire::Page {
            items: page.items.iter().map(|row| show::alert(context, row, &sources)).collect(),
            next: page.next.map(|next| next.to_string()),
            now: Time(reading.now),
        })
    });
    Ok(Json(page.await?))
}

/// Returns the alert with the fingerprint in a path.
fn find(reading: &Reading<'_>, fingerprint: Fingerprint) -> Result<AlertRow, Problem> {
    let row = reading.view.alert(fingerprint)?;
    row.ok_or_else(|| Problem::not_found(format!("no alert has the fingerprint {fingerprint}")))
}

fn fingerprint(text: &str) -> Result<Fingerprint, Problem> {
    text.parse().map_err(|error| Problem::bad_request(format!("{error}")))
}

/// Shows an alert with its earlier firings.
#[utoipa::path(
    get,
    path = "/api/v1/alerts/{fingerprint}",
    params(("fingerprint" = String, Path, pattern = "^[0-9a-f]{16}$")),
    responses((status = 200, body = wire::AlertRecord))
)]
async fn one(
    State(app): State<Arc<App>>,
    Path(text): Path<String>,
) -> Result<Json<wire::AlertRecord>, Problem> {
    let fingerprint = fingerprint(&text)?;
    let record = app.read(move |reading| {
        let row = find(reading, fingerprint)?;
        let sources = reading.view.counters()?.sources;
        let episodes = reading.view.episodes(fingerprint, EPISODES_MAX)?;
        Ok(wire::AlertRecord {
            alert: show::alert(&reading.context, &row, &sources),
            sought: binding::sought(&reading.context, &row.labels),
            join: explain::join(reading, &row)?.as_ref().map(show::join),
            episodes: episodes.iter().map(show::episode).collect(),
            now: Time(reading.now),
        })
    });
    Ok(Json(record.await?))
}

/// Says what each stage saw of an alert; why a rule did not apply; what would be with other labels.
#[utoipa::path(
    get,
    path = "/api/v1/alerts/{fingerprint}/explain",
    params(
        ("fingerprint" = String, Path, pattern = "^[0-9a-f]{16}$"),
        ("why_not" = Option<String>, Query, description = "A rule: what kept it from applying"),
        ("set" = Option<Vec<String>>, Query, example = json!(["severity=critical"]), description = "A label with another value: what would become of the alert with it")
    ),
    responses((status = 200, body = wire::explain::AlertExplanation))
)]
async fn explanation(
    State(app): State<Arc<App>>,
    Path(text): Path<String>,
    uri: Uri,
) -> Result<Json<wire::explain::AlertExplanation>, Problem> {
    let pairs = Pairs::read(&uri, &["set", "why_not"])?;
    let fingerprint = fingerprint(&text)?;
    let why_not = pairs.one("why_not")?.map(str::to_owned);
    let labels: BTreeMap<String, String> =
        pairs.all("set").map(label).collect::<Result<_, Problem>>()?;
    let asked = why_not.clone().filter(|_| labels.is_empty());
    let of = Arc::clone(&app);
    let explained = app.read(move |reading| {
        let row = find(reading, fingerprint)?;
        let mut explained = explain::alert(reading, &row)?;
        if let Some(rule) = asked {
            explained.why_not = Some(what_if::why_not(reading, &of.doors.store, (&row, &rule))?);
        }
        Ok(explained)
    });
    let mut explained = explained.await?;
    if !labels.is_empty() {
        let alert = Some(fingerprint.to_string());
        let question = Question { alert, labels, why_not, ..Question::default() };
        explained.what_if = Some(Box::new(what_if::ask(&app, question).await?));
    }
    Ok(Json(explained))
}

fn label(text: &str) -> Result<(String, String), Problem> {
    let (name, value) = text.split_once('=').ok_or_else(|| {
        Problem::bad_request(format!("set is `{text}`, must be like severity=critical"))
    })?;
    Ok((name.into(), value.into()))
}
