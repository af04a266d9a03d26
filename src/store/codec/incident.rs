//! Incidents.

use prost::Message;

use super::assignment::AssignmentsMessage;
use super::cause::{KnownErrorMessage, LikelyMessage, StormMessage, SuspectMessage};
use super::clocks::{ResolutionMessage, ResponseMessage, RungMessage};
use super::priority::AssessmentMessage;
use super::progress::ProgressMessage;
use super::review::{ActionMessage, MajorMessage};
use super::sheet::{AffectedMessage, ClosureMessage, ReportMessage, SheetMessage};
use super::terms::TermsMessage;
use super::{Malformed, Row, Word, keyed, numbered, required};
use crate::model::assignment::Assignments;
use crate::model::escalation::PolicyHash;
use crate::model::incident::{Incident, Likely, Paged, RecordId, Root, Thread};
use crate::model::labels::Fingerprint;
use crate::model::link::Action;
use crate::model::terms::Terms;
use crate::model::time::Timestamp;
use crate::store::schema::{self, Family};

numbered!(Action: Acknowledge = 1, Resolve = 2, Escalate = 3, Confirm = 4, Reject = 5);

/// An incident.
#[derive(Clone, PartialEq, Message)]
pub(in crate::store) struct IncidentMessage {
    #[prost(uint32, tag = "1")]
    revision: u32,
    #[prost(oneof = "ProgressMessage", tags = "2, 3, 4, 5, 6, 34, 84")]
    progress: Option<ProgressMessage>,
    #[prost(uint64, optional, tag = "7")]
    parent: Option<u64>,
    #[prost(string, tag = "8")]
    title: String,
    #[prost(string, optional, tag = "9")]
    category: Option<String>,
    #[prost(string, optional, tag = "10")]
    rule: Option<String>,
    #[prost(string, optional, tag = "11")]
    key: Option<String>,
    #[prost(fixed64, tag = "12")]
    root_alert: u64,
    #[prost(string, optional, tag = "13")]
    root_ci: Option<String>,
    #[prost(message, optional, tag = "14")]
    assessment: Option<AssessmentMessage>,
    #[prost(string, optional, tag = "15")]
    team: Option<String>,
    #[prost(int64, tag = "16")]
    opened_at: i64,
    #[prost(int64, tag = "17")]
    active_at: i64,
    #[prost(int64, optional, tag = "18")]
    clear_since: Option<i64>,
    #[prost(uint32, tag = "19")]
    members: u32,
    #[prost(uint32, tag = "20")]
    firing: u32,
    #[prost(message, optional, tag = "21")]
    response: Option<ResponseMessage>,
    #[prost(int64, optional, tag = "22")]
    wait_until: Option<i64>,
    #[prost(fixed64, tag = "23")]
    policy: u64,
    #[prost(message, optional, tag = "24")]
    functional: Option<RungMessage>,
    #[prost(message, optional, tag = "25")]
    hierarchical: Option<RungMessage>,
    #[prost(uint64, optional, tag = "26")]
    recurrence_of: Option<u64>,
    #[prost(bool, tag = "27")]
    awaiting_verification: bool,
    #[prost(uint32, tag = "28")]
    timeline_len: u32,
    #[prost(uint32, tag = "29")]
    notices: u32,
    #[prost(fixed64, tag = "30")]
    rules_version: u64,
    #[prost(uint64, tag = "31")]
    topology_version: u64,
    #[prost(string, repeated, tag = "32")]
    told: Vec<String>,
    #[prost(string, optional, tag = "33")]
    group_rule: Option<String>,
    #[prost(uint32, tag = "35")]
    version: u32,
    #[prost(string, optional, tag = "36")]
    assignee: Option<String>,
    #[prost(message, optional, tag = "37")]
    resolution: Option<ResolutionMessage>,
    #[prost(message, optional, tag = "38")]
    resolving: Option<RungMessage>,
    #[prost(bool, tag = "39")]
    quiet: bool,
    #[prost(uint64, repeated, tag = "40")]
    apart_from: Vec<u64>,
    #[prost(string, repeated, tag = "48")]
    changes: Vec<String>,
    #[prost(message, optional, tag = "50")]
    storm: Option<StormMessage>,
    #[prost(message, repeated, tag = "51")]
    suspects: Vec<SuspectMessage>,
    #[prost(uint32, tag = "52")]
    ranked_at: u32,
    #[prost(int64, optional, tag = "53")]
    update_at: Option<i64>,
    #[prost(message, optional, tag = "60")]
    known_error: Option<KnownErrorMessage>,
    #[prost(message, optional, tag = "100")]
    likely: Option<LikelyMessage>,
    #[prost(message, optional, tag = "70")]
    assignments: Option<AssignmentsMessage>,
    #[prost(message, optional, tag = "71")]
    terms: Option<TermsMessage>,
    #[prost(message, optional, tag = "80")]
    sheet: Option<SheetMessage>,
    #[prost(message, optional, tag = "81")]
    affected: Option<AffectedMessage>,
    #[prost(message, repeated, tag = "82")]
    reports: Vec<ReportMessage>,
    #[prost(message, optional, tag = "83")]
    closure: Option<ClosureMessage>,
    #[prost(message, optional, tag = "85")]
    major: Option<MajorMessage>,
    #[prost(message, repeated, tag = "111")]
    actions: Vec<ActionMessage>,
    #[prost(message, repeated, tag = "90")]
    threads: Vec<ThreadMessage>,
    #[prost(message, repeated, tag = "91")]
    paged: Vec<PagedMessage>,
    #[prost(message, repeated, tag = "92")]
    links_used: Vec<UsedLinkMessage>,
}

#[derive(Clone, PartialEq, Message)]
struct UsedLinkMessage {
    #[prost(uint32, tag = "1")]
    seq: u32,
    #[prost(uint32, tag = "2")]
    action: u32,
}

#[derive(Clone, PartialEq, Message)]
struct ThreadMessage {
    #[prost(string, tag = "1")]
    channel: String,
    #[prost(string, tag = "2")]
    contact: String,
    #[prost(string, tag = "3")]
    place: String,
    #[prost(string, tag = "4")]
    message: String,
}

#[derive(Clone, PartialEq, Message)]
struct PagedMessage {
    #[prost(string, tag = "1")]
    contact: String,
    #[prost(int64, tag = "2")]
    at: i64,
    #[prost(uint32, tag = "3")]
    seq: u32,
}

impl From<&Thread> for ThreadMessage {
    fn from(thread: &Thread) -> Self {
        let Thread { channel, contact, place, message } = thread;
        let text = |it: &str| String::from(it);
        let (channel, contact) = (text(channel), text(contact));
        Self { channel, contact, place: text(place), message: text(message) }
    }
}

impl From<ThreadMessage> for Thread {
    fn from(it: ThreadMessage) -> Self {
        let (channel, contact) = (it.channel.into(), it.contact.into());
        Self { channel, contact, place: it.place.into(), message: it.message.into() }
    }
}

impl From<&Paged> for PagedMessage {
    fn from(paged: &Paged) -> Self {
        let Paged { contact, at, seq } = paged;
        Self { contact: String::from(&**contact), at: at.millis(), seq: *seq }
    }
}

impl From<PagedMessage> for Paged {
    fn from(it: PagedMessage) -> Self {
        Self { contact: it.contact.into(), at: Timestamp::from_millis(it.at), seq: it.seq }
    }
}

impl Row for Incident {
    const FAMILY: Family = Family::Incidents;
    type Message = IncidentMessage;

    fn key(&self) -> impl AsRef<[u8]> {
        schema::number(self.id.0)
    }

    fn message(&self) -> IncidentMessage {
        IncidentMessage {
            revision: self.revision,
            progress: Some((&self.progress).into()),
            parent: self.parent.map(|parent| parent.0),
            title: self.title.clone(),
            category: self.category.as_deref().map(String::from),
            rule: self.rule.as_deref().map(String::from),
            key: self.key.as_deref().map(String::from),
            root_alert: self.root.alert.0,
            root_ci: self.root.ci.as_deref().map(String::from),
            assessment: Some((&self.assessment).into()),
            team: self.team.as_deref().map(String::from),
            opened_at: self.opened_at.millis(),
            active_at: self.active_at.millis(),
            clear_since: self.clear_since.map(Timestamp::millis),
            members: self.members,
            firing: self.firing,
            response: Some(self.response.into()),
            wait_until: self.wait_until.map(Timestamp::millis),
            policy: self.policy.0,
            functional: Some(self.functional.into()),
            hierarchical: Some(self.hierarchical.into()),
            recurrence_of: self.recurrence_of.map(|incident| incident.0),
            awaiting_verification: self.awaiting_verification,
            timeline_len: self.timeline_len,
            notices: self.notices,
            group_rule: self.group_rule.as_deref().map(String::from),
            version: self.version,
            assignee: self.assignee.as_deref().map(String::from),
            assignments: Some(&self.assignments)
                .filter(|it| **it != Assignments::default())
                .map(Into::into),
            terms: Some(&self.terms).filter(|it| **it != Terms::default()).map(Into::into),
            resolution: Some((&self.resolution).into()),
            resolving: Some(self.resolving.into()),
            quiet: self.quiet,
            known_error: self.known_error.as_ref().map(Into::into),
            apart_from: self.apart_from.iter().map(|incident| incident.0).collect(),
            changes: self.changes.iter().map(|number| String::from(&**number)).collect(),
            storm: self.storm.as_ref().map(Into::into),
            suspects: self.suspects.iter().map(Into::into).collect(),
            ranked_at: self.ranked_at,
            likely: Some(&self.likely).filter(|it| **it != Likely::default()).map(Into::into),
            update_at: self.update_at.map(Timestamp::millis),
            sheet: SheetMessage::of(&self.sheet),
            affected: AffectedMessage::of(&self.affected),
            reports: self.reports.iter().map(Into::into).collect(),
            closure: ClosureMessage::of(&self.closure),
            major: self.major.as_ref().map(Into::into),
            actions: self.actions.iter().map(Into::into).collect(),
            told: self.told.iter().map(ToString::to_string).collect(),
            threads: self.threads.iter().map(Into::into).collect(),
            paged: self.paged.iter().map(Into::into).collect(),
            links_used: self
                .links_used
                .iter()
                .map(|(seq, action)| UsedLinkMessage { seq: *seq, action: action.number() })
                .collect(),
            rules_version: self.rules_version,
            topology_version: self.topology_version,
        }
    }

    fn restore(key: &[u8], message: IncidentMessage) -> Result<Self, Malformed> {
        let root =
            Root { alert: Fingerprint(message.root_alert), ci: message.root_ci.map(Into::into) };
        Ok(Self {
            id: RecordId(keyed(schema::read_number(key))?),
            revision: message.revision,
            progress: required(message.progress, "progress")?.try_into()?,
            parent: message.parent.map(RecordId),
            title: message.title,
            category: message.category.map(Into::into),
            rule: message.rule.map(Into::into),
            key: message.key.map(Into::into),
            root,
            assessment: required(message.assessment, "assessment")?.try_into()?,
            team: message.team.map(Into::into),
            opened_at: Timestamp::from_millis(message.opened_at),
            active_at: Timestamp::from_millis(message.active_at),
            clear_since: message.clear_since.map(Timestamp::from_millis),
            members: message.members,
            firing: message.firing,
            response: required(message.response, "response")?.into(),
            wait_until: message.wait_until.map(Timestamp::from_millis),
            policy: PolicyHash(message.policy),
            functional: required(message.functional, "functional")?.into(),
            hierarchical: required(message.hierarchical, "hierarchical")?.into(),
            recurrence_of: message.recurrence_of.map(RecordId),
            awaiting_verification: message.awaiting_verification,
            timeline_len: message.timeline_len,
            notices: message.notices,
            group_rule: message.group_rule.map(Into::into),
            version: message.version,
            assignee: message.assignee.map(Into::into),
            assignments: message.assignments.unwrap_or_default().try_into()?,
            terms: message.terms.unwrap_or_default().try_into()?,
            resolution: message.resolution.unwrap_or_default().into(),
            resolving: message.resolving.unwrap_or_default().into(),
            quiet: message.quiet,
            known_error: message.known_error.map(Into::into),
            apart_from: message.apart_from.into_iter().map(RecordId).collect(),
            changes: message.changes.into_iter().map(Into::into).collect(),
            storm: message.storm.map(Into::into),
            suspects: message.suspects.into_iter().map(Into::into).collect(),
            ranked_at: message.ranked_at,
            likely: message.likely.map(Into::into).unwrap_or_default(),
            update_at: message.update_at.map(Timestamp::from_millis),
            sheet: message.sheet.map(SheetMessage::restore).transpose()?.unwrap_or_default(),
            affected: message.affected.map(Into::into).unwrap_or_default(),
            reports: message.reports.into_iter().map(Into::into).collect(),
            closure: message.closure.map(Into::into).unwrap_or_default(),
            major: message.major.map(TryInto::try_into).transpose()?,
            actions: message
                .actions
                .into_iter()
                .map(TryInto::try_into)
                .collect::<Result<_, _>>()?,
            told: message.told.into_iter().map(Into::into).collect(),
            threads: message.threads.into_iter().map(Into::into).collect(),
            paged: message.paged.into_iter().map(Into::into).collect(),
            links_used: message
                .links_used
                .into_iter()
                .map(|it| Ok((it.seq, Action::of(it.action)?)))
                .collect::<Result<_, Malformed>>()?,
            rules_version: message.rules_version,
            topology_version: message.topology_version,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::frozen;
    use super::*;
    use crate::model::affected::Affected;
    use crate::model::closure::{Closure, Confirmation, Disagreement, Reached};
    use crate::model::escalation::Rung;
    use crate::model::incident::{
        KnownError, ResolutionClock, ResponseClock, Storm, Suspect, SuspectChange,
    };
    use crate::model::major::Major;
    use crate::model::priority::{Assessment, Impact, Loss, Priority, Urgency};
    use crate::model::progress::{Progress, WaitsFor};
    use crate::model::report::{Report, Reporter};
    use crate::model::sheet::{Field, Reclassified, Sheet, Spent};

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    fn known_error() -> KnownError {
        KnownError {
            id: "KE-1".into(),
            rule: "t/ke".into(),
            quiet_until: Some(at(35)),
            exceeded: Some("why".into()),
        }
    }

    fn storm() -> Storm {
        Storm {
            rule: "o/s".into(),
            key: "o/s/f".into(),
            began_at: at(35),
            calm_since: Some(at(36)),
            ended_at: Some(at(37)),
        }
    }

    fn sheet() -> Sheet {
        let reclassified = Reclassified {
            at: at(43),
            by: "b".into(),
            from: Some("f".into()),
            to: "t".into(),
            because: "w".into(),
        };
        let spent = Spent { by: "b".into(), line: 2, ms: 44 };
        let fields = [(Field::FollowUp, "u".into()), (Field::Nature, "fault".into())];
        Sheet::restore(fields, vec![reclassified], vec![spent])
    }

    fn report() -> Report {
        Report {
            at: at(45),
            alert: Fingerprint(46),
            title: "t".into(),
            reporter: Reporter {
                name: "n".into(),
                place: Some("p".into()),
                contact: Some("c".into()),
            },
            by: "b".into(),
            channel: "h".into(),
        }
    }

    fn major() -> Major {
        Major {
            declared_at: at(51),
            by: "b".into(),
            because: "w".into(),
            stood_down_at: Some(at(52)),
            ..Major::default()
        }
    }

    fn closure() -> Closure {
        let disagreement = Disagreement { at: at(47), by: "b".into(), because: "w".into() };
        let confirmation = Confirmation {
            asked_at: at(48),
            due_at: Some(at(49)),
            asked: vec!["a".into()],
            reached: vec![Reached { contact: "b".into(), name: "a".into() }],
            confirmed: vec!["c".into()],
            disagreement: Some(disagreement),
        };
        Closure { verify_at: Some(at(50)), confirmation: Some(confirmation) }
    }

    fn assessment() -> Assessment {
        Assessment {
            impact: Impact::High,
            urgency: Urgency::Medium,
            priority: Priority::P2,
            sum: "sum".into(),
            pages: true,
            loss: Loss::Redundancy,
            until: Some(Timestamp::from_millis(300)),
        }
    }

    fn suspect() -> Suspect {
        let (number, ci) = ("CHG-1".into(), "up".into());
        let change = Some(SuspectChange { number, ci, before_ms: 300 });
        Suspect { ci: "sw".into(), explains: 38, of: 39, change }
    }

    fn likely() -> Likely {
        Likely {
            places: vec![(0x0102_0304_0506_0708, at(1)), (9, at(300))],
            parts_at: Some(at(42)),
            perhaps: vec![RecordId(43)],
        }
    }

    fn affected() -> Affected {
        let name = |name| [name].iter().collect();
        Affected { cis: name("c"), services: name("s"), users: 42 }
    }

    fn incident(progress: Progress) -> Incident {
        Incident {
            id: RecordId(1042),
            revision: 1,
            progress,
            parent: Some(RecordId(1000)),
            title: "title".into(),
            category: Some("category".into()),
            rule: Some("rule".into()),
            key: Some("key".into()),
            root: Root { alert: Fingerprint(0x0223_b772_b51c_29e1), ci: Some("ci".into()) },
            assessment: assessment(),
            team: Some("team".into()),
            opened_at: at(2),
            active_at: at(3),
            clear_since: Some(at(4)),
            members: 5,
            firing: 6,
            response: ResponseClock {
                started_at: at(7),
                due_at: at(8),
                stopped_at: Some(at(9)),
                round: 10,
            },
            wait_until: Some(at(11)),
            policy: PolicyHash(12),
            functional: Rung { step: 13, repeats: 14, due_at: Some(at(15)), last_at: None },
            hierarchical: Rung { step: 16, repeats: 17, due_at: Some(at(18)), last_at: None },
            recurrence_of: Some(RecordId(19)),
            awaiting_verification: true,
            timeline_len: 20,
            notices: 21,
            group_rule: Some("t/site".into()),
            told: vec!["dc-ops".into()],
            threads: vec![Thread {
                channel: "chat".into(),
                contact: "ann".into(),
                place: "#o".into(),
                message: "C1:2".into(),
            }],
            links_used: vec![(4, Action::Resolve)],
            paged: vec![Paged { contact: "ann".into(), at: at(42), seq: 3 }],
            version: 24,
            assignee: Some("ann".into()),
            assignments: Assignments::default(),
            terms: Terms::default(),
            resolution: ResolutionClock {
                due_at: at(25),
                stood_ms: 26,
                stands_since: Some(at(27)),
                stood: vec![(at(35), at(36))],
            },
            resolving: Rung { step: 28, repeats: 29, due_at: Some(at(33)), last_at: Some(at(34)) },
            quiet: true,
            known_error: Some(known_error()),
            apart_from: vec![RecordId(34)],
            changes: vec!["CHG-1".into()],
            storm: Some(storm()),
            suspects: vec![suspect()],
            ranked_at: 40,
            likely: likely(),
            update_at: Some(at(41)),
            sheet: sheet(),
            affected: affected(),
            reports: vec![report()],
            closure: closure(),
            major: Some(major()),
            actions: Vec::new(),
            rules_version: 22,
            topology_version: 23,
        }
    }

    #[test]
    fn the_bytes_of_an_incident_stay_as_they_are() {
        let by = || "ann".into();
        let (resolved_by, had) = (Some("bob".into()), Some(by()));
        let rest = b"8\xe8\x07B\x05titleJ\x08categoryR\x04ruleZ\x03keya\xe1)\x1c\xb5r\xb7#\x02\
            j\x02cir\x12\x08\x03\x10\x02\x18\x02\"\x03sum(\x010\x018\xac\x02z\x04team\x80\x01\x02\x88\x01\x03\
            \x90\x01\x04\x98\x01\x05\xa0\x01\x06\xaa\x01\x08\x08\x07\x10\x08\x18\t \n\
            \xb0\x01\x0b\xb9\x01\x0c\x00\x00\x00\x00\x00\x00\x00\xc2\x01\x06\x08\r\x10\x0e\x18\x0f\
            \xca\x01\x06\x08\x10\x10\x11\x18\x12\xd0\x01\x13\xd8\x01\x01\xe0\x01\x14\xe8\x01\x15\
            \xf1\x01\x16\x00\x00\x00\x00\x00\x00\x00\xf8\x01\x17\
            \x82\x02\x06dc-ops\x8a\x02\x06t/site\x98\x02\x18\xa2\x02\x03ann\
            \xaa\x02\x0a\x08\x19\x10\x1a\x18\x1b\x22\x02\x23\x24\xb2\x02\x08\x08\x1c\x10\x1d\x18!\x20\x22\
            \xb8\x02\x01\xc2\x02\x01\"\x82\x03\x05CHG-1\
            \x92\x03\x12\x0a\x03o/s\x12\x05o/s/f\x18#\x20$\x28%\
            \x9a\x03\x18\x0a\x02sw\x10&\x18\x27\x22\x0e\x0a\x05CHG-1\x12\x02up\x18\xac\x02\xa0\x03(\xa8\x03)\
            \xe2\x03\x13\x0a\x04KE-1\x12\x04t/ke\x18\x23\x22\x03why\
            \x82\x05\x2b\x0a\x09\x08\x01\x12\x05fault\x0a\x05\x08\x14\x12\x01u\
            \x12\x0e\x08\x2b\x12\x01b\x1a\x01f\x22\x01t\x2a\x01w\x1a\x07\x0a\x01b\x10\x02\x18\x2c\
            \x8a\x05\x08\x0a\x01c\x12\x01s\x18\x2a\
            \x92\x05\x1d\x08\x2d\x11\x2e\0\0\0\0\0\0\0\x1a\x01t\x22\x01n\x2a\x01p\x32\x01c\x3a\x01b\x42\x01h\
            \x9a\x05\x20\x08\x32\x12\x1c\x08\x30\x10\x31\x1a\x01a\x22\x01c\x2a\x08\x08\x2f\x12\x01b\x1a\x01w\
            \x32\x06\x0a\x01b\x12\x01a\
            \xaa\x05\x0a\x08\x33\x12\x01b\x1a\x01w\x20\x34\
            \xd2\x05\x15\x0a\x04chat\x12\x03ann\x1a\x02#o\x22\x04C1:2\
            \xda\x05\x09\x0a\x03ann\x10*\x18\x03\xe2\x05\x04\x08\x04\x10\x02\
            \xa2\x06\x1c\x0a\x10\x08\x07\x06\x05\x04\x03\x02\x01\x09\0\0\0\0\0\0\0\
            \x12\x03\x01\xac\x02\x18*\x22\x01+";

        for (progress, value) in [
            (Progress::New, &b"\x12\x00"[..]),
            (Progress::Acknowledged { by: by(), until: at(30) }, b"\x1a\x07\x0a\x03ann\x10\x1e"),
            (Progress::InProgress { by: by(), until: at(30) }, b"\x22\x07\x0a\x03ann\x10\x1e"),
            (
                Progress::Resolved { at: at(31), by: resolved_by, had },
                b"*\x0c\x08\x1f\x12\x03bob\x1a\x03ann",
            ),
            (Progress::Closed { at: at(32) }, b"\x30\x20"),
            (Progress::Cancelled { at: at(32), by: by() }, b"\xa2\x05\x07\x08\x20\x12\x03ann"),
            (
                Progress::OnHold { by: by(), waits_for: WaitsFor::Change, until: at(30) },
                b"\x92\x02\x09\x0a\x03ann\x10\x02\x18\x1e",
            ),
        ] {
            let value = [b"\x01\x08\x01", value, rest].concat();
            frozen(&incident(progress), b"\0\0\0\0\0\0\x04\x12", &value);
        }
    }
}
