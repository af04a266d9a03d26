//! What is taken for the cause of an incident: suspects, storms, known errors.

use prost::Message;

use crate::model::incident::{KnownError, Likely, RecordId, Storm, Suspect, SuspectChange};
use crate::model::time::Timestamp;

#[derive(Clone, PartialEq, Message)]
pub(super) struct LikelyMessage {
    /// As long as `lasts`.
    #[prost(fixed64, repeated, tag = "1")]
    places: Vec<u64>,
    #[prost(int64, repeated, tag = "2")]
    lasts: Vec<i64>,
    #[prost(int64, optional, tag = "3")]
    parts_at: Option<i64>,
    #[prost(uint64, repeated, tag = "4")]
    perhaps: Vec<u64>,
}

impl From<&Likely> for LikelyMessage {
    fn from(likely: &Likely) -> Self {
        let (places, lasts) = likely.places.iter().map(|(key, at)| (*key, at.millis())).unzip();
        let parts_at = likely.parts_at.map(Timestamp::millis);
        let perhaps = likely.perhaps.iter().map(|incident| incident.0).collect();
        Self { places, lasts, parts_at, perhaps }
    }
}

impl From<LikelyMessage> for Likely {
    fn from(message: LikelyMessage) -> Self {
        let lasts = message.lasts.into_iter().map(Timestamp::from_millis);
        Self {
            places: message.places.into_iter().zip(lasts).collect(),
            parts_at: message.parts_at.map(Timestamp::from_millis),
            perhaps: message.perhaps.into_iter().map(RecordId).collect(),
        }
    }
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct StormMessage {
    #[prost(string, tag = "1")]
    rule: String,
    #[prost(string, tag = "2")]
    key: String,
    #[prost(int64, tag = "3")]
    began_at: i64,
    #[prost(int64, optional, tag = "4")]
    calm_since: Option<i64>,
    #[prost(int64, optional, tag = "5")]
    ended_at: Option<i64>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SuspectMessage {
    #[prost(string, tag = "1")]
    ci: String,
    #[prost(uint32, tag = "2")]
    explains: u32,
    #[prost(uint32, tag = "3")]
    of: u32,
    #[prost(message, optional, tag = "4")]
    change: Option<SuspectChangeMessage>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SuspectChangeMessage {
    #[prost(string, tag = "1")]
    number: String,
    #[prost(string, tag = "2")]
    ci: String,
    #[prost(uint64, tag = "3")]
    before_ms: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct KnownErrorMessage {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(string, tag = "2")]
    rule: String,
    #[prost(int64, optional, tag = "3")]
    quiet_until: Option<i64>,
    #[prost(string, optional, tag = "4")]
    exceeded: Option<String>,
}

impl From<&KnownError> for KnownErrorMessage {
    fn from(known: &KnownError) -> Self {
        Self {
            id: known.id.to_string(),
            rule: known.rule.to_string(),
            quiet_until: known.quiet_until.map(Timestamp::millis),
            exceeded: known.exceeded.as_deref().map(String::from),
        }
    }
}

impl From<&Storm> for StormMessage {
    fn from(storm: &Storm) -> Self {
        Self {
            rule: String::from(&*storm.rule),
            key: String::from(&*storm.key),
            began_at: storm.began_at.millis(),
            calm_since: storm.calm_since.map(Timestamp::millis),
            ended_at: storm.ended_at.map(Timestamp::millis),
        }
    }
}

impl From<KnownErrorMessage> for KnownError {
    fn from(message: KnownErrorMessage) -> Self {
        Self {
            id: message.id.into(),
            rule: message.rule.into(),
            quiet_until: message.quiet_until.map(Timestamp::from_millis),
            exceeded: message.exceeded.map(Into::into),
        }
    }
}

impl From<StormMessage> for Storm {
    fn from(message: StormMessage) -> Self {
        Self {
            rule: message.rule.into(),
            key: message.key.into(),
            began_at: Timestamp::from_millis(message.began_at),
            calm_since: message.calm_since.map(Timestamp::from_millis),
            ended_at: message.ended_at.map(Timestamp::from_millis),
        }
    }
}

impl From<&Suspect> for SuspectMessage {
    fn from(suspect: &Suspect) -> Self {
        let Suspect { ci, explains, of, change } = suspect;
        let change = change.as_ref().map(|change| SuspectChangeMessage {
            number: String::from(&*change.number),
            ci: String::from(&*change.ci),
            before_ms: change.before_ms,
        });
        Self { ci: String::from(&**ci), explains: *explains, of: *of, change }
    }
}

impl From<SuspectMessage> for Suspect {
    fn from(message: SuspectMessage) -> Self {
        let SuspectMessage { ci, explains, of, change } = message;
        let change = change.map(|SuspectChangeMessage { number, ci, before_ms }| SuspectChange {
            number: number.into(),
            ci: ci.into(),
            before_ms,
        });
        Self { ci: ci.into(), explains, of, change }
    }
}
