//! Major incidents and reviews: reads what people do with them, shows plan, roles and actions, and
//! lists at `/api/v1/actions` what reviews still want to be done.

use core::time::Duration;
use std::sync::Arc;

use axum::extract::State;
use axum::http::Uri;
use axum::routing::get;
use axum::{Json, Router};
use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use utoipa::OpenApi;

use crate::engine::order::Command;
use crate::model::incident::Incident;
use crate::model::major;
use crate::model::review::{self, ACTION_BYTES_MAX};
use crate::model::time::Timestamp;

use super::super::error::Problem;
use super::super::query::Pairs;
use super::super::wire::Time;
use super::super::wire::major::{
    AddAction, Appoint, Check, ChecklistItem, CorrectiveAction, Done, FinishAction, Major,
    OpenAction, OpenActions, ResponsePlan, RoleHolder,
};
use super::super::{App, Reading};
use super::order::{Parts, target};

/// The latest an action can be due: beyond it nobody remembers why.
const DUE_MAX: Duration = Duration::from_hours(10 * 365 * 24);

/// Documents the paths of this door.
#[derive(OpenApi)]
#[openapi(paths(list))]
pub(in crate::http) struct Document;

/// Returns the paths of this door.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/api/v1/actions", get(list))
}

/// Lists what reviews still want to be done, over all incidents; what is due first comes first.
#[utoipa::path(
    get,
    path = "/api/v1/actions",
    params(
        ("overdue" = Option<bool>, Query, description = "Only those whose time is over")
    ),
    responses((status = 200, body = OpenActions))
)]
async fn list(State(app): State<Arc<App>>, uri: Uri) -> Result<Json<OpenActions>, Problem> {
    let pairs = Pairs::read(&uri, &["overdue"])?;
    let only_overdue = match pairs.one("overdue")? {
        None | Some("false") => false,
        Some("true") => true,
        Some(other) => {
            let message = format!("overdue is `{other}`, must be true or false");
            return Err(Problem::bad_request(message));
        }
    };
    let page = app.read(move |reading| {
        let incidents = reading.view.followed()?;
        let all = incidents.iter().flat_map(|incident| open(incident, reading));
        let mut items: Vec<OpenAction> =
            all.filter(|item| item.action.overdue || !only_overdue).collect();
        items.sort_by_key(|item| item.action.due_at);
        Ok(OpenActions { items, now: Time(reading.now) })
    });
    Ok(Json(page.await?))
}

fn open(incident: &Incident, reading: &Reading<'_>) -> Vec<OpenAction> {
    let shown = actions(incident, reading.now).into_iter();
    let open = shown.filter(|action| action.done.is_none()).map(|action| OpenAction {
        incident: incident.id.to_string(),
        title: incident.title.clone(),
        state: incident.progress.name().to_string(),
        action,
    });
    open.collect()
}

pub(super) fn check(it: Check) -> Parts {
    (it.by, it.note, it.expected_version, Command::Check { item: it.item })
}

pub(super) fn appoint(it: Appoint) -> Result<Parts, Problem> {
    let role = it.role.parse().map_err(|error| Problem::bad_request(format!("role: {error}")))?;
    let command = Command::Appoint { role, to: target(&it.to)? };
    Ok((it.by, it.note, it.expected_version, command))
}

pub(super) fn add(it: AddAction, now: Timestamp) -> Result<Parts, Problem> {
    let text = it.text.trim();
    if text.is_empty() || text.len() > ACTION_BYTES_MAX || text.contains(char::is_control) {
        let message = format!("text must be one line of 1 to {ACTION_BYTES_MAX} bytes");
        return Err(Problem::bad_request(message));
    }
    let (owner, due_at) = (target(&it.owner)?, due(&it.due, now)?);
    let command = Command::AddAction { text: text.into(), owner, due_at };
    Ok((it.by, it.note, it.expected_version, command))
}

pub(super) fn finish(it: FinishAction) -> Parts {
    (it.by, it.note, it.expected_version, Command::FinishAction { number: it.number })
}

/// Reads by when something is to be done: a day ends with its last moment in UTC.
fn due(text: &str, now: Timestamp) -> Result<Timestamp, Problem> {
    let day = text.parse::<Date>().ok().filter(|_| !text.contains([':', 'T', ' ']));
    let end = day.and_then(|day| day.checked_add(1.day()).ok());
    let end = end.and_then(|day| day.to_zoned(TimeZone::UTC).ok()).map(|it| it.timestamp());
    let time = end.or_else(|| text.parse().ok());
    let due_at = time.map(|time| Timestamp::from_millis(time.as_millisecond()));
    due_at.filter(|due_at| *due_at <= now.plus(DUE_MAX)).ok_or_else(|| {
        let message = format!(
            "due is `{text}`, must be a day such as 2026-12-01 or a time such as \
             2026-12-01T09:00:00Z, within ten years"
        );
        Problem::bad_request(message)
    })
}

fn ms(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// Shows that an incident is or was a major one.
pub(super) fn major(it: &major::Major) -> Major {
    Major {
        declared_at: Time(it.declared_at),
        by: it.by.to_string(),
        because: it.because.to_string(),
        stood_down_at: it.stood_down_at.map(Time),
        plan: it.plan.as_ref().map(|plan| shown(plan, it.open_items().0)),
        roles: it.roles.iter().map(holder).collect(),
        users: it.users.iter().map(ToString::to_string).collect(),
        update_every_ms: ms(it.update_every),
        watch_ms: ms(it.watch),
        watch_until: it.watch_until.map(Time),
    }
}

fn shown(plan: &major::ResponsePlan, open: usize) -> ResponsePlan {
    let item = |item: &major::Item| ChecklistItem {
        text: item.text.to_string(),
        done: item.done.as_ref().map(done),
    };
    ResponsePlan {
        name: plan.name.to_string(),
        checklist: plan.checklist.iter().map(item).collect(),
        open,
        told: plan.told.iter().map(ToString::to_string).collect(),
        link: plan.link.as_deref().map(Into::into),
    }
}

fn done(it: &major::Done) -> Done {
    Done { at: Time(it.at), by: it.by.to_string(), note: it.note.to_string() }
}

fn holder(it: &major::Holder) -> RoleHolder {
    RoleHolder {
        role: it.role.to_string(),
        who: it.who.to_string(),
        team: it.team.as_deref().map(Into::into),
        since: Time(it.since),
        by: it.by.to_string(),
    }
}

/// Shows what the review of an incident wants to be done.
pub(super) fn actions(incident: &Incident, now: Timestamp) -> Vec<CorrectiveAction> {
    let one = |(at, it): (usize, &review::CorrectiveAction)| CorrectiveAction {
        number: at + 1,
        text: it.text.to_string(),
        owner: it.owner.to_string(),
        due_at: Time(it.due_at),
        overdue: it.is_overdue(now),
        reminded: it.reminded.to_string(),
        by: it.by.to_string(),
        added_at: Time(it.added_at),
        done: it.done.as_ref().map(done),
    };
    incident.actions.iter().enumerate().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_lasts_until_its_end_and_a_time_is_taken_as_it_is() {
        let now = Timestamp::from_millis(1_767_603_600_000);
        for (text, ms) in [
            ("2026-12-01", Some(1_796_169_600_000)),
            ("2026-12-01T09:00:00Z", Some(1_796_115_600_000)),
            ("2026-12-01T09:00:00+01:00", Some(1_796_112_000_000)),
            ("2026-02-30", None),
            ("2040-01-01", None),
            ("tomorrow", None),
            ("", None),
        ] {
            assert_eq!(due(text, now).ok().map(Timestamp::millis), ms, "{text}");
        }
    }

    #[test]
    fn an_action_is_one_line() {
        let now = Timestamp::EPOCH;
        let action = |text: &str| AddAction {
            by: String::new(),
            text: text.into(),
            owner: "contact:dana".into(),
            due: "1970-01-02".into(),
            note: String::new(),
            expected_version: None,
        };
        assert!(add(action(" replace the strip "), now).is_ok());
        for bad in ["", "  ", "a\nb", &"x".repeat(ACTION_BYTES_MAX + 1)] {
            assert!(add(action(bad), now).is_err(), "{bad:?}");
        }
        let nobody = AddAction { owner: "dana".into(), ..action("x") };
        assert!(add(nobody, now).is_err());
    }
}
