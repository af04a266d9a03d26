//! Records attached to incidents.

use prost::{Message, Oneof};

use super::{Malformed, Row, begin, keyed, required, wire};
use crate::engine::changes::{MemberOf, MemberRow};
use crate::model::alert::{Join, Path};
use crate::model::incident::RecordId;
use crate::model::labels::Fingerprint;
use crate::model::time::Timestamp;
use crate::store::schema::{self, Family};

/// What is attached and why.
#[derive(Clone, PartialEq, Message)]
pub(in crate::store) struct MemberMessage {
    #[prost(int64, tag = "1")]
    joined_at: i64,
    #[prost(oneof = "WhatMessage", tags = "2, 3")]
    what: Option<WhatMessage>,
    #[prost(oneof = "JoinMessage", tags = "4, 5, 6, 7, 8, 9, 10, 11, 12, 20, 21, 80")]
    join: Option<JoinMessage>,
}

#[derive(Clone, PartialEq, Oneof)]
enum WhatMessage {
    #[prost(message, tag = "2")]
    Alert(EpisodeMessage),
    #[prost(message, tag = "3")]
    Incident(()),
}

#[derive(Clone, PartialEq, Message)]
struct EpisodeMessage {
    #[prost(fixed64, tag = "1")]
    fingerprint: u64,
    #[prost(uint32, tag = "2")]
    episode: u32,
}

#[derive(Clone, PartialEq, Oneof)]
enum JoinMessage {
    #[prost(message, tag = "4")]
    Own(()),
    #[prost(message, tag = "5")]
    Group(GroupMessage),
    #[prost(message, tag = "6")]
    Dependant(DependantMessage),
    /// The rule; written before the confidence was kept.
    #[prost(string, tag = "7")]
    OldCause(String),
    /// The former incident.
    #[prost(uint64, tag = "8")]
    Outlived(u64),
    #[prost(message, tag = "9")]
    ByHand(ByHandMessage),
    #[prost(message, tag = "10")]
    Related(RelatedMessage),
    #[prost(message, tag = "12")]
    Cause(CauseMessage),
    /// The CI is in the place of the key.
    #[prost(message, tag = "11")]
    LastLeg(GroupMessage),
    #[prost(message, tag = "20")]
    Storm(GroupMessage),
    #[prost(message, tag = "21")]
    Sequence(SequenceMessage),
    /// The CI.
    #[prost(string, tag = "80")]
    Reported(String),
}

#[derive(Clone, PartialEq, Message)]
struct CauseMessage {
    #[prost(string, tag = "1")]
    rule: String,
    #[prost(uint32, tag = "2")]
    confidence: u32,
}

#[derive(Clone, PartialEq, Message)]
struct RelatedMessage {
    #[prost(string, tag = "1")]
    rule: String,
    #[prost(string, tag = "2")]
    place: String,
    #[prost(uint64, tag = "3")]
    silence_ms: u64,
    #[prost(uint32, tag = "4")]
    confidence: u32,
    #[prost(uint64, optional, tag = "5")]
    expected_ms: Option<u64>,
}

#[derive(Clone, PartialEq, Message)]
struct SequenceMessage {
    #[prost(string, tag = "1")]
    rule: String,
    #[prost(string, tag = "2")]
    steps: String,
}

#[derive(Clone, PartialEq, Message)]
struct ByHandMessage {
    #[prost(string, tag = "1")]
    by: String,
    #[prost(string, tag = "2")]
    note: String,
}

#[derive(Clone, PartialEq, Message)]
struct GroupMessage {
    #[prost(string, tag = "1")]
    rule: String,
    #[prost(string, tag = "2")]
    key: String,
}

#[derive(Clone, PartialEq, Message)]
struct DependantMessage {
    #[prost(string, tag = "1")]
    rule: String,
    #[prost(message, optional, tag = "2")]
    path: Option<PathMessage>,
    #[prost(sint64, tag = "3")]
    after_ms: i64,
    #[prost(uint64, optional, tag = "4")]
    expected_ms: Option<u64>,
    #[prost(uint32, tag = "5")]
    confidence: u32,
}

/// A way through the topology.
#[derive(Clone, PartialEq, Message)]
pub(super) struct PathMessage {
    #[prost(string, tag = "1")]
    from: String,
    /// Relation, CI, relation, CI, and so on.
    #[prost(string, repeated, tag = "2")]
    steps: Vec<String>,
}

impl From<&Path> for PathMessage {
    fn from(path: &Path) -> Self {
        let names = path.steps.iter().flat_map(|(relation, ci)| [relation, ci]);
        Self { from: String::from(&*path.from), steps: names.map(|n| String::from(&**n)).collect() }
    }
}

impl TryFrom<PathMessage> for Path {
    type Error = Malformed;

    fn try_from(message: PathMessage) -> Result<Self, Malformed> {
        let mut names = message.steps.into_iter().map(Into::into);
        let mut steps = Vec::new();
        while let Some(relation) = names.next() {
            steps.push((relation, required(names.next(), "last CI of the path")?));
        }
        Ok(Self { from: message.from.into(), steps })
    }
}

impl From<MemberOf> for WhatMessage {
    fn from(what: MemberOf) -> Self {
        match what {
            MemberOf::Alert { fingerprint, episode } => {
                Self::Alert(EpisodeMessage { fingerprint: fingerprint.0, episode })
            }
            MemberOf::Incident => Self::Incident(()),
        }
    }
}

impl From<WhatMessage> for MemberOf {
    fn from(message: WhatMessage) -> Self {
        match message {
            WhatMessage::Alert(EpisodeMessage { fingerprint, episode }) => {
                Self::Alert { fingerprint: Fingerprint(fingerprint), episode }
            }
            WhatMessage::Incident(()) => Self::Incident,
        }
    }
}

impl From<&Join> for JoinMessage {
    fn from(join: &Join) -> Self {
        match join {
            Join::Own => Self::Own(()),
            Join::Group { rule, key } => {
                Self::Group(GroupMessage { rule: String::from(&**rule), key: String::from(&**key) })
            }
            Join::Dependant { rule, path, after_ms, expected_ms, confidence } => {
                Self::Dependant(DependantMessage {
                    rule: String::from(&**rule),
                    path: Some(path.into()),
                    after_ms: *after_ms,
                    expected_ms: *expected_ms,
                    confidence: (*confidence).into(),
                })
            }
            Join::Cause { rule, confidence } => Self::Cause(CauseMessage {
                rule: String::from(&**rule),
                confidence: (*confidence).into(),
            }),
            Join::Storm { rule, key } => {
                Self::Storm(GroupMessage { rule: String::from(&**rule), key: String::from(&**key) })
            }
            Join::LastLeg { rule, ci } => Self::LastLeg(GroupMessage {
                rule: String::from(&**rule),
                key: String::from(&**ci),
            }),
            Join::Sequence { rule, steps } => Self::Sequence(SequenceMessage {
                rule: String::from(&**rule),
                steps: String::from(&**steps),
            }),
            Join::Outlived { former } => Self::Outlived(former.0),
            Join::Reported { ci } => Self::Reported(String::from(&**ci)),
            Join::Related { rule, place, silence_ms, expected_ms, confidence } => {
                Self::Related(RelatedMessage {
                    rule: String::from(&**rule),
                    place: String::from(&**place),
                    silence_ms: *silence_ms,
                    expected_ms: *expected_ms,
                    confidence: (*confidence).into(),
                })
            }
            Join::ByHand { by, note } => {
                Self::ByHand(ByHandMessage { by: String::from(&**by), note: String::from(&**note) })
            }
        }
    }
}

impl TryFrom<JoinMessage> for Join {
    type Error = Malformed;

    fn try_from(message: JoinMessage) -> Result<Self, Malformed> {
        Ok(match message {
            JoinMessage::Own(()) => Self::Own,
            JoinMessage::Reported(ci) => Self::Reported { ci: ci.into() },
            JoinMessage::Group(GroupMessage { rule, key }) => {
                Self::Group { rule: rule.into(), key: key.into() }
            }
            JoinMessage::Dependant(message) => Self::Dependant {
                rule: message.rule.into(),
                path: required(message.path, "path")?.try_into()?,
                after_ms: message.after_ms,
                expected_ms: message.expected_ms,
                confidence: percent(message.confidence)?,
            },
            JoinMessage::Storm(GroupMessage { rule, key }) => {
                Self::Storm { rule: rule.into(), key: key.into() }
            }
            JoinMessage::LastLeg(GroupMessage { rule, key }) => {
                Self::LastLeg { rule: rule.into(), ci: key.into() }
            }
            JoinMessage::Sequence(SequenceMessage { rule, steps }) => {
                Self::Sequence { rule: rule.into(), steps: steps.into() }
            }
            JoinMessage::OldCause(rule) => Self::Cause { rule: rule.into(), confidence: 0 },
            JoinMessage::Cause(CauseMessage { rule, confidence }) => {
                Self::Cause { rule: rule.into(), confidence: percent(confidence)? }
            }
            JoinMessage::Outlived(former) => Self::Outlived { former: RecordId(former) },
            JoinMessage::Related(message) => Self::Related {
                rule: message.rule.into(),
                place: message.place.into(),
                silence_ms: message.silence_ms,
                expected_ms: message.expected_ms,
                confidence: percent(message.confidence)?,
            },
            JoinMessage::ByHand(ByHandMessage { by, note }) => {
                Self::ByHand { by: by.into(), note: note.into() }
            }
        })
    }
}

fn percent(confidence: u32) -> Result<u8, Malformed> {
    u8::try_from(confidence).map_err(|_| Malformed::Damaged("its confidence is above 255".into()))
}

impl Row for MemberRow {
    const FAMILY: Family = Family::Members;
    type Message = MemberMessage;

    fn key(&self) -> impl AsRef<[u8]> {
        schema::pair(self.incident.0, self.record.0)
    }

    fn message(&self) -> MemberMessage {
        MemberMessage {
            joined_at: self.joined_at.millis(),
            what: Some(self.what.into()),
            join: Some((&self.join).into()),
        }
    }

    fn write(&self, into: &mut Vec<u8>) {
        begin(into);
        wire::number(1, self.joined_at.millis().cast_unsigned(), into);
        WhatMessage::from(self.what).encode(into);
        if let Join::Group { rule, key } = &self.join {
            // How most join: it need not be copied to be written.
            wire::message(5, into, |into| {
                wire::text(1, &**rule, into);
                wire::text(2, &**key, into);
            });
        } else {
            JoinMessage::from(&self.join).encode(into);
        }
    }

    fn restore(key: &[u8], message: MemberMessage) -> Result<Self, Malformed> {
        let (incident, record) = keyed(schema::read_pair(key))?;
        Ok(Self {
            incident: RecordId(incident),
            record: RecordId(record),
            what: required(message.what, "what")?.into(),
            joined_at: Timestamp::from_millis(message.joined_at),
            join: required(message.join, "join")?.try_into()?,
        })
    }
}

/// The incident of an alert's record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct RecordOf {
    pub(in crate::store) record: RecordId,
    pub(in crate::store) incident: RecordId,
}

impl RecordOf {
    /// Returns what a member says of its record; nothing where that is an incident itself.
    pub(in crate::store) fn member(row: &MemberRow) -> Option<Self> {
        let MemberRow { incident, record, what, .. } = row;
        let is_alert = matches!(what, MemberOf::Alert { .. }) && incident != record;
        is_alert.then_some(Self { record: *record, incident: *incident })
    }
}

/// An incident.
#[derive(Clone, PartialEq, Message)]
pub(in crate::store) struct RecordMessage {
    #[prost(uint64, tag = "1")]
    incident: u64,
}

impl Row for RecordOf {
    const FAMILY: Family = Family::Records;
    type Message = RecordMessage;

    fn key(&self) -> impl AsRef<[u8]> {
        schema::number(self.record.0)
    }

    fn message(&self) -> RecordMessage {
        RecordMessage { incident: self.incident.0 }
    }

    fn restore(key: &[u8], message: RecordMessage) -> Result<Self, Malformed> {
        let record = RecordId(keyed(schema::read_number(key))?);
        Ok(Self { record, incident: RecordId(message.incident) })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::frozen;
    use super::*;

    #[test]
    fn the_bytes_of_a_record_stay_as_they_are() {
        let row = RecordOf { record: RecordId(1042), incident: RecordId(1000) };
        frozen(&row, b"\0\0\0\0\0\0\x04\x12", b"\x01\x08\xe8\x07");
    }

    fn related() -> Join {
        Join::Related {
            rule: "b/r".into(),
            place: "at x".into(),
            silence_ms: 300,
            expected_ms: Some(400),
            confidence: 93,
        }
    }

    #[test]
    fn the_bytes_of_a_member_stay_as_they_are() {
        let path = Path { from: "pdu".into(), steps: vec![("powers".into(), "srv".into())] };
        let alert = MemberOf::Alert { fingerprint: Fingerprint(0x0223_b772_b51c_29e1), episode: 3 };
        let (rule, expected_ms) = (|| "dc/rack-power".into(), Some(300));
        let of_alert = &b"\x12\x0b\t\xe1)\x1c\xb5r\xb7#\x02\x10\x03"[..];
        let dependant =
            &b"2+\n\rdc/rack-power\x12\x12\n\x03pdu\x12\x06powers\x12\x03srv\x18\xff|\x20\xac\x02\x28Z"[..];
        for (what, what_value, join, join_value) in [
            (alert, of_alert, Join::Own, &b"\"\x00"[..]),
            (
                alert,
                of_alert,
                Join::Group { rule: rule(), key: "a=\"1\"".into() },
                b"*\x16\n\rdc/rack-power\x12\x05a=\"1\"",
            ),
            (
                alert,
                of_alert,
                Join::Dependant {
                    rule: rule(),
                    path,
                    after_ms: -8000,
                    expected_ms,
                    confidence: 90,
                },
                dependant,
            ),
            (
                MemberOf::Incident,
                b"\x1a\x00",
                Join::Cause { rule: rule(), confidence: 94 },
                b"b\x11\n\rdc/rack-power\x10^",
            ),
            (alert, of_alert, Join::Outlived { former: RecordId(999) }, b"@\xe7\x07"),
            (alert, of_alert, Join::Reported { ci: "shop".into() }, b"\x82\x05\x04shop"),
            (alert, of_alert, related(), b"R\x13\x0a\x03b/r\x12\x04at x\x18\xac\x02 ]\x28\x90\x03"),
            (
                alert,
                of_alert,
                Join::Storm { rule: "o/s".into(), key: "o/s/f".into() },
                b"\xa2\x01\x0c\x0a\x03o/s\x12\x05o/s/f",
            ),
            (
                alert,
                of_alert,
                Join::LastLeg { rule: "o/s".into(), ci: "srv-1".into() },
                b"\x5a\x0c\x0a\x03o/s\x12\x05srv-1",
            ),
            (
                MemberOf::Incident,
                b"\x1a\x00",
                Join::Sequence { rule: "o/s".into(), steps: "a, b".into() },
                b"\xaa\x01\x0b\x0a\x03o/s\x12\x04a, b",
            ),
            (
                alert,
                of_alert,
                Join::ByHand { by: "ann".into(), note: "same".into() },
                b"J\x0b\x0a\x03ann\x12\x04same",
            ),
        ] {
            let value = [b"\x01\x08\x81\xd0\x95\xff\xbc1", what_value, join_value].concat();
            let (incident, record) = (RecordId(1000), RecordId(1042));
            let joined_at = Timestamp::from_millis(1_700_000_000_001);
            let row = MemberRow { incident, record, what, joined_at, join };
            frozen(&row, b"\0\0\0\0\0\0\x03\xe8\0\0\0\0\0\0\x04\x12", &value);
        }
    }
}
