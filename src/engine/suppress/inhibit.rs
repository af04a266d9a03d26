//! Inhibition: alerts that fire mute others, by rules of kind `inhibit`.
//!
//! What counts is whether a source fires, not whether it is itself inhibited; so the outcome depends
//! on what fires alone, in no matter which order it came, and a circle of rules settles. Sources and
//! the alerts they could mute are filed by rule and by what must be equal: the cost of an alert
//! follows what it has to do with, not how many fire. The lists of who mutes whom are stored with
//! the alerts; all else here is derived from what fires. How far a rule reaches down the topology is in
//! `reach`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::super::context::Context;
use super::super::correlate::name_of;
use super::super::{State, credit, prioritise};
use super::{Raised, raise, reach, recount, unsettle};
use crate::cmdb::CiId;
use crate::model::alert::Inhibitor;
use crate::model::few::few;
use crate::model::labels::Fingerprint;
use crate::model::time::Timestamp;
use crate::rules::Inhibit;

/// Sources that are listed of each that a rule asks for. More are not looked at until one of these
/// ends: in a storm a hundred thousand may mute one alert.
pub(super) const LISTED_MAX: usize = 16;

/// Names of sources that a text gives; the others are counted.
const NAMED_MAX: usize = 3;

/// Firing alerts by what they have to do with rules of kind `inhibit`.
#[derive(Debug, Default)]
pub(in crate::engine) struct Inhibition {
    sources: BTreeMap<Place, Group>,
    /// Alerts that are muted where a source fires at the same place, or at one above.
    targets: BTreeMap<Place, BTreeSet<Fingerprint>>,
    /// Where each alert is filed; one that has to do with no rule is not here. Only asked.
    filed: HashMap<Fingerprint, Filed, RandomState>,
    /// Those of them that are filed by the CI they are about.
    by_way: BTreeSet<Fingerprint>,
    /// By listed source: the alerts in whose lists it is.
    muting: BTreeMap<Fingerprint, BTreeSet<Fingerprint>>,
    /// Firing alerts with a list.
    muted: BTreeSet<Fingerprint>,
    /// Alerts to be looked at again before the event is over.
    unsure: BTreeSet<Fingerprint>,
}

/// Where a source and what it mutes meet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) rule: Arc<str>,
    /// Which of the rule's sources.
    slot: usize,
    /// What must be equal.
    values: Box<[Box<str>]>,
    /// The alert's own CI, where the rule follows the topology.
    pub(super) ci: Option<CiId>,
}

impl Place {
    /// Returns the same place at a CI.
    pub(super) fn at(&self, ci: CiId) -> Self {
        Self { ci: Some(ci), ..self.clone() }
    }

    /// Returns the same place without and with any CI.
    pub(super) fn any_ci(&self) -> core::ops::RangeInclusive<Self> {
        let with = |ci| Self { ci, ..self.clone() };
        with(None)..=with(Some(CiId(u32::MAX)))
    }
}

/// The firing sources of one place.
#[derive(Debug, Default)]
pub(super) struct Group {
    /// Those that the rule cannot mute.
    pure: BTreeSet<Fingerprint>,
    /// Those that the rule is about, too: they mute nothing else that is both.
    both: BTreeSet<Fingerprint>,
}

/// Which side of a rule an alert is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// Only the one asked about.
    One,
    /// Source and target.
    Both,
}

impl Group {
    fn of(&mut self, side: Side) -> &mut BTreeSet<Fingerprint> {
        match side {
            Side::One => &mut self.pure,
            Side::Both => &mut self.both,
        }
    }

    /// Yields those that can mute an alert on this side.
    pub(super) fn for_target(&self, side: Side) -> impl Iterator<Item = Fingerprint> {
        let both = (side == Side::One).then_some(&self.both);
        self.pure.iter().chain(both.into_iter().flatten()).copied()
    }

    pub(super) fn can_mute(&self, side: Side, source: Fingerprint) -> bool {
        self.pure.contains(&source) || side == Side::One && self.both.contains(&source)
    }
}

/// Where one alert is filed, by rule.
#[derive(Debug, Default)]
struct Filed {
    sources: Vec<(Place, Side)>,
    /// All places of a rule lie together, in the order of its sources.
    targets: Vec<(Place, Side)>,
}

impl Inhibition {
    /// Returns how many alerts fire and are inhibited.
    pub(in crate::engine) fn muted(&self) -> usize {
        self.muted.len()
    }

    /// True when alerts are still to be looked at again.
    pub(in crate::engine) fn is_unsure(&self) -> bool {
        !self.unsure.is_empty()
    }

    pub(super) fn sources(&self) -> &BTreeMap<Place, Group> {
        &self.sources
    }

    pub(super) fn targets(&self) -> &BTreeMap<Place, BTreeSet<Fingerprint>> {
        &self.targets
    }

    fn file(&mut self, alert: Fingerprint, filed: Filed) {
        if filed.sources.is_empty() && filed.targets.is_empty() {
            return;
        }
        for (place, side) in &filed.sources {
            self.sources.entry(place.clone()).or_default().of(*side).insert(alert);
        }
        for (place, _) in &filed.targets {
            self.targets.entry(place.clone()).or_default().insert(alert);
        }
        let mut places = filed.sources.iter().chain(&filed.targets);
        if places.any(|(place, _)| place.ci.is_some()) {
            self.by_way.insert(alert);
        }
        self.filed.insert(alert, filed);
    }

    fn unfile(&mut self, alert: Fingerprint) {
        let Some(Filed { sources, targets }) = self.filed.remove(&alert) else { return };
        self.by_way.remove(&alert);
        for (place, side) in sources {
            let Some(group) = self.sources.get_mut(&place) else { continue };
            group.of(side).remove(&alert);
            if group.pure.is_empty() && group.both.is_empty() {
                self.sources.remove(&place);
            }
        }
        for (place, _) in targets {
            let Some(alerts) = self.targets.get_mut(&place) else { continue };
            alerts.remove(&alert);
            if alerts.is_empty() {
                self.targets.remove(&place);
            }
        }
    }

    /// Notes who mutes an alert, in the place of who did.
    fn list(&mut self, alert: Fingerprint, old: &[Inhibitor], new: &[Inhibitor]) {
        for by in old {
            if let Some(alerts) = self.muting.get_mut(&by.alert) {
                alerts.remove(&alert);
                if alerts.is_empty() {
                    self.muting.remove(&by.alert);
                }
            }
        }
        for by in new {
            self.muting.entry(by.alert).or_default().insert(alert);
        }
        if new.is_empty() {
            self.muted.remove(&alert)
        } else {
            self.muted.insert(alert)
        };
    }
}

/// Files an alert that begins to fire, notes who mutes it, and lets it mute others.
pub(in crate::engine) fn begin(state: &mut State, ctx: &Context, alert: Fingerprint) {
    if !ctx.rules.can_inhibit() {
        // What a rule that is gone said of its last episode does not hold for this one.
        set(state, alert, Box::default());
        return;
    }
    file(state, ctx, alert);
    // Not: a recount. The alert is not counted yet.
    let by = inhibitors(state, ctx, alert);
    set(state, alert, by);
    announce(state, ctx, alert);
}

/// Takes an alert out that fires no more. What it muted is looked at when the event is over: it may
/// end, or another source begin, with the same delivery.
pub(in crate::engine) fn end(state: &mut State, alert: Fingerprint) {
    state.inhibition.unfile(alert);
    state.inhibition.unsure.remove(&alert);
    let Some(held) = state.alerts.get(&alert) else { return };
    let by = held.state.inhibited_by.clone();
    state.inhibition.list(alert, &by, &[]);
    doubt(state, alert);
}

/// Files an alert anew: what rules ask of it is other than before.
pub(in crate::engine) fn renew(state: &mut State, ctx: &Context, alert: Fingerprint) {
    if !ctx.rules.can_inhibit() {
        return;
    }
    state.inhibition.unfile(alert);
    file(state, ctx, alert);
    state.inhibition.unsure.insert(alert);
    doubt(state, alert);
    announce(state, ctx, alert);
}

fn doubt(state: &mut State, source: Fingerprint) {
    let muted = state.inhibition.muting.get(&source).into_iter().flatten();
    state.inhibition.unsure.extend(muted.copied());
}

/// Files all that fires; rules or topology are others, or the daemon began.
pub(in crate::engine) fn reindex(state: &mut State, ctx: &Context) {
    state.inhibition = Inhibition::default();
    let mut firing: Vec<Fingerprint> =
        state.alerts.iter().filter(|(_, held)| held.state.fires()).map(|(id, _)| *id).collect();
    firing.sort_unstable();
    for alert in firing {
        if ctx.rules.can_inhibit() {
            file(state, ctx, alert);
        }
        let Some(held) = state.alerts.get(&alert) else { continue };
        let by = &held.state.inhibited_by;
        state.inhibition.list(alert, &[], by);
        let is_target = state.inhibition.filed.get(&alert).is_some_and(|it| !it.targets.is_empty());
        if is_target || !by.is_empty() {
            state.inhibition.unsure.insert(alert);
        }
    }
}

/// Files anew what another topology can have changed: alerts whose CI is another or other than before,
/// and those that a rule finds by the way between CIs. All others stay as they are filed, because they
/// are found by their labels and by what their CI says.
pub(in crate::engine) fn rebound(state: &mut State, ctx: &Context, changed: &[Fingerprint]) {
    if ctx.rules.asks_around() {
        return reindex(state, ctx);
    }
    let mut anew: BTreeSet<Fingerprint> = changed.iter().copied().collect();
    anew.extend(&state.inhibition.by_way);
    anew.retain(|alert| state.alerts.get(alert).is_some_and(|held| held.state.fires()));
    // All out before any in: places are named by CIs of one topology only.
    for alert in &anew {
        state.inhibition.unfile(*alert);
    }
    for alert in &anew {
        file(state, ctx, *alert);
        state.inhibition.unsure.insert(*alert);
        doubt(state, *alert);
    }
    for alert in anew {
        announce(state, ctx, alert);
    }
}

/// Looks again at alerts of which it is not sure any more whether they are inhibited, and tells
/// together of those that are not.
pub(in crate::engine) fn settle(state: &mut State, ctx: &Context, now: Timestamp) {
    if !state.inhibition.is_unsure() {
        return;
    }
    let mut raised = Vec::new();
    for alert in core::mem::take(&mut state.inhibition.unsure) {
        let by = inhibitors(state, ctx, alert);
        match change(state, ctx, alert, by) {
            Change::Raised => raised.push(alert),
            Change::None | Change::Muted => {}
        }
    }
    if raised.is_empty() {
        prioritise::settle(state, ctx, now);
    } else {
        raise(state, ctx, &Raised { alerts: &raised, that: "that were inhibited" }, now);
    }
}

enum Change {
    None,
    Muted,
    Raised,
}

/// Gives an alert that is counted other inhibitors.
fn change(state: &mut State, ctx: &Context, alert: Fingerprint, by: Box<[Inhibitor]>) -> Change {
    let Some(held) = state.alerts.get(&alert) else { return Change::None };
    if !held.state.fires() || held.state.inhibited_by == by {
        return Change::None;
    }
    let was_audible = held.state.is_audible();
    state.inhibition.list(alert, &held.state.inhibited_by, &by);
    recount(state, ctx, alert, |of| of.inhibited_by = by);
    let is_audible = state.alerts.get(&alert).is_some_and(|held| held.state.is_audible());
    if was_audible != is_audible {
        unsettle(state, alert);
    }
    match (was_audible, is_audible) {
        (false, true) => Change::Raised,
        (true, false) => {
            credit::inhibited(state, alert);
            Change::Muted
        }
        (true, true) | (false, false) => Change::None,
    }
}

/// Gives an alert that is not counted its inhibitors.
fn set(state: &mut State, alert: Fingerprint, by: Box<[Inhibitor]>) {
    let Some(held) = state.alerts.get_mut(&alert) else { return };
    state.inhibition.list(alert, &[], &by);
    held.state.inhibited_by = by;
}

/// Lets a source that began mute what it is a source for.
fn announce(state: &mut State, ctx: &Context, source: Fingerprint) {
    let Some(filed) = state.inhibition.filed.get(&source) else { return };
    let places = filed.sources.clone();
    for (place, side) in places {
        if is_one_too_many(state, &place, side) {
            continue;
        }
        for alert in reach::below(state, ctx, &place) {
            let by = inhibitors(state, ctx, alert);
            if !by.is_empty() {
                change(state, ctx, alert, by);
            }
        }
    }
}

/// True when whatever the last source of a place could mute lists as many others of it already.
fn is_one_too_many(state: &State, place: &Place, side: Side) -> bool {
    let Some(group) = state.inhibition.sources.get(place) else { return false };
    let others = match side {
        Side::One => group.pure.len(),
        Side::Both => group.pure.len() + group.both.len(),
    };
    others > LISTED_MAX
}

/// Files a firing alert by the rules that are about it and those of which it is a source.
fn file(state: &mut State, ctx: &Context, alert: Fingerprint) {
    let Some(held) = state.alerts.get(&alert) else { return };
    let around = state.around_then(ctx, held);
    let subject = around.subject();
    let mut filed = Filed::default();
    let place = |rule: &Arc<str>, kind: &Inhibit, slot: usize| {
        let values = kind.sources.get(slot).map(|it| it.values(&subject)).unwrap_or_default();
        let ci = kind.reach.as_ref().and(held.ci);
        // An alert without a CI has no part in what follows the topology.
        let has_part = kind.reach.is_none() || ci.is_some();
        has_part.then(|| Place { rule: Arc::clone(rule), slot, values, ci })
    };
    for (rule, kind) in ctx.rules.inhibiting(&subject) {
        let is_target = ctx.rules.find(rule).is_some_and(|rule| rule.matches(&subject));
        let side = if is_target { Side::Both } else { Side::One };
        for (slot, source) in kind.sources.iter().enumerate() {
            if source.takes(&subject) {
                filed.sources.extend(place(rule, kind, slot).map(|place| (place, side)));
            }
        }
    }
    for rule in ctx.rules.matching(&subject) {
        let Some(kind) = rule.kind.inhibit() else { continue };
        let side = if kind.is_source(&subject) { Side::Both } else { Side::One };
        for slot in 0..kind.sources.len() {
            filed.targets.extend(place(&rule.name, kind, slot).map(|place| (place, side)));
        }
    }
    state.inhibition.file(alert, filed);
}

/// Says which firing alerts inhibit an alert that is filed, in their order.
fn inhibitors(state: &State, ctx: &Context, alert: Fingerprint) -> Box<[Inhibitor]> {
    let (Some(held), Some(filed)) = (state.alerts.get(&alert), state.inhibition.filed.get(&alert))
    else {
        return Box::default();
    };
    let mut found = BTreeSet::new();
    for places in filed.targets.chunk_by(|(one, _), (other, _)| one.rule == other.rule) {
        let mut of_rule = Vec::new();
        for (place, side) in places {
            let above = reach::above(state, ctx, place);
            let listed = held.state.inhibited_by.iter().filter(|by| by.rule == place.rule);
            let listed: Vec<Fingerprint> = listed.map(|by| by.alert).collect();
            let sources = reach::muting(ctx, (place.ci, *side), &above, &listed);
            if sources.is_empty() {
                of_rule.clear();
                break;
            }
            of_rule.extend(
                sources.into_iter().map(|alert| Inhibitor { alert, rule: Arc::clone(&place.rule) }),
            );
        }
        found.extend(of_rule);
    }
    found.into_iter().collect()
}

/// Says in words who inhibits an alert; nothing where nobody does.
pub(in crate::engine) fn words(state: &State, ctx: &Context, alert: Fingerprint) -> Option<String> {
    let by = &state.alerts.get(&alert)?.state.inhibited_by;
    let rule = &by.first()?.rule;
    let names: Vec<String> =
        by.iter().take(NAMED_MAX).map(|by| name_of(state, ctx, by.alert)).collect();
    Some(format!("inhibited by {} (rule {rule})", few(&names, by.len())))
}
