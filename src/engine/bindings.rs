//! Counts what the CMDB said of alerts when they first came. Since the start; decides nothing.

use crate::cmdb::{Binding, CiId};

/// How many alerts were looked for in the CMDB, by what was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bindings {
    /// One CI.
    pub bound: u64,
    /// Several CIs, so that they are bound to none.
    pub ambiguous: u64,
    /// None.
    pub unbound: u64,
}

impl Bindings {
    /// Counts what was found for an alert that was not held so far; returns its CI.
    pub(super) fn count(&mut self, binding: Binding) -> Option<CiId> {
        let count = match binding {
            Binding::Bound(_) => &mut self.bound,
            Binding::Ambiguous => &mut self.ambiguous,
            Binding::Unbound => &mut self.unbound,
        };
        *count += 1;
        binding.ci()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::cmdb::{Topology, import};
    use crate::engine::context::{Context, Limits};
    use crate::model::labels::Labels;
    use crate::rules::RuleSet;

    #[test]
    fn each_outcome_is_counted_by_itself() {
        let text =
            "cis: {a: {class: vm}, b: {class: vm, labels: {x: y}}, c: {class: vm, labels: {x: y}}}";
        let rows = import::read(text, "c.yaml").unwrap();
        let topology = Arc::new(Topology::build(1, &rows).unwrap());
        let ctx = Context::new(Arc::new(RuleSet::builtin()), topology, Limits::default());
        let mut bindings = Bindings::default();
        for (pair, ci, counts) in [
            (("ci", "a"), Some(CiId(0)), (1, 0, 0)),
            (("x", "y"), None, (1, 1, 0)),
            (("x", "z"), None, (1, 1, 1)),
            (("instance", "a:80"), Some(CiId(0)), (2, 1, 1)),
        ] {
            let labels = Labels::build(&mut [pair]).unwrap();
            let found = ctx.binder.binding(&ctx.topology, &labels);
            assert_eq!(bindings.count(found), ci, "{pair:?}");
            assert_eq!((bindings.bound, bindings.ambiguous, bindings.unbound), counts, "{pair:?}");
        }
    }
}
