//! What is to be changed so that an incident does not come back: the corrective actions of its
//! review. They outlive the incident and remind until each is done.

use core::fmt;
use core::time::Duration;

use super::major::Done;
use super::priority::words;
use super::time::Timestamp;

/// Actions of one incident; a longer list is a project.
pub const ACTIONS_MAX: usize = 50;

/// The longest text of an action, in bytes.
pub const ACTION_BYTES_MAX: usize = 1_000;

/// Something that somebody has to do by a time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CorrectiveAction {
    /// What.
    pub text: Box<str>,
    /// The contact or the team that has to.
    pub owner: Box<str>,
    /// By when, exclusive.
    pub due_at: Timestamp,
    /// Who wanted it.
    pub by: Box<str>,
    /// When they did.
    pub added_at: Timestamp,
    /// Who was reminded last that it is overdue.
    pub reminded: Overdue,
    /// Who says that it is done; nothing while it is open.
    pub done: Option<Done>,
}

/// Who was reminded of an overdue action; each step goes to somebody else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Overdue {
    /// Nobody yet.
    #[default]
    Nobody,
    /// Its owner.
    Owner,
    /// The owner's lead.
    Lead,
    /// The incident manager, or who manages in their place.
    Manager,
}

words!(Overdue, Nobody = "nobody", Owner = "owner", Lead = "lead", Manager = "manager");

/// How long after an action fell due each step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Until its owner's lead hears of it.
    pub lead: Duration,
    /// Until the incident manager does.
    pub manager: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { lead: Duration::from_hours(24), manager: Duration::from_hours(3 * 24) }
    }
}

impl CorrectiveAction {
    /// True while somebody has to do something.
    pub fn is_open(&self) -> bool {
        self.done.is_none()
    }

    /// True when it is open and its time is over.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.is_open() && self.due_at <= now
    }

    /// Returns the next step with when it falls due; nothing for one that is done, or once all were
    /// reminded.
    pub fn next(&self, patience: Patience) -> Option<(Overdue, Timestamp)> {
        let at = |after| self.due_at.plus(after);
        match self.reminded {
            _ if !self.is_open() => None,
            Overdue::Nobody => Some((Overdue::Owner, self.due_at)),
            Overdue::Owner => Some((Overdue::Lead, at(patience.lead))),
            Overdue::Lead => Some((Overdue::Manager, at(patience.manager))),
            Overdue::Manager => None,
        }
    }
}

/// Writes `replace the strip (dana, until 2026-12-01T00:00:00.000Z)`.
impl fmt::Display for CorrectiveAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, until {})", self.text, self.owner, self.due_at)
    }
}

/// Returns when the first of some actions has its next step.
pub fn next_due(actions: &[CorrectiveAction], patience: Patience) -> Option<Timestamp> {
    actions.iter().filter_map(|action| Some(action.next(patience)?.1)).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overdue_action_goes_from_step_to_step_until_it_is_done() {
        let at = |hours| Timestamp::EPOCH.plus(Duration::from_hours(hours));
        let mut action = CorrectiveAction { due_at: at(10), ..CorrectiveAction::default() };
        let patience = Patience::default();
        for (step, due_at) in
            [(Overdue::Owner, at(10)), (Overdue::Lead, at(34)), (Overdue::Manager, at(82))]
        {
            assert_eq!(action.next(patience), Some((step, due_at)));
            assert_eq!(next_due(core::slice::from_ref(&action), patience), Some(due_at));
            action.reminded = step;
        }
        assert_eq!(action.next(patience), None);
        action.reminded = Overdue::Nobody;
        assert!(action.is_overdue(at(10)) && !action.is_overdue(at(9)));
        action.done = Some(Done::default());
        assert_eq!(action.next(patience), None);
        assert!(!action.is_overdue(at(99)));
    }
}
