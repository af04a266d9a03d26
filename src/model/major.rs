//! Major incidents: those that management hears of first, that follow a response plan, are watched
//! after their end, and are not closed without a review.

use core::fmt;
use core::time::Duration;

use super::priority::words;
use super::time::Timestamp;

/// Who is named where the rules declared it.
pub const RULES: &str = "rules";

/// People with a role in one incident; more get in each other's way.
pub const ROLES_MAX: usize = 32;

/// Users who are told of one incident; whoever speaks for many is one contact, as a list or a room.
pub const USERS_MAX: usize = 100;

/// That an incident is, or was, a major one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Major {
    /// When it was declared last.
    pub declared_at: Timestamp,
    /// Who declared it; [`RULES`] for the rules.
    pub by: Box<str>,
    /// Why.
    pub because: Box<str>,
    /// When somebody said that it is none any more. No rule declares it again.
    pub stood_down_at: Option<Timestamp>,
    /// What is to be done, as the rules said when it was declared first.
    pub plan: Option<ResponsePlan>,
    /// Who answers for what.
    pub roles: Vec<Holder>,
    /// Whom its declaration or a role called: what calls them is not taken back once somebody else
    /// has answered.
    pub called: Vec<Box<str>>,
    /// Users of the services it hurt who were told of it: contacts and addresses.
    pub users: Vec<Box<str>>,
    /// From one update to the next; zero for one that was declared before updates fell due.
    pub update_every: Duration,
    /// How long it is watched after its resolution.
    pub watch: Duration,
    /// When that ends, exclusive; nothing unless it is resolved and still watched.
    pub watch_until: Option<Timestamp>,
}

/// A response plan as it was when the incident was declared a major one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponsePlan {
    /// Its name in the rule files.
    pub name: Box<str>,
    /// What is to be done, in order.
    pub checklist: Vec<Item>,
    /// Who was told because of it, by name.
    pub told: Vec<Box<str>>,
    /// Where people talk.
    pub link: Option<Box<str>>,
}

/// One item of a checklist.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Item {
    /// What is to be done.
    pub text: Box<str>,
    /// Who did it; nothing while it is open.
    pub done: Option<Done>,
}

/// Who did something, and when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: Box<str>,
    /// What they say; may be empty.
    pub note: Box<str>,
}

/// What somebody answers for in a major incident.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Leads; one person.
    #[default]
    IncidentManager,
    /// Leads a part; there may be several.
    Coordinator,
    /// Says how it stands; one person.
    Communication,
}

words!(
    Role,
    IncidentManager = "incident_manager",
    Coordinator = "coordinator",
    Communication = "communication"
);

/// Somebody with a role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holder {
    /// Which.
    pub role: Role,
    /// The contact.
    pub who: Box<str>,
    /// The team that was named, whose shift they had.
    pub team: Option<Box<str>>,
    /// Since when.
    pub since: Timestamp,
    /// Who gave it to them: a person, or the plan.
    pub by: Box<str>,
}

impl Major {
    /// Says who declared it, and why.
    pub fn said(&self) -> String {
        let Self { by, because, .. } = self;
        let who = if **by == *RULES { "say the rules".into() } else { format!("says {by}") };
        format!("a major incident, {who}: {because}")
    }

    /// True while it is one.
    pub fn stands(&self) -> bool {
        self.stood_down_at.is_none()
    }

    /// Returns who has a role; of several the first.
    pub fn holder(&self, role: Role) -> Option<&Holder> {
        self.roles.iter().find(|holder| holder.role == role)
    }

    /// Gives somebody a role; one that only one person has they take over. False when nobody more
    /// can have one.
    pub fn give(&mut self, holder: Holder) -> bool {
        let many = holder.role == Role::Coordinator;
        self.roles.retain(|it| it.role != holder.role || many && *it.who != *holder.who);
        let fits = self.roles.len() < ROLES_MAX;
        if fits {
            self.roles.push(holder);
            self.roles.sort_by_key(|it| it.role);
        }
        fits
    }

    /// Returns how many items of its plan are open, and how many there are.
    pub fn open_items(&self) -> (usize, usize) {
        let items = self.plan.as_ref().map(|plan| &*plan.checklist).unwrap_or_default();
        (items.iter().filter(|item| item.done.is_none()).count(), items.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_person_leads_and_several_coordinate() {
        let mut major = Major::default();
        for (role, who) in [
            (Role::Communication, "carl"),
            (Role::IncidentManager, "ann"),
            (Role::Coordinator, "ann"),
            (Role::Coordinator, "bob"),
            (Role::Coordinator, "ann"),
            (Role::IncidentManager, "dana"),
        ] {
            assert!(major.give(Holder { role, who: who.into(), ..Holder::default() }));
        }
        let roles: Vec<_> =
            major.roles.iter().map(|it| format!("{} {}", it.role, it.who)).collect();
        let expected = ["incident_manager dana", "coordinator bob", "coordinator ann"];
        assert_eq!(roles, [&expected[..], &["communication carl"]].concat());
        assert_eq!(major.holder(Role::IncidentManager).map(|it| &*it.who), Some("dana"));
        for at in 0..ROLES_MAX {
            major.give(Holder {
                role: Role::Coordinator,
                who: format!("c{at}").into(),
                ..Holder::default()
            });
        }
        assert_eq!(major.roles.len(), ROLES_MAX);
    }
}
