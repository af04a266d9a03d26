//! What an incident reached while it lasted. Topology and members change; a report of last year asks
//! what was so then.

/// What an incident reached, at the most.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Affected {
    /// Names of CIs with an alert of it, sorted, at most [`AFFECTED_MAX`].
    pub cis: Vec<Box<str>>,
    /// Names of services that suffered, sorted, at most [`AFFECTED_MAX`].
    pub services: Vec<Box<str>>,
    /// The most users of those services at one time, as the topology counts them.
    pub users: u64,
}

/// CIs and services that a record names; of a storm the timeline and the members tell the rest.
pub const AFFECTED_MAX: usize = 100;

impl Affected {
    /// Notes a CI; true when it was not known.
    pub fn add_ci(&mut self, name: &str) -> bool {
        add(&mut self.cis, name)
    }

    /// Notes a service; true when it was not known.
    pub fn add_service(&mut self, name: &str) -> bool {
        add(&mut self.services, name)
    }

    /// Adds what another incident reached.
    pub fn absorb(&mut self, other: &Self) {
        for name in &other.cis {
            self.add_ci(name);
        }
        for name in &other.services {
            self.add_service(name);
        }
        self.users = self.users.max(other.users);
    }
}

fn add(names: &mut Vec<Box<str>>, name: &str) -> bool {
    match names.binary_search_by(|known| (**known).cmp(name)) {
        Err(at) if names.len() < AFFECTED_MAX => {
            names.insert(at, name.into());
            true
        }
        Ok(_) | Err(_) => false,
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
        assert!(affected.cis.is_sorted());
        let mut other = Affected { users: 7, ..Affected::default() };
        other.add_service("shop");
        affected.absorb(&other);
        assert_eq!((affected.users, &*affected.services), (7, &["shop".into()][..]));
    }
}
