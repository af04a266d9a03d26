//! The canary: an alert of our own that goes all the way and touches nothing.
//!
//! What the reserved source sends is not correlated. It plans one notice to the reserved channel,
//! whose arrival shows that decoding, deciding, committing and sending work. It is no incident's:
//! it bears the number that no incident has.

use super::State;
use super::reply::Received;
use crate::model::alert::{Occurrence, Signal};
use crate::model::notice::{CANARY, CANARY_INCIDENT, Notice, NoticeId, NoticeKind, NoticeState};
use crate::model::time::Timestamp;

/// Plans the notice; one that has not come through yet gives way to it.
pub(super) fn receive(state: &mut State, all: &[Occurrence], now: Timestamp) -> Received {
    let fires = |it: &&Occurrence| matches!(it.signal, Signal::Firing { .. });
    let Some(_) = all.iter().find(fires) else { return Received::default() };
    // Another one for each batch, so that no late report is taken for one about this.
    let seq = u32::try_from(state.counters.batch % u64::from(u32::MAX)).unwrap_or(0) + 1;
    let id = NoticeId { incident: CANARY_INCIDENT, seq };
    let of = NoticeId { incident: CANARY_INCIDENT, seq: 0 };
    let stuck: Vec<NoticeId> = state
        .notices
        .range(of..)
        .map(|(other, _)| *other)
        .take_while(|other| other.incident == CANARY_INCIDENT)
        .filter(|other| *other != id)
        .collect();
    for other in stuck {
        state.notices.remove(&other);
        state.pending.notices.remove(&other);
        state.pending.notices_gone.insert(other);
    }
    let notice = Notice {
        also: Vec::new(),
        also_more: 0,
        id,
        kind: NoticeKind::Update,
        target: CANARY.into(),
        contact: CANARY.into(),
        channels: vec![CANARY.into()],
        channel: 0,
        because: "shows that the whole path works".into(),
        created_at: now,
        state: NoticeState::Pending,
        due_at: now,
        attempts: 0,
        last_error: String::new(),
    };
    state.notices.insert(id, notice);
    state.pending.notices.insert(id);
    Received { began: 1, ..Received::default() }
}
