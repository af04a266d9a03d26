//! What became of notices: a channel took one, did not, or nobody needs it any more.

use core::time::Duration;

use super::pending::Told;
use super::refusal::Refusal;
use super::reply::{Reply, Retried};
use super::{State, budget, threads};
use crate::model::incident::Incident;
use crate::model::notice::{Notice, NoticeId, NoticeKind, NoticeState};
use crate::model::progress::Progress;
use crate::model::time::{Brief, Timestamp};
use crate::model::timeline::Happening;

/// A page or ticket that a channel does not take within this time is with the next one by then.
const FAIL_OVER_AFTER: Duration = Duration::from_mins(1);

/// What the last attempt within that time may take; the usual time-out of channels.
const ATTEMPT: Duration = Duration::from_secs(10);

/// After this time a notice that no channel takes is given up: it would be news from yesterday.
const GIVE_UP_AFTER: Duration = Duration::from_hours(24);

/// Takes a notice off the list of those that are still to be sent.
fn remove(state: &mut State, notice: NoticeId) -> Option<Notice> {
    let removed = state.notices.remove(&notice)?;
    state.pending.notices.remove(&notice);
    state.pending.notices_gone.insert(notice);
    Some(removed)
}

/// A channel took a notice.
pub(super) fn delivered(
    state: &mut State,
    notice: NoticeId,
    (channel, thread): (&str, Option<(&str, &str)>),
    now: Timestamp,
) {
    let Some(gone) = remove(state, notice) else { return };
    if let Some(at) = thread {
        threads::note(state, &gone, channel, at);
    }
    let text = format!("{} {notice} to {} by {channel}", gone.kind, gone.target);
    state.pending.tell(notice.incident, now, Told { what: Happening::Delivered, text, path: None });
}

/// Nobody needs a notice any more: the notifier found so, or its incident went on.
pub(super) fn withheld(state: &mut State, notice: NoticeId, because: &str, now: Timestamp) {
    let Some(gone) = remove(state, notice) else { return };
    budget::forget(state, &gone);
    let text = format!("{notice} not sent: {because}");
    state.pending.tell(notice.incident, now, Told { what: Happening::Withheld, text, path: None });
}

/// A person has notices sent once more, from the first channel on. What nobody needs any more is
/// put away instead.
pub(super) fn retry(state: &mut State, notices: &[NoticeId], by: &str, now: Timestamp) -> Reply {
    let is_dead = |state: &State, id: NoticeId| {
        state.notices.get(&id).is_some_and(|notice| notice.state == NoticeState::Dead)
    };
    let dead: Vec<NoticeId> = notices.iter().copied().filter(|id| is_dead(state, *id)).collect();
    if let (Some(first), true) = (notices.first(), dead.is_empty()) {
        return Reply::Refused(Refusal::NotDead(*first));
    }
    let mut retried = Retried::default();
    for id in dead {
        if !is_needed(state, id) {
            withheld(state, id, "nobody has to answer any more", now);
            retried.withheld.push(id);
            continue;
        }
        let Some(notice) = state.notices.get_mut(&id) else { continue };
        notice.state = NoticeState::Pending;
        notice.channel = 0;
        notice.due_at = now;
        let text = format!("{} {id} to {}: again, by the wish of {by}", notice.kind, notice.target);
        state.pending.notices.insert(id);
        state.pending.tell(id.incident, now, Told { what: Happening::Notice, text, path: None });
        retried.pending.push(id);
    }
    Reply::Retried(retried)
}

/// True while somebody has to see a notice; what asks for an answer only while there is none.
fn is_needed(state: &State, id: NoticeId) -> bool {
    let asks = state.notices.get(&id).is_some_and(|notice| notice.kind != NoticeKind::Update);
    let record = state.incidents.get(&id.incident).map(|case| &case.record);
    let target = state.notices.get(&id).map(|notice| &*notice.target).unwrap_or_default();
    let unanswered = |record: &Incident| {
        let called = record.progress.is_open() && record.is_called(target);
        record.parent.is_none() && (called || matches!(record.progress, Progress::New))
    };
    !asks || record.is_some_and(unanswered)
}

/// A failed attempt.
pub(super) struct Failure<'a> {
    pub(super) notice: NoticeId,
    pub(super) channel: &'a str,
    pub(super) error: &'a str,
    pub(super) retry_in: Option<Duration>,
}

/// A channel did not take a notice: try again, try the next channel, or give up where it is seen.
pub(super) fn failed(state: &mut State, it: &Failure<'_>, now: Timestamp) {
    let Some(notice) = state.notices.get_mut(&it.notice) else { return };
    if notice.state == NoticeState::Dead {
        return;
    }
    notice.attempts += 1;
    it.error.clone_into(&mut notice.last_error);
    let has_next = notice.channels.len() > notice.channel as usize + 1;
    let waited = now.since(notice.created_at);
    let asks = notice.kind != NoticeKind::Update;
    // Not: waiting as long as a receiver asks, when there is another.
    let too_late = |delay: Duration| waited + delay.saturating_add(ATTEMPT) > FAIL_OVER_AFTER;
    let fail_over = has_next && it.retry_in.is_none_or(|delay| asks && too_late(delay));
    let (what, text) = match it.retry_in {
        _ if fail_over => {
            notice.channel += 1;
            notice.due_at = now;
            let next = notice.channel_name();
            (Happening::Failed, format!("{}: {}; goes to {next} now", it.channel, it.error))
        }
        Some(delay) if waited < GIVE_UP_AFTER => {
            notice.due_at = now.plus(delay);
            let again = Brief(delay);
            (Happening::Failed, format!("{}: {}; again in {again}", it.channel, it.error))
        }
        Some(_) | None => {
            notice.state = NoticeState::Dead;
            (Happening::Dead, format!("{}: {}; given up", it.channel, it.error))
        }
    };
    let text = format!("{} by {text}", it.notice);
    state.pending.notices.insert(it.notice);
    state.pending.tell(it.notice.incident, now, Told { what, text, path: None });
}
