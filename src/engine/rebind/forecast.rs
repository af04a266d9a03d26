//! What another topology means for the alerts that are held, worked out beside the engine.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use foldhash::fast::FixedState;

use super::causes_among;
use crate::cmdb::{CiId, Topology};
use crate::engine::context::Context;
use crate::engine::related::{self, Stand};
use crate::engine::tally::Harm;
use crate::model::alert::severity;
use crate::model::labels::{Fingerprint, Labels};
use crate::rules::{Added, Subject};

/// What another topology means for alerts; belongs to the two contexts it was made for.
#[derive(Debug)]
pub struct Forecast {
    /// By place in the old topology: the place in the new one, if it has one.
    moves: Vec<Option<CiId>>,
    /// By place in the new topology: true where the CI is new or other than before.
    fresh: Vec<bool>,
    /// Only asked, never iterated.
    pub(super) alerts: HashMap<Fingerprint, Fate, FixedState>,
    /// The services that suffer from the CIs of these alerts.
    pub(super) services: Arc<BTreeMap<CiId, Arc<Harm>>>,
    /// By place in the new topology: true where other services than before suffer from the CI.
    shifted: Vec<bool>,
}

/// What becomes of one alert.
#[derive(Debug)]
pub(super) struct Fate {
    pub(super) ci: Option<CiId>,
    /// True when nothing else becomes of it: its CI is what it was and hurts whom it hurt, and rules
    /// say the same of the alert.
    pub(super) same: bool,
    /// The severity that its source gave it when this was foretold.
    pub(super) severity: Option<Box<str>>,
    /// What rules add to it.
    pub(super) added: Option<Box<Added>>,
    /// Topology rules that take it for a cause while it fires.
    pub(super) causes: Box<[Arc<str>]>,
    /// Where likelihood counts it while it fires.
    pub(super) stand: Stand,
}

impl Forecast {
    /// Compares two topologies; no alert is foretold yet.
    pub fn new(old: &Topology, new: &Topology) -> Self {
        let mut fresh = vec![true; new.ci_count()];
        let mut news = new.cis().peekable();
        let mut moves = Vec::with_capacity(old.ci_count());
        for (_, ci) in old.cis() {
            while news.next_if(|(_, new)| new.name < ci.name).is_some() {}
            moves.push(match news.peek() {
                Some((id, new)) if new.name == ci.name => {
                    let same = core::ptr::eq(*new, ci) || *new == ci;
                    if let Some(fresh) = fresh.get_mut(id.0 as usize) {
                        *fresh = !same;
                    }
                    Some(*id)
                }
                _ => None,
            });
        }
        let alerts = HashMap::with_hasher(FixedState::default());
        let shifted = vec![false; new.ci_count()];
        Self { moves, fresh, alerts, services: Arc::default(), shifted }
    }

    /// True when this alert is foretold already.
    pub fn knows(&self, alert: Fingerprint) -> bool {
        self.alerts.contains_key(&alert)
    }

    /// Foretells one alert; `old` and `new` are what the engine decides by before and after.
    pub fn foretell(&mut self, [old, new]: [&Context; 2], alert: Fingerprint, of: Told<'_>) {
        let (before, after) = (Seen::by(old, of), Seen::by(new, of));
        let is_kept = self.keeps(before.ci, after.ci);
        if let Some(ci) = after.ci {
            self.foretell_harm([old, new], ci);
        }
        let same = is_kept
            && (&before.added, &before.causes, &before.keys)
                == (&after.added, &after.causes, &after.keys)
            && after.ci.is_none_or(|ci| !self.shifts(ci));
        let Seen { ci, added, causes, keys } = after;
        let stand = if keys == before.keys { Stand::AsBefore } else { Stand::At(keys) };
        let severity = of.severity.map(Into::into);
        self.alerts.insert(alert, Fate { ci, same, severity, added, causes, stand });
    }

    /// Works out whom a CI hurts, and whether these are others than before.
    fn foretell_harm(&mut self, [old, new]: [&Context; 2], ci: CiId) {
        if self.services.contains_key(&ci) {
            return;
        }
        let harm = Harm::of(&new.topology, ci);
        let name = &new.topology.ci(ci).name;
        let before = old.topology.find(name).map(|ci| Harm::of(&old.topology, ci));
        let same = before.is_some_and(|before| {
            let moved = before.services.iter().map(|ci| self.moved(*ci));
            // Of what is only weakened it is not known here whether it is as before.
            let weakens = before.weakens || harm.weakens;
            !weakens && moved.eq(harm.services.iter().map(|ci| Some(*ci)))
        });
        if let Some(shifted) = self.shifted.get_mut(ci.0 as usize) {
            *shifted = !same;
        }
        Arc::make_mut(&mut self.services).insert(ci, Arc::new(harm));
    }

    /// Returns the place of a CI of the old topology in the new one.
    pub(super) fn moved(&self, ci: CiId) -> Option<CiId> {
        self.moves.get(ci.0 as usize).copied().flatten()
    }

    /// True when an alert that was bound to one CI is bound to the same one, and that is as it was.
    pub(super) fn keeps(&self, old: Option<CiId>, new: Option<CiId>) -> bool {
        match (old, new) {
            (None, None) => true,
            (Some(old), Some(new)) => self.moved(old) == Some(new) && !self.is_fresh(new),
            (Some(_), None) | (None, Some(_)) => false,
        }
    }

    pub(super) fn shifts(&self, ci: CiId) -> bool {
        self.shifted.get(ci.0 as usize).copied().unwrap_or(true)
    }

    pub(super) fn is_fresh(&self, ci: CiId) -> bool {
        self.fresh.get(ci.0 as usize).copied().unwrap_or(true)
    }
}

/// What is known of an alert that is foretold.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// Its labels.
    pub labels: &'a Labels,
    /// The severity that its source gives it, if any.
    pub severity: Option<&'a str>,
}

/// What a context says of an alert by itself.
struct Seen {
    ci: Option<CiId>,
    added: Option<Box<Added>>,
    causes: Box<[Arc<str>]>,
    keys: Option<Box<[u64]>>,
}

impl Seen {
    fn by(ctx: &Context, of: Told<'_>) -> Self {
        let ci = ctx.binder.bind(&ctx.topology, of.labels).map(|bound| bound.ci);
        let row = ci.map(|ci| ctx.topology.ci(ci));
        let sent = Subject::new(of.labels, severity(of.severity, of.labels), row);
        let added = ctx.rules.enrich(&sent);
        let matching = ctx.rules.matching(&added.as_deref().map_or(sent, |added| added.over(sent)));
        let causes = ci.map(|_| causes_among(&matching)).unwrap_or_default();
        let keys = related::keys_of(ctx, (of.labels, ci), &matching);
        Self { ci, added, causes, keys }
    }
}
