//! What a major incident follows and leaves behind: its plan and roles, and the corrective actions of
//! its review. Parts of the record of an incident.

use core::time::Duration;

use prost::Message;

use super::sheet::{names, text, texts};
use super::{Malformed, Word, numbered};
use crate::model::major::{Done, Holder, Item, Major, ResponsePlan, Role};
use crate::model::review::{CorrectiveAction, Overdue};
use crate::model::time::Timestamp;

numbered!(Role: IncidentManager = 1, Coordinator = 2, Communication = 3);
numbered!(Overdue: Nobody = 1, Owner = 2, Lead = 3, Manager = 4);

/// That an incident is or was a major one.
#[derive(Clone, PartialEq, Message)]
pub(super) struct MajorMessage {
    #[prost(int64, tag = "1")]
    declared_at: i64,
    #[prost(string, tag = "2")]
    by: String,
    #[prost(string, tag = "3")]
    because: String,
    #[prost(int64, optional, tag = "4")]
    stood_down_at: Option<i64>,
    #[prost(message, optional, tag = "5")]
    plan: Option<PlanMessage>,
    #[prost(message, repeated, tag = "6")]
    roles: Vec<HolderMessage>,
    #[prost(string, repeated, tag = "7")]
    called: Vec<String>,
    #[prost(uint64, tag = "8")]
    update_every_ms: u64,
    #[prost(uint64, tag = "9")]
    watch_ms: u64,
    #[prost(int64, optional, tag = "10")]
    watch_until: Option<i64>,
    #[prost(string, repeated, tag = "11")]
    users: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
struct PlanMessage {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, repeated, tag = "2")]
    checklist: Vec<ItemMessage>,
    #[prost(string, repeated, tag = "3")]
    told: Vec<String>,
    #[prost(string, optional, tag = "4")]
    link: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
struct ItemMessage {
    #[prost(string, tag = "1")]
    text: String,
    #[prost(message, optional, tag = "2")]
    done: Option<DoneMessage>,
}

#[derive(Clone, PartialEq, Message)]
struct DoneMessage {
    #[prost(int64, tag = "1")]
    at: i64,
    #[prost(string, tag = "2")]
    by: String,
    #[prost(string, tag = "3")]
    note: String,
}

#[derive(Clone, PartialEq, Message)]
struct HolderMessage {
    #[prost(uint32, tag = "1")]
    role: u32,
    #[prost(string, tag = "2")]
    who: String,
    #[prost(string, optional, tag = "3")]
    team: Option<String>,
    #[prost(int64, tag = "4")]
    since: i64,
    #[prost(string, tag = "5")]
    by: String,
}

/// What a review wants to be done.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ActionMessage {
    #[prost(string, tag = "1")]
    text: String,
    #[prost(string, tag = "2")]
    owner: String,
    #[prost(int64, tag = "3")]
    due_at: i64,
    #[prost(string, tag = "4")]
    by: String,
    #[prost(int64, tag = "5")]
    added_at: i64,
    #[prost(uint32, tag = "6")]
    reminded: u32,
    #[prost(message, optional, tag = "7")]
    done: Option<DoneMessage>,
}

fn ms(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

impl From<&Done> for DoneMessage {
    fn from(it: &Done) -> Self {
        Self { at: it.at.millis(), by: it.by.to_string(), note: it.note.to_string() }
    }
}

impl From<DoneMessage> for Done {
    fn from(it: DoneMessage) -> Self {
        Self { at: Timestamp::from_millis(it.at), by: it.by.into(), note: it.note.into() }
    }
}

impl From<&ResponsePlan> for PlanMessage {
    fn from(plan: &ResponsePlan) -> Self {
        let item = |item: &Item| ItemMessage {
            text: item.text.to_string(),
            done: item.done.as_ref().map(Into::into),
        };
        Self {
            name: plan.name.to_string(),
            checklist: plan.checklist.iter().map(item).collect(),
            told: texts(&plan.told),
            link: text(plan.link.as_deref()),
        }
    }
}

impl From<PlanMessage> for ResponsePlan {
    fn from(message: PlanMessage) -> Self {
        let item = |it: ItemMessage| Item { text: it.text.into(), done: it.done.map(Into::into) };
        Self {
            name: message.name.into(),
            checklist: message.checklist.into_iter().map(item).collect(),
            told: names(message.told),
            link: message.link.map(Into::into),
        }
    }
}

impl From<&Holder> for HolderMessage {
    fn from(it: &Holder) -> Self {
        Self {
            role: it.role.number(),
            who: it.who.to_string(),
            team: text(it.team.as_deref()),
            since: it.since.millis(),
            by: it.by.to_string(),
        }
    }
}

impl TryFrom<HolderMessage> for Holder {
    type Error = Malformed;

    fn try_from(it: HolderMessage) -> Result<Self, Malformed> {
        Ok(Self {
            role: Role::of(it.role)?,
            who: it.who.into(),
            team: it.team.map(Into::into),
            since: Timestamp::from_millis(it.since),
            by: it.by.into(),
        })
    }
}

impl From<&Major> for MajorMessage {
    fn from(it: &Major) -> Self {
        Self {
            declared_at: it.declared_at.millis(),
            by: it.by.to_string(),
            because: it.because.to_string(),
            stood_down_at: it.stood_down_at.map(Timestamp::millis),
            plan: it.plan.as_ref().map(Into::into),
            roles: it.roles.iter().map(Into::into).collect(),
            called: texts(&it.called),
            update_every_ms: ms(it.update_every),
            watch_ms: ms(it.watch),
            watch_until: it.watch_until.map(Timestamp::millis),
            users: texts(&it.users),
        }
    }
}

impl TryFrom<MajorMessage> for Major {
    type Error = Malformed;

    fn try_from(message: MajorMessage) -> Result<Self, Malformed> {
        Ok(Self {
            declared_at: Timestamp::from_millis(message.declared_at),
            by: message.by.into(),
            because: message.because.into(),
            stood_down_at: message.stood_down_at.map(Timestamp::from_millis),
            plan: message.plan.map(Into::into),
            roles: message.roles.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            called: names(message.called),
            update_every: Duration::from_millis(message.update_every_ms),
            watch: Duration::from_millis(message.watch_ms),
            watch_until: message.watch_until.map(Timestamp::from_millis),
            users: names(message.users),
        })
    }
}

impl From<&CorrectiveAction> for ActionMessage {
    fn from(it: &CorrectiveAction) -> Self {
        Self {
            text: it.text.to_string(),
            owner: it.owner.to_string(),
            due_at: it.due_at.millis(),
            by: it.by.to_string(),
            added_at: it.added_at.millis(),
            reminded: it.reminded.number(),
            done: it.done.as_ref().map(Into::into),
        }
    }
}

impl TryFrom<ActionMessage> for CorrectiveAction {
    type Error = Malformed;

    fn try_from(it: ActionMessage) -> Result<Self, Malformed> {
        Ok(Self {
            text: it.text.into(),
            owner: it.owner.into(),
            due_at: Timestamp::from_millis(it.due_at),
            by: it.by.into(),
            added_at: Timestamp::from_millis(it.added_at),
            reminded: Overdue::of(it.reminded)?,
            done: it.done.map(Into::into),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::frozen_value;
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    fn done() -> Done {
        Done { at: at(3), by: "b".into(), note: "n".into() }
    }

    #[test]
    fn the_bytes_of_a_major_incident_stay_as_they_are() {
        let item = |done| Item { text: "i".into(), done };
        let major = Major {
            declared_at: at(1),
            by: "b".into(),
            because: "w".into(),
            stood_down_at: Some(at(2)),
            plan: Some(ResponsePlan {
                name: "p".into(),
                checklist: vec![item(Some(done())), item(None)],
                told: vec!["t".into()],
                link: Some("l".into()),
            }),
            roles: vec![Holder {
                role: Role::Communication,
                who: "w".into(),
                team: Some("t".into()),
                since: at(4),
                by: "b".into(),
            }],
            called: vec!["c".into()],
            update_every: Duration::from_millis(5),
            watch: Duration::from_millis(6),
            watch_until: Some(at(7)),
            users: Vec::new(),
        };
        let message = MajorMessage::from(&major);
        let value = b"\x01\x08\x01\x12\x01b\x1a\x01w\x20\x02\
            \x2a\x1d\x0a\x01p\x12\x0d\x0a\x01i\x12\x08\x08\x03\x12\x01b\x1a\x01n\x12\x03\x0a\x01i\
            \x1a\x01t\x22\x01l\
            \x32\x0d\x08\x03\x12\x01w\x1a\x01t\x20\x04\x2a\x01b\
            \x3a\x01c\x40\x05\x48\x06\x50\x07";
        // Also what was stored before users were told.
        frozen_value(&message, value);
        assert_eq!(Major::try_from(message).as_ref(), Ok(&major));
        let told = Major { users: vec!["u".into()], ..major };
        let message = MajorMessage::from(&told);
        frozen_value(&message, &[value.as_slice(), b"\x5a\x01u"].concat());
        assert_eq!(Major::try_from(message), Ok(told));
    }

    #[test]
    fn the_bytes_of_an_action_stay_as_they_are() {
        let action = CorrectiveAction {
            text: "t".into(),
            owner: "o".into(),
            due_at: at(1),
            by: "b".into(),
            added_at: at(2),
            reminded: Overdue::Lead,
            done: Some(done()),
        };
        let message = ActionMessage::from(&action);
        let value = b"\x01\x0a\x01t\x12\x01o\x18\x01\x22\x01b\x28\x02\x30\x03\
            \x3a\x08\x08\x03\x12\x01b\x1a\x01n";
        frozen_value(&message, value);
        assert_eq!(CorrectiveAction::try_from(message), Ok(action));
    }
}
