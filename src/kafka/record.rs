//! Makes of a record of Kafka what the engine takes: alerts, or why it cannot be read.
//!
//! The same formats and limits as over HTTP. The key counts only where the topic is a table; of the headers only those of
//! `CloudEvents` are, `content-type`, and `idempotency-key`, under which a record is taken once.

use core::convert::identity;
use core::time::Duration;
use std::hash::Hasher;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use rdkafka::message::{BorrowedMessage, Headers, Message};

use crate::cmdb::{Said, import, topic_source};
use crate::engine::event::{Content, Record};
use crate::ingest::cloudevents::{self, Enclosed};
use crate::ingest::planned;
use crate::ingest::{Decoded, Limits, Reject, SourceFormat, Terms};
use crate::model::alert::Signal;
use crate::model::delivery::DeliveryId;
use crate::model::quarantine::{Cause, Origin, Unhandled};
use crate::model::time::Timestamp;
use crate::rules::RuleSet;
use crate::settings::sources::{Carries, Envelope};

/// The longest id of a delivery that is looked at, in bytes.
const ID_LEN_MAX: usize = 512;

/// How the records of a source are read.
#[derive(Clone, Debug)]
pub struct Reading {
    /// Its name.
    pub source: Arc<str>,
    /// What its alerts are written in.
    pub format: SourceFormat,
    /// What is around them.
    pub envelope: Envelope,
    /// What its topics hold.
    pub carries: Carries,
    /// How long an alert fires without another word.
    pub lease: Duration,
    /// The most a record may hold.
    pub limits: Limits,
}

/// A record as it came.
#[derive(Clone, Copy, Debug)]
pub struct Raw<'a> {
    /// The topic it came from.
    pub topic: &'a str,
    /// Its partition there.
    pub partition: u32,
    /// Its place in that.
    pub offset: u64,
    /// When it was written; nothing when nobody says so.
    pub at: Option<Timestamp>,
    /// Its key; nothing where it has none.
    pub key: &'a [u8],
    /// Nothing where there is none at all.
    pub value: &'a [u8],
    /// True when there is no value at all, which is not an empty one: it takes its key back.
    pub is_null: bool,
    /// Names and values, in their order.
    pub headers: &'a [(&'a str, &'a [u8])],
}

/// Returns the headers of a message.
pub(super) fn headers<'a>(message: &'a BorrowedMessage<'_>) -> Vec<(&'a str, &'a [u8])> {
    let headers = message.headers().into_iter().flat_map(Headers::iter);
    headers.filter_map(|it| Some((it.key, it.value?))).collect()
}

impl<'a> Raw<'a> {
    /// Returns the text of a header; of two with one name the last counts. Names are compared as HTTP
    /// does, because senders copy them from there.
    fn header(&self, name: &str) -> Option<&'a str> {
        let found = self.headers.iter().rev().find(|(it, _)| it.eq_ignore_ascii_case(name));
        found.and_then(|(_, value)| core::str::from_utf8(value).ok())
    }

    /// Returns a hash of it, to know it again.
    pub(super) fn mark(&self) -> u64 {
        let mut hash = Fnv(0xcbf2_9ce4_8422_2325);
        hash.write_i64(self.at.map_or(i64::MIN, Timestamp::millis));
        hash.write_u64(self.key.len() as u64);
        hash.write(self.key);
        hash.write(self.value);
        hash.finish()
    }
}

/// FNV-1a 64, whose output is stored and stays as it is.
struct Fnv(u64);

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    // Not: the default, which follows the machine's byte order.
    fn write_u64(&mut self, number: u64) {
        self.write(&number.to_be_bytes());
    }

    fn write_i64(&mut self, number: i64) {
        self.write(&number.to_be_bytes());
    }
}

impl Reading {
    /// Reads a record, with the mappings of `rules`, at `now`.
    pub fn read(&self, rules: &RuleSet, raw: &Raw<'_>, now: Timestamp) -> Record {
        let read = || match self.carries {
            Carries::Changes => self.change(raw),
            Carries::Alerts | Carries::Cmdb => self.alerts(rules, raw, now),
        };
        let content = self.guarded(raw, read).unwrap_or_else(identity);
        Record { offset: raw.offset, mark: raw.mark(), content }
    }

    /// Reads a record of alerts.
    fn alerts(&self, rules: &RuleSet, raw: &Raw<'_>, now: Timestamp) -> Content {
        match self.enclosed(raw) {
            Ok((data, identity)) => self.content(rules, raw, (&data, identity), now),
            Err(Reject::Empty) => Content::Nothing,
            Err(reject) => self.unreadable(raw, (raw.value, reject.to_string())),
        }
    }

    /// Reads a record of a table of planned changes.
    fn change(&self, raw: &Raw<'_>) -> Content {
        let read = || -> Result<Content, String> {
            let number = planned::number_of(raw.key)?;
            if raw.is_null {
                return Ok(Content::Planned { number: number.into(), change: None });
            }
            let (data, _) = self.enclosed(raw).map_err(|reject| reject.to_string())?;
            let mut change = planned::read(number, &data, &self.limits)?;
            change.source = topic_source(&self.source).into();
            Ok(Content::Planned { number: number.into(), change: Some(Box::new(change)) })
        };
        read().unwrap_or_else(|why| self.unreadable(raw, (raw.value, why)))
    }

    /// Reads a record of a table of CIs and relations.
    ///
    /// # Errors
    /// What goes to the quarantine.
    pub fn row(&self, raw: &Raw<'_>) -> Result<Said, Content> {
        let read = || -> Result<Said, String> {
            if raw.is_null {
                return import::read_record(raw.key, None, &self.source);
            }
            let (data, _) = self.enclosed(raw).map_err(|reject| reject.to_string())?;
            if data.len() > self.limits.body_bytes {
                let (len, max) = (data.len(), self.limits.body_bytes);
                return Err(format!("its value has {len} bytes, at most {max}"));
            }
            let text = core::str::from_utf8(&data);
            let text = text.map_err(|_| "its value is not UTF-8".to_owned())?;
            import::read_record(raw.key, Some(text), &self.source)
        };
        self.guarded(raw, read)?.map_err(|why| self.unreadable(raw, (raw.value, why)))
    }

    /// Reads a record; one that breaks the decoder costs itself, not the thread of its source.
    fn guarded<T>(&self, raw: &Raw<'_>, read: impl FnOnce() -> T) -> Result<T, Content> {
        catch_unwind(AssertUnwindSafe(read)).map_err(|_| {
            let why = "reading it broke the decoder, a fault of incidentd; the log says where";
            self.unreadable(raw, (raw.value, why.to_owned()))
        })
    }

    /// Takes a record out of its envelope; returns the id that its sender gave it, too.
    fn enclosed<'a>(
        &self,
        raw: &Raw<'a>,
    ) -> Result<(std::borrow::Cow<'a, [u8]>, Option<String>), Reject> {
        let kind = raw.header("content-type").unwrap_or("");
        let is_structured = kind.to_ascii_lowercase().starts_with("application/cloudevents");
        let is_binary = raw.header("ce_specversion").is_some();
        let Enclosed { identity, data } = if is_structured {
            cloudevents::structured(raw.value, &self.limits)?
        } else if is_binary {
            cloudevents::binary(raw.value, |name| raw.header(name))?
        } else if self.envelope == Envelope::CloudEvents {
            cloudevents::structured(raw.value, &self.limits)?
        } else {
            let given = raw.header("idempotency-key").filter(|id| id.len() <= ID_LEN_MAX);
            return Ok((raw.value.into(), given.map(str::to_owned)));
        };
        Ok((data, Some(identity)))
    }

    fn content(
        &self,
        rules: &RuleSet,
        raw: &Raw<'_>,
        (data, identity): (&[u8], Option<String>),
        now: Timestamp,
    ) -> Content {
        // What began is told by when it was written; how long it holds counts from now, as everywhere.
        let at = raw.at.map_or(now, |at| at.min(now));
        let terms = Terms { received: at, lease: self.lease, limits: &self.limits };
        let Decoded { mut occurrences, rejects, .. } =
            match rules.decode(&self.format, data, &terms) {
                Ok(decoded) => decoded,
                Err(Reject::Empty) => return Content::Nothing,
                Err(reject) => return self.unreadable(raw, (data, reject.to_string())),
            };
        if let (true, Some(first)) = (occurrences.is_empty(), rejects.first()) {
            return self.unreadable(raw, (data, first.reason.clone()));
        }
        let delay = now.since(at);
        for occurrence in &mut occurrences {
            if let Signal::Firing { until, explicit: false } = &mut occurrence.signal {
                *until = until.plus(delay);
            }
        }
        let of = |id: String| DeliveryId::of(&format!("source {}", self.source), &id);
        let delivery = identity.map(of);
        Content::Alerts { occurrences, delivery }
    }

    /// Makes of a record what goes to the quarantine.
    pub(super) fn unreadable(&self, raw: &Raw<'_>, (data, reason): (&[u8], String)) -> Content {
        let Raw { topic, partition, offset, .. } = *raw;
        // What is larger than any body may be would push everything else out.
        let kept = data.get(..self.limits.body_bytes).unwrap_or(data);
        Content::Unreadable(Box::new(Unhandled {
            source: Arc::clone(&self.source),
            format: match self.carries {
                Carries::Alerts => self.format.to_string().into(),
                table @ (Carries::Cmdb | Carries::Changes) => table.to_string().into(),
            },
            cause: Cause::Unreadable,
            reason: format!("topic {topic}, partition {partition}, offset {offset}: {reason}"),
            content_type: raw.header("content-type").unwrap_or("").chars().take(128).collect(),
            body: kept.into(),
            origin: Some(Origin { topic: topic.into(), partition, offset }),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::Format;

    const ALERT: &[u8] = br#"{"labels": {"alertname": "DiskFull"}}"#;
    const NOW: Timestamp = Timestamp::from_millis(10_000_000);

    fn raw<'a>(value: &'a [u8], headers: &'a [(&'a str, &'a [u8])]) -> Raw<'a> {
        let at = Some(Timestamp::from_millis(4_000_000));
        Raw { topic: "t", partition: 3, offset: 12, at, key: b"", value, is_null: false, headers }
    }

    fn reading() -> Reading {
        Reading {
            source: "s".into(),
            format: SourceFormat::Known(Format::Native),
            envelope: Envelope::None,
            carries: Carries::Alerts,
            lease: Duration::from_hours(1),
            limits: Limits::default(),
        }
    }

    fn read(envelope: Envelope, raw: &Raw<'_>) -> Content {
        let reading = Reading { envelope, ..reading() };
        reading.read(&crate::rules::load(&[]).set.unwrap(), raw, NOW).content
    }

    #[test]
    fn an_alert_began_when_it_was_written_and_holds_from_when_it_is_read() {
        let Content::Alerts { occurrences, delivery } = read(Envelope::None, &raw(ALERT, &[]))
        else {
            panic!()
        };
        let until = NOW.plus(Duration::from_hours(1));
        assert_eq!(occurrences[0].starts_at, Timestamp::from_millis(4_000_000));
        assert_eq!(occurrences[0].signal, Signal::Firing { until, explicit: false });
        assert_eq!(delivery, None);
    }

    #[test]
    fn an_envelope_is_known_by_its_headers_or_by_the_settings() {
        let structured = [
            br#"{"specversion": "1.0", "id": "7", "source": "/a", "type": "t", "data": "#,
            ALERT,
            b"}",
        ]
        .concat();
        let kind: &[(&str, &[u8])] = &[("content-type", b"application/cloudevents+json")];
        let binary: &[(&str, &[u8])] =
            &[("ce_specversion", b"1.0"), ("ce_id", b"7"), ("ce_source", b"/a"), ("ce_type", b"t")];
        let once = Some(DeliveryId::of("source s", "/a\n7"));
        for (envelope, value, headers) in [
            (Envelope::None, &structured[..], kind),
            (Envelope::CloudEvents, &structured[..], &[][..]),
            (Envelope::None, ALERT, binary),
            (Envelope::CloudEvents, ALERT, binary),
        ] {
            let content = read(envelope, &raw(value, headers));
            let Content::Alerts { occurrences, delivery } = content else { panic!("{content:?}") };
            assert_eq!((occurrences.len(), delivery), (1, once));
        }
    }

    #[test]
    fn what_cannot_be_read_says_where_it_stood_and_an_empty_record_says_nothing() {
        assert!(matches!(read(Envelope::None, &raw(b"", &[])), Content::Nothing));
        for (value, says) in
            [(&b"{"[..], "cannot be read"), (b"\xff", "not UTF-8"), (b"{\"labels\": {}}", "labels")]
        {
            let Content::Unreadable(what) = read(Envelope::None, &raw(value, &[])) else {
                panic!()
            };
            let starts = what.reason.starts_with("topic t, partition 3, offset 12: ");
            assert!(starts && what.reason.contains(says), "{}", what.reason);
            assert_eq!(&*what.body, value);
            let origin = Origin { topic: "t".into(), partition: 3, offset: 12 };
            assert_eq!(what.origin, Some(origin));
        }
    }

    #[test]
    fn a_row_of_a_table_is_what_its_key_names_and_no_value_takes_it_back() {
        let table = |carries| Reading { carries, ..reading() };
        let rules = crate::rules::load(&[]).set.unwrap();
        let envelope = br#"{"specversion": "1.0", "id": "7", "source": "/a", "type": "t", "data":
            {"cis": ["a"], "from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}}"#;
        let kind: &[(&str, &[u8])] = &[("content-type", b"application/cloudevents+json")];
        let one = Raw { key: b"CHG-1", ..raw(envelope, kind) };
        let read = |raw: &Raw<'_>| table(Carries::Changes).read(&rules, raw, NOW).content;
        let Content::Planned { number, change: Some(change) } = read(&one) else { panic!() };
        assert_eq!((&*number, &*change.number, &*change.source), ("CHG-1", "CHG-1", "kafka/s"));
        let Content::Planned { change: None, .. } = read(&Raw { is_null: true, value: b"", ..one })
        else {
            panic!()
        };
        for (value, says) in [(&b""[..], "(null)"), (b"{}", "missing field `cis`")] {
            let Content::Unreadable(what) = read(&Raw { key: b"CHG-1", ..raw(value, &[]) }) else {
                panic!()
            };
            assert!(what.reason.contains(says), "{}", what.reason);
            assert_eq!(&*what.format, "changes");
        }
        let row = |raw: &Raw<'_>| table(Carries::Cmdb).row(raw);
        let one = Raw { key: b"a", ..raw(br#"{"class": "vm"}"#, &[]) };
        assert!(matches!(row(&one), Ok(Said::Ci(ci)) if &*ci.name == "a"));
        assert!(matches!(row(&Raw { is_null: true, value: b"", ..one }), Ok(Said::CiGone(_))));
        let Err(Content::Unreadable(what)) = row(&Raw { key: b"", ..one }) else { panic!() };
        assert!(what.reason.contains("offset 12: it has no key"), "{}", what.reason);
    }

    #[test]
    fn a_record_that_breaks_the_decoder_goes_to_the_quarantine_as_it_came() {
        let raw = raw(ALERT, &[]);
        let read: Result<(), Content> = reading().guarded(&raw, || panic!("a fault"));
        let Err(Content::Unreadable(what)) = read else { panic!() };
        let said = "topic t, partition 3, offset 12: reading it broke the decoder";
        assert!(what.reason.starts_with(said), "{}", what.reason);
        assert_eq!((&*what.body, what.cause), (ALERT, Cause::Unreadable));
    }

    #[test]
    fn a_record_is_taken_once_under_its_key_and_its_mark_stays_as_it_is() {
        let headers: &[(&str, &[u8])] = &[("Idempotency-Key", b"k")];
        let Content::Alerts { delivery, .. } = read(Envelope::None, &raw(ALERT, headers)) else {
            panic!()
        };
        assert_eq!(delivery, Some(DeliveryId::of("source s", "k")));
        let one = raw(b"b", &[]);
        assert_eq!(Raw { at: None, key: b"a", ..one }.mark(), MARK);
        assert_ne!(Raw { key: b"b", value: b"", ..one }.mark(), one.mark());
    }

    const MARK: u64 = 8_009_813_752_141_662_161;
}
