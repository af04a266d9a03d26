//! Messages of ours that show an incident's state: a chat's thread, another pager's alert. They follow
//! what people do, also where nobody has to be told of it.

use super::State;
use super::budget;
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
        let post = follow_up(channel, contact, text.into(), now);
        notices::put(state, id, post, now);
    }
}

/// Lets the message of a person's last page name what is held back from them: it can be edited, which
/// disturbs nobody.
pub(super) fn show_held_back(state: &mut State, digest: NoticeId, now: Timestamp) {
    let Some(notice) = state.notices.get(&digest) else { return };
    let Some(id) = budget::last(state, &notice.contact, now) else { return };
    let shows = |thread: &&Thread| thread.contact == notice.contact;
    let case = state.incidents.get(&id);
    let Some(Thread { channel, contact, .. }) =
        case.and_then(|case| case.record.threads.iter().find(shows)).cloned()
    else {
        return;
    };
    // Named last: where there is no such message nobody pays for a list of thousands.
    let also: Vec<IncidentId> =
        core::iter::once(digest.incident).chain(notice.also.iter().copied()).collect();
    let more = notice.also_more;
    if !is_told(state, id, &channel, &contact) {
        let count = u64::try_from(also.len()).unwrap_or(u64::MAX).saturating_add(more.into());
        let because = format!("{count} more, held back until {}", notice.due_at);
        let post = Post { also, more, ..follow_up(channel, contact, because, now) };
        notices::put(state, id, post, now);
    }
}

fn follow_up(channel: Box<str>, contact: Box<str>, because: String, now: Timestamp) -> Post {
    Post {
        kind: NoticeKind::Update,
        // Not: the person. What is new for them is a message of its own.
        target: format!("channel:{channel}").into(),
        contact,
        channels: vec![channel],
        because,
        also: Vec::new(),
        more: 0,
        due_at: now,
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
