//! What the label sets of many alerts have in common is held once: names, and values that hardly vary.
//!
//! A million alerts come from a few hundred rules of monitoring tools. All alerts of one have the same
//! names of labels, and most of their values are those of thousands of others; what is an alert's own
//! is a pod, an instance. Which values are worth sharing shows by counting them. Nothing is decided by
//! what is shared: a set is what it was.

use core::hash::BuildHasher;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use foldhash::fast::FixedState;

use super::labels::{Labels, Shape};

/// Kinds of sets that are told apart by their names; sets of further ones are left whole.
const KINDS_MAX: usize = 4_096;

/// Values of one label that are counted apart; one with more is an alert's own.
const VALUES_MAX: usize = 4_096;

/// Sets after which it is decided anew what is shared, at first; later after so many more.
const FIRST_LOOK: u32 = 16;
const LOOK_EVERY: u32 = 4_096;

/// How many sets there have to be for each value of a label that is shared, at first, and at most: it
/// is asked for more where labels do not vary together and most shapes were for few sets.
const SETS_FOR_VALUE: usize = 16;
const SETS_FOR_VALUE_MAX: usize = 1 << 20;

/// Sets after which a label of which they have so many values, one for each four of them, is taken to
/// be an alert's own for good: its values are not worth remembering.
const SETS_FOR_OWN: u32 = 256;

/// Sets that a shape is to be for, on average.
const SETS_FOR_SHAPE: u32 = 4;

/// What is known of sets so far.
#[derive(Debug, Default)]
pub struct Shapes(HashMap<u64, Kind, FixedState>);

/// Sets with the same names.
#[derive(Debug)]
struct Kind {
    /// For each name hashes of the values seen; nothing any more of one with too many.
    values: Vec<Option<HashSet<u64, FixedState>>>,
    /// For each name whether its value is shared.
    shared: Vec<Sharing>,
    /// By what they share.
    shapes: HashMap<u64, Arc<Shape>, FixedState>,
    sets: u32,
    /// Sets and shapes made since it was looked at last.
    since: (u32, u32),
    next_look: u32,
    sets_for_value: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sharing {
    Shared,
    Own,
}

impl Shapes {
    /// Returns the same set, of which what others have too is shared with them.
    pub fn fold(&mut self, labels: &Labels) -> Labels {
        if labels.is_empty() {
            return labels.clone();
        }
        let hasher = FixedState::default();
        let names = labels
            .iter()
            .fold(0, |hash: u64, (name, _)| hash.rotate_left(5) ^ hasher.hash_one(name));
        if self.0.len() >= KINDS_MAX && !self.0.contains_key(&names) {
            return labels.clone();
        }
        let kind = self.0.entry(names).or_insert_with(|| Kind::new(labels.len()));
        kind.fold(labels, &hasher)
    }
}

impl Kind {
    fn new(names: usize) -> Self {
        Self {
            values: vec![Some(HashSet::default()); names],
            shared: vec![Sharing::Own; names],
            shapes: HashMap::default(),
            sets: 0,
            since: (0, 0),
            next_look: FIRST_LOOK,
            sets_for_value: SETS_FOR_VALUE,
        }
    }

    fn fold(&mut self, labels: &Labels, hasher: &FixedState) -> Labels {
        // Two kinds of sets whose names have one hash are one that shares nothing by mistake: the shape
        // has the names, and is compared with the set.
        if labels.len() != self.shared.len() {
            return labels.clone();
        }
        let mut of_shared = 0_u64;
        for ((_, value), (values, shared)) in
            labels.iter().zip(self.values.iter_mut().zip(&self.shared))
        {
            if values.is_none() && *shared == Sharing::Own {
                continue;
            }
            let hash = hasher.hash_one(value);
            if *shared == Sharing::Shared {
                of_shared = of_shared.rotate_left(5) ^ hash;
            }
            if let Some(known) = values
                && known.insert(hash)
                && known.len() > VALUES_MAX
            {
                *values = None;
            }
        }
        let shared = &self.shared;
        let is_shared = |at: usize| shared.get(at) == Some(&Sharing::Shared);
        let folded = self.shapes.get(&of_shared).and_then(|shape| labels.folded(shape));
        let folded = folded.or_else(|| {
            let shape = Arc::new(Shape::of(labels, is_shared));
            self.since.1 += 1;
            self.shapes.insert(of_shared, Arc::clone(&shape));
            labels.folded(&shape)
        });
        self.sets = self.sets.saturating_add(1);
        self.since.0 += 1;
        if self.sets >= self.next_look {
            self.look();
        }
        folded.unwrap_or_else(|| labels.clone())
    }

    /// Decides anew what is shared, and forgets shapes that no set has any more.
    fn look(&mut self) {
        self.next_look =
            self.sets.saturating_mul(4).min(self.sets.saturating_add(LOOK_EVERY)).max(1);
        let (sets, shapes) = core::mem::take(&mut self.since);
        if shapes.saturating_mul(SETS_FOR_SHAPE) > sets && sets > FIRST_LOOK {
            self.sets_for_value = (self.sets_for_value * 4).min(SETS_FOR_VALUE_MAX);
        }
        let enough = self.sets as usize / self.sets_for_value;
        let many = self.sets as usize / 4;
        let before = self.shared.clone();
        for (shared, values) in self.shared.iter_mut().zip(&mut self.values) {
            if self.sets >= SETS_FOR_OWN && values.as_ref().is_some_and(|it| it.len() > many) {
                *values = None;
            }
            let few = values.as_ref().is_some_and(|values| values.len() <= enough);
            *shared = if few { Sharing::Shared } else { Sharing::Own };
        }
        if self.shared != before {
            self.shapes.clear();
        }
        self.shapes.retain(|_, shape| Arc::strong_count(shape) > 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn alert(n: usize, service: usize) -> Labels {
        let (service, pod) = (format!("s{service}"), format!("pod-{n}"));
        let mut pairs = [
            ("alertname", "HighLatency"),
            ("cluster", "eu-central-1"),
            ("pod", &*pod),
            ("service", &*service),
        ];
        Labels::build(&mut pairs).unwrap()
    }

    #[test]
    fn values_that_hardly_vary_are_shared_and_others_are_not() {
        for (services, own) in [(1, "1pod-9999"), (20, "1pod-9999"), (5_000, "1pod-99991s4999")] {
            let mut shapes = Shapes::default();
            let alert = |n| alert(n, n % services);
            let folded: Vec<_> = (0..10_000).map(|n| shapes.fold(&alert(n))).collect();
            assert_eq!(folded.last().unwrap().own_bytes(), own.len(), "{services} services");
            for (n, folded) in folded.iter().enumerate() {
                assert_eq!(*folded, alert(n));
            }
        }
    }

    #[test]
    fn shapes_that_no_set_has_any_more_are_forgotten() {
        let mut shapes = Shapes::default();
        for n in 0..100_000 {
            drop(shapes.fold(&alert(n, n / 100)));
        }
        let kept: usize = shapes.0.values().map(|kind| kind.shapes.len()).sum();
        assert!((1..100).contains(&kept), "{kept}");
    }

    proptest! {
        #[test]
        fn a_set_is_what_it_was(
            sets in prop::collection::vec(
                prop::collection::btree_map("[a-c]", "[xy]{0,2}|.{0,3}", 0..4), 1..200),
        ) {
            let mut shapes = Shapes::default();
            let whole: Vec<Labels> = sets.iter().map(|set| {
                let mut pairs: Vec<_> = set.iter().map(|(name, value)| (&**name, &**value)).collect();
                Labels::build(&mut pairs).unwrap()
            }).collect();
            let hasher = FixedState::default();
            let folded: Vec<Labels> = whole.iter().map(|set| shapes.fold(set)).collect();
            for (one, whole) in folded.iter().zip(&whole) {
                prop_assert_eq!(one, whole);
                prop_assert_eq!(one.packed(), whole.packed());
                let mut bytes = Vec::new();
                one.pack_into(&mut bytes);
                prop_assert_eq!(String::from_utf8(bytes).unwrap(), whole.packed());
                prop_assert_eq!((one.fingerprint(), one.len(), one.size()),
                    (whole.fingerprint(), whole.len(), whole.size()));
                prop_assert_eq!(hasher.hash_one(one), hasher.hash_one(whole));
                prop_assert_eq!(one.is_empty(), whole.is_empty());
                for (other, whole_other) in folded.iter().zip(&sets) {
                    prop_assert_eq!(one == other, one.iter().eq(whole_other.iter().map(|(n, v)| (&**n, &**v))));
                }
            }
        }
    }
}
