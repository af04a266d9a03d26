//! `GET` and `POST /l/{token}`: answers to a notice by its signed link, without a login.
//!
//! A look changes nothing: mail scanners and chats open every link. The button posts, once; what it
//! does is an order like any other, by the person the link was sent to. No referrer leaves these
//! pages, nothing from elsewhere is loaded into them, and no log shows a token. `wishes` says what
//! each link offers, `page` how that looks, `form` what comes back.

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use bytes::Bytes;

use super::App;
use super::error::Problem;
use crate::clock;
use crate::engine::context::Context;
use crate::engine::event::Event;
use crate::engine::refusal::Refusal;
use crate::engine::reply::Reply;
use crate::mailbox::Work;
use crate::model::incident::{Incident, IncidentId};
use crate::model::link::{Action, Link, LinkFault};
use crate::model::on_call::Override;

mod form;
mod page;
mod wishes;

use form::Form;
use page::Page;

/// Requests for links a second, from everybody together; people click slowly.
pub(super) const RATE_MAX: u32 = 20;

/// Returns the paths of this door.
pub(super) fn routes() -> Router<Arc<App>> {
    let path = get(show).post(act).layer(DefaultBodyLimit::max(form::BYTES_MAX));
    Router::new().route("/l/{token}", path)
}

/// Shows what the link would do.
async fn show(State(app): State<Arc<App>>, Path(token): Path<String>) -> Result<Page, Problem> {
    let link = match read(&app, &token) {
        Ok(link) => link,
        Err(page) => return Ok(page),
    };
    let Some(found) = find(&app, link.notice.incident).await? else { return Ok(gone(&link)) };
    if found.incident.has_used(link.notice.seq, link.action) {
        return Ok(used(&link));
    }
    Ok(offer(&app, &link, &found))
}

/// Returns the page with the button of a link.
fn offer(app: &App, link: &Link, found: &Found) -> Page {
    let Found { incident, overrides } = found;
    let Link { action, contact, until, .. } = link;
    let context = context(app);
    let now = app.doors.clock.now();
    let outlook = wishes::outlook(&context, (*action, incident), (overrides, now));
    let text = format!(
        "{} {}, {}: {}.{outlook} It will be said that {contact} did it. The link is good once, \
         until {until}.",
        incident.assessment.priority,
        incident.id,
        incident.progress.name(),
        incident.title,
    );
    let title = match action {
        Action::Acknowledge | Action::Escalate | Action::Resolve => {
            format!("{} {}?", wishes::verb(*action), incident.id)
        }
        Action::Confirm => format!("{}: is it over?", incident.id),
        Action::Reject => format!("{}: is it not over?", incident.id),
    };
    let ask = wishes::ask(&context.rules.closing, *action, incident);
    Page { form: Some(ask), ..Page::of(StatusCode::OK, title, text) }
}

fn context(app: &App) -> Arc<Context> {
    Arc::clone(&app.doors.context.borrow())
}

/// Does what the link says.
async fn act(
    State(app): State<Arc<App>>,
    Path(token): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Page, Problem> {
    let link = match read(&app, &token) {
        Ok(link) => link,
        Err(page) => return Ok(page),
    };
    let form = Form::read(&super::body(body, form::BYTES_MAX)?)?;
    let Link { notice, action, contact, .. } = &link;
    let (incident, done) = (notice.incident, action.done());
    let order = match wishes::order(&link, &form, &context(&app).rules.closing) {
        Ok(order) => order,
        Err(why) => return again(&app, &link, &why).await,
    };
    let event = Event::ByLink { notice: *notice, action: *action, order };
    Ok(match app.submit(Work::Event(event)).await? {
        Reply::Handled(_) => {
            let text = format!("{incident} is {done} by {contact}.");
            Page::of(StatusCode::OK, format!("{incident} is {done}"), text)
        }
        Reply::Duplicate => used(&link),
        // What can be put right in the form is asked for once more.
        Reply::Refused(
            refusal @ (Refusal::Incomplete { .. }
            | Refusal::UnknownCode { .. }
            | Refusal::Conflict { .. }),
        ) => return again(&app, &link, &refusal.to_string()).await,
        Reply::Refused(refusal) => {
            let title = format!("{incident} was not {done}");
            Page::of(StatusCode::CONFLICT, title, refusal.to_string())
        }
        other @ (Reply::Received(_)
        | Reply::Reported(_)
        | Reply::Silenced(_)
        | Reply::Planned(_)
        | Reply::Overridden(_)
        | Reply::Retried(_)
        | Reply::Forgotten(_)
        | Reply::Consumed(_)
        | Reply::Done
        | Reply::Outdated
        | Reply::Quarantined(_)) => {
            return Err(Problem::internal(&format!("the engine answered {other:?}")));
        }
    })
}

/// Shows the form once more, with why what was sent will not do.
async fn again(app: &Arc<App>, link: &Link, why: &str) -> Result<Page, Problem> {
    let Some(found) = find(app, link.notice.incident).await? else { return Ok(gone(link)) };
    let page = offer(app, link, &found);
    let title = format!("{} was not {}", found.incident.id, link.action.done());
    Ok(Page { status: StatusCode::CONFLICT, title, text: format!("{why} {}", page.text), ..page })
}

/// Reads a token, or returns the page that says why it cannot be used.
fn read(app: &App, token: &str) -> Result<Link, Page> {
    let doors = &app.doors;
    let Some(links) = &doors.links else {
        let text = "This installation answers no links: `http.public_url` is not set.";
        return Err(Page::of(StatusCode::NOT_FOUND, "No links", text));
    };
    if !app.link_rate.take(clock::monotonic()) {
        let text = "Too many links are opened at once. Wait a moment, then load this page again.";
        return Err(Page::of(StatusCode::TOO_MANY_REQUESTS, "Too many", text));
    }
    let help = "Use `incidentd incidents`, or the link of a newer message.";
    links.read(token, doors.clock.now()).map_err(|fault| match fault {
        LinkFault::Forged => {
            Page::of(StatusCode::NOT_FOUND, "Not a link of ours", format!("{fault}. {help}"))
        }
        LinkFault::Expired(_) => Page::of(StatusCode::GONE, "Expired", format!("{fault}. {help}")),
    })
}

/// What a link is about.
struct Found {
    incident: Incident,
    /// Who stands in on call by a person's word, in the order of the numbers.
    overrides: Vec<Override>,
}

async fn find(app: &Arc<App>, id: IncidentId) -> Result<Option<Found>, Problem> {
    app.read(move |reading| {
        let Some(incident) = reading.view.incident(id)? else { return Ok(None) };
        Ok(Some(Found { incident, overrides: reading.view.overrides()? }))
    })
    .await
}

fn gone(link: &Link) -> Page {
    let text = format!("{} is over and forgotten.", link.notice.incident);
    Page::of(StatusCode::GONE, "Over", text)
}

fn used(link: &Link) -> Page {
    let Link { notice, contact, .. } = link;
    let text = format!(
        "The link that {contact} got with {notice} was used. Nothing was changed now; \
         `incidentd incidents show {}` tells who did what.",
        notice.incident
    );
    Page::of(StatusCode::GONE, "Used before", text)
}
