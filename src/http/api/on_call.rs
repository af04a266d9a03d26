//! `/api/v1/oncall`: who is called for which team, now or at another time, and who comes next.

use core::time::Duration;
use std::sync::Arc;

use axum::extract::State;
use axum::http::Uri;
use axum::routing::get;
use axum::{Json, Router};
use utoipa::OpenApi;

use super::super::App;
use super::super::error::Problem;
use super::super::query::Pairs;
use super::super::wire::Time;
use super::super::wire::on_call::{OnCallPage, OnCallShift, TeamOnCall};
use crate::model::on_call::Override;
use crate::model::time::Timestamp;
use crate::rules::{OnCall, RuleSet, Shift, Team, Zone};

/// Days of shifts that are shown, and the most that are.
const DAYS: u64 = 28;
const DAYS_MAX: u64 = 366;

/// Documents the paths of this door.
#[derive(OpenApi)]
#[openapi(paths(list))]
pub(in crate::http) struct Document;

/// Returns the paths of this door.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/api/v1/oncall", get(list))
}

/// Says who is called for each team, and who has the shifts after that.
#[utoipa::path(
    get,
    path = "/api/v1/oncall",
    params(
        ("at" = Option<String>, Query, format = DateTime, description = "The time that is asked about; now when left out"),
        ("team" = Option<String>, Query, description = "Only this team"),
        ("days" = Option<u16>, Query, minimum = 1, maximum = 366, description = "Days of shifts; 28 when left out")
    ),
    responses((status = 200, body = OnCallPage))
)]
async fn list(State(app): State<Arc<App>>, uri: Uri) -> Result<Json<OnCallPage>, Problem> {
    let pairs = Pairs::read(&uri, &["at", "team", "days"])?;
    let at = pairs.one("at")?.map(moment).transpose()?;
    let days = pairs.one("days")?.map_or(Ok(DAYS), days)?;
    let team = pairs.one("team")?.map(Box::<str>::from);
    let page = app.read(move |reading| {
        let rules = &reading.context.rules;
        let at = at.unwrap_or(reading.now);
        let until = at.plus(Duration::from_hours(24 * days));
        if let Some(team) = team.as_deref().filter(|team| !rules.teams.contains_key(*team)) {
            return Err(Problem::not_found(format!("no team is called {team}")));
        }
        let wanted = |name: &str| team.as_deref().is_none_or(|team| team == name);
        let teams = rules.teams.iter().filter(|(name, _)| wanted(name));
        let overrides = reading.view.overrides()?;
        let asked = Asked { rules, overrides: &overrides, at, until };
        let items = teams.map(|(name, team)| asked.show(name, team)).collect();
        Ok(OnCallPage { items, at: Time(at), now: Time(reading.now) })
    });
    Ok(Json(page.await?))
}

fn moment(text: &str) -> Result<Timestamp, Problem> {
    let time = text.parse::<jiff::Timestamp>().map_err(|_| {
        let example = "2026-11-21T09:00:00+01:00";
        Problem::bad_request(format!("at is `{text}`, must be a time such as {example}"))
    });
    Ok(Timestamp::from_millis(time?.as_millisecond()))
}

fn days(text: &str) -> Result<u64, Problem> {
    text.parse().ok().filter(|days| (1..=DAYS_MAX).contains(days)).ok_or_else(|| {
        let message = format!("days is `{text}`, must be between 1 and {DAYS_MAX}");
        Problem::bad_request(message)
    })
}

/// What is asked about.
struct Asked<'a> {
    rules: &'a RuleSet,
    /// In the order of their numbers.
    overrides: &'a [Override],
    at: Timestamp,
    until: Timestamp,
}

impl Asked<'_> {
    fn show(&self, name: &str, team: &Team) -> TeamOnCall {
        let named = team.on_call.as_deref();
        let rotation = named.and_then(|name| self.rules.rotations.get(name));
        let zone = rotation.map_or_else(Zone::utc, |rotation| rotation.zone.clone());
        let (contact, because) = self.called(name, named);
        let shifts = self.rules.shifts(name, self.overrides, (self.at, self.until));
        let shown = |shift: Shift| OnCallShift {
            contact: shift.contact.map(Into::into),
            from: Time(shift.from),
            until: Time(shift.until),
            from_local: zone.show(shift.from),
            until_local: zone.show(shift.until),
        };
        TeamOnCall {
            team: name.into(),
            line: team.line,
            contact,
            because,
            rotation: named.map(Into::into),
            zone: rotation.map(|rotation| rotation.zone.name().into()),
            shifts: shifts.into_iter().map(shown).collect(),
        }
    }

    /// Returns who is called, and why.
    fn called(&self, team: &str, rotation: Option<&str>) -> (String, String) {
        if let Some(it) = self.rules.stands_in(team, self.overrides, self.at) {
            let note = if it.note.is_empty() { String::new() } else { format!(": {}", it.note) };
            let because = format!("stands in by override {} of {}{note}", it.number, it.by);
            return (it.contact.to_string(), because);
        }
        let OnCall { contact, hole } = self.rules.on_call(team, self.at);
        let because = match (rotation, hole) {
            (_, Some(rotation)) => {
                format!("nobody is on call in rotation {rotation}; first member of the team")
            }
            (Some(rotation), None) => format!("has the shift in rotation {rotation}"),
            (None, None) => "first member of the team, which has no rotation".into(),
        };
        (contact.into(), because)
    }
}
