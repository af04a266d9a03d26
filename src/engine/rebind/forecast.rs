//! What another topology, or other rules, mean for the alerts that are held, worked out beside the
//! engine.

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
use crate::rules::{Added, Rule, RulesDelta, Subject};

/// What another topology, or other rules, mean for alerts; belongs to the two contexts it was made
/// for.
#[derive(Debug)]
pub struct Forecast {
    other: Other,
    /// Only asked, never iterated.
    pub(super) alerts: HashMap<Fingerprint, Fate, FixedState>,
    /// The services that suffer from the CIs of these alerts.
    pub(super) services: Arc<BTreeMap<CiId, Arc<Harm>>>,
}

/// What is other than before.
#[derive(Debug)]
enum Other {
    Topology(Places),
    /// Only the rules: every CI is what and where it was, and hurts whom it hurt.
    Rules(RulesDelta),
}

/// Where the CIs of one topology are in another.
#[derive(Debug)]
struct Places {
    /// By place in the old topology: the place in the new one, if it has one.
    moves: Vec<Option<CiId>>,
    /// By place in the new topology: true where the CI is new or other than before.
    fresh: Vec<bool>,
    /// By place in the new topology: true where other services than before suffer from the CI.
    shifted: Vec<bool>,
}

/// What becomes of one alert.
#[derive(Debug)]
pub(in crate::engine) struct Fate {
    pub(in crate::engine) ci: Option<CiId>,
    /// True when nothing else becomes of it: its CI is what it was and hurts whom it hurt, and rules
    /// say the same of the alert.
    pub(super) same: bool,
    /// True when the rules that are about it are the same, in the same order, and say the same.
    pub(super) same_rules: bool,
    /// The severity that its source gave it when this was foretold.
    pub(super) severity: Option<Box<str>>,
    /// What rules add to it.
    pub(in crate::engine) added: Option<Box<Added>>,
    /// Topology rules that take it for a cause while it fires.
    pub(super) causes: Box<[Arc<str>]>,
    /// Where likelihood counts it while it fires.
    pub(super) stand: Stand,
}

impl Fate {
    /// True when what rules say was foretold of an alert with this severity of its source.
    pub(super) fn is_told(&self, severity: Option<&str>) -> bool {
        self.severity.as_deref() == severity
    }
}

impl Forecast {
    /// Compares two rule sets over one topology; no alert is foretold yet.
    pub fn of_rules(old: &Context, new: &Context) -> Self {
        Self::other(Other::Rules(RulesDelta::between(&old.rules, &new.rules)))
    }

    /// Compares two topologies; no alert is foretold yet.
    pub fn new(old: &Topology, new: &Topology) -> Self {
        Self::other(Other::Topology(Places::of(old, new)))
    }

    fn other(other: Other) -> Self {
        let alerts = HashMap::with_hasher(FixedState::default());
        Self { other, alerts, services: Arc::default() }
    }

    /// Foretells nothing and asks for everything to be looked at, whatever is other.
    #[cfg(test)]
    pub(in crate::engine) fn of_nothing() -> Self {
        let (rules, sections) = (std::collections::BTreeSet::new(), true);
        Self::other(Other::Rules(RulesDelta { rules, sections, all: true }))
    }

    /// True when this alert is foretold already.
    pub fn knows(&self, alert: Fingerprint) -> bool {
        self.alerts.contains_key(&alert)
    }

    /// Foretells one alert; `old` and `new` are what the engine decides by before and after.
    pub fn foretell(&mut self, [old, new]: [&Context; 2], alert: Fingerprint, of: Told<'_>) {
        // The same rules say the same of a CI that stays as it is.
        let said: Said = if self.is_of_topology() { |_, _, _| Vec::new() } else { said };
        let (before, after) = (Seen::by(old, of, said), Seen::by(new, of, said));
        let is_kept = self.keeps(before.ci, after.ci);
        if let Some(ci) = after.ci {
            self.foretell_harm([old, new], ci);
        }
        let same_rules = before.said == after.said;
        let same = is_kept
            && same_rules
            && (&before.added, &before.causes, &before.keys)
                == (&after.added, &after.causes, &after.keys)
            && after.ci.is_none_or(|ci| !self.shifts(ci));
        let Seen { ci, added, causes, keys, said: _ } = after;
        let stand = if keys == before.keys { Stand::AsBefore } else { Stand::At(keys) };
        let severity = of.severity.map(Into::into);
        self.alerts.insert(alert, Fate { ci, same, same_rules, severity, added, causes, stand });
    }

    /// Works out whom a CI hurts, and whether these are others than before.
    fn foretell_harm(&mut self, [old, new]: [&Context; 2], ci: CiId) {
        if self.services.contains_key(&ci) {
            return;
        }
        let harm = Harm::of(&new.topology, ci);
        if let Other::Topology(places) = &mut self.other {
            places.compare([&old.topology, &new.topology], ci, &harm);
        }
        Arc::make_mut(&mut self.services).insert(ci, Arc::new(harm));
    }

    /// Returns what becomes of an alert that its source gives this severity still.
    pub(in crate::engine) fn fate(
        &self,
        alert: Fingerprint,
        severity: Option<&str>,
    ) -> Option<&Fate> {
        self.alerts.get(&alert).filter(|fate| fate.is_told(severity))
    }

    /// True when it is the topology that is another.
    pub(super) fn is_of_topology(&self) -> bool {
        self.rules().is_none()
    }

    /// Returns what is other about the rules; nothing where it is the topology that is another.
    pub(super) fn rules(&self) -> Option<&RulesDelta> {
        if let Other::Rules(delta) = &self.other { Some(delta) } else { None }
    }

    /// Returns the place of a CI of the old topology in the new one.
    pub(super) fn moved(&self, ci: CiId) -> Option<CiId> {
        match &self.other {
            Other::Topology(places) => places.moved(ci),
            Other::Rules(_) => Some(ci),
        }
    }

    /// True when an alert that was bound to one CI is bound to the same one, and that is as it was.
    pub(super) fn keeps(&self, old: Option<CiId>, new: Option<CiId>) -> bool {
        match (old, new) {
            (None, None) => true,
            (Some(old), Some(new)) => self.moved(old) == Some(new) && !self.is_fresh(new),
            (Some(_), None) | (None, Some(_)) => false,
        }
    }

    /// True when other services than before suffer from a CI of the new topology.
    pub(super) fn shifts(&self, ci: CiId) -> bool {
        self.has(ci, |places| &places.shifted)
    }

    /// True when a CI of the new topology is new or other than before.
    pub(super) fn is_fresh(&self, ci: CiId) -> bool {
        self.has(ci, |places| &places.fresh)
    }

    fn has(&self, ci: CiId, what: impl Fn(&Places) -> &Vec<bool>) -> bool {
        match &self.other {
            Other::Topology(places) => what(places).get(ci.0 as usize).copied().unwrap_or(true),
            Other::Rules(_) => false,
        }
    }
}

impl Places {
    fn of(old: &Topology, new: &Topology) -> Self {
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
        Self { moves, fresh, shifted: vec![false; new.ci_count()] }
    }

    fn moved(&self, ci: CiId) -> Option<CiId> {
        self.moves.get(ci.0 as usize).copied().flatten()
    }

    /// Notes whether a CI of the new topology, which does this harm, hurts others than before.
    fn compare(&mut self, [old, new]: [&Topology; 2], ci: CiId, harm: &Harm) {
        let before = old.find(&new.ci(ci).name).map(|ci| Harm::of(old, ci));
        let same = before.is_some_and(|before| {
            let moved = before.services.iter().map(|ci| self.moved(*ci));
            // Of what is only weakened it is not known here whether it is as before.
            let weakens = before.weakens || harm.weakens;
            !weakens && moved.eq(harm.services.iter().map(|ci| Some(*ci)))
        });
        if let Some(shifted) = self.shifted.get_mut(ci.0 as usize) {
            *shifted = !same;
        }
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
    /// What the rules that are about it say, in order; see [`Rule::said`].
    said: Vec<u64>,
}

impl Seen {
    fn by(ctx: &Context, of: Told<'_>, said: Said) -> Self {
        let ci = ctx.binder.bind(&ctx.topology, of.labels).map(|bound| bound.ci);
        let row = ci.map(|ci| ctx.topology.ci(ci));
        let sent = Subject::new(of.labels, severity(of.severity, of.labels), row);
        let added = ctx.rules.enrich(&sent);
        let subject = added.as_deref().map_or(sent, |added| added.over(sent));
        let matching = ctx.rules.matching(&subject);
        let causes = ci.map(|_| causes_among(&matching)).unwrap_or_default();
        let keys = related::keys_of(ctx, (of.labels, ci), &matching);
        let said = said(ctx, &subject, &matching);
        Self { ci, added, causes, keys, said }
    }
}

/// Returns what rules say that an alert is filed by; those that match it are known.
type Said = fn(&Context, &Subject<'_>, &[&Rule]) -> Vec<u64>;

/// Returns what all rules say that an alert is filed by: those that match it, those that it is a source
/// of, and the same of those without effect.
fn said(ctx: &Context, subject: &Subject<'_>, matching: &[&Rule]) -> Vec<u64> {
    let rules = &ctx.rules;
    let sources = rules.inhibiting(subject);
    let sources = sources.iter().filter_map(|(rule, _)| rules.find(rule));
    let shadows = rules.shadows_matching(subject);
    let is_source = |rule: &&Rule| rule.kind.inhibit().is_some_and(|it| it.is_source(subject));
    let all = matching.iter().copied().chain(sources).chain(shadows);
    all.chain(rules.shadows().iter().filter(is_source)).map(|rule| rule.said).collect()
}
