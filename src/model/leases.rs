//! The leases of one alert: nearly always one, which needs no memory of its own then.

use core::ops::{Deref, DerefMut};

use super::alert::Lease;

/// Leases in the order in which their sources came. Read and changed as a slice.
#[derive(Clone, Debug, Default)]
pub struct Leases(Few);

#[derive(Clone, Debug)]
enum Few {
    One(Option<Lease>),
    // Not: a vector, which is a word longer than a lease leaves room for.
    Many(Box<[Lease]>),
}

impl Default for Few {
    fn default() -> Self {
        Self::One(None)
    }
}

impl Leases {
    /// The lease of the first source.
    pub fn one(lease: Lease) -> Self {
        Self(Few::One(Some(lease)))
    }

    /// Adds that of a further source.
    pub fn push(&mut self, lease: Lease) {
        match &mut self.0 {
            Few::One(one @ None) => *one = Some(lease),
            Few::One(Some(one)) => self.0 = Few::Many(Box::new([*one, lease])),
            Few::Many(many) => *many = many.iter().copied().chain([lease]).collect(),
        }
    }

    /// Keeps those for which this is true.
    pub fn retain(&mut self, keep: impl Fn(&Lease) -> bool) {
        match &mut self.0 {
            Few::One(one) => *one = one.filter(keep),
            Few::Many(many) => *many = many.iter().copied().filter(keep).collect(),
        }
    }

    /// Drops all.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

impl Deref for Leases {
    type Target = [Lease];

    fn deref(&self) -> &[Lease] {
        match &self.0 {
            Few::One(one) => one.as_slice(),
            Few::Many(many) => many,
        }
    }
}

impl DerefMut for Leases {
    fn deref_mut(&mut self) -> &mut [Lease] {
        match &mut self.0 {
            Few::One(one) => one.as_mut_slice(),
            Few::Many(many) => many,
        }
    }
}

impl PartialEq for Leases {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Leases {}

impl FromIterator<Lease> for Leases {
    fn from_iter<I: IntoIterator<Item = Lease>>(all: I) -> Self {
        let mut leases = Self::default();
        all.into_iter().for_each(|lease| leases.push(lease));
        leases
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::alert::SourceId;
    use crate::model::time::Timestamp;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn they_are_a_list(steps in prop::collection::vec((0..4_u16, 0..4_u8), 0..20)) {
            let (mut leases, mut list) = (Leases::default(), Vec::new());
            for (source, step) in steps {
                let source = SourceId(source);
                match step {
                    0 => {
                        leases.retain(|lease| lease.source != source);
                        list.retain(|lease: &Lease| lease.source != source);
                    }
                    1 => {
                        leases.clear();
                        list.clear();
                    }
                    _ => {
                        let until = Timestamp::from_millis(step.into());
                        let lease = Lease { source, began: until, until, explicit: step == 2 };
                        leases.push(lease);
                        list.push(lease);
                    }
                }
                for lease in leases.iter_mut().chain(&mut list) {
                    lease.until = Timestamp::from_millis(lease.until.millis() + 1);
                }
                prop_assert_eq!(&*leases, &*list);
                prop_assert_eq!(&leases, &list.iter().copied().collect::<Leases>());
            }
        }
    }
}
