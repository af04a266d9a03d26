//! Messages of ours that show an incident's state: a chat's thread, another pager's alert. They follow
//! what people do, also where nobody has to be told of it.

use super::State;
use super::notices::{self, Post};
use crate::model::incident::{IncidentId, Thread};
use crate::model::notice::{Notice, NoticeId, NoticeKind, NoticeState};
use crate::model::time::Timestamp;

/// Messages that follow one incident; further ones stay as they were written.
const THREADS_MAX: usize = 16;

/// Notes a message that has to follow its incident from now on; in the same place the later counts.
pub(super) fn note(state: &mut State, notice: &Notice, channel: &str, at: (&str, &str)) {
    let (place, message) = at;
    let Some(case) = state.change(notice.id.incident) else { return };
    let threads = &mut case.record.threads;
    threads.retain(|it| *it.channel != *channel || *it.place != *place);
    if threads.len() < THREADS_MAX {
        threads.push(Thread {
            channel: channel.into(),
            contact: notice.contact.clone(),
            place: place.into(),
            message: message.into(),
        });
    }
}

/// Has every such message say what became of the incident, unless a notice of this batch does.
pub(super) fn follow(state: &mut State, id: IncidentId, text: &str, now: Timestamp) {
    let threads = state.incidents.get(&id).map(|case| case.record.threads.clone());
    for Thread { channel, contact, .. } in threads.unwrap_or_default() {
        if is_told(state, id, &channel, &contact) {
            continue;
        }
        let post = Post {
            kind: NoticeKind::Update,
            // Not: the person. What is new for them is a message of its own.
            target: format!("channel:{channel}").into(),
            contact,
            channels: vec![channel],
            because: text.into(),
            also: Vec::new(),
            due_at: now,
        };
        notices::put(state, id, post, now);
    }
}

/// True when something that no batch has stored yet goes to the same place.
fn is_told(state: &State, id: IncidentId, channel: &str, contact: &str) -> bool {
    let all = NoticeId { incident: id, seq: 0 }..=NoticeId { incident: id, seq: u32::MAX };
    let mut fresh = state.pending.notices.range(all).filter_map(|it| state.notices.get(it));
    fresh.any(|notice| {
        notice.kind == NoticeKind::Update
            && notice.state == NoticeState::Pending
            && notice.channel_name() == channel
            && *notice.contact == *contact
    })
}
