//! Escalation policies. Spans are whole milliseconds: rule files write none that are finer.

use core::time::Duration;
use std::sync::Arc;

use prost::{Message, Oneof};

use super::{Malformed, Row, Word, keyed, numbered, required};
use crate::model::escalation::{Action, Due, Only, Policy, PolicyHash, Step, Target};
use crate::model::progress::StateName;
use crate::store::schema::{self, Family};

numbered!(StateName:
    New = 1, Acknowledged = 2, InProgress = 3, OnHold = 4, Resolved = 5, Closed = 6,
    Cancelled = 7);

/// A policy.
#[derive(Clone, PartialEq, Message)]
pub(in crate::store) struct PolicyMessage {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, repeated, tag = "2")]
    functional: Vec<StepMessage>,
    #[prost(message, repeated, tag = "3")]
    hierarchical: Vec<StepMessage>,
    #[prost(message, repeated, tag = "4")]
    resolution: Vec<StepMessage>,
    #[prost(message, repeated, tag = "5")]
    acceptance: Vec<StepMessage>,
}

#[derive(Clone, PartialEq, Message)]
struct StepMessage {
    #[prost(oneof = "DueMessage", tags = "1, 2")]
    due: Option<DueMessage>,
    #[prost(oneof = "ActionMessage", tags = "3, 4, 5, 6, 7, 9")]
    action: Option<ActionMessage>,
    #[prost(uint64, optional, tag = "8")]
    repeat_ms: Option<u64>,
    #[prost(uint32, repeated, tag = "10")]
    only_priorities: Vec<u32>,
    #[prost(uint32, repeated, tag = "11")]
    only_states: Vec<u32>,
    #[prost(string, optional, tag = "12")]
    only_hours: Option<String>,
}

#[derive(Clone, PartialEq, Oneof)]
enum DueMessage {
    #[prost(uint64, tag = "1")]
    AfterMs(u64),
    #[prost(uint32, tag = "2")]
    Share(u32),
}

#[derive(Clone, PartialEq, Oneof)]
enum ActionMessage {
    #[prost(message, tag = "3")]
    NextLine(()),
    #[prost(message, tag = "4")]
    NotifyAssigned(()),
    #[prost(message, tag = "5")]
    NotifyManager(()),
    #[prost(string, tag = "6")]
    NotifyTeam(String),
    #[prost(string, tag = "7")]
    NotifyContact(String),
    #[prost(message, tag = "9")]
    NotifyLead(()),
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn words<W: Word>(numbers: Vec<u32>) -> Result<Vec<W>, Malformed> {
    numbers.into_iter().map(W::of).collect()
}

impl From<&Step> for StepMessage {
    fn from(step: &Step) -> Self {
        let due = match step.due {
            Due::After(span) => DueMessage::AfterMs(millis(span)),
            Due::Share(percent) => DueMessage::Share(percent.into()),
        };
        let action = match &step.action {
            Action::NextLine => ActionMessage::NextLine(()),
            Action::Notify(Target::Assigned) => ActionMessage::NotifyAssigned(()),
            Action::Notify(Target::Manager) => ActionMessage::NotifyManager(()),
            Action::Notify(Target::Lead) => ActionMessage::NotifyLead(()),
            Action::Notify(Target::Team(name)) => ActionMessage::NotifyTeam(String::from(&**name)),
            Action::Notify(Target::Contact(name)) => {
                ActionMessage::NotifyContact(String::from(&**name))
            }
        };
        let Only { priorities, states, hours } = &step.only;
        Self {
            due: Some(due),
            action: Some(action),
            repeat_ms: step.repeat.map(millis),
            only_priorities: priorities.iter().map(|it| it.number()).collect(),
            only_states: states.iter().map(|it| it.number()).collect(),
            only_hours: hours.as_deref().map(String::from),
        }
    }
}

impl TryFrom<StepMessage> for Step {
    type Error = Malformed;

    fn try_from(message: StepMessage) -> Result<Self, Malformed> {
        let due = match required(message.due, "due")? {
            DueMessage::AfterMs(ms) => Due::After(Duration::from_millis(ms)),
            DueMessage::Share(percent) => Due::Share(
                u16::try_from(percent)
                    .map_err(|_| Malformed::Damaged(format!("{percent} % is no share")))?,
            ),
        };
        let action = match required(message.action, "action")? {
            ActionMessage::NextLine(()) => Action::NextLine,
            ActionMessage::NotifyAssigned(()) => Action::Notify(Target::Assigned),
            ActionMessage::NotifyManager(()) => Action::Notify(Target::Manager),
            ActionMessage::NotifyLead(()) => Action::Notify(Target::Lead),
            ActionMessage::NotifyTeam(name) => Action::Notify(Target::Team(name.into())),
            ActionMessage::NotifyContact(name) => Action::Notify(Target::Contact(name.into())),
        };
        let only = Only {
            priorities: words(message.only_priorities)?,
            states: words(message.only_states)?,
            hours: message.only_hours.map(Into::into),
        };
        Ok(Self { due, action, repeat: message.repeat_ms.map(Duration::from_millis), only })
    }
}

impl Row for (PolicyHash, Arc<Policy>) {
    const FAMILY: Family = Family::Policies;
    type Message = PolicyMessage;

    fn key(&self) -> impl AsRef<[u8]> {
        schema::number(self.0.0)
    }

    fn message(&self) -> PolicyMessage {
        let policy = &self.1;
        PolicyMessage {
            name: String::from(&*policy.name),
            functional: policy.functional.iter().map(Into::into).collect(),
            hierarchical: policy.hierarchical.iter().map(Into::into).collect(),
            resolution: policy.resolution.iter().map(Into::into).collect(),
            acceptance: policy.acceptance.iter().map(Into::into).collect(),
        }
    }

    fn restore(key: &[u8], message: PolicyMessage) -> Result<Self, Malformed> {
        let steps = |steps: Vec<StepMessage>| -> Result<Vec<Step>, Malformed> {
            steps.into_iter().map(TryInto::try_into).collect()
        };
        let policy = Policy {
            name: message.name.into(),
            functional: steps(message.functional)?,
            hierarchical: steps(message.hierarchical)?,
            resolution: steps(message.resolution)?,
            acceptance: steps(message.acceptance)?,
        };
        Ok((PolicyHash(keyed(schema::read_number(key))?), Arc::new(policy)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::frozen;
    use super::*;
    use crate::model::priority::Priority;

    #[test]
    fn the_bytes_of_a_policy_stay_as_they_are() {
        let only = Only::default();
        let step = |due, action, repeat| Step { due, action, repeat, only: only.clone() };
        let policy = Policy {
            name: "default".into(),
            functional: vec![
                step(Due::After(Duration::ZERO), Action::Notify(Target::Assigned), None),
                step(Due::Share(50), Action::Notify(Target::Team("net".into())), None),
                step(Due::Share(75), Action::NextLine, None),
            ],
            hierarchical: vec![
                step(Due::Share(90), Action::Notify(Target::Contact("ann".into())), None),
                step(
                    Due::Share(100),
                    Action::Notify(Target::Manager),
                    Some(Duration::from_mins(30)),
                ),
            ],
            resolution: vec![step(Due::Share(75), Action::NextLine, None)],
            acceptance: vec![Step {
                only: Only {
                    priorities: vec![Priority::P1, Priority::P2],
                    states: vec![StateName::New],
                    hours: Some("office".into()),
                },
                ..step(Due::Share(60), Action::Notify(Target::Lead), None)
            }],
        };
        let value =
            b"\x01\n\x07default\x12\x04\x08\x00\"\x00\x12\x07\x1022\x03net\x12\x04\x10K\x1a\x00\
            \x1a\x07\x10Z:\x03ann\x1a\x08\x10d*\x00@\xc0\xeem\"\x04\x10K\x1a\x00\
            *\x13\x10<J\x00R\x02\x01\x02Z\x01\x01b\x06office";
        frozen(&(PolicyHash(258), Arc::new(policy)), b"\x00\x00\x00\x00\x00\x00\x01\x02", value);
    }
}
