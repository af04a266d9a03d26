//! Silences.

use prost::Message;
use prost::bytes::Bytes;

use super::{Malformed, Row, keyed};
use crate::model::silence::{Silence, SilenceId, SilenceMatcher};
use crate::model::time::Timestamp;
use crate::store::schema::{self, Family};

/// A silence.
#[derive(Clone, PartialEq, Message)]
pub(in crate::store) struct SilenceMessage {
    #[prost(message, repeated, tag = "1")]
    matchers: Vec<MatcherMessage>,
    /// Was one that could be missing, which is written the same way.
    #[prost(string, repeated, tag = "2")]
    cis: Vec<String>,
    #[prost(int64, tag = "3")]
    starts_at: i64,
    #[prost(int64, tag = "4")]
    ends_at: i64,
    #[prost(int64, tag = "5")]
    updated_at: i64,
    #[prost(string, tag = "6")]
    created_by: String,
    #[prost(string, tag = "7")]
    comment: String,
    /// See [`Labels::packed`].
    #[prost(bytes = "bytes", tag = "8")]
    annotations: Bytes,
    #[prost(string, optional, tag = "9")]
    rule: Option<String>,
    #[prost(string, optional, tag = "10")]
    source: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
struct MatcherMessage {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
    #[prost(bool, tag = "3")]
    is_regex: bool,
    #[prost(bool, tag = "4")]
    is_equal: bool,
}

impl From<&SilenceMatcher> for MatcherMessage {
    fn from(matcher: &SilenceMatcher) -> Self {
        Self {
            name: String::from(&*matcher.name),
            value: String::from(&*matcher.value),
            is_regex: matcher.is_regex,
            is_equal: matcher.is_equal,
        }
    }
}

impl From<MatcherMessage> for SilenceMatcher {
    fn from(message: MatcherMessage) -> Self {
        Self {
            name: message.name.into(),
            value: message.value.into(),
            is_regex: message.is_regex,
            is_equal: message.is_equal,
        }
    }
}

impl Row for Silence {
    const FAMILY: Family = Family::Silences;
    type Message = SilenceMessage;

    fn key(&self) -> impl AsRef<[u8]> {
        self.id.0.to_be_bytes()
    }

    fn message(&self) -> SilenceMessage {
        SilenceMessage {
            matchers: self.matchers.iter().map(Into::into).collect(),
            cis: self.cis.iter().map(|ci| String::from(&**ci)).collect(),
            rule: self.rule.as_deref().map(String::from),
            source: self.source.as_deref().map(String::from),
            starts_at: self.starts_at.millis(),
            ends_at: self.ends_at.millis(),
            updated_at: self.updated_at.millis(),
            created_by: String::from(&*self.created_by),
            comment: String::from(&*self.comment),
            annotations: super::alert::share(&self.annotations),
        }
    }

    fn restore(key: &[u8], message: SilenceMessage) -> Result<Self, Malformed> {
        let (upper, lower) = keyed(schema::read_pair(key))?;
        Ok(Self {
            id: SilenceId((u128::from(upper) << 64) | u128::from(lower)),
            matchers: message.matchers.into_iter().map(Into::into).collect(),
            cis: message.cis.into_iter().map(Into::into).collect(),
            rule: message.rule.map(Into::into),
            source: message.source.map(Into::into),
            starts_at: Timestamp::from_millis(message.starts_at),
            ends_at: Timestamp::from_millis(message.ends_at),
            updated_at: Timestamp::from_millis(message.updated_at),
            created_by: message.created_by.into(),
            comment: message.comment.into(),
            annotations: super::alert::labels(&message.annotations, "annotations")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::frozen;
    use super::*;
    use crate::model::labels::Labels;

    #[test]
    fn the_bytes_of_a_silence_stay_as_they_are() {
        let matcher =
            SilenceMatcher { name: "a".into(), value: "b".into(), is_regex: true, is_equal: true };
        let silence = Silence {
            id: SilenceId((1 << 64) | 2),
            matchers: vec![matcher],
            cis: vec!["ci".into()],
            rule: Some("a/b".into()),
            source: Some("s".into()),
            starts_at: Timestamp::from_millis(1),
            ends_at: Timestamp::from_millis(2),
            updated_at: Timestamp::from_millis(3),
            created_by: "ann".into(),
            comment: "why".into(),
            annotations: Labels::empty(),
        };
        let value = b"\x01\x0a\x0a\x0a\x01a\x12\x01b\x18\x01\x20\x01\x12\x02ci\x18\x01\x20\x02\
            (\x032\x03ann:\x03whyJ\x03a/bR\x01s";
        frozen(&silence, b"\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x02", value);
    }
}
