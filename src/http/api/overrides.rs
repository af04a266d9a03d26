//! `/api/v1/oncall/overrides` and `/api/v1/oncall/swaps`: who stands in on call by a person's word.
//!
//! Whoever has the role of an operator may take a shift, give their own away, or trade one of theirs;
//! for others only the team's lead, its manager, or an admin may.

use core::time::Duration;
use std::sync::Arc;

use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use utoipa::OpenApi;

use crate::engine::event::{Event, StandIn};

use crate::engine::reply::Reply;
use crate::mailbox::Work;
use crate::model::on_call::Override;
use crate::model::time::Timestamp;
use crate::rules::{RuleSet, Shift, Zone};
use crate::settings::users::Role;

use super::super::auth::Caller;
use super::super::error::Problem;
use super::super::guard::require_type;
use super::super::query::Pairs;
use super::super::wire::Time;
use super::super::wire::overrides::{NewOverride, NewSwap, Override as Shown, Overrides};
use super::super::{App, Reading, body};

/// How far ahead the shifts of a swap are looked for.
const LOOK_AHEAD: Duration = Duration::from_hours(24 * 366);

/// Bytes of a note.
const NOTE_BYTES_MAX: usize = 1_024;

/// Documents the paths of this door.
#[derive(OpenApi)]
#[openapi(paths(overrides, stand_in, swap, take_back))]
pub(in crate::http) struct Document;

/// Returns the paths of this door.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v1/oncall/overrides", get(overrides).post(stand_in))
        .route("/api/v1/oncall/overrides/{number}", delete(take_back))
        .route("/api/v1/oncall/swaps", post(swap))
}

/// Lists who stands in now or later.
#[utoipa::path(
    get,
    path = "/api/v1/oncall/overrides",
    params(
        ("team" = Option<String>, Query, description = "Only those of this team"),
        ("past" = Option<bool>, Query, description = "`true` for those that are over as well")
    ),
    responses((status = 200, body = Overrides))
)]
async fn overrides(State(app): State<Arc<App>>, uri: Uri) -> Result<Json<Overrides>, Problem> {
    let pairs = Pairs::read(&uri, &["team", "past"])?;
    let team = pairs.one("team")?.map(ToOwned::to_owned);
    let past = match pairs.one("past")? {
        None | Some("false") => false,
        Some("true") => true,
        Some(other) => {
            let message = format!("past is `{other}`, must be true or false");
            return Err(Problem::bad_request(message));
        }
    };
    let page = app.read(move |reading| {
        let wanted = |it: &Override| {
            (past || it.until > reading.now) && team.as_deref().is_none_or(|team| *it.team == *team)
        };
        shown(reading, wanted)
    });
    Ok(Json(page.await?))
}

/// Lets somebody have the shift of a team for a time.
#[utoipa::path(
    post,
    path = "/api/v1/oncall/overrides",
    request_body = NewOverride,
    responses((status = 200, body = Overrides))
)]
async fn stand_in(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    read: Result<Bytes, BytesRejection>,
) -> Result<Json<Overrides>, Problem> {
    let new: NewOverride = wish(&app, &headers, read)?;
    let by = named(&caller, &new.by, &new.note)?;
    let from = new.from.map_or(app.doors.clock.now(), |from| from.0);
    let team: Box<str> = new.team.into();
    let (until, contact) = (new.to.0, new.contact.into());
    let stand_in = StandIn { team: team.clone(), from, until, contact };
    let asked = stand_in.clone();
    app.read(move |reading| {
        let rules = &reading.context.rules;
        let mut touched = vec![asked.contact.clone()];
        let held = reading.view.overrides()?;
        // Who gives away what is theirs, all of it, needs nobody's leave.
        let theirs = rules.shifts(&asked.team, &held, (asked.from, asked.until.max(asked.from)));
        if let [Shift { contact: Some(only), .. }] = &*theirs {
            touched.push(only.clone());
        }
        may(&caller, rules, &asked.team, &touched)
    })
    .await?;
    submit(&app, (vec![stand_in], by, new.note)).await
}

/// Lets two people of a team trade a shift each.
#[utoipa::path(
    post,
    path = "/api/v1/oncall/swaps",
    request_body = NewSwap,
    responses((status = 200, body = Overrides))
)]
async fn swap(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    read: Result<Bytes, BytesRejection>,
) -> Result<Json<Overrides>, Problem> {
    let new: NewSwap = wish(&app, &headers, read)?;
    let by = named(&caller, &new.by, &new.note)?;
    let note = new.note.clone();
    let traded = app.read(move |reading| {
        let rules = &reading.context.rules;
        may(&caller, rules, &new.team, &[new.contact.as_str().into(), new.with.as_str().into()])?;
        trade(reading, &new)
    });
    submit(&app, (traded.await?, by, note)).await
}

/// Takes an override back: whose shift it was has it again.
#[utoipa::path(
    delete,
    path = "/api/v1/oncall/overrides/{number}",
    params(
        ("number" = u64, Path, description = "The override's number"),
        ("by" = Option<String>, Query, description = "Who says so; may be left out by whoever showed a token")
    ),
    responses((status = 200, body = Overrides))
)]
async fn take_back(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(number): Path<String>,
    uri: Uri,
) -> Result<Json<Overrides>, Problem> {
    let pairs = Pairs::read(&uri, &["by"])?;
    let by = named(&caller, pairs.one("by")?.unwrap_or(""), "")?;
    let number: u64 = number.parse().map_err(|_| {
        Problem::bad_request(format!("`{number}` is no number of an override, such as 12"))
    })?;
    let gone = app.read(move |reading| {
        let held = reading.view.overrides()?.into_iter().find(|it| it.number == number);
        let it = held.ok_or_else(|| Problem::not_found(unknown(number)))?;
        let whose = [it.contact.clone(), it.by.clone()];
        may(&caller, &reading.context.rules, &it.team, &whose)?;
        shown(reading, |it| it.number == number)
    });
    let gone = gone.await?;
    #[expect(clippy::wildcard_enum_match_arm, reason = "the engine answers with nothing else")]
    match app.submit(Work::Event(Event::DropOverride { number, by: by.into() })).await? {
        Reply::Done => Ok(Json(gone)),
        Reply::Refused(refusal) => Err(Problem::not_found(refusal.to_string())),
        other => Err(Problem::internal(&format!("the engine answered an override with {other:?}"))),
    }
}

fn unknown(number: u64) -> String {
    format!("no override has the number {number}; `incidentd oncall overrides` lists what there is")
}

fn wish<T: DeserializeOwned>(
    app: &App,
    headers: &HeaderMap,
    read: Result<Bytes, BytesRejection>,
) -> Result<T, Problem> {
    require_type(headers, &["application/json"])?;
    let body = body(read, app.doors.limits.body_bytes)?;
    serde_json::from_slice(&body).map_err(|error| Problem::bad_request(format!("body: {error}")))
}

/// Returns in whose name it is done.
fn named(caller: &Caller, said: &str, note: &str) -> Result<String, Problem> {
    if note.len() > NOTE_BYTES_MAX {
        let message = format!("note is {} bytes long, at most {NOTE_BYTES_MAX}", note.len());
        return Err(Problem::bad_request(message));
    }
    let by = caller.acting(said);
    if by.is_empty() { Err(Problem::bad_request("by must name who says so")) } else { Ok(by) }
}

/// Refuses what is for others to say.
fn may(caller: &Caller, rules: &RuleSet, team: &str, touched: &[Box<str>]) -> Result<(), Problem> {
    let name = caller.name().map(|name| &**name);
    let of = rules.teams.get(team);
    let leads = of.into_iter().flat_map(|of| [of.lead.as_deref(), of.manager.as_deref()]).flatten();
    let mut allowed = leads.chain(touched.iter().map(|it| &**it));
    if caller.role() == Some(Role::Admin) || allowed.any(|it| Some(it) == name) {
        return Ok(());
    }
    let message = format!(
        "{} may only take shifts and give away or trade their own; for others the lead or manager of {team} may, or an admin",
        name.unwrap_or("nobody")
    );
    Err(Problem::new(StatusCode::FORBIDDEN, message).coded("not_yours"))
}

/// Finds the two shifts that are traded.
fn trade(reading: &Reading<'_>, new: &NewSwap) -> Result<Vec<StandIn>, Problem> {
    let rules = &reading.context.rules;
    let held = reading.view.overrides()?;
    let until = reading.now.plus(LOOK_AHEAD);
    let shifts = rules.shifts(&new.team, &held, (reading.now, until));
    let find = |who: &str, named: Option<Time>, after: Timestamp| {
        let of = |shift: &&Shift| {
            let within = |at: Time| shift.from <= at.0 && at.0 < shift.until;
            let meant = named.map_or(shift.from >= after, within);
            shift.contact.as_deref() == Some(who) && meant
        };
        let when = named.map_or("within a year".into(), |at| format!("at {at}"));
        shifts.iter().find(of).ok_or_else(|| {
            let team = &new.team;
            let message = format!(
                "{who} has no shift of {team} {when}; `incidentd oncall show --team {team}` lists them"
            );
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, message).coded("no_shift")
        })
    };
    let given = find(&new.contact, new.shift, reading.now)?;
    let taken = find(&new.with, new.for_shift, given.until)?;
    let stand_in = |shift: &Shift, contact: &str| StandIn {
        team: new.team.as_str().into(),
        from: shift.from,
        until: shift.until,
        contact: contact.into(),
    };
    Ok(vec![stand_in(given, &new.with), stand_in(taken, &new.contact)])
}

async fn submit(
    app: &Arc<App>,
    (stand_ins, by, note): (Vec<StandIn>, String, String),
) -> Result<Json<Overrides>, Problem> {
    let event = Event::PlanOverrides { stand_ins, by: by.into(), note: note.into() };
    #[expect(clippy::wildcard_enum_match_arm, reason = "the engine answers with nothing else")]
    match app.submit(Work::Event(event)).await? {
        Reply::Overridden(numbers) => {
            let made = app.read(move |reading| shown(reading, |it| numbers.contains(&it.number)));
            Ok(Json(made.await?))
        }
        Reply::Refused(refusal) => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            Err(Problem::new(status, refusal.to_string()).coded("not_overridden"))
        }
        other => Err(Problem::internal(&format!("the engine answered an override with {other:?}"))),
    }
}

fn shown(reading: &Reading<'_>, wanted: impl Fn(&Override) -> bool) -> Result<Overrides, Problem> {
    let rules = &reading.context.rules;
    let held = reading.view.overrides()?;
    let items = held.iter().filter(|it| wanted(it)).map(|it| one(rules, it)).collect();
    Ok(Overrides { items, now: Time(reading.now) })
}

fn one(rules: &RuleSet, it: &Override) -> Shown {
    let team = rules.teams.get(&it.team);
    let rotation = team.and_then(|team| rules.rotations.get(team.on_call.as_deref()?));
    let zone = rotation.map_or_else(Zone::utc, |rotation| rotation.zone.clone());
    let problem = if team.is_none() {
        Some(format!("the rule files have no team {} any more", it.team))
    } else if rules.contacts.contains_key(&it.contact) {
        None
    } else {
        Some(format!(
            "the rule files have no contact {} any more: the shift is as without it",
            it.contact
        ))
    };
    Shown {
        number: it.number,
        team: it.team.to_string(),
        contact: it.contact.to_string(),
        from: Time(it.from),
        to: Time(it.until),
        from_local: zone.show(it.from),
        to_local: zone.show(it.until),
        by: it.by.to_string(),
        made_at: Time(it.made_at),
        note: it.note.to_string(),
        problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{SourceFile, load};

    #[test]
    fn only_the_lead_the_manager_and_admins_speak_for_others() {
        let text = "version: 1\n\
            contacts: {anna: {channels: log}, lena: {channels: log}, max: {channels: log}}\n\
            teams: {shop: {members: [anna], lead: lena, manager: max}}\n";
        let rules = load(&[SourceFile { name: "t.yaml".into(), text: text.into() }]).set.unwrap();
        for (name, role, touched, allowed) in [
            ("anna", Role::Operator, &["anna", "bert"][..], true),
            ("anna", Role::Operator, &["bert", "anna"], true),
            ("anna", Role::Operator, &["bert"], false),
            ("anna", Role::Operator, &[], false),
            ("lena", Role::Operator, &["bert"], true),
            ("max", Role::Operator, &["bert"], true),
            ("root", Role::Admin, &["bert"], true),
        ] {
            let caller = Caller::Person { name: name.into(), role };
            let touched: Vec<Box<str>> = touched.iter().map(|it| Box::from(*it)).collect();
            let found = may(&caller, &rules, "shop", &touched);
            assert_eq!(found.is_ok(), allowed, "{name} {touched:?}");
        }
        assert!(may(&Caller::Anonymous, &rules, "shop", &[]).is_ok(), "nobody has a token");
    }
}
