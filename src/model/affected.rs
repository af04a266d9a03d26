//! What an incident reached while it lasted. Topology and members change; a report of last year asks
//! what was so then.

use super::names::Names;

/// What an incident reached, at the most.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Affected {
    /// Names of CIs with an alert of it, at most [`AFFECTED_MAX`].
    pub cis: Names,
    /// Names of services that suffered, at most [`AFFECTED_MAX`].
    pub services: Names,
    /// The most users of those services at one time, as the topology counts them.
    pub users: u64,
}

/// CIs and services that a record names; of a storm the timeline and the members tell the rest.
pub const AFFECTED_MAX: usize = 100;

impl Affected {
    /// Notes a CI; true when it was not known.
    pub fn add_ci(&mut self, name: &str) -> bool {
        self.cis.add(name, AFFECTED_MAX)
    }

    /// Notes a service; true when it was not known.
    pub fn add_service(&mut self, name: &str) -> bool {
        self.services.add(name, AFFECTED_MAX)
    }

    /// Adds what another incident reached.
    pub fn absorb(&mut self, other: &Self) {
        for name in other.cis.iter() {
            self.add_ci(name);
        }
        for name in other.services.iter() {
            self.add_service(name);
        }
        self.users = self.users.max(other.users);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_reached_is_named_once_and_within_bounds() {
        let mut affected = Affected::default();
        for n in 0..AFFECTED_MAX + 5 {
            affected.add_ci(&format!("srv-{:03}", AFFECTED_MAX + 5 - n));
            affected.add_ci("srv-005");
        }
        assert_eq!(affected.cis.len(), AFFECTED_MAX);
        assert!(affected.cis.iter().is_sorted());
        let mut other = Affected { users: 7, ..Affected::default() };
        other.add_service("shop");
        affected.absorb(&other);
        assert_eq!((affected.users, affected.services), (7, ["shop"].iter().collect()));
    }
}
