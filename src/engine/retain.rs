//! Forgets what is old enough: closed incidents with all that belongs to them, and past episodes.
//!
//! Whoever looks after the disk proposes; only the engine knows what it still holds and refuses
//! that. Nothing of the state changes but notices that were given up for a forgotten incident, and
//! what may still be written on its record.

use super::State;
use super::event::PastEpisode;
use super::reply::Forgotten;
use crate::model::incident::IncidentId;
use crate::model::notice::NoticeId;
use crate::model::time::Timestamp;

/// Lets go of what is not held.
pub(super) fn forget(
    state: &mut State,
    incidents: &[IncidentId],
    episodes: &[PastEpisode],
    now: Timestamp,
) -> Forgotten {
    let mut done = Forgotten::default();
    for id in incidents {
        if state.record(*id).is_some() || id.0 > state.counters.next_record {
            done.refused += 1;
            continue;
        }
        let of = NoticeId { incident: *id, seq: 0 }..=NoticeId { incident: *id, seq: u32::MAX };
        let notices: Vec<NoticeId> = state.notices.range(of).map(|(notice, _)| *notice).collect();
        for notice in notices {
            state.notices.remove(&notice);
            state.pending.notices.remove(&notice);
        }
        state.pending.incidents_gone.insert(*id);
        state.pending.afterwards.remove(id);
        state.afterwards.forget(*id, now);
        done.incidents += 1;
    }
    for past in episodes {
        // A present episode is no history; one of an incident at hand is still looked at.
        let held = state.alerts.get(&past.alert);
        let present = held.is_some_and(|held| held.state.episode == past.episode);
        if present || past.incident.is_some_and(|id| state.incidents.contains_key(&id)) {
            done.refused += 1;
            continue;
        }
        state.pending.episodes_gone.insert((past.alert, past.episode));
        done.episodes += 1;
    }
    done
}
