//! The channel `log`: a notice as a message of the daemon's own log. It cannot fail.

use tracing::info;

use super::channel::Message;

pub(super) fn send(message: &Message<'_>) -> String {
    let notice = message.notice;
    info!(
        notice.id = %notice.id,
        notice.kind = %message.kind(),
        incident.id = %notice.id.incident,
        target = &*notice.target,
        contact = &*notice.contact,
        text = message.text.text,
        "notice"
    );
    "written to the log".into()
}
