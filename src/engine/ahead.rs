//! Reads ahead what an alert is about to ask for.
//!
//! With thousands of incidents open and a million CIs nearly all of it lies far from the processor, in
//! some dozens of places: each is waited for a tenth of a microsecond, and one after the other where
//! each is asked for when it is needed. Asked for together they come together. So as soon as it is
//! known where alerts are, or what one joins, one word is read of each place that this leads to; and of
//! several alerts of a delivery at a time, because what one leads to comes while the next is asked.
//!
//! Decides nothing and changes nothing: without it all would be the same, and later. What is read goes
//! through [`black_box`], or the compiler would leave it out.

use core::hint::black_box;

use smallvec::SmallVec;

use super::State;
use super::context::Context;
use super::state::Case;
use crate::cmdb::CiId;
use crate::model::incident::IncidentId;
use crate::model::labels::Fingerprint;

/// Alerts for which it is read together. More would not come sooner, and what is read ahead is to be
/// near still when it is used.
pub(super) const TOGETHER: usize = 16;

/// Causes of a CI that are looked at ahead.
const CAUSES_MAX: usize = 16;

/// Lines of a list that are read ahead; of a longer one the rest comes by itself, one after the other.
const LINES_MAX: usize = 32;

/// Bytes of a line in the processor's cache.
const LINE: usize = 64;

/// Reads what alerts on these CIs are asked first when they are put where they belong: what the CIs are
/// like, the incidents that are there or at what they stand on, and what is around them.
pub(super) fn began(state: &State, ctx: &Context, cis: &[CiId]) {
    // One kind of place after the other, each for all: no question of one round waits for another.
    ctx.topology.read_ahead(cis.iter().copied());
    let mut causes: Vec<(CiId, Fingerprint)> = Vec::new();
    if !state.causes.is_empty() {
        state.walks.read_ahead(ctx, cis);
        for ci in cis {
            let above = causes_of(ctx, *ci);
            let first = |ci: CiId| Some((ci, state.causes.get(ci.into())?.first()?.alert));
            causes.extend(above.filter_map(first));
        }
    }
    let mut incidents: Vec<IncidentId> = Vec::with_capacity(cis.len());
    for ci in cis {
        incidents.extend(state.likelihood.read_ahead(&ctx.topology, *ci));
    }
    for (ci, alert) in causes {
        ctx.topology.read_name_ahead(ci);
        let Some(held) = state.alerts.get(&alert) else { continue };
        black_box(held.state.first_seen);
        incidents.extend(held.state.incident);
    }
    joins(state, &incidents);
    // Last, because it is the most.
    for ci in cis {
        state.likelihood.read_around_ahead(*ci);
    }
}

/// Yields the first CIs that can have hurt one outright.
pub(super) fn causes_of(ctx: &Context, ci: CiId) -> impl Iterator<Item = CiId> {
    ctx.topology.causes_of(ci).take(CAUSES_MAX)
}

/// Reads a list: a word of each of its first lines.
pub(super) fn read<T: Clone>(list: &[T]) {
    const { assert!(size_of::<T>() <= LINE) };
    for item in list.iter().step_by(LINE / size_of::<T>()).take(LINES_MAX) {
        black_box(item.clone());
    }
}

/// Reads what changes in incidents that alerts join.
pub(super) fn joins(state: &State, incidents: &[IncidentId]) {
    let cases = incidents.iter().filter_map(|id| state.incidents.get(id));
    let cases: SmallVec<[&Case; TOGETHER]> = cases.collect();
    // What lies in each itself, from its beginning on: about a word of each line.
    for Case { timer, children, tally, record, .. } in &cases {
        black_box((*timer, children.is_empty(), tally.firing(), tally.has_unweighed()));
        black_box((record.parent, record.active_at, record.firing, record.known_error.is_some()));
    }
    // And what it leads to.
    for Case { cis, live, record, .. } in cases {
        black_box((cis.read_ahead(), live.read_ahead()));
        let affected =
            record.affected.cis.iter().next().map(|name| name.as_bytes().first().copied());
        black_box((affected, record.likely.places.first().copied()));
    }
}
