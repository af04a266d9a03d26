//! Walks from CIs toward what can have hurt them, one for each rule of kind `topology`: asked with every
//! alert, and kept for as long as topology and rules are the same.

use core::hint::black_box;
use std::sync::Arc;

use smallvec::SmallVec;

use super::ahead::{self, TOGETHER};
use super::context::Context;
use super::lately::Lately;
use super::topology::WALK_NODES_MAX;
use crate::cmdb::{CiId, Toward, Walk};

/// Steps in the walks that were asked for lately, 16 bytes each; as many are kept that were asked for
/// before those.
const STEPS_MAX: usize = 1 << 20;

/// Steps that take as much memory as a walk does beside its own: its place in the table, and what
/// says where its steps lie.
const STEPS_BESIDE: usize = 8;

/// By CI and the place of the rule among those of its kind.
#[derive(Debug, Default)]
pub(super) struct Walks(Lately<(CiId, usize), Arc<Walk>, STEPS_MAX>);

impl Walks {
    /// Returns the walks from a CI, one for each of [`Context::topology_rules`]; `ctx` is that of all
    /// since it was made.
    pub(super) fn toward_causes(&mut self, ctx: &Context, ci: CiId) -> SmallVec<[Arc<Walk>; 4]> {
        let rules = ctx.topology_rules().enumerate();
        let walks = rules.map(|(place, (_, kind, follow))| {
            let walk = || {
                let toward = Toward::Causes;
                let walk = ctx.topology.walk(ci, toward, follow, kind.max_hops, WALK_NODES_MAX);
                walk.compact().into()
            };
            self.0.get_or((ci, place), walk, |walk| walk.steps().len() + STEPS_BESIDE)
        });
        walks.collect()
    }

    /// Reads the walks from CIs, as far as they are known, before they are asked for; of those that are
    /// not known the edges of the CIs that they come to first.
    pub(super) fn read_ahead(&self, ctx: &Context, cis: &[CiId]) {
        for (place, _) in ctx.topology_rules().enumerate() {
            let known = cis.iter().map(|ci| (*ci, self.0.peek(&(*ci, place))));
            let known: SmallVec<[_; TOGETHER]> = known.collect();
            for (ci, walk) in &known {
                match walk {
                    Some(walk) => {
                        black_box(walk.steps().len());
                    }
                    None => {
                        ctx.topology.read_edges_ahead(ahead::causes_of(ctx, *ci), Toward::Causes);
                    }
                }
            }
            for walk in known.into_iter().filter_map(|(_, walk)| walk) {
                ahead::read(walk.steps());
            }
        }
    }
}
