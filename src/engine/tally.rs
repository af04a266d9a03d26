//! What the firing members of an incident amount to, kept by counting up and down.
//!
//! Never looks at all members: a storm's incident has a hundred thousand.

use std::sync::Arc;

use crate::cmdb::{CiId, Topology};
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
}

/// What fails when one CI fails alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Harm {
    /// The services, by place in the topology.
    pub(super) services: Box<[CiId]>,
    /// True when others stand with less redundancy.
    pub(super) weakens: bool,
}

impl Harm {
    /// Works it out.
    pub(super) fn of(topology: &Topology, ci: CiId) -> Self {
        let outage = topology.outage(&[ci]);
        let weakens = !outage.weakened().is_empty();
        Self { services: outage.services(topology).into(), weakens }
    }

    /// True when failing alone costs redundancy and no service.
    fn spares(&self) -> bool {
        self.weakens && self.services.is_empty()
    }
}

/// What one member adds.
#[derive(Clone, Debug)]
pub(super) struct Share {
    /// `None` when it is held back.
    pub(super) urgency: Option<Urgency>,
    /// Where it is.
    pub(super) ci: Option<CiId>,
    pub(super) harm: Arc<Harm>,
}

impl Share {
    /// What a member adds that is held back.
    pub(super) fn held_back() -> Self {
        Self { urgency: None, ci: None, harm: Arc::default() }
    }

    /// The CI, where its failing weakens others.
    fn weakening(&self) -> Option<CiId> {
        self.ci.filter(|_| self.harm.weakens)
    }
}

impl Tally {
    pub(super) fn add(&mut self, share: &Share) {
        *self.members(share) += 1;
        for service in &share.harm.services {
            count(&mut self.services, *service, 1);
        }
        if let Some(ci) = share.weakening() {
            count(&mut self.weakening, ci, 1);
        }
        if let Some(spared) = self.spared_like(share) {
            *spared += 1;
        }
    }

    pub(super) fn remove(&mut self, share: &Share) {
        let count = self.members(share);
        *count = count.saturating_sub(1);
        for service in &share.harm.services {
            discount(&mut self.services, *service, 1);
        }
        if let Some(ci) = share.weakening() {
            discount(&mut self.weakening, ci, 1);
        }
        if let Some(spared) = self.spared_like(share) {
            *spared = spared.saturating_sub(1);
        }
    }

    /// The count of the spared that a member adds to, if it is one of them.
    fn spared_like(&mut self, share: &Share) -> Option<&mut u32> {
        let urgency = share.urgency.filter(|_| share.harm.spares())?;
        let [low, medium, high] = &mut self.spared;
        Some(match urgency {
            Urgency::Low => low,
            Urgency::Medium => medium,
            Urgency::High => high,
        })
    }

    /// The count that a member adds to.
    fn members(&mut self, share: &Share) -> &mut u32 {
        let [low, medium, high] = &mut self.urgencies;
        match share.urgency {
            None => &mut self.silenced,
            Some(Urgency::Low) => low,
            Some(Urgency::Medium) => medium,
            Some(Urgency::High) => high,
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
            count(&mut self.services, *service, *more);
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
    /// more. Both topologies have their CIs in the order of the names.
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

fn highest([low, medium, high]: [u32; 3]) -> Option<Urgency> {
    match (low, medium, high) {
        (0, 0, 0) => None,
        (_, 0, 0) => Some(Urgency::Low),
        (_, _, 0) => Some(Urgency::Medium),
        _ => Some(Urgency::High),
    }
}

/// Counts a CI of a sorted list up.
fn count(list: &mut Vec<(CiId, u32)>, ci: CiId, more: u32) {
    match list.binary_search_by_key(&ci, |(ci, _)| *ci) {
        Ok(at) => {
            if let Some((_, count)) = list.get_mut(at) {
                *count += more;
            }
        }
        Err(at) => list.insert(at, (ci, more)),
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
