//! Walks from CIs toward what can have hurt them, one for each rule of kind `topology`: asked with every
//! alert, whether one explains it and whether one could, and kept for as long as topology and rules are
//! the same.

use core::hint::black_box;
use std::sync::{Arc, OnceLock};

use smallvec::SmallVec;

use super::ahead::{self, TOGETHER};
use super::context::Context;
use super::lately::Lately;
use super::topology::WALK_NODES_MAX;
use crate::cmdb::{CiId, RelationSet, Step, Toward, Walk};
use crate::rules::{Rule, TopologyKind};

/// Steps in the walks that were asked for lately, 16 bytes each; as many are kept that were asked for
/// before those.
const STEPS_MAX: usize = 1 << 20;

/// Steps that take as much memory as a walk does beside its own: its place in the table, and what
/// says where its steps lie.
const STEPS_BESIDE: usize = 8;

/// What lies above a CI by one rule.
#[derive(Debug)]
pub(super) struct Above {
    pub(super) walk: Walk,
    has_root: OnceLock<bool>,
}

impl Above {
    /// True when the rule's root could show itself at a CI of the walk beyond the first; `rule` is the
    /// one it was made for.
    pub(super) fn has_root(&self, ctx: &Context, rule: &Rule) -> bool {
        let mut above = self.walk.steps().iter().skip(1);
        let could_root = |step: &Step| rule.could_root(ctx.topology.ci(step.ci));
        *self.has_root.get_or_init(|| above.any(could_root))
    }
}

/// By CI and the place of the rule among those of its kind.
#[derive(Debug, Default)]
pub(super) struct Walks(Lately<(CiId, usize), Arc<Above>, STEPS_MAX>);

impl Walks {
    /// Returns the walks from a CI, one for each of [`Context::topology_rules`]; `ctx` is that of all
    /// since it was made.
    pub(super) fn toward_causes(&mut self, ctx: &Context, ci: CiId) -> SmallVec<[Arc<Above>; 4]> {
        let rules = ctx.topology_rules().enumerate();
        rules.map(|(place, (_, kind, follow))| self.above(ctx, ci, (place, kind, follow))).collect()
    }

    /// Returns the walk from a CI by one of these rules, whose place among them is given.
    pub(super) fn above(
        &mut self,
        ctx: &Context,
        ci: CiId,
        (place, kind, follow): (usize, &TopologyKind, RelationSet),
    ) -> Arc<Above> {
        let make = || {
            let toward = Toward::Causes;
            let walk = ctx.topology.walk(ci, toward, follow, kind.max_hops, WALK_NODES_MAX);
            Above { walk: walk.compact(), has_root: OnceLock::new() }.into()
        };
        self.0.get_or((ci, place), make, |above| above.walk.steps().len() + STEPS_BESIDE)
    }

    /// Reads the walks from CIs, as far as they are known, before they are asked for; of those that are
    /// not known the edges of the CIs that they come to first.
    pub(super) fn read_ahead(&self, ctx: &Context, cis: &[CiId]) {
        for (place, _) in ctx.topology_rules().enumerate() {
            let known = cis.iter().map(|ci| (*ci, self.0.peek(&(*ci, place))));
            let known: SmallVec<[_; TOGETHER]> = known.collect();
            for (ci, above) in &known {
                match above {
                    Some(above) => {
                        black_box(above.walk.steps().len());
                    }
                    None => {
                        ctx.topology.read_edges_ahead(ahead::causes_of(ctx, *ci), Toward::Causes);
                    }
                }
            }
            for above in known.into_iter().filter_map(|(_, above)| above) {
                ahead::read(above.walk.steps());
            }
        }
    }
}
