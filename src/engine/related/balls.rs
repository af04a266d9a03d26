//! What lies around CIs: asked with every alert, and kept for as long as the topology is the same.

use std::sync::Arc;

use super::places::key_of;
use crate::cmdb::{CiId, Ties, Topology};
use crate::engine::ahead;
use crate::engine::lately::Lately;
use crate::engine::sparse::Mark;

/// How far around an alert other alerts count, in the units of [`RELATION`](crate::cmdb::RELATION).
const REACH: u32 = 250;

/// CIs looked at around one: what hangs off a core switch beyond that is left to other rules.
const NEAR_MAX: usize = 256;

/// CIs in the balls that were asked for lately, 8 bytes each; as many are kept that were asked for
/// before those. Enough for 16,000 CIs that alert amid hundreds of others, in 64 MB together: what is
/// not kept costs ten times as much as all else of an alert.
const BALLED_MAX: usize = 1 << 22;

/// What lies around CIs, as far as it was asked, in one version of the topology.
#[derive(Debug, Default)]
pub(super) struct Balls {
    version: Option<u64>,
    pub(super) ties: Ties,
    known: Lately<CiId, Ball, BALLED_MAX>,
}

/// The CIs around one, nearest first.
pub(super) type Ball = Arc<[Near]>;

/// A CI near another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Near {
    pub(super) ci: CiId,
    /// The mark of the CI's key, and in the low eight bits the distance.
    packed: u32,
}

const DISTANCE_BITS: u32 = 8;
const _: () = assert!(REACH < 1 << DISTANCE_BITS && Mark::BITS + DISTANCE_BITS <= u32::BITS);

impl Near {
    fn new(topology: &Topology, ci: CiId, distance: u32) -> Self {
        Self { ci, packed: Mark::of(key_of(topology, ci)).number() << DISTANCE_BITS | distance }
    }

    /// The mark of [`key_of`] the CI.
    pub(super) fn mark(self) -> Mark {
        Mark::from_number(self.packed >> DISTANCE_BITS)
    }

    pub(super) fn distance(self) -> u32 {
        self.packed & ((1 << DISTANCE_BITS) - 1)
    }
}

impl Balls {
    /// Begins anew for another topology.
    pub(super) fn renew(&mut self, topology: &Topology) {
        if self.version != Some(topology.version()) {
            let version = Some(topology.version());
            *self = Self { version, ties: topology.ties(), ..Self::default() };
        }
    }

    /// Reads what lies around a CI, as far as it is known, before it is asked for.
    pub(super) fn read_ahead(&self, ci: CiId) {
        if let Some(ball) = self.known.peek(&ci) {
            ahead::read(ball);
        }
    }

    /// Returns what lies around a CI, itself first.
    pub(super) fn around(&mut self, topology: &Topology, ci: CiId) -> Ball {
        self.renew(topology);
        let make = || {
            let near = topology.near(ci, self.ties, REACH, NEAR_MAX).into_iter();
            near.map(|(ci, distance)| Near::new(topology, ci, distance)).collect()
        };
        self.known.get_or(ci, make, |ball| ball.len())
    }
}
