//! Who was handed an incident, one after another, and what each made of it.
//!
//! Each that is handed it has to confirm receipt in a time of their own, whoever confirmed before.

use core::fmt;

use super::escalation::Rung;
use super::priority::words;
use super::time::Timestamp;

/// Assignments that an incident remembers; of more the oldest that ended go.
pub const KEPT_MAX: usize = 40;

/// One team or person that was handed an incident, or called to help with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The team; the default contact has it where there is none.
    pub team: Option<Box<str>>,
    /// The line of support, 1 to 4.
    pub line: u8,
    /// The person it was given to, where it was given to one.
    pub person: Option<Box<str>>,
    /// What they are to do with it.
    pub part: Part,
    /// When they were handed it.
    pub from: Timestamp,
    /// Who handed it: a person, a rule, or a step of the policy.
    pub sent_by: Box<str>,
    /// What was handed with it.
    pub handover: Handover,
    /// When its receipt is due, or was.
    pub due_at: Option<Timestamp>,
    /// Who confirmed its receipt, and when.
    pub accepted: Option<Accepted>,
    /// When it was theirs no longer.
    pub until: Option<Timestamp>,
    /// What became of it.
    pub verdict: Option<Verdict>,
    /// How far it has got on the ladder of its acceptance.
    pub rung: Rung,
}

/// What somebody who is handed an incident is to do with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// It is theirs.
    Holds,
    /// They help whose it is.
    Convened,
}

words!(Part, Holds = "holds", Convened = "convened");

/// What became of an assignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Its receipt was confirmed.
    Accepted,
    /// It was not theirs: they gave it back.
    Returned,
    /// It went on before anybody confirmed its receipt.
    PassedOn,
}

words!(Verdict, Accepted = "accepted", Returned = "returned", PassedOn = "passed_on");

/// Who confirmed the receipt of an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: Box<str>,
}

/// What whoever hands an incident on says of it; what is not said is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Handover {
    /// Why it is handed on.
    pub because: Box<str>,
    /// What was tried.
    pub tried: Box<str>,
    /// What is known.
    pub known: Box<str>,
    /// What comes next.
    pub next: Box<str>,
}

impl Handover {
    /// Says it after the reason: nothing where nothing was said.
    pub fn words(&self) -> String {
        let Self { because: _, tried, known, next } = self;
        let parts = [("tried", tried), ("known", known), ("next", next)];
        let said = parts.into_iter().filter(|(_, text)| !text.is_empty());
        said.fold(String::new(), |all, (what, text)| format!("{all}; {what}: {text}"))
    }
}

/// All that were handed an incident.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assignments {
    /// In order, at most [`KEPT_MAX`].
    pub list: Vec<Assignment>,
    /// How often it was given back as misrouted.
    pub returned: u32,
    /// Where those who were convened talk.
    pub call: Option<Box<str>>,
}

impl Assignments {
    /// Returns the assignment of whoever has it.
    pub fn holder(&self) -> Option<&Assignment> {
        self.list.iter().rev().find(|it| it.part == Part::Holds && it.until.is_none())
    }

    fn holder_mut(&mut self) -> Option<&mut Assignment> {
        self.list.iter_mut().rev().find(|it| it.part == Part::Holds && it.until.is_none())
    }

    /// Returns the team that had it before another one than who has it now.
    pub fn former(&self) -> Option<&Assignment> {
        let now = self.holder().and_then(|it| it.team.as_deref());
        let held = self.list.iter().rev().filter(|it| it.part == Part::Holds);
        held.filter(|it| it.until.is_some()).find(|it| it.team.as_deref() != now)
    }

    /// Yields those who were convened, are to help still, and have not confirmed it.
    pub fn called(&self) -> impl Iterator<Item = &Assignment> {
        let called = self.list.iter().filter(|it| it.part == Part::Convened);
        called.filter(|it| it.until.is_none() && it.accepted.is_none())
    }

    /// Hands it on: what held until then ends.
    pub fn hand(&mut self, next: Assignment, verdict: Verdict) {
        let now = next.from;
        if verdict == Verdict::Returned {
            self.returned += 1;
        }
        if let Some(before) = self.holder_mut() {
            before.until = Some(now);
            before.rung.due_at = None;
            // Who confirmed it had it rightly, unless they say otherwise.
            if before.verdict.is_none() || verdict == Verdict::Returned {
                before.verdict = Some(verdict);
            }
        }
        self.add(next);
    }

    /// Adds one that ends no other.
    pub fn add(&mut self, next: Assignment) {
        self.list.push(next);
        if self.list.len() > KEPT_MAX
            && let Some(oldest) = self.list.iter().position(|it| it.until.is_some())
        {
            self.list.remove(oldest);
        }
    }

    /// Notes that whoever has it has confirmed it.
    pub fn accept(&mut self, by: &str, now: Timestamp) {
        if let Some(it) = self.holder_mut() {
            it.accept(by, now);
        }
    }

    /// Begins the time of whoever has it anew: what was confirmed holds no longer.
    pub fn again(&mut self, now: Timestamp) {
        let Some(it) = self.holder_mut() else { return };
        it.rung = Rung::default();
        if it.accepted.is_some() {
            let anew = Assignment { from: now, accepted: None, verdict: None, ..it.clone() };
            self.hand(anew, Verdict::Accepted);
        }
    }

    /// Lets no step fall due until they are planned again.
    pub fn pause(&mut self) {
        for it in &mut self.list {
            it.rung.due_at = None;
        }
    }

    /// Sends those home who were convened.
    pub fn dismiss(&mut self, now: Timestamp) {
        for it in self.list.iter_mut().filter(|it| it.part == Part::Convened) {
            it.until.get_or_insert(now);
            it.rung.due_at = None;
        }
    }

    /// Returns when the next step falls due.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.list.iter().filter_map(|it| it.rung.due_at).min()
    }
}

impl Assignment {
    /// Notes that somebody has confirmed it.
    pub fn accept(&mut self, by: &str, now: Timestamp) {
        self.rung.due_at = None;
        self.verdict = Some(Verdict::Accepted);
        self.accepted.get_or_insert_with(|| Accepted { at: now, by: by.into() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    fn assignment(team: &str, from: i64) -> Assignment {
        Assignment {
            team: Some(team.into()),
            line: 1,
            person: None,
            part: Part::Holds,
            from: at(from),
            sent_by: "mia".into(),
            handover: Handover::default(),
            due_at: None,
            accepted: None,
            until: None,
            verdict: None,
            rung: Rung::default(),
        }
    }

    #[test]
    fn each_hand_over_ends_the_one_before_with_its_verdict() {
        let mut all = Assignments::default();
        all.hand(assignment("a", 1), Verdict::PassedOn);
        all.accept("ann", at(2));
        all.hand(assignment("b", 3), Verdict::PassedOn);
        all.hand(assignment("c", 4), Verdict::Returned);
        let told: Vec<_> = all.list.iter().map(|it| (it.until, it.verdict)).collect();
        let expected = [
            (Some(at(3)), Some(Verdict::Accepted)),
            (Some(at(4)), Some(Verdict::Returned)),
            (None, None),
        ];
        assert_eq!(told, expected);
        assert_eq!(all.returned, 1);
        assert_eq!(all.former().and_then(|it| it.team.as_deref()), Some("b"));
    }

    #[test]
    fn what_was_confirmed_holds_no_longer_once_it_begins_anew() {
        let mut all = Assignments::default();
        all.hand(assignment("a", 1), Verdict::PassedOn);
        all.again(at(2));
        assert_eq!(all.list.len(), 1, "nobody had confirmed it");
        all.accept("ann", at(3));
        all.again(at(4));
        assert_eq!(all.list.len(), 2);
        assert_eq!(all.holder().map(|it| (it.from, it.accepted.is_some())), Some((at(4), false)));
    }

    #[test]
    fn more_than_are_kept_push_out_the_oldest_that_ended() {
        let mut all = Assignments::default();
        for from in 0..100 {
            all.hand(assignment("a", from), Verdict::PassedOn);
        }
        assert_eq!(all.list.len(), KEPT_MAX);
        assert_eq!(all.holder().map(|it| it.from), Some(at(99)));
    }
}
