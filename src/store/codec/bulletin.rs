//! Bulletins that wait to be published.

use prost::Message;

use super::{Malformed, Row, Word, keyed, numbered, required};
use crate::model::bulletin::{
    Bulletin, BulletinField, BulletinHead, BulletinKind, Flags, Happened, Outline,
};
use crate::model::incident::RecordId;
use crate::model::priority::{Impact, Priority, Urgency};
use crate::model::progress::StateName;
use crate::model::time::Timestamp;
use crate::model::timeline::Happening;
use crate::store::schema::{self, Family};

numbered!(BulletinKind:
    Opened = 1,
    Joined = 2,
    Changed = 3,
    Escalated = 4,
    Acknowledged = 5,
    Resolved = 6,
    Reopened = 7,
    Closed = 8,
    Cancelled = 9,
    Merged = 10,
    Major = 11,
    Noted = 12,
);
numbered!(BulletinField:
    State = 1,
    Title = 2,
    Priority = 3,
    Impact = 4,
    Urgency = 5,
    Category = 6,
    Team = 7,
    Assignee = 8,
    Holder = 9,
    Ci = 10,
    Parent = 11,
    Members = 12,
    Firing = 13,
    Major = 14,
    Quiet = 15,
    KnownError = 16,
);

/// A bulletin.
#[derive(Clone, PartialEq, Message)]
pub(in crate::store) struct BulletinMessage {
    #[prost(int64, tag = "1")]
    at: i64,
    #[prost(uint64, tag = "2")]
    incident: u64,
    #[prost(uint32, tag = "3")]
    kind: u32,
    #[prost(string, optional, tag = "4")]
    by: Option<String>,
    #[prost(uint32, repeated, tag = "5")]
    changed: Vec<u32>,
    #[prost(message, repeated, tag = "6")]
    happened: Vec<HappenedMessage>,
    #[prost(uint32, tag = "7")]
    version: u32,
    #[prost(uint32, tag = "8")]
    revision: u32,
    #[prost(message, optional, tag = "9")]
    outline: Option<OutlineMessage>,
}

/// The part of it that the engine holds.
#[derive(Clone, PartialEq, Message)]
pub(in crate::store) struct HeadMessage {
    #[prost(int64, tag = "1")]
    at: i64,
}

#[derive(Clone, PartialEq, Message)]
struct HappenedMessage {
    #[prost(uint32, tag = "1")]
    what: u32,
    #[prost(uint32, tag = "2")]
    count: u32,
    #[prost(string, tag = "3")]
    text: String,
}

#[derive(Clone, PartialEq, Message)]
struct OutlineMessage {
    #[prost(uint32, tag = "1")]
    state: u32,
    #[prost(string, tag = "2")]
    title: String,
    #[prost(uint32, tag = "3")]
    priority: u32,
    #[prost(uint32, tag = "4")]
    impact: u32,
    #[prost(uint32, tag = "5")]
    urgency: u32,
    #[prost(string, optional, tag = "6")]
    category: Option<String>,
    #[prost(string, optional, tag = "7")]
    team: Option<String>,
    #[prost(string, optional, tag = "8")]
    assignee: Option<String>,
    #[prost(string, optional, tag = "9")]
    holder: Option<String>,
    #[prost(string, optional, tag = "10")]
    ci: Option<String>,
    #[prost(uint64, optional, tag = "11")]
    parent: Option<u64>,
    #[prost(uint32, tag = "12")]
    members: u32,
    #[prost(uint32, tag = "13")]
    firing: u32,
    #[prost(bool, tag = "14")]
    major: bool,
    #[prost(bool, tag = "15")]
    quiet: bool,
    #[prost(string, optional, tag = "16")]
    known_error: Option<String>,
    #[prost(int64, tag = "17")]
    opened_at: i64,
}

impl HeadMessage {
    /// Takes it back out of its stored form.
    pub(in crate::store) fn restore(self, key: &[u8]) -> Result<BulletinHead, Malformed> {
        let seq = keyed(schema::read_number(key))?;
        Ok(BulletinHead { seq, at: Timestamp::from_millis(self.at) })
    }
}

impl Row for Bulletin {
    const FAMILY: Family = Family::Bulletins;
    type Message = BulletinMessage;

    fn key(&self) -> impl AsRef<[u8]> {
        schema::number(self.seq)
    }

    fn message(&self) -> BulletinMessage {
        BulletinMessage {
            at: self.at.millis(),
            incident: self.incident.0,
            kind: self.kind.number(),
            by: text(self.by.as_deref()),
            changed: self.changed.iter().map(|field| field.number()).collect(),
            happened: self.happened.iter().map(HappenedMessage::from).collect(),
            version: self.version,
            revision: self.revision,
            outline: Some(OutlineMessage::from(&self.outline)),
        }
    }

    fn restore(key: &[u8], message: BulletinMessage) -> Result<Self, Malformed> {
        let changed = message.changed.into_iter().map(BulletinField::of);
        let happened = message.happened.into_iter().map(Happened::try_from);
        Ok(Self {
            seq: keyed(schema::read_number(key))?,
            incident: RecordId(message.incident),
            kind: BulletinKind::of(message.kind)?,
            at: Timestamp::from_millis(message.at),
            by: message.by.map(Into::into),
            changed: changed.collect::<Result<_, _>>()?,
            happened: happened.collect::<Result<_, _>>()?,
            version: message.version,
            revision: message.revision,
            outline: required(message.outline, "outline")?.try_into()?,
        })
    }
}

impl From<&Happened> for HappenedMessage {
    fn from(it: &Happened) -> Self {
        Self { what: it.what.number(), count: it.count, text: it.text.clone() }
    }
}

impl TryFrom<HappenedMessage> for Happened {
    type Error = Malformed;

    fn try_from(message: HappenedMessage) -> Result<Self, Malformed> {
        let HappenedMessage { what, count, text } = message;
        Ok(Self { what: Happening::of(what)?, count, text })
    }
}

impl From<&Outline> for OutlineMessage {
    fn from(it: &Outline) -> Self {
        Self {
            state: it.state.number(),
            title: it.title.clone(),
            priority: it.priority.number(),
            impact: it.impact.number(),
            urgency: it.urgency.number(),
            category: text(it.category.as_deref()),
            team: text(it.team.as_deref()),
            assignee: text(it.assignee.as_deref()),
            holder: text(it.holder.as_deref()),
            ci: text(it.ci.as_deref()),
            parent: it.parent.map(|parent| parent.0),
            members: it.members,
            firing: it.firing,
            major: it.flags.major,
            quiet: it.flags.quiet,
            known_error: text(it.known_error.as_deref()),
            opened_at: it.opened_at.millis(),
        }
    }
}

impl TryFrom<OutlineMessage> for Outline {
    type Error = Malformed;

    fn try_from(message: OutlineMessage) -> Result<Self, Malformed> {
        Ok(Self {
            state: StateName::of(message.state)?,
            title: message.title,
            priority: Priority::of(message.priority)?,
            impact: Impact::of(message.impact)?,
            urgency: Urgency::of(message.urgency)?,
            category: message.category.map(Into::into),
            team: message.team.map(Into::into),
            assignee: message.assignee.map(Into::into),
            holder: message.holder.map(Into::into),
            ci: message.ci.map(Into::into),
            parent: message.parent.map(RecordId),
            members: message.members,
            firing: message.firing,
            flags: Flags { major: message.major, quiet: message.quiet },
            known_error: message.known_error.map(Into::into),
            opened_at: Timestamp::from_millis(message.opened_at),
        })
    }
}

fn text(text: Option<&str>) -> Option<String> {
    text.map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::super::tests::frozen;
    use super::super::{decode, encode};
    use super::*;

    fn bulletin() -> Bulletin {
        Bulletin {
            seq: 258,
            incident: RecordId(7),
            kind: BulletinKind::Escalated,
            at: Timestamp::from_millis(2),
            by: Some("mia".into()),
            changed: vec![BulletinField::State, BulletinField::KnownError],
            happened: vec![Happened {
                what: Happening::EscalatedFunctional,
                count: 1,
                text: "why".into(),
            }],
            version: 3,
            revision: 4,
            outline: Outline {
                state: StateName::New,
                title: "t".into(),
                priority: Priority::P2,
                impact: Impact::High,
                urgency: Urgency::Low,
                category: Some("c".into()),
                team: Some("e".into()),
                assignee: Some("a".into()),
                holder: Some("h".into()),
                ci: Some("i".into()),
                parent: Some(RecordId(5)),
                members: 6,
                firing: 7,
                flags: Flags { major: true, quiet: true },
                known_error: Some("k".into()),
                opened_at: Timestamp::from_millis(8),
            },
        }
    }

    #[test]
    fn the_bytes_of_a_bulletin_stay_as_they_are() {
        let value = b"\x01\x08\x02\x10\x07\x18\x04\"\x03mia*\x02\x01\x102\t\x08\n\x10\x01\x1a\x03why8\x03@\x04J+\
            \x08\x01\x12\x01t\x18\x02 \x03(\x012\x01c:\x01eB\x01aJ\x01hR\x01iX\x05`\x06h\x07p\x01x\x01\x82\x01\x01k\x88\x01\x08";
        frozen(&bulletin(), b"\x00\x00\x00\x00\x00\x00\x01\x02", value);
    }

    #[test]
    fn a_head_is_read_without_the_rest() {
        let mut bytes = Vec::new();
        encode(&bulletin().message(), &mut bytes);
        let head = decode::<HeadMessage>(&bytes).unwrap().restore(&schema::number(258));
        assert_eq!(head, Ok(bulletin().head()));
    }
}
