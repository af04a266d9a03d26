//! `GET` and `POST /l/{token}`: answers to a notice by its signed link, without a login.
//!
//! A look changes nothing: mail scanners and chats open every link. The button posts, once; what it
//! does is an order like any other, by the person the link was sent to. No referrer leaves these
//! pages, nothing from elsewhere is loaded into them, and no log shows a token.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;

use super::App;
use super::error::Problem;
use crate::clock;
use crate::engine::event::{Command, Ending, Event, Order, Reply};
use crate::mailbox::Work;
use crate::model::incident::{Incident, IncidentId};
use crate::model::link::{Action, Link, LinkFault};

/// Requests for links a second, from everybody together; people click slowly.
pub(super) const RATE_MAX: u32 = 20;

/// What a browser may do with the page: show it, and post its form back to where it came from.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; \
                      base-uri 'none'; frame-ancestors 'none'";

/// Returns the paths of this door.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/l/{token}", get(show).post(act))
}

/// What a page says.
struct Page {
    status: StatusCode,
    title: String,
    text: String,
    /// What the button does.
    button: Option<Action>,
}

impl Page {
    fn of(status: StatusCode, title: impl Into<String>, text: impl Into<String>) -> Self {
        Self { status, title: title.into(), text: text.into(), button: None }
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let Self { status, title, text, button } = self;
        let button = button.map_or_else(String::new, |action| {
            format!("<form method=\"post\"><button>{}</button></form>", verb(action))
        });
        let (title, text) = (escape(&title), escape(&text));
        let page = format!(
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width\">\
             <meta name=\"robots\" content=\"noindex\"><title>{title}</title>\
             <style>body{{font-family:sans-serif;max-width:40em;margin:2em auto;padding:0 1em}}\
             button{{font-size:1.5em;padding:.5em 1em}}</style></head>\
             <body><h1>{title}</h1><p>{text}</p>{button}</body></html>\n"
        );
        let headers = [
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::X_FRAME_OPTIONS, "DENY"),
        ];
        (status, headers, Html(page)).into_response()
    }
}

fn verb(action: Action) -> &'static str {
    match action {
        Action::Acknowledge => "Acknowledge",
        Action::Resolve => "Resolve",
    }
}

fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;").replace('\'', "&#39;")
}

/// Shows what the link would do.
async fn show(State(app): State<Arc<App>>, Path(token): Path<String>) -> Result<Page, Problem> {
    let link = match read(&app, &token) {
        Ok(link) => link,
        Err(page) => return Ok(page),
    };
    let Some(incident) = find(&app, link.notice.incident).await? else { return Ok(gone(&link)) };
    if incident.has_used(link.notice.seq, link.action) {
        return Ok(used(&link));
    }
    let Link { notice, action, contact, until } = &link;
    let title = format!("{} {}?", verb(*action), notice.incident);
    let text = format!(
        "{} {}, {}: {}. It will be said that {contact} did it. The link is good once, until {until}.",
        incident.assessment.priority,
        incident.id,
        incident.progress.name(),
        incident.title,
    );
    Ok(Page { status: StatusCode::OK, title, text, button: Some(*action) })
}

/// Does what the link says.
async fn act(State(app): State<Arc<App>>, Path(token): Path<String>) -> Result<Page, Problem> {
    let link = match read(&app, &token) {
        Ok(link) => link,
        Err(page) => return Ok(page),
    };
    let Link { notice, action, contact, .. } = &link;
    let (incident, done) = (notice.incident, action.done());
    let command = match action {
        Action::Acknowledge => Command::Acknowledge { hold: None, update_in: None },
        Action::Resolve => Command::Resolve(Ending::default()),
    };
    let note = format!("by link of {notice} to {contact}");
    let order = Order { incident, by: contact.clone(), expected: None, note, command };
    let event = Event::ByLink { notice: *notice, action: *action, order };
    Ok(match app.submit(Work::Event(event)).await? {
        Reply::Handled(_) => {
            let text = format!("{incident} is {done} by {contact}.");
            Page::of(StatusCode::OK, format!("{incident} is {done}"), text)
        }
        Reply::Duplicate => used(&link),
        Reply::Refused(refusal) => {
            let title = format!("{incident} was not {done}");
            Page::of(StatusCode::CONFLICT, title, refusal.to_string())
        }
        other @ (Reply::Received(_)
        | Reply::Reported(_)
        | Reply::Silenced(_)
        | Reply::Planned(_)
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

async fn find(app: &Arc<App>, id: IncidentId) -> Result<Option<Incident>, Problem> {
    app.read(move |reading| Ok(reading.view.incident(id)?)).await
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
