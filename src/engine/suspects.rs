//! Who is suspected of being the cause of an incident: when that is asked again, and what follows.
//!
//! How suspects are ranked is up to whoever gathers: see `gather::storm` and `related::rank`.

use super::State;
use super::context::Context;
use super::correlate::name_of;
use super::gather;
use super::pending::Told;
use crate::model::incident::{Happening, Incident, IncidentId, Suspect};
use crate::model::labels::Fingerprint;
use crate::model::time::Timestamp;

/// What came of a ranking.
pub(super) struct Ranking<'a> {
    /// The rule by which it was made.
    pub(super) rule: &'a str,
    /// The likeliest first.
    pub(super) suspects: Vec<Suspect>,
    /// The member that speaks for the first of them, if one does and may become the root.
    pub(super) root: Option<Fingerprint>,
}

/// True when an incident has grown by an eighth since its suspects were ranked.
pub(super) fn has_grown(record: &Incident) -> bool {
    record.members >= record.ranked_at + (record.ranked_at / 8).max(1)
}

/// Keeps a ranking, and makes the alert of the likeliest suspect the root.
pub(super) fn accuse(
    state: &mut State,
    ctx: &Context,
    id: IncidentId,
    ranking: Ranking<'_>,
    now: Timestamp,
) {
    let Ranking { rule, suspects, root } = ranking;
    let Some(case) = state.change(id) else { return };
    case.record.ranked_at = case.record.members;
    case.record.suspects = suspects;
    let changed = root.filter(|root| case.record.root.alert != *root);
    let first = case.record.suspects.first().map(ToString::to_string);
    if let (Some(root), Some(why)) = (changed, first) {
        let name = name_of(state, ctx, root);
        let text = format!("{name} is the most likely cause: {why}, rule {rule}");
        state.pending.tell(id, now, Told { what: Happening::RootChanged, text, path: None });
        gather::set_root(state, ctx, id, root);
    }
}
