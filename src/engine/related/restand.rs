//! Where alerts burn when the topology is another: the places of an alert are named by CIs, and which
//! of those it names are callers is up to the relations.
//!
//! Whoever foretells a change works the places out beside the engine, which then counts anew those
//! alerts that stand elsewhere. Where incidents were active stays: that is stored.

use super::learned::Learned;
use super::places::{Presence, places_of};
use super::{Standing, leave, rule_of};
use crate::cmdb::CiId;
use crate::engine::context::Context;
use crate::engine::state::State;
use crate::model::labels::{Fingerprint, Labels};
use crate::rules::Rule;

/// Where an alert stands in another topology.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Stand {
    /// Where it stood.
    AsBefore,
    /// At these places; nothing where no rule asks for its places.
    At(Option<Box<[u64]>>),
}

/// Returns the places at which an alert counts while it fires; nothing where none of the rules that
/// match it asks for them.
pub(in crate::engine) fn keys_of(
    ctx: &Context,
    of: (&Labels, Option<CiId>),
    matching: &[&Rule],
) -> Option<Box<[u64]>> {
    let (_, kind) = rule_of(matching)?;
    // What was learned says how far a place is, not which one.
    let places = places_of(ctx, of, kind, &Learned::default()).into_iter();
    Some(places.filter(|it| it.presence == Presence::Suffers).map(|it| it.key).collect())
}

/// Counts a firing alert at these places, and no longer where it was counted.
pub(in crate::engine) fn restand(state: &mut State, alert: Fingerprint, keys: Option<Box<[u64]>>) {
    let Some(held) = state.alerts.get_mut(&alert) else { return };
    let incident = held.state.incident;
    let new = incident.zip(keys).map(|(incident, keys)| Standing::new(incident, &keys));
    if held.standing == new {
        return;
    }
    let old = core::mem::replace(&mut held.standing, new.clone());
    if let Some(standing) = old {
        leave(state, &standing);
    }
    let Some(standing) = new else { return };
    for key in standing.keys() {
        state.likelihood.fires(*key, standing.incident());
    }
}
