//! What an incident that is resolved still waits for: a look at its alerts, and the word of those
//! who suffered.

use super::time::Timestamp;

/// What a resolution still waits for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Closure {
    /// When its alerts are looked at, where a person resolved it while they fired.
    pub verify_at: Option<Timestamp>,
    /// Who is asked whether it is over; kept when it is reopened, because a disagreement stands.
    pub confirmation: Option<Confirmation>,
}

/// The question whether an incident is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirmation {
    /// Since when it is asked.
    pub asked_at: Timestamp,
    /// When silence counts as an answer, exclusive; `None` when it never does.
    pub due_at: Option<Timestamp>,
    /// Who is asked, each once.
    pub asked: Vec<Box<str>>,
    /// Under which contact or address they are reached, where they are.
    pub reached: Vec<Reached>,
    /// Who of them said that it is over.
    pub confirmed: Vec<Box<str>>,
    /// Who said that it is not, as long as nobody takes it back.
    pub disagreement: Option<Disagreement>,
}

/// Somebody who is asked, and how the question reaches them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    /// The contact or the address.
    pub contact: Box<str>,
    /// Their name, as in [`Confirmation::asked`].
    pub name: Box<str>,
}

/// The word of somebody for whom it is not over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disagreement {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: Box<str>,
    /// Why.
    pub because: Box<str>,
}

impl Confirmation {
    /// Notes that somebody says it is over. Whoever is not among those asked speaks for all: the
    /// desk that had them on the phone.
    pub fn confirm(&mut self, by: &str) {
        self.disagreement = None;
        let own = self.names_of(by);
        if own.is_empty() {
            self.confirmed.clone_from(&self.asked);
        }
        for name in own {
            if !self.confirmed.contains(&name) {
                self.confirmed.push(name);
            }
        }
    }

    /// Takes back what somebody confirmed: they say that it is not over.
    pub fn reject(&mut self, it: Disagreement) {
        let own = self.names_of(&it.by);
        self.confirmed.retain(|name| !own.contains(name));
        self.disagreement = Some(it);
    }

    /// Returns as whom somebody was asked, by their name, contact or address: several names where
    /// several people are reached in one place, none for those who were not asked.
    pub fn names_of(&self, by: &str) -> Vec<Box<str>> {
        let reached = |name: &str| {
            let mut under = self.reached.iter().filter(|it| *it.name == *name);
            under.any(|it| is_same(&it.contact, by))
        };
        let own = self.asked.iter().filter(|name| is_same(name, by) || reached(name));
        own.cloned().collect()
    }

    /// True while the answer of whoever is reached there is waited for.
    pub fn waits_for(&self, contact: &str) -> bool {
        self.names_of(contact).iter().any(|name| !self.confirmed.contains(name))
    }

    /// True when everybody who was asked said so.
    pub fn is_complete(&self) -> bool {
        self.disagreement.is_none() && self.asked.iter().all(|name| self.confirmed.contains(name))
    }
}

/// True when a name on the timeline is that of this person: whoever speaks through a tool is named
/// as `ann by bot`.
fn is_same(name: &str, by: &str) -> bool {
    by == name || by.strip_prefix(name).is_some_and(|rest| rest.starts_with(" by "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(names: &[&str]) -> Confirmation {
        Confirmation {
            asked_at: Timestamp::from_millis(0),
            due_at: None,
            asked: names.iter().map(|&name| name.into()).collect(),
            reached: Vec::new(),
            confirmed: Vec::new(),
            disagreement: None,
        }
    }

    #[test]
    fn each_confirms_for_themselves_and_the_desk_for_all() {
        for (by, complete) in [
            (&["ann"][..], false),
            (&["ann", "bob by bot"], true),
            (&["ann", "ann"], false),
            (&["desk"], true),
            (&["annika"], true),
        ] {
            let mut confirmation = asked(&["ann", "bob"]);
            for by in by {
                confirmation.confirm(by);
            }
            assert_eq!(confirmation.is_complete(), complete, "{by:?}");
        }
    }

    #[test]
    fn whoever_answers_where_somebody_is_reached_speaks_for_them_alone() {
        let mut confirmation = asked(&["Ann Berg", "Bob", "Cem"]);
        for (contact, name) in [("desk@x.org", "Ann Berg"), ("desk@x.org", "Bob"), ("cem", "Cem")] {
            let (contact, name) = (contact.into(), name.into());
            confirmation.reached.push(Reached { contact, name });
        }
        assert!(confirmation.waits_for("desk@x.org") && !confirmation.waits_for("mia"));
        confirmation.confirm("desk@x.org");
        assert!(!confirmation.waits_for("desk@x.org"));
        assert_eq!(confirmation.confirmed, ["Ann Berg".into(), "Bob".into()]);
        assert!(!confirmation.is_complete());
        confirmation.confirm("cem by link");
        assert!(confirmation.is_complete());
    }

    #[test]
    fn a_disagreement_stands_until_somebody_takes_it_back() {
        let mut confirmation = asked(&["ann"]);
        confirmation.confirm("ann");
        let at = Timestamp::from_millis(1);
        let because = "still down".into();
        confirmation.reject(Disagreement { at, by: "ann".into(), because });
        assert!(!confirmation.is_complete() && confirmation.confirmed.is_empty());
        confirmation.confirm("ann");
        assert!(confirmation.is_complete());
    }
}
