//! Alerts: held ones, newer states of held ones, and past episodes.

use std::sync::Arc;

use prost::Message;
use prost::bytes::Bytes;

use super::{Malformed, Row, begin, decode, keyed, required, wire};
use crate::engine::changes::AlertRow;
use crate::model::alert::{AlertState, Details, Inhibitor, Lease, Slot, SourceId};
use crate::model::incident::RecordId;
use crate::model::labels::{Fingerprint, Labels};
use crate::model::rare::Rare;
use crate::model::silence::SilenceId;
use crate::model::time::Timestamp;
use crate::store::schema::{self, Family};

/// An alert with its text.
#[derive(Clone, PartialEq, Message)]
pub(in crate::store) struct AlertMessage {
    /// See [`Labels::packed`].
    #[prost(bytes = "bytes", tag = "1")]
    labels: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    annotations: Bytes,
    #[prost(string, tag = "3")]
    generator_url: String,
    #[prost(string, optional, tag = "4")]
    ci: Option<String>,
    #[prost(message, optional, tag = "5")]
    state: Option<StateMessage>,
    /// Not in an episode, whose key has it.
    #[prost(fixed64, tag = "6")]
    fingerprint: u64,
}

/// The part of an [`AlertMessage`] that is held in memory; the text is skipped when it is read.
#[derive(Clone, PartialEq, Message)]
struct HeadMessage {
    #[prost(bytes = "bytes", tag = "1")]
    labels: Bytes,
    #[prost(message, optional, tag = "5")]
    state: Option<StateMessage>,
    #[prost(fixed64, tag = "6")]
    fingerprint: u64,
}

/// The part of an alert that changes with its occurrences.
#[derive(Clone, PartialEq, Message)]
pub(in crate::store) struct StateMessage {
    #[prost(uint32, tag = "1")]
    revision: u32,
    #[prost(uint32, tag = "2")]
    episode: u32,
    #[prost(uint64, optional, tag = "3")]
    record: Option<u64>,
    #[prost(uint64, optional, tag = "4")]
    incident: Option<u64>,
    #[prost(int64, tag = "5")]
    starts_at: i64,
    #[prost(int64, optional, tag = "6")]
    ended_at: Option<i64>,
    #[prost(int64, tag = "7")]
    first_seen: i64,
    #[prost(int64, tag = "8")]
    last_seen: i64,
    #[prost(uint64, tag = "9")]
    occurrences: u64,
    #[prost(string, optional, tag = "10")]
    severity: Option<String>,
    #[prost(message, repeated, tag = "11")]
    leases: Vec<LeaseMessage>,
    #[prost(int64, tag = "12")]
    end_heard_at: i64,
    /// Ids, 16 bytes each.
    #[prost(bytes = "vec", tag = "13")]
    silenced_by: Vec<u8>,
    #[prost(message, repeated, tag = "14")]
    inhibited_by: Vec<InhibitorMessage>,
}

#[derive(Clone, PartialEq, Message)]
struct InhibitorMessage {
    #[prost(fixed64, tag = "1")]
    alert: u64,
    #[prost(string, tag = "2")]
    rule: String,
}

#[derive(Clone, PartialEq, Message)]
struct LeaseMessage {
    #[prost(uint32, tag = "1")]
    source: u32,
    #[prost(int64, tag = "2")]
    until: i64,
    #[prost(bool, tag = "3")]
    explicit: bool,
    /// How long after the alert's beginning it began; 0, so nothing, in an older release.
    #[prost(uint64, tag = "4")]
    began_after_ms: u64,
}

/// How long after its alert's beginning a lease began, in milliseconds.
fn began_after_ms(lease: &Lease, state: &AlertState) -> u64 {
    lease.began.millis().wrapping_sub(state.starts_at.millis()).cast_unsigned()
}

impl From<&AlertState> for StateMessage {
    fn from(state: &AlertState) -> Self {
        let lease = |lease: &Lease| LeaseMessage {
            source: lease.source.0.into(),
            until: lease.until.millis(),
            explicit: lease.explicit,
            began_after_ms: began_after_ms(lease, state),
        };
        let inhibitor =
            |by: &Inhibitor| InhibitorMessage { alert: by.alert.0, rule: String::from(&*by.rule) };
        Self {
            revision: state.revision,
            episode: state.episode,
            record: state.record.map(|record| record.0),
            incident: state.incident.map(|incident| incident.0),
            starts_at: state.starts_at.millis(),
            ended_at: state.ended_at.map(Timestamp::millis),
            first_seen: state.first_seen.millis(),
            last_seen: state.last_seen.millis(),
            occurrences: state.occurrences.into(),
            severity: state.severity.as_deref().map(String::from),
            leases: state.leases.iter().map(lease).collect(),
            end_heard_at: state.end_heard_at.millis(),
            silenced_by: state.silenced_by.iter().flat_map(|id| id.0.to_be_bytes()).collect(),
            inhibited_by: state.inhibited_by.iter().map(inhibitor).collect(),
        }
    }
}

/// Writes the fields of a [`StateMessage`].
fn write_state(state: &AlertState, into: &mut Vec<u8>) {
    wire::number(1, state.revision.into(), into);
    wire::number(2, state.episode.into(), into);
    wire::optional(3, state.record.map(|record| record.0), into);
    wire::optional(4, state.incident.map(|incident| incident.0), into);
    wire::number(5, millis(state.starts_at), into);
    wire::optional(6, state.ended_at.map(millis), into);
    wire::number(7, millis(state.first_seen), into);
    wire::number(8, millis(state.last_seen), into);
    wire::number(9, state.occurrences.into(), into);
    wire::optional_text(10, state.severity.as_deref(), into);
    for lease in state.leases.iter() {
        wire::message(11, into, |into| {
            wire::number(1, lease.source.0.into(), into);
            wire::number(2, millis(lease.until), into);
            wire::number(3, lease.explicit.into(), into);
            wire::number(4, began_after_ms(lease, state), into);
        });
    }
    wire::number(12, millis(state.end_heard_at), into);
    if !state.silenced_by.is_empty() {
        let ids: Vec<u8> = state.silenced_by.iter().flat_map(|id| id.0.to_be_bytes()).collect();
        wire::text(13, ids, into);
    }
    for by in &state.inhibited_by {
        wire::message(14, into, |into| {
            wire::fixed(1, by.alert.0, into);
            wire::text(2, &*by.rule, into);
        });
    }
}

/// A time as a field of kind `int64` has it.
fn millis(at: Timestamp) -> u64 {
    at.millis().cast_unsigned()
}

impl StateMessage {
    fn restore(self, slot: Slot) -> Result<AlertState, Malformed> {
        let message = self;
        let lease = |lease: LeaseMessage| {
            let source = u16::try_from(lease.source).map_err(|_| {
                Malformed::Damaged(format!("no source has number {}", lease.source))
            })?;
            let began = message.starts_at.wrapping_add(lease.began_after_ms.cast_signed());
            let [began, until] = [began, lease.until].map(Timestamp::from_millis);
            Ok(Lease { source: SourceId(source), began, until, explicit: lease.explicit })
        };
        let inhibitor =
            |by: InhibitorMessage| Inhibitor { alert: Fingerprint(by.alert), rule: by.rule.into() };
        Ok(AlertState {
            slot,
            revision: message.revision,
            episode: message.episode,
            record: message.record.map(RecordId),
            incident: message.incident.map(RecordId),
            starts_at: Timestamp::from_millis(message.starts_at),
            ended_at: message.ended_at.map(Timestamp::from_millis),
            first_seen: Timestamp::from_millis(message.first_seen),
            last_seen: Timestamp::from_millis(message.last_seen),
            occurrences: u32::try_from(message.occurrences).unwrap_or(u32::MAX),
            severity: message.severity.as_deref().map(Into::into),
            leases: message.leases.into_iter().map(lease).collect::<Result<_, _>>()?,
            end_heard_at: Timestamp::from_millis(message.end_heard_at),
            silenced_by: silences(&message.silenced_by)?,
            inhibited_by: message.inhibited_by.into_iter().map(inhibitor).collect(),
        })
    }
}

fn silences(bytes: &[u8]) -> Result<Rare<SilenceId>, Malformed> {
    let (ids, []) = bytes.as_chunks() else {
        return Err(Malformed::Damaged("silence ids are cut off".into()));
    };
    Ok(ids.iter().map(|id| SilenceId(u128::from_be_bytes(*id))).collect())
}

impl AlertMessage {
    /// The stored form of an alert as it was at the end of an episode, in the given state, which need
    /// not be that of the row.
    pub(in crate::store) fn episode(row: &AlertRow, state: &AlertState) -> Self {
        Self {
            labels: share(&row.labels),
            annotations: share(&row.details.annotations),
            generator_url: String::from(&*row.details.generator_url),
            ci: row.ci.as_deref().map(String::from),
            state: Some(state.into()),
            fingerprint: 0,
        }
    }

    /// True for the alert of this fingerprint.
    pub(in crate::store) fn is_of(&self, alert: Fingerprint) -> bool {
        self.fingerprint == alert.0
    }

    /// Makes an episode of a stored alert by putting its state in the place of the stored one.
    pub(in crate::store) fn at_end(self, state: &AlertState) -> Self {
        Self { state: Some(state.into()), fingerprint: 0, ..self }
    }

    fn restore(self, fingerprint: Fingerprint, slot: Slot) -> Result<AlertRow, Malformed> {
        let details = Details {
            annotations: labels(&self.annotations, "annotations")?,
            generator_url: self.generator_url.into(),
        };
        Ok(AlertRow {
            fingerprint,
            labels: labels(&self.labels, "labels")?,
            details: Arc::new(details),
            ci: self.ci.map(Into::into),
            state: required(self.state, "state")?.restore(slot)?,
        })
    }
}

/// What is held in memory of an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) struct Head {
    pub(in crate::store) fingerprint: Fingerprint,
    pub(in crate::store) labels: Labels,
    pub(in crate::store) state: AlertState,
}

impl Head {
    /// Reads it from the record of the alert.
    pub(in crate::store) fn read(key: &[u8], value: &[u8]) -> Result<Self, Malformed> {
        let message: HeadMessage = decode(value)?;
        let slot = keyed(schema::read_slot(key))?;
        Ok(Self {
            fingerprint: Fingerprint(message.fingerprint),
            labels: labels(&message.labels, "labels")?,
            state: required(message.state, "state")?.restore(slot)?,
        })
    }
}

/// Adds to the record of an alert which one it is, where the key said so.
pub(in crate::store) fn named(record: &[u8], alert: Fingerprint) -> Vec<u8> {
    let mut named = record.to_vec();
    // Fields may stand in any order, and the last of a kind counts.
    wire::fixed(6, alert.0, &mut named);
    named
}

/// A text as bytes.
struct Packed(Arc<str>);

impl AsRef<[u8]> for Packed {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// The text of a label set, without a copy of it where it lies in one place.
pub(super) fn share(labels: &Labels) -> Bytes {
    match labels.whole() {
        Some(packed) => Bytes::from_owner(Packed(packed)),
        None => Bytes::from(labels.packed().into_owned()),
    }
}

/// Takes back what [`share`] gave.
pub(super) fn labels(packed: &[u8], name: &str) -> Result<Labels, Malformed> {
    let text = core::str::from_utf8(packed).ok();
    text.and_then(Labels::from_packed)
        .ok_or_else(|| Malformed::Damaged(format!("`{name}` is no set of labels")))
}

impl Row for AlertRow {
    const FAMILY: Family = Family::Alerts;
    type Message = AlertMessage;

    fn key(&self) -> impl AsRef<[u8]> {
        schema::slot(self.state.slot)
    }

    fn message(&self) -> AlertMessage {
        let fingerprint = self.fingerprint.0;
        AlertMessage { fingerprint, ..AlertMessage::episode(self, &self.state) }
    }

    fn write(&self, into: &mut Vec<u8>) {
        begin(into);
        wire::labels(1, &self.labels, into);
        wire::labels(2, &self.details.annotations, into);
        wire::text(3, &*self.details.generator_url, into);
        wire::optional_text(4, self.ci.as_deref(), into);
        wire::message(5, into, |into| write_state(&self.state, into));
        wire::fixed(6, self.fingerprint.0, into);
    }

    fn restore(key: &[u8], message: AlertMessage) -> Result<Self, Malformed> {
        let fingerprint = Fingerprint(message.fingerprint);
        message.restore(fingerprint, keyed(schema::read_slot(key))?)
    }
}

/// A newer state of an alert.
impl Row for AlertState {
    const FAMILY: Family = Family::Touches;
    type Message = StateMessage;

    fn key(&self) -> impl AsRef<[u8]> {
        schema::slot(self.slot)
    }

    fn message(&self) -> StateMessage {
        self.into()
    }

    fn write(&self, into: &mut Vec<u8>) {
        begin(into);
        write_state(self, into);
    }

    fn restore(key: &[u8], message: StateMessage) -> Result<Self, Malformed> {
        message.restore(keyed(schema::read_slot(key))?)
    }
}

/// Where an alert is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct SlotOf {
    pub(in crate::store) alert: Fingerprint,
    pub(in crate::store) slot: Slot,
}

/// A slot.
#[derive(Clone, PartialEq, Message)]
pub(in crate::store) struct SlotMessage {
    #[prost(uint32, tag = "1")]
    slot: u32,
}

impl Row for SlotOf {
    const FAMILY: Family = Family::Slots;
    type Message = SlotMessage;

    fn key(&self) -> impl AsRef<[u8]> {
        schema::number(self.alert.0)
    }

    fn message(&self) -> SlotMessage {
        SlotMessage { slot: self.slot.0 }
    }

    fn restore(key: &[u8], message: SlotMessage) -> Result<Self, Malformed> {
        let alert = Fingerprint(keyed(schema::read_number(key))?);
        Ok(Self { alert, slot: Slot(message.slot) })
    }
}

/// An alert as it was at the end of an episode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) struct Episode(pub(in crate::store) AlertRow);

impl Row for Episode {
    const FAMILY: Family = Family::Episodes;
    type Message = AlertMessage;

    fn key(&self) -> impl AsRef<[u8]> {
        schema::place(self.0.fingerprint.0, self.0.state.episode)
    }

    fn message(&self) -> AlertMessage {
        AlertMessage::episode(&self.0, &self.0.state)
    }

    fn restore(key: &[u8], message: AlertMessage) -> Result<Self, Malformed> {
        let (fingerprint, _) = keyed(schema::read_place(key))?;
        message.restore(Fingerprint(fingerprint), Slot::default()).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::super::encode;
    use super::super::tests::frozen;
    use super::*;

    fn row() -> AlertRow {
        let labels = |pairs: &[_]| Labels::build(&mut pairs.to_vec()).unwrap();
        let details = Details {
            annotations: labels(&[("summary", "down")]),
            generator_url: "http://p/g".into(),
        };
        let lease = |source, ms, explicit| Lease {
            source: SourceId(source),
            began: Timestamp::from_millis(1_700_000_000_001 + i64::from(source)),
            until: Timestamp::from_millis(ms),
            explicit,
        };
        AlertRow {
            fingerprint: Fingerprint(0x0223_b772_b51c_29e1),
            labels: labels(&[("alertname", "X"), ("job", "")]),
            details: Arc::new(details),
            ci: Some("db-7".into()),
            state: AlertState {
                slot: Slot(258),
                revision: 2,
                episode: 3,
                record: Some(RecordId(1042)),
                incident: Some(RecordId(1000)),
                starts_at: Timestamp::from_millis(1_700_000_000_001),
                ended_at: Some(Timestamp::from_millis(1_700_000_000_002)),
                first_seen: Timestamp::from_millis(1_700_000_000_003),
                last_seen: Timestamp::from_millis(1_700_000_000_004),
                end_heard_at: Timestamp::from_millis(1_700_000_000_007),
                occurrences: 300,
                severity: Some("major".into()),
                leases: [lease(0, 1_700_000_000_005, false), lease(1, 1_700_000_000_006, true)]
                    .into_iter()
                    .collect(),
                silenced_by: vec![SilenceId(0x2a2a_2a2a_2a2a_2a2a_2a2a_2a2a_2a2a_2a2a)].into(),
                inhibited_by: vec![Inhibitor {
                    alert: Fingerprint(0x2b2b_2b2b_2b2b_2b2b),
                    rule: "a/b".into(),
                }]
                .into(),
            },
        }
    }

    #[test]
    fn the_bytes_of_an_alert_stay_as_they_are() {
        let state = b"\x08\x02\x10\x03\x18\x92\x08 \xe8\x07(\x81\xd0\x95\xff\xbc1\
            0\x82\xd0\x95\xff\xbc18\x83\xd0\x95\xff\xbc1@\x84\xd0\x95\xff\xbc1\
            H\xac\x02R\x05majorZ\x07\x10\x85\xd0\x95\xff\xbc1\
            Z\x0d\x08\x01\x10\x86\xd0\x95\xff\xbc1\x18\x01 \x01\
            `\x87\xd0\x95\xff\xbc1j\x10****************\
            r\x0e\x09++++++++\x12\x03a/b";
        let text = b"\n\x11\talertname\x01X\x03job\x00\x12\r\x07summary\x04down\
            \x1a\nhttp://p/g\"\x04db-7*q";
        let row = row();
        frozen(&row.state, b"\0\0\x01\x02", &[&b"\x01"[..], state].concat());
        let episode = [&b"\x01"[..], text, state].concat();
        let whole = [&*episode, b"1\xe1)\x1c\xb5r\xb7#\x02"].concat();
        frozen(&row, b"\0\0\x01\x02", &whole);
        let state = AlertState { slot: Slot::default(), ..row.state.clone() };
        let past = Episode(AlertRow { state, ..row });
        frozen(&past, b"\x02#\xb7r\xb5\x1c)\xe1\x00\x00\x00\x03", &episode);
    }

    #[test]
    fn the_bytes_of_a_slot_stay_as_they_are() {
        let row = SlotOf { alert: Fingerprint(0x0223_b772_b51c_29e1), slot: Slot(300) };
        frozen(&row, b"\x02#\xb7r\xb5\x1c)\xe1", b"\x01\x08\xac\x02");
    }

    #[test]
    fn the_state_of_an_alert_that_is_repeated_takes_less_than_eighty_bytes() {
        let mut state = row().state;
        (state.revision, state.occurrences, state.ended_at) = (43_200, 43_200, None);
        (state.silenced_by, state.inhibited_by) = (Rare::default(), Rare::default());
        (state.record, state.incident) = (Some(RecordId(9_999_999)), Some(RecordId(9_999_999)));
        // Both sources say when it began, and the same.
        state.leases.iter_mut().for_each(|lease| lease.began = state.starts_at);
        let mut bytes = Vec::new();
        encode(&StateMessage::from(&state), &mut bytes);
        assert!(bytes.len() < 80, "{} bytes", bytes.len());
    }

    #[test]
    fn the_head_of_an_alert_is_its_labels_and_state() {
        let row = row();
        let mut bytes = Vec::new();
        encode(&row.message(), &mut bytes);
        let head = Head::read(row.key().as_ref(), &bytes);
        let AlertRow { fingerprint, labels, state, .. } = row;
        assert_eq!(head, Ok(Head { fingerprint, labels, state }));
    }
}
