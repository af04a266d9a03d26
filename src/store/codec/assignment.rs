//! Who was handed an incident: a part of its record.

use prost::Message;

use super::clocks::RungMessage;
use super::{Malformed, Word, numbered};
use crate::model::assignment::{Accepted, Assignment, Assignments, Handover, Part, Verdict};
use crate::model::time::Timestamp;

numbered!(Part: Holds = 1, Convened = 2);
numbered!(Verdict: Accepted = 1, Returned = 2, PassedOn = 3);

/// All that were handed an incident.
#[derive(Clone, PartialEq, Message)]
pub(super) struct AssignmentsMessage {
    #[prost(message, repeated, tag = "1")]
    list: Vec<AssignmentMessage>,
    #[prost(uint32, tag = "2")]
    returned: u32,
    #[prost(string, optional, tag = "3")]
    call: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
struct AssignmentMessage {
    #[prost(string, optional, tag = "1")]
    team: Option<String>,
    #[prost(uint32, tag = "2")]
    line: u32,
    #[prost(string, optional, tag = "3")]
    person: Option<String>,
    #[prost(uint32, tag = "4")]
    part: u32,
    #[prost(int64, tag = "5")]
    from: i64,
    #[prost(string, tag = "6")]
    sent_by: String,
    #[prost(string, tag = "7")]
    tried: String,
    #[prost(string, tag = "8")]
    known: String,
    #[prost(string, tag = "9")]
    next: String,
    #[prost(int64, optional, tag = "10")]
    due_at: Option<i64>,
    #[prost(message, optional, tag = "11")]
    accepted: Option<AcceptedMessage>,
    #[prost(int64, optional, tag = "12")]
    until: Option<i64>,
    #[prost(uint32, optional, tag = "13")]
    verdict: Option<u32>,
    #[prost(message, optional, tag = "14")]
    rung: Option<RungMessage>,
    #[prost(string, tag = "15")]
    because: String,
}

#[derive(Clone, PartialEq, Message)]
struct AcceptedMessage {
    #[prost(int64, tag = "1")]
    at: i64,
    #[prost(string, tag = "2")]
    by: String,
}

impl From<&Assignments> for AssignmentsMessage {
    fn from(all: &Assignments) -> Self {
        Self {
            list: all.list.iter().map(Into::into).collect(),
            returned: all.returned,
            call: all.call.as_deref().map(String::from),
        }
    }
}

impl TryFrom<AssignmentsMessage> for Assignments {
    type Error = Malformed;

    fn try_from(message: AssignmentsMessage) -> Result<Self, Malformed> {
        let list: Result<_, Malformed> = message.list.into_iter().map(TryInto::try_into).collect();
        Ok(Self { list: list?, returned: message.returned, call: message.call.map(Into::into) })
    }
}

impl From<&Assignment> for AssignmentMessage {
    fn from(it: &Assignment) -> Self {
        let text = |text: &str| String::from(text);
        Self {
            team: it.team.as_deref().map(String::from),
            line: it.line.into(),
            person: it.person.as_deref().map(String::from),
            part: it.part.number(),
            from: it.from.millis(),
            sent_by: text(&it.sent_by),
            tried: text(&it.handover.tried),
            known: text(&it.handover.known),
            next: text(&it.handover.next),
            due_at: it.due_at.map(Timestamp::millis),
            accepted: it
                .accepted
                .as_ref()
                .map(|it| AcceptedMessage { at: it.at.millis(), by: text(&it.by) }),
            until: it.until.map(Timestamp::millis),
            verdict: it.verdict.map(Word::number),
            rung: Some(it.rung.into()),
            because: text(&it.handover.because),
        }
    }
}

impl TryFrom<AssignmentMessage> for Assignment {
    type Error = Malformed;

    fn try_from(it: AssignmentMessage) -> Result<Self, Malformed> {
        let handover = Handover {
            because: it.because.into(),
            tried: it.tried.into(),
            known: it.known.into(),
            next: it.next.into(),
        };
        let accepted =
            it.accepted.map(|it| Accepted { at: Timestamp::from_millis(it.at), by: it.by.into() });
        let line = u8::try_from(it.line)
            .map_err(|_| Malformed::Damaged(format!("{} is no line", it.line)))?;
        Ok(Self {
            team: it.team.map(Into::into),
            line,
            person: it.person.map(Into::into),
            part: Part::of(it.part)?,
            from: Timestamp::from_millis(it.from),
            sent_by: it.sent_by.into(),
            handover,
            due_at: it.due_at.map(Timestamp::from_millis),
            accepted,
            until: it.until.map(Timestamp::from_millis),
            verdict: it.verdict.map(Verdict::of).transpose()?,
            rung: it.rung.unwrap_or_default().into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::frozen_value;
    use super::*;
    use crate::model::escalation::Rung;

    #[test]
    fn the_bytes_of_assignments_stay_as_they_are() {
        let at = Timestamp::from_millis;
        let assignment = Assignment {
            team: Some("net".into()),
            line: 2,
            person: Some("ann".into()),
            part: Part::Convened,
            from: at(1),
            sent_by: "mia".into(),
            handover: Handover {
                because: "b".into(),
                tried: "t".into(),
                known: "k".into(),
                next: "n".into(),
            },
            due_at: Some(at(2)),
            accepted: Some(Accepted { at: at(3), by: "bob".into() }),
            until: Some(at(4)),
            verdict: Some(Verdict::PassedOn),
            rung: Rung { step: 5, repeats: 6, due_at: Some(at(7)), last_at: None },
        };
        let all = Assignments { list: vec![assignment], returned: 8, call: Some("c".into()) };
        let message = AssignmentsMessage::from(&all);
        let value =
            b"\x01\x0a8\x0a\x03net\x10\x02\x1a\x03ann \x02(\x012\x03mia:\x01tB\x01kJ\x01nP\x02\
            Z\x07\x08\x03\x12\x03bob`\x04h\x03r\x06\x08\x05\x10\x06\x18\x07z\x01b\x10\x08\x1a\x01c";
        frozen_value(&message, value);
        assert_eq!(Assignments::try_from(message), Ok(all));
    }
}
