//! What people write on the record of an incident, what they report, and what its end waits for.

use prost::Message;

use super::{Malformed, Word, numbered};
use crate::model::affected::Affected;
use crate::model::closure::{Closure, Confirmation, Disagreement, Reached};
use crate::model::labels::Fingerprint;
use crate::model::names::Names;
use crate::model::report::{Report, Reporter};
use crate::model::sheet::{Field, Reclassified, Sheet, Spent};
use crate::model::time::Timestamp;

numbered!(Field:
    Nature = 1,
    Channel = 2,
    Sender = 3,
    Location = 4,
    Users = 5,
    SystemType = 6,
    Tracker = 7,
    Attendance = 8,
    ResolverRole = 9,
    Problem = 10,
    Change = 11,
    Workaround = 12,
    Solution = 13,
    ClosureCode = 14,
    RootCause = 15,
    DataAffected = 16,
    SecurityAffected = 17,
    Evidence = 18,
    Satisfaction = 19,
    FollowUp = 20,
    Review = 21,
);

/// What people wrote.
#[derive(Clone, PartialEq, Message)]
pub(super) struct SheetMessage {
    #[prost(message, repeated, tag = "1")]
    fields: Vec<FieldMessage>,
    #[prost(message, repeated, tag = "2")]
    reclassified: Vec<ReclassifiedMessage>,
    #[prost(message, repeated, tag = "3")]
    spent: Vec<SpentMessage>,
}

#[derive(Clone, PartialEq, Message)]
struct FieldMessage {
    #[prost(uint32, tag = "1")]
    field: u32,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, Message)]
struct ReclassifiedMessage {
    #[prost(int64, tag = "1")]
    at: i64,
    #[prost(string, tag = "2")]
    by: String,
    #[prost(string, optional, tag = "3")]
    from: Option<String>,
    #[prost(string, tag = "4")]
    to: String,
    #[prost(string, tag = "5")]
    because: String,
}

#[derive(Clone, PartialEq, Message)]
struct SpentMessage {
    #[prost(string, tag = "1")]
    by: String,
    #[prost(uint32, tag = "2")]
    line: u32,
    #[prost(uint64, tag = "3")]
    ms: u64,
}

/// What an incident reached.
#[derive(Clone, PartialEq, Message)]
pub(super) struct AffectedMessage {
    #[prost(string, repeated, tag = "1")]
    cis: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    services: Vec<String>,
    #[prost(uint64, tag = "3")]
    users: u64,
}

/// A report by a person.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ReportMessage {
    #[prost(int64, tag = "1")]
    at: i64,
    #[prost(fixed64, tag = "2")]
    alert: u64,
    #[prost(string, tag = "3")]
    title: String,
    #[prost(string, tag = "4")]
    name: String,
    #[prost(string, optional, tag = "5")]
    place: Option<String>,
    #[prost(string, optional, tag = "6")]
    contact: Option<String>,
    #[prost(string, tag = "7")]
    by: String,
    #[prost(string, tag = "8")]
    channel: String,
}

/// What a resolution waits for.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ClosureMessage {
    #[prost(int64, optional, tag = "1")]
    verify_at: Option<i64>,
    #[prost(message, optional, tag = "2")]
    confirmation: Option<ConfirmationMessage>,
}

#[derive(Clone, PartialEq, Message)]
struct ConfirmationMessage {
    #[prost(int64, tag = "1")]
    asked_at: i64,
    #[prost(int64, optional, tag = "2")]
    due_at: Option<i64>,
    #[prost(string, repeated, tag = "3")]
    asked: Vec<String>,
    #[prost(string, repeated, tag = "4")]
    confirmed: Vec<String>,
    #[prost(message, optional, tag = "5")]
    disagreement: Option<DisagreementMessage>,
    #[prost(message, repeated, tag = "6")]
    reached: Vec<ReachedMessage>,
}

#[derive(Clone, PartialEq, Message)]
struct ReachedMessage {
    #[prost(string, tag = "1")]
    contact: String,
    #[prost(string, tag = "2")]
    name: String,
}

#[derive(Clone, PartialEq, Message)]
struct DisagreementMessage {
    #[prost(int64, tag = "1")]
    at: i64,
    #[prost(string, tag = "2")]
    by: String,
    #[prost(string, tag = "3")]
    because: String,
}

pub(super) fn texts(names: &[Box<str>]) -> Vec<String> {
    names.iter().map(|name| String::from(&**name)).collect()
}

pub(super) fn names(texts: Vec<String>) -> Vec<Box<str>> {
    texts.into_iter().map(Into::into).collect()
}

pub(super) fn text(name: Option<&str>) -> Option<String> {
    name.map(String::from)
}

impl SheetMessage {
    /// Puts it into its stored form; nothing where nothing is written.
    pub(super) fn of(sheet: &Sheet) -> Option<Self> {
        if *sheet == Sheet::default() {
            return None;
        }
        let field = |(field, value): (Field, &str)| FieldMessage {
            field: field.number(),
            value: value.into(),
        };
        let reclassified = |it: &Reclassified| ReclassifiedMessage {
            at: it.at.millis(),
            by: String::from(&*it.by),
            from: text(it.from.as_deref()),
            to: String::from(&*it.to),
            because: String::from(&*it.because),
        };
        let spent = |it: &Spent| SpentMessage {
            by: String::from(&*it.by),
            line: it.line.into(),
            ms: it.ms,
        };
        Some(Self {
            fields: sheet.fields().map(field).collect(),
            reclassified: sheet.reclassified.iter().map(reclassified).collect(),
            spent: sheet.spent.iter().map(spent).collect(),
        })
    }

    pub(super) fn restore(self) -> Result<Sheet, Malformed> {
        let field = |it: FieldMessage| Ok((Field::of(it.field)?, it.value.into()));
        let fields: Result<Vec<(Field, Box<str>)>, Malformed> =
            self.fields.into_iter().map(field).collect();
        let reclassified = |it: ReclassifiedMessage| Reclassified {
            at: Timestamp::from_millis(it.at),
            by: it.by.into(),
            from: it.from.map(Into::into),
            to: it.to.into(),
            because: it.because.into(),
        };
        let spent = |it: SpentMessage| Spent {
            by: it.by.into(),
            line: u8::try_from(it.line).unwrap_or(0),
            ms: it.ms,
        };
        Ok(Sheet::restore(
            fields?,
            self.reclassified.into_iter().map(reclassified).collect(),
            self.spent.into_iter().map(spent).collect(),
        ))
    }
}

impl AffectedMessage {
    /// Puts it into its stored form; nothing where nothing is known to suffer.
    pub(super) fn of(affected: &Affected) -> Option<Self> {
        let Affected { cis, services, users } = affected;
        let known = *affected != Affected::default();
        let texts = |names: &Names| names.iter().map(str::to_owned).collect();
        known.then(|| Self { cis: texts(cis), services: texts(services), users: *users })
    }
}

impl From<AffectedMessage> for Affected {
    fn from(message: AffectedMessage) -> Self {
        let AffectedMessage { cis, services, users } = message;
        Self { cis: cis.iter().collect(), services: services.iter().collect(), users }
    }
}

impl From<&Report> for ReportMessage {
    fn from(report: &Report) -> Self {
        Self {
            at: report.at.millis(),
            alert: report.alert.0,
            title: String::from(&*report.title),
            name: String::from(&*report.reporter.name),
            place: text(report.reporter.place.as_deref()),
            contact: text(report.reporter.contact.as_deref()),
            by: String::from(&*report.by),
            channel: String::from(&*report.channel),
        }
    }
}

impl From<ReportMessage> for Report {
    fn from(message: ReportMessage) -> Self {
        Self {
            at: Timestamp::from_millis(message.at),
            alert: Fingerprint(message.alert),
            title: message.title.into(),
            reporter: Reporter {
                name: message.name.into(),
                place: message.place.map(Into::into),
                contact: message.contact.map(Into::into),
            },
            by: message.by.into(),
            channel: message.channel.into(),
        }
    }
}

impl ClosureMessage {
    /// Puts it into its stored form; nothing where nothing is waited for.
    pub(super) fn of(closure: &Closure) -> Option<Self> {
        let Closure { verify_at, confirmation } = closure;
        let waits = *closure != Closure::default();
        waits.then(|| Self {
            verify_at: verify_at.map(Timestamp::millis),
            confirmation: confirmation.as_ref().map(Into::into),
        })
    }
}

impl From<&Confirmation> for ConfirmationMessage {
    fn from(it: &Confirmation) -> Self {
        let disagreement = |it: &Disagreement| DisagreementMessage {
            at: it.at.millis(),
            by: String::from(&*it.by),
            because: String::from(&*it.because),
        };
        Self {
            asked_at: it.asked_at.millis(),
            due_at: it.due_at.map(Timestamp::millis),
            asked: texts(&it.asked),
            confirmed: texts(&it.confirmed),
            disagreement: it.disagreement.as_ref().map(disagreement),
            reached: it.reached.iter().map(Into::into).collect(),
        }
    }
}

impl From<&Reached> for ReachedMessage {
    fn from(it: &Reached) -> Self {
        Self { contact: String::from(&*it.contact), name: String::from(&*it.name) }
    }
}

impl From<ReachedMessage> for Reached {
    fn from(message: ReachedMessage) -> Self {
        Self { contact: message.contact.into(), name: message.name.into() }
    }
}

impl From<ClosureMessage> for Closure {
    fn from(message: ClosureMessage) -> Self {
        Self {
            verify_at: message.verify_at.map(Timestamp::from_millis),
            confirmation: message.confirmation.map(Into::into),
        }
    }
}

impl From<ConfirmationMessage> for Confirmation {
    fn from(message: ConfirmationMessage) -> Self {
        let disagreement = |it: DisagreementMessage| Disagreement {
            at: Timestamp::from_millis(it.at),
            by: it.by.into(),
            because: it.because.into(),
        };
        Self {
            asked_at: Timestamp::from_millis(message.asked_at),
            due_at: message.due_at.map(Timestamp::from_millis),
            asked: names(message.asked),
            reached: message.reached.into_iter().map(Into::into).collect(),
            confirmed: names(message.confirmed),
            disagreement: message.disagreement.map(disagreement),
        }
    }
}
