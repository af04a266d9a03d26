//! Puts what is done beside the engine on the audit trail; what the engine does it notes itself.

use super::App;
use super::error::Problem;
use crate::engine::event::Event;
use crate::engine::reply::Reply;
use crate::mailbox::Work;

/// Notes that somebody did something: who, what in a word or two, to what, and the rest in words.
///
/// Waits for room: what was done already must be noted.
///
/// # Errors
/// 503 when the engine stops meanwhile: what was done is done, but whether it is noted is not known.
pub(super) async fn audit(
    app: &App,
    by: &str,
    action: &str,
    object: &str,
    detail: String,
) -> Result<(), Problem> {
    let event =
        Event::Audit { by: by.into(), action: action.into(), object: object.into(), detail };
    match app.doors.mailbox.deliver(Work::Event(event)).await {
        Ok(Reply::Done) => Ok(()),
        Ok(other) => Err(Problem::internal(&format!("the engine answered a note with {other:?}"))),
        Err(busy) => Err(Problem::unavailable(busy.to_string())),
    }
}
