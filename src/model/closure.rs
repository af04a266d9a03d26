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
    /// Who of them said that it is over.
    pub confirmed: Vec<Box<str>>,
    /// Who said that it is not, as long as nobody takes it back.
    pub disagreement: Option<Disagreement>,
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
        let own = self.asked.iter().find(|name| is_same(name, by)).cloned();
        match own {
            Some(name) if !self.confirmed.contains(&name) => self.confirmed.push(name),
            Some(_) => {}
            None => self.confirmed.clone_from(&self.asked),
        }
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
    fn a_disagreement_stands_until_somebody_takes_it_back() {
        let mut confirmation = asked(&["ann"]);
        confirmation.confirm("ann");
        let at = Timestamp::from_millis(1);
        let because = "still down".into();
        confirmation.disagreement = Some(Disagreement { at, by: "ann".into(), because });
        assert!(!confirmation.is_complete());
        confirmation.confirm("ann");
        assert!(confirmation.is_complete());
    }
}
