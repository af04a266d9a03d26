//! What the firing members of an incident amount to, kept by counting up and down.
//!
//! Never looks at all members: a storm's incident has a hundred thousand.

use std::sync::Arc;

use crate::cmdb::CiId;
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
}

/// What one member adds.
#[derive(Clone, Debug)]
pub(super) struct Share {
    /// `None` when it is held back.
    pub(super) urgency: Option<Urgency>,
    pub(super) services: Arc<[CiId]>,
}

impl Tally {
    pub(super) fn add(&mut self, share: &Share) {
        *self.members(share) += 1;
        for service in share.services.iter() {
            self.count(*service, 1);
        }
    }

    pub(super) fn remove(&mut self, share: &Share) {
        let count = self.members(share);
        *count = count.saturating_sub(1);
        for service in share.services.iter() {
            self.discount(*service, 1);
        }
    }

    fn discount(&mut self, service: CiId, less: u32) {
        let Ok(at) = self.place(service) else { return };
        let Some((_, count)) = self.services.get_mut(at) else { return };
        *count = count.saturating_sub(less);
        if *count == 0 {
            self.services.remove(at);
        }
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

    fn place(&self, service: CiId) -> Result<usize, usize> {
        self.services.binary_search_by_key(&service, |(service, _)| *service)
    }

    fn count(&mut self, service: CiId, more: u32) {
        match self.place(service) {
            Ok(at) => {
                if let Some((_, count)) = self.services.get_mut(at) {
                    *count += more;
                }
            }
            Err(at) => self.services.insert(at, (service, more)),
        }
    }

    /// Adds all that another incident's members amount to.
    pub(super) fn absorb(&mut self, other: &Self) {
        for (mine, theirs) in self.urgencies.iter_mut().zip(other.urgencies) {
            *mine += theirs;
        }
        self.silenced += other.silenced;
        for (service, count) in &other.services {
            self.count(*service, *count);
        }
    }

    /// Takes away all that another incident's members amount to.
    pub(super) fn subtract(&mut self, other: &Self) {
        for (mine, theirs) in self.urgencies.iter_mut().zip(other.urgencies) {
            *mine = mine.saturating_sub(theirs);
        }
        self.silenced = self.silenced.saturating_sub(other.silenced);
        for (service, count) in &other.services {
            self.discount(*service, *count);
        }
    }

    /// Names every service by its place in another topology; one without a place there is not
    /// counted any more. Both topologies have their CIs in the order of the names.
    pub(super) fn move_services(&mut self, to: impl Fn(CiId) -> Option<CiId>) {
        self.services.retain_mut(|(service, _)| match to(*service) {
            Some(moved) => {
                *service = moved;
                true
            }
            None => false,
        });
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
        let [_, medium, high] = self.urgencies;
        match (high, medium) {
            (0, 0) => Urgency::Low,
            (0, _) => Urgency::Medium,
            _ => Urgency::High,
        }
    }

    /// The services that firing members hurt, by place in the topology.
    pub(super) fn services(&self) -> impl Iterator<Item = CiId> {
        self.services.iter().map(|(service, _)| *service)
    }
}
