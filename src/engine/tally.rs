//! What the firing members of an incident amount to, kept by counting up and down.
//!
//! Never looks at all members: a storm's incident has a hundred thousand. What a member's CI takes
//! down is a walk through the topology, so that it is not asked while alerts are put where they
//! belong, but once for all that an event counted, by [`weigh`].

use std::sync::Arc;

use super::State;
use super::context::Context;
use crate::cmdb::{CiId, Topology};
use crate::model::incident::IncidentId;
use crate::model::priority::Urgency;

/// Counts over firing members.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// By urgency of their severity: low, medium, high; without the silenced ones.
    urgencies: [u32; 3],
    /// Those that are silenced: they hold the incident open and count for nothing else.
    silenced: u32,
    /// How many of them hurt each service, by place. A list: it is moved to another topology as a
    /// whole, and there are hundreds at most where there is not one incident of everything.
    services: Vec<(CiId, u32)>,
    /// How many of them are on each CI that, failing alone, leaves others with less redundancy.
    weakening: Vec<(CiId, u32)>,
    /// Those of them that, failing alone, hit no service; by urgency.
    spared: [u32; 3],
    /// Services that came since they were noted last, some of which may have gone.
    fresh: Vec<CiId>,
    /// Members that were counted and whose CI is still to be weighed.
    unweighed: Vec<(CiId, Urgency)>,
}

/// What fails when one CI fails alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Harm {
    /// The services, by place in the topology.
    pub(super) services: Box<[CiId]>,
    /// True when others stand with less redundancy.
    pub(super) weakens: bool,
}

/// True when a CI that fails alone leaves others with less redundancy.
pub(super) fn weakens(state: &State, ctx: &Context, ci: CiId) -> bool {
    let known = state.services.get(&ci);
    known.map_or_else(|| Harm::of(&ctx.topology, ci).weakens, |harm| harm.weakens)
}

impl Harm {
    /// Works it out.
    pub(super) fn of(topology: &Topology, ci: CiId) -> Self {
        let outage = topology.outage(&[ci]);
        let weakens = !outage.weakened().is_empty();
        Self { services: outage.services(topology).into(), weakens }
    }

    /// True when failing alone costs redundancy and no service.
    pub(super) fn spares(&self) -> bool {
        self.weakens && self.services.is_empty()
    }
}

/// What one member adds: how urgent it is and where; nothing when it is held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share(pub(super) Option<(Urgency, Option<CiId>)>);

impl Share {
    /// Its urgency, and its CI where that is known.
    fn at_ci(self) -> Option<(CiId, Urgency)> {
        let (urgency, ci) = self.0?;
        Some((ci?, urgency))
    }
}

/// Works out what fails when a CI fails alone, if that is not known.
pub(super) fn harm(state: &mut State, ctx: &Context, ci: CiId) -> Arc<Harm> {
    if let Some(known) = state.services.get(&ci) {
        return Arc::clone(known);
    }
    let harm = Arc::new(Harm::of(&ctx.topology, ci));
    Arc::make_mut(&mut state.services).insert(ci, Arc::clone(&harm));
    harm
}

/// Works out what the CI of a member takes down; nothing for one without a CI or held back.
pub(super) fn harm_of(state: &mut State, ctx: &Context, share: Share) -> Arc<Harm> {
    share.at_ci().map(|(ci, _)| harm(state, ctx, ci)).unwrap_or_default()
}

/// Counts a member into an incident; the incident is to be weighed before the event is over.
pub(super) fn add(state: &mut State, id: IncidentId, share: Share) {
    let Some(case) = state.incidents.get_mut(&id) else { return };
    case.tally.add(share);
    if case.tally.has_unweighed() {
        state.pending.unweighed.insert(id);
    }
}

/// Counts a member out of an incident.
pub(super) fn remove(state: &mut State, ctx: &Context, id: IncidentId, share: Share) {
    weigh(state, ctx);
    let harm = harm_of(state, ctx, share);
    if let Some(case) = state.incidents.get_mut(&id) {
        case.tally.remove(share, &harm);
    }
}

/// Weighs all that was counted since the last time. Nobody may ask for services or redundancy before.
pub(super) fn weigh(state: &mut State, ctx: &Context) {
    while let Some(id) = state.pending.unweighed.pop_first() {
        let unweighed = state.incidents.get_mut(&id).map(|case| case.tally.take_unweighed());
        for (ci, urgency) in unweighed.unwrap_or_default() {
            let harm = harm(state, ctx, ci);
            if let Some(case) = state.incidents.get_mut(&id) {
                case.tally.weigh(ci, urgency, &harm);
            }
        }
    }
}

impl Tally {
    /// Counts a member that is still to be weighed.
    fn add(&mut self, share: Share) {
        *self.members(share) += 1;
        self.unweighed.extend(share.at_ci());
    }

    fn take_unweighed(&mut self) -> Vec<(CiId, Urgency)> {
        core::mem::take(&mut self.unweighed)
    }

    /// Counts a member with what it hurts; see [`add`] for one that need not be weighed at once.
    pub(super) fn add_weighed(&mut self, share: Share, harm: &Harm) {
        *self.members(share) += 1;
        if let Some((ci, urgency)) = share.at_ci() {
            self.weigh(ci, urgency, harm);
        }
    }

    /// Counts what a counted member hurts.
    fn weigh(&mut self, ci: CiId, urgency: Urgency, harm: &Harm) {
        for service in &harm.services {
            self.hurt(*service, 1);
        }
        if harm.weakens {
            count(&mut self.weakening, ci, 1);
        }
        if harm.spares() {
            *of(&mut self.spared, urgency) += 1;
        }
    }

    fn hurt(&mut self, service: CiId, more: u32) {
        if count(&mut self.services, service, more) == Counted::First {
            self.fresh.push(service);
        }
    }

    /// Takes the services that came since this was asked last and are still there, by place.
    pub(super) fn take_fresh(&mut self) -> Vec<CiId> {
        let mut fresh = core::mem::take(&mut self.fresh);
        let is_there = |ci: &CiId| self.services.binary_search_by_key(ci, |(ci, _)| *ci).is_ok();
        fresh.retain(is_there);
        fresh.sort_unstable();
        fresh.dedup();
        fresh
    }

    /// True when there are members that are still to be weighed.
    pub(super) fn has_unweighed(&self) -> bool {
        !self.unweighed.is_empty()
    }

    /// Yields the CIs of members that are still to be weighed.
    pub(super) fn unweighed(&self) -> impl Iterator<Item = CiId> {
        self.unweighed.iter().map(|(ci, _)| *ci)
    }

    /// Counts a member out, with what it hurts. All that was counted must have been weighed.
    pub(super) fn remove(&mut self, share: Share, harm: &Harm) {
        let count = self.members(share);
        *count = count.saturating_sub(1);
        let Some((ci, urgency)) = share.at_ci() else { return };
        for service in &harm.services {
            discount(&mut self.services, *service, 1);
        }
        if harm.weakens {
            discount(&mut self.weakening, ci, 1);
        }
        if harm.spares() {
            let spared = of(&mut self.spared, urgency);
            *spared = spared.saturating_sub(1);
        }
    }

    /// The count that a member adds to.
    fn members(&mut self, share: Share) -> &mut u32 {
        match share.0 {
            None => &mut self.silenced,
            Some((urgency, _)) => of(&mut self.urgencies, urgency),
        }
    }

    /// Adds all that another incident's members amount to.
    pub(super) fn absorb(&mut self, other: &Self) {
        for (mine, theirs) in self.urgencies.iter_mut().zip(other.urgencies) {
            *mine += theirs;
        }
        self.silenced += other.silenced;
        for (mine, theirs) in self.spared.iter_mut().zip(other.spared) {
            *mine += theirs;
        }
        for (service, more) in &other.services {
            self.hurt(*service, *more);
        }
        for (ci, more) in &other.weakening {
            count(&mut self.weakening, *ci, *more);
        }
    }

    /// Takes away all that another incident's members amount to.
    pub(super) fn subtract(&mut self, other: &Self) {
        for (mine, theirs) in self.urgencies.iter_mut().zip(other.urgencies) {
            *mine = mine.saturating_sub(theirs);
        }
        self.silenced = self.silenced.saturating_sub(other.silenced);
        for (mine, theirs) in self.spared.iter_mut().zip(other.spared) {
            *mine = mine.saturating_sub(theirs);
        }
        for (service, less) in &other.services {
            discount(&mut self.services, *service, *less);
        }
        for (ci, less) in &other.weakening {
            discount(&mut self.weakening, *ci, *less);
        }
    }

    /// Names every CI by its place in another topology; one without a place there is not counted any
    /// more. Both topologies have their CIs in the order of the names. Whatever is known of services
    /// may be other than before: all count as fresh.
    pub(super) fn move_cis(&mut self, to: impl Fn(CiId) -> Option<CiId>) {
        for list in [&mut self.services, &mut self.weakening] {
            list.retain_mut(|(ci, _)| match to(*ci) {
                Some(moved) => {
                    *ci = moved;
                    true
                }
                None => false,
            });
        }
        self.fresh = self.services().collect();
    }

    pub(super) fn firing(&self) -> u32 {
        self.audible() + self.silenced
    }

    /// How many fire and are not silenced.
    pub(super) fn audible(&self) -> u32 {
        self.urgencies.iter().sum()
    }

    /// The highest urgency of a firing member; low when none fires.
    pub(super) fn urgency(&self) -> Urgency {
        let [low, medium, high] = self.urgencies;
        highest([low, medium, high]).unwrap_or(Urgency::Low)
    }

    /// The highest urgency of the members that each cost more than redundancy; none when all cost
    /// only that.
    pub(super) fn urgency_of_others(&self) -> Option<Urgency> {
        let [low, medium, high] = self.urgencies;
        let [spared_low, spared_medium, spared_high] = self.spared;
        highest([
            low.saturating_sub(spared_low),
            medium.saturating_sub(spared_medium),
            high.saturating_sub(spared_high),
        ])
    }

    /// True when a member costs only redundancy, as far as it goes alone.
    pub(super) fn spares(&self) -> bool {
        self.spared.iter().any(|count| *count > 0)
    }

    /// The CIs whose failing leaves others with less redundancy, by place in the topology.
    pub(super) fn weakening(&self) -> impl Iterator<Item = CiId> {
        self.weakening.iter().map(|(ci, _)| *ci)
    }

    /// The services that firing members hurt, by place in the topology.
    pub(super) fn services(&self) -> impl Iterator<Item = CiId> {
        self.services.iter().map(|(service, _)| *service)
    }
}

/// Returns the one of three counts that is of an urgency.
fn of([low, medium, high]: &mut [u32; 3], urgency: Urgency) -> &mut u32 {
    match urgency {
        Urgency::Low => low,
        Urgency::Medium => medium,
        Urgency::High => high,
    }
}

fn highest([low, medium, high]: [u32; 3]) -> Option<Urgency> {
    match (low, medium, high) {
        (0, 0, 0) => None,
        (_, 0, 0) => Some(Urgency::Low),
        (_, _, 0) => Some(Urgency::Medium),
        _ => Some(Urgency::High),
    }
}

/// Whether a CI was in a list before it was counted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Counted {
    First,
    Again,
}

/// Counts a CI of a sorted list up.
fn count(list: &mut Vec<(CiId, u32)>, ci: CiId, more: u32) -> Counted {
    match list.binary_search_by_key(&ci, |(ci, _)| *ci) {
        Ok(at) => {
            if let Some((_, count)) = list.get_mut(at) {
                *count += more;
            }
            Counted::Again
        }
        Err(at) => {
            list.insert(at, (ci, more));
            Counted::First
        }
    }
}

/// Counts a CI of a sorted list down; one that is not counted any more goes.
fn discount(list: &mut Vec<(CiId, u32)>, ci: CiId, less: u32) {
    let Ok(at) = list.binary_search_by_key(&ci, |(ci, _)| *ci) else { return };
    let Some((_, count)) = list.get_mut(at) else { return };
    *count = count.saturating_sub(less);
    if *count == 0 {
        list.remove(at);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn harm(ci: u32) -> Harm {
        let services = match ci {
            0 => vec![],
            1 => vec![CiId(10)],
            ci => vec![CiId(10), CiId(10 + ci)],
        };
        Harm { services: services.into(), weakens: ci.is_multiple_of(2) }
    }

    fn urgency(of: u8) -> Urgency {
        [Urgency::Low, Urgency::Medium, Urgency::High][usize::from(of % 3)]
    }

    /// Members by what they are, as many as there are of each.
    type Members = BTreeMap<(Option<u8>, Option<u32>), u32>;

    fn share((of, ci): (Option<u8>, Option<u32>)) -> Share {
        Share(of.map(|of| (urgency(of), ci.map(CiId))))
    }

    fn recounted(members: &Members) -> Tally {
        let mut tally = Tally::default();
        for (member, count) in members {
            let harm = share(*member).at_ci().map(|(ci, _)| harm(ci.0)).unwrap_or_default();
            (0..*count).for_each(|_| tally.add_weighed(share(*member), &harm));
        }
        tally.take_fresh();
        tally
    }

    proptest! {
        #[test]
        fn what_is_weighed_later_is_what_is_weighed_at_once(
            steps in prop::collection::vec(
                (any::<bool>(), prop::option::weighted(0.8, 0..3u8), prop::option::weighted(0.8, 0..5u32)),
                0..60,
            ),
        ) {
            let (mut tally, mut members) = (Tally::default(), Members::new());
            let mut noted = std::collections::BTreeSet::new();
            let weigh = |tally: &mut Tally| {
                for (ci, urgency) in tally.take_unweighed() {
                    tally.weigh(ci, urgency, &harm(ci.0));
                }
            };
            for (comes, of, ci) in steps {
                let member = (of, of.and(ci));
                let count = members.entry(member).or_default();
                if comes {
                    *count += 1;
                    tally.add(share(member));
                } else if *count > 0 {
                    *count -= 1;
                    weigh(&mut tally);
                    let harm = share(member).at_ci().map(|(ci, _)| harm(ci.0)).unwrap_or_default();
                    tally.remove(share(member), &harm);
                } else {
                    weigh(&mut tally);
                    noted.extend(tally.take_fresh());
                    let all: Vec<CiId> = tally.services().collect();
                    prop_assert!(all.iter().all(|ci| noted.contains(ci)));
                    noted.retain(|ci| all.contains(ci));
                }
            }
            weigh(&mut tally);
            tally.take_fresh();
            prop_assert_eq!(tally, recounted(&members));
        }
    }
}
