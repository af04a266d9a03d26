//! Inhibition: alerts that fire mute others, by rules of kind `inhibit`.
//!
//! What counts is whether a source fires, not whether it is itself inhibited; so the outcome depends
//! on what fires alone, in no matter which order it came, and a circle of rules settles. Sources and
//! the alerts they could mute are filed by rule and by what must be equal: the cost of an alert
//! follows what it has to do with, not how many fire. The lists of who mutes whom are stored with
//! the alerts; all else here is derived from what fires. How far a rule reaches down the topology is in
//! `reach`.

use core::hash::BuildHasher;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::context::Context;
use super::super::correlate::name_of;
use super::super::matched::Matched;
use super::super::state::Held;
use super::super::{State, credit, prioritise};
use super::targets::Targets;
use super::{Raised, raise, reach, recount, unsettle};
use crate::cmdb::CiId;
use crate::model::alert::Inhibitor;
use crate::model::few::few;
use crate::model::labels::Fingerprint;
use crate::model::rare::Rare;
use crate::model::time::Timestamp;
use crate::rules::{Inhibit, Rule, Subject};

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
    targets: Targets,
    /// Names of the rules by which alerts are filed.
    rules: Vec<Arc<str>>,
    /// Alerts that are filed by the CI they are about.
    by_way: BTreeSet<Fingerprint>,
    /// By listed source: the alerts in whose lists it is.
    muting: BTreeMap<Fingerprint, BTreeSet<Fingerprint>>,
    /// Firing alerts with a list.
    muted: BTreeSet<Fingerprint>,
    /// Alerts to be looked at again before the event is over.
    unsure: BTreeSet<Fingerprint>,
}

/// Where a source and what it mutes meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// Hash of the rule, of which of its sources, and of what must be equal: an alert's own values
    /// would be kept four times.
    pub(super) key: u64,
    /// The alert's own CI, where the rule follows the topology.
    pub(super) ci: Option<CiId>,
}

impl Place {
    /// Returns the same place at a CI.
    pub(super) fn at(self, ci: CiId) -> Self {
        Self { ci: Some(ci), ..self }
    }

    /// Returns the same place without and with any CI.
    pub(super) fn any_ci(self) -> core::ops::RangeInclusive<Self> {
        Self { ci: None, ..self }..=self.at(CiId(u32::MAX))
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

/// Where one alert is filed by one source of one rule.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine) struct Entry {
    pub(super) place: Place,
    /// The rule's name, by its place in [`Inhibition::rules`].
    rule: RuleNumber,
    role: Role,
    pub(super) side: Side,
}

/// A rule by its place in the list of those that alerts are filed by.
type RuleNumber = u32;

/// What an alert is at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Source,
    Target,
}

/// Where an alert is filed: as a source, then as a target. All targets of a rule lie together, in the
/// order of its sources. Nearly always it is one.
#[derive(Clone, Debug)]
pub(in crate::engine) enum Filed {
    One(Entry),
    Many(Box<[Entry]>),
}

impl Filed {
    fn of(entries: &[Entry]) -> Option<Box<Self>> {
        let filed = match entries {
            [] => return None,
            [one] => Self::One(*one),
            many => Self::Many(many.into()),
        };
        Some(Box::new(filed))
    }

    fn entries(&self) -> &[Entry] {
        match self {
            Self::One(one) => core::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }

    fn of_role(&self, role: Role) -> impl Iterator<Item = &Entry> {
        self.entries().iter().filter(move |entry| entry.role == role)
    }
}

impl Inhibition {
    /// Returns how many alerts fire and are inhibited.
    pub(in crate::engine) fn muted(&self) -> usize {
        self.muted.len()
    }

    /// Returns what alerts are filed by, but for the numbers that rules happen to have.
    #[cfg(test)]
    pub(in crate::engine) fn kept(&self) -> String {
        let Self { sources, targets, by_way, muting, muted, unsure, rules: _ } = self;
        let targets = targets.sorted();
        format!("{sources:?} {targets:?} {by_way:?} {muting:?} {muted:?} {unsure:?}")
    }

    /// True when alerts are still to be looked at again.
    pub(in crate::engine) fn is_unsure(&self) -> bool {
        !self.unsure.is_empty()
    }

    pub(super) fn sources(&self) -> &BTreeMap<Place, Group> {
        &self.sources
    }

    pub(super) fn targets(&self) -> &Targets {
        &self.targets
    }

    /// Returns the name of the rule by which something is filed.
    pub(super) fn rule(&self, entry: &Entry) -> &str {
        self.rules.get(entry.rule as usize).map_or("", |rule| rule)
    }

    /// Returns the number of a rule, a new one if it has none.
    fn number_of(&mut self, rule: &Arc<str>) -> RuleNumber {
        let known = self.rules.iter().position(|known| known == rule);
        let at = known.unwrap_or_else(|| {
            self.rules.push(Arc::clone(rule));
            self.rules.len() - 1
        });
        // There are not so many rules by far.
        RuleNumber::try_from(at).unwrap_or(RuleNumber::MAX)
    }

    fn file(&mut self, alert: Fingerprint, entries: &[Entry]) {
        for Entry { place, role, side, .. } in entries {
            match role {
                Role::Source => {
                    self.sources.entry(*place).or_default().of(*side).insert(alert);
                }
                Role::Target => self.targets.insert(*place, alert),
            }
        }
        if entries.iter().any(|entry| entry.place.ci.is_some()) {
            self.by_way.insert(alert);
        }
    }

    fn unfile(&mut self, alert: Fingerprint, filed: Option<Box<Filed>>) {
        let Some(filed) = filed else { return };
        self.by_way.remove(&alert);
        for Entry { place, role, side, .. } in filed.entries() {
            if *role == Role::Target {
                self.targets.remove(*place, alert);
                continue;
            }
            let Some(group) = self.sources.get_mut(place) else { continue };
            group.of(*side).remove(&alert);
            if group.pure.is_empty() && group.both.is_empty() {
                self.sources.remove(place);
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
pub(in crate::engine) fn begin(
    state: &mut State,
    ctx: &Context,
    alert: Fingerprint,
    matched: &Matched<'_>,
) {
    if !ctx.rules.can_inhibit() {
        // What a rule that is gone said of its last episode does not hold for this one.
        set(state, alert, Rare::default());
        return;
    }
    let Some(held) = state.alerts.get(&alert) else { return };
    let matching = matched.then(state, ctx, held);
    file(state, ctx, alert, &matching);
    // Not: a recount. The alert is not counted yet.
    let by = inhibitors(state, ctx, alert);
    set(state, alert, by);
    announce(state, ctx, alert);
}

/// Takes an alert out that fires no more. What it muted is looked at when the event is over: it may
/// end, or another source begin, with the same delivery.
pub(in crate::engine) fn end(state: &mut State, alert: Fingerprint) {
    unfile(state, alert);
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
    unfile(state, alert);
    refile(state, ctx, alert);
    state.inhibition.unsure.insert(alert);
    doubt(state, alert);
    announce(state, ctx, alert);
}

fn doubt(state: &mut State, source: Fingerprint) {
    let muted = state.inhibition.muting.get(&source).into_iter().flatten();
    state.inhibition.unsure.extend(muted.copied());
}

/// Files all that fires: the topology is another, and rules ask what fires.
fn reindex(state: &mut State, ctx: &Context) {
    clear(state);
    let all = state.alerts.iter_mut().map(|(alert, held)| {
        held.filed = None;
        (*alert, held.state.fires())
    });
    let mut firing: Vec<Fingerprint> =
        all.filter_map(|(alert, fires)| fires.then_some(alert)).collect();
    firing.sort_unstable();
    for alert in &firing {
        refile(state, ctx, *alert);
    }
    doubt_all(state, ctx, &firing);
}

/// Begins to file everything anew. All that fires is to be filed next, and then comes [`doubt_all`].
pub(in crate::engine) fn clear(state: &mut State) {
    state.inhibition = Inhibition::default();
}

/// Notes who mutes the alerts that fire, as it is stored, and which of them are muted otherwise now:
/// they are to be looked at again. All are filed.
pub(in crate::engine) fn doubt_all(state: &mut State, ctx: &Context, alerts: &[Fingerprint]) {
    for alert in alerts {
        let Some(held) = state.alerts.get(alert).filter(|held| held.state.fires()) else {
            continue;
        };
        let by = &held.state.inhibited_by;
        if by.is_empty() && held.filed.is_none() {
            continue;
        }
        state.inhibition.list(*alert, &[], by);
        if inhibitors(state, ctx, *alert) != held.state.inhibited_by {
            state.inhibition.unsure.insert(*alert);
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
    for alert in file_anew(state, ctx, anew) {
        announce(state, ctx, alert);
    }
}

/// Files anew what other rules say something else of; whom it mutes is found out when the event is over,
/// as it is where everything is filed anew.
pub(in crate::engine) fn reruled(state: &mut State, ctx: &Context, changed: &[Fingerprint]) {
    for alert in file_anew(state, ctx, changed.iter().copied().collect()) {
        let filed = state.alerts.get(&alert).and_then(|held| held.filed.as_deref());
        let Some(filed) = filed else { continue };
        let entries: Vec<Entry> = filed.of_role(Role::Source).copied().collect();
        for entry in entries {
            if !is_one_too_many(state, entry.place, entry.side) {
                let below = reach::below(state, ctx, &entry);
                state.inhibition.unsure.extend(below);
            }
        }
    }
}

/// Files those of these alerts anew that fire, and returns them.
fn file_anew(
    state: &mut State,
    ctx: &Context,
    mut anew: BTreeSet<Fingerprint>,
) -> BTreeSet<Fingerprint> {
    anew.retain(|alert| state.alerts.get(alert).is_some_and(|held| held.state.fires()));
    // All out before any in: places are named by CIs of one topology only.
    for alert in &anew {
        unfile(state, *alert);
    }
    for alert in &anew {
        refile(state, ctx, *alert);
        state.inhibition.unsure.insert(*alert);
        doubt(state, *alert);
    }
    anew
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
fn change(state: &mut State, ctx: &Context, alert: Fingerprint, by: Rare<Inhibitor>) -> Change {
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
fn set(state: &mut State, alert: Fingerprint, by: Rare<Inhibitor>) {
    let Some(held) = state.alerts.get_mut(&alert) else { return };
    state.inhibition.list(alert, &[], &by);
    held.state.inhibited_by = by;
}

/// Lets a source that began mute what it is a source for.
fn announce(state: &mut State, ctx: &Context, source: Fingerprint) {
    let filed = state.alerts.get(&source).and_then(|held| held.filed.as_deref());
    let Some(filed) = filed else { return };
    let entries: Vec<Entry> = filed.of_role(Role::Source).copied().collect();
    for entry in entries {
        if is_one_too_many(state, entry.place, entry.side) {
            continue;
        }
        for alert in reach::below(state, ctx, &entry) {
            let by = inhibitors(state, ctx, alert);
            if !by.is_empty() {
                change(state, ctx, alert, by);
            }
        }
    }
}

/// True when whatever the last source of a place could mute lists as many others of it already.
fn is_one_too_many(state: &State, place: Place, side: Side) -> bool {
    let Some(group) = state.inhibition.sources.get(&place) else { return false };
    let others = match side {
        Side::One => group.pure.len(),
        Side::Both => group.pure.len() + group.both.len(),
    };
    others > LISTED_MAX
}

/// Takes an alert out wherever it is filed.
fn unfile(state: &mut State, alert: Fingerprint) {
    let filed = state.alerts.get_mut(&alert).and_then(|held| held.filed.take());
    state.inhibition.unfile(alert, filed);
}

/// Files a firing alert by the rules that match it now.
fn refile(state: &mut State, ctx: &Context, alert: Fingerprint) {
    let Some(held) = state.alerts.get(&alert) else { return };
    let matching = ctx.rules.matching(&state.around_then(ctx, held).subject());
    file(state, ctx, alert, &matching);
}

/// Files a firing alert by the rules that match it and those of which it is a source.
pub(in crate::engine) fn file<'a>(
    state: &mut State,
    ctx: &'a Context,
    alert: Fingerprint,
    matching: &[&'a Rule],
) {
    let Some(held) = state.alerts.get(&alert) else { return };
    let found = meetings(ctx, held, &state.around_then(ctx, held).subject(), matching);
    let entry = |Meeting { rule, place, role, side }: Meeting<'_>| {
        let rule = state.inhibition.number_of(rule);
        Entry { place, rule, role, side }
    };
    let entries: Vec<Entry> = found.into_iter().map(entry).collect();
    state.inhibition.file(alert, &entries);
    if let Some(held) = state.alerts.get_mut(&alert) {
        held.filed = Filed::of(&entries);
    }
}

/// An alert and one source of a rule.
struct Meeting<'a> {
    rule: &'a Arc<str>,
    place: Place,
    role: Role,
    side: Side,
}

/// Says what an alert has to do with rules of kind `inhibit`: what it is a source of, then what it is
/// a target of.
fn meetings<'a>(
    ctx: &'a Context,
    held: &Held,
    subject: &Subject<'_>,
    matching: &[&'a Rule],
) -> Vec<Meeting<'a>> {
    let place = |rule: &Arc<str>, kind: &Inhibit, slot: usize| {
        let source = kind.sources.get(slot)?;
        let ci = kind.reach.as_ref().and(held.ci);
        // An alert without a CI has no part in what follows the topology.
        let has_part = kind.reach.is_none() || ci.is_some();
        has_part.then(|| Place { key: key_of(rule, slot, &source.values(subject)), ci })
    };
    let mut found = Vec::new();
    for (rule, kind) in ctx.rules.inhibiting(subject) {
        let is_target = ctx.rules.find(rule).is_some_and(|rule| rule.matches(subject));
        let side = if is_target { Side::Both } else { Side::One };
        for (slot, source) in kind.sources.iter().enumerate() {
            let place = source.takes(subject).then(|| place(rule, kind, slot)).flatten();
            found.extend(place.map(|place| Meeting { rule, place, role: Role::Source, side }));
        }
    }
    for rule in matching {
        let Some(kind) = rule.kind.inhibit() else { continue };
        let side = if kind.is_source(subject) { Side::Both } else { Side::One };
        for slot in 0..kind.sources.len() {
            let place = place(&rule.name, kind, slot);
            let meeting = |place| Meeting { rule: &rule.name, place, role: Role::Target, side };
            found.extend(place.map(meeting));
        }
    }
    found
}

/// Returns what a place is found by.
fn key_of(rule: &str, slot: usize, values: &[Box<str>]) -> u64 {
    foldhash::quality::FixedState::with_seed(0).hash_one((rule, slot, values))
}

/// Says which firing alerts inhibit an alert that is filed, in their order.
fn inhibitors(state: &State, ctx: &Context, alert: Fingerprint) -> Rare<Inhibitor> {
    let Some(held) = state.alerts.get(&alert) else { return Rare::default() };
    let Some(filed) = held.filed.as_deref() else { return Rare::default() };
    let targets: Vec<&Entry> = filed.of_role(Role::Target).collect();
    let mut found = BTreeSet::new();
    for entries in targets.chunk_by(|one, other| one.rule == other.rule) {
        let mut of_rule = Vec::new();
        for entry in entries {
            let above = reach::above(state, ctx, entry);
            let rule = state.inhibition.rules.get(entry.rule as usize);
            let Some(rule) = rule.filter(|_| !above.is_empty()) else {
                of_rule.clear();
                break;
            };
            let listed = held.state.inhibited_by.iter().filter(|by| by.rule == *rule);
            let listed: Vec<Fingerprint> = listed.map(|by| by.alert).collect();
            let sources = reach::muting(ctx, (entry.place.ci, entry.side), &above, &listed);
            if sources.is_empty() {
                of_rule.clear();
                break;
            }
            let by = sources.into_iter().map(|alert| Inhibitor { alert, rule: Arc::clone(rule) });
            of_rule.extend(by);
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
