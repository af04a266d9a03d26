//! Alerts: what a source says of one condition, and what we know of it.

use core::fmt;
use std::sync::Arc;

use super::incident::{IncidentId, RecordId};
use super::labels::{Fingerprint, Labels};
use super::leases::Leases;
use super::rare::Rare;
use super::short::Short;
use super::silence::SilenceId;
use super::time::{Brief, Timestamp};

/// A source by its place in the list of all sources ever seen, which only grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub u16);

/// Where an alert is kept while it is held: the smallest number that no other held alert has. So the
/// numbers of alerts that came together lie together, and a new one goes behind all others or where one
/// was forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub u32);

/// One received message about an alert; a heartbeat when only a lease moves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occurrence {
    /// The alert's labels; those with an empty value are left out.
    pub labels: Labels,
    /// Identity of `labels`, computed where they were read.
    pub fingerprint: Fingerprint,
    /// Firing or over.
    pub signal: Signal,
    /// When the sender says it began, by the sender's clock; receipt time when it does not say.
    pub starts_at: Timestamp,
    /// The severity where the format gives one beside the labels; it wins over the label.
    pub severity: Option<Box<str>>,
    /// What is written about the alert.
    pub details: Arc<Details>,
}

/// What an occurrence says of its alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// It fires, and its source's lease runs until then without another word.
    Firing {
        /// End of the lease, exclusive.
        until: Timestamp,
        /// True when the sender named the end itself: a later such end outlasts an earlier one that
        /// comes after it (Alertmanager's `alert.Merge`).
        explicit: bool,
    },
    /// It ended then, says this source.
    Resolved {
        /// When it ended, by the sender's clock, which may be ahead of ours; receipt time when it does
        /// not say.
        at: Timestamp,
    },
}

/// The text of an alert, which lives on disk: nothing is decided by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Details {
    /// Annotations; an empty value stays, as in Alertmanager.
    pub annotations: Labels,
    /// Where the alert was made, as the sender wrote it; may be empty.
    pub generator_url: Box<str>,
}

/// Until when one source holds an alert firing without another word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Who holds it.
    pub source: SourceId,
    /// Latest beginning that this source named while it held the alert, by its own clock: what ended
    /// before is not what it says fires now. Unlike [`AlertState::starts_at`] nobody else's clock and
    /// no late message moves it back.
    pub began: Timestamp,
    /// Its end, exclusive.
    pub until: Timestamp,
    /// See [`Signal::Firing`].
    pub explicit: bool,
}

/// The part of an alert that changes with its occurrences.
///
/// An alert fires while it has a lease; `ended_at` is set exactly when it has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertState {
    /// Where it is kept; means nothing once it is not held any more.
    pub slot: Slot,
    /// Counts the changes; of two stored states the higher is the newer.
    pub revision: u32,
    /// Numbers the firings of this alert from 1; 0 while only a resolve was received.
    pub episode: u32,
    /// The record of the episode: its incident's own number or a subordinate's.
    pub record: Option<RecordId>,
    /// The incident it belongs to.
    pub incident: Option<IncidentId>,
    /// Earliest beginning that a sender named for the episode.
    pub starts_at: Timestamp,
    /// When it ended, as the last source said; `None` while it fires.
    pub ended_at: Option<Timestamp>,
    /// When that was heard, receipt time: up to minutes later, because Alertmanager waits for its
    /// group interval. Has no meaning while the alert fires.
    pub end_heard_at: Timestamp,
    /// First occurrence of the episode, receipt time.
    pub first_seen: Timestamp,
    /// Last occurrence, receipt time.
    pub last_seen: Timestamp,
    /// Occurrences of the episode, as far as they can be counted.
    pub occurrences: u32,
    /// The severity given beside the labels, if any.
    pub severity: Option<Short>,
    /// Sources that hold it firing, one lease each.
    pub leases: Leases,
    /// The silences that hold it back, in the order of their ids; those that did so at its end once
    /// it ended.
    pub silenced_by: Rare<SilenceId>,
    /// The alerts that inhibit it, in their order; those that did so at its end once it ended.
    pub inhibited_by: Rare<Inhibitor>,
}

/// An alert that mutes another while it fires.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Inhibitor {
    /// The alert.
    pub alert: Fingerprint,
    /// Name of the rule that says so.
    pub rule: Arc<str>,
}

impl AlertState {
    /// True while any source holds it.
    pub fn fires(&self) -> bool {
        self.ended_at.is_none()
    }

    /// True while it may open an incident and page: no silence and no other alert holds it back.
    pub fn is_audible(&self) -> bool {
        self.silenced_by.is_empty() && self.inhibited_by.is_empty()
    }
}

/// The label that holds the severity.
pub const SEVERITY: &str = "severity";

/// Returns the severity in force: the one given beside the labels, else the label, else nothing.
pub fn severity<'a>(given: Option<&'a str>, labels: &'a Labels) -> &'a str {
    given.or_else(|| labels.get(SEVERITY)).unwrap_or("")
}

/// Why an alert belongs to its incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Join {
    /// It opened the incident: nothing open explained it.
    Own,
    /// Equal labels within a rule's window.
    Group {
        /// Name of the rule.
        rule: Arc<str>,
        /// The equal labels, as a matcher.
        key: Box<str>,
    },
    /// Its CI suffers from the root's.
    Dependant {
        /// Name of the rule.
        rule: Arc<str>,
        /// From the cause to the alert's CI.
        path: Path,
        /// Milliseconds from the cause to this alert; negative when the cause came later.
        after_ms: i64,
        /// Within how many milliseconds harm is expected to have come that way, where the rule says.
        expected_ms: Option<u64>,
        /// How sure that is, in percent, 1 to 99; 0 where it was stored before this was kept.
        confidence: u8,
    },
    /// It is the cause that others of this incident suffer from.
    Cause {
        /// Name of the rule.
        rule: Arc<str>,
        /// How sure that is, in percent, 1 to 99; 0 where it was stored before this was kept.
        confidence: u8,
    },
    /// With it a CI that had redundancy has not enough left to stand on.
    LastLeg {
        /// Name of the rule.
        rule: Arc<str>,
        /// That CI.
        ci: Box<str>,
    },
    /// It is likely to have the cause that the others have, by time, place and experience.
    Related {
        /// Name of the rule.
        rule: Arc<str>,
        /// By way of which place, in words: `one relation from shop/cart`.
        place: Box<str>,
        /// Milliseconds since the incident's last new alert.
        silence_ms: u64,
        /// Within how many milliseconds of that one harm is expected to have come so far; nothing
        /// where it was stored before this was kept.
        expected_ms: Option<u64>,
        /// How sure that is, in percent, 50 to 99.
        confidence: u8,
    },
    /// It is one of many of a storm.
    Storm {
        /// Name of the rule.
        rule: Arc<str>,
        /// The storm's key.
        key: Box<str>,
    },
    /// It is a step of a sequence, or belongs to the incident of one.
    Sequence {
        /// Name of the rule.
        rule: Arc<str>,
        /// The steps with their times, in words.
        steps: Box<str>,
    },
    /// A person reported it of something that suffers from the incident.
    Reported {
        /// The CI that it is reported of.
        ci: Box<str>,
    },
    /// A person put it there.
    ByHand {
        /// Who.
        by: Box<str>,
        /// What they said; may be empty.
        note: Box<str>,
    },
    /// It still fired when its former incident was resolved.
    Outlived {
        /// The former incident.
        former: IncidentId,
    },
}

/// Writes the reason in words, without the rule and the way: `dependant of pdu-1, 1 hop, 9s after it,
/// 94 % likely`.
impl fmt::Display for Join {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own => f.write_str("opened the incident"),
            Self::Group { key, .. } => write!(f, "shares {key}"),
            Self::Dependant { path, after_ms, expected_ms, confidence, .. } => {
                let hops = path.steps.len();
                let plural = if hops == 1 { "" } else { "s" };
                let span = Brief(core::time::Duration::from_millis(after_ms.unsigned_abs()));
                let side = if *after_ms < 0 { "before" } else { "after" };
                write!(f, "dependant of {}, {hops} hop{plural}, {span} {side} it", path.from)?;
                f.write_str(&expected(*expected_ms).unwrap_or_default())?;
                likely(f, *confidence)
            }
            Self::Cause { confidence, .. } => {
                f.write_str("explains the others")?;
                likely(f, *confidence)
            }
            Self::LastLeg { ci, .. } => write!(f, "with it {ci} has not enough left to stand on"),
            Self::Related { place, silence_ms, expected_ms, confidence, .. } => {
                let silence = Brief(core::time::Duration::from_millis(*silence_ms));
                write!(f, "{place}, {silence} after the last new alert")?;
                f.write_str(&expected(*expected_ms).unwrap_or_default())?;
                likely(f, *confidence)
            }
            Self::Storm { key, .. } => write!(f, "storm {key}"),
            Self::Sequence { steps, .. } => f.write_str(steps),
            Self::Reported { ci } => write!(f, "reported of {ci}, which suffers from it"),
            Self::ByHand { by, note } => write!(f, "{by}: {note}"),
            Self::Outlived { former } => write!(f, "still fired when {former} was resolved"),
        }
    }
}

fn likely(f: &mut fmt::Formatter<'_>, confidence: u8) -> fmt::Result {
    if confidence > 0 { write!(f, ", {confidence} % likely") } else { Ok(()) }
}

/// Says within which time harm was expected: `, expected within 60s`.
pub fn expected(expected_ms: Option<u64>) -> Option<String> {
    let within = Brief(core::time::Duration::from_millis(expected_ms?));
    Some(format!(", expected within {within}"))
}

/// How sure it is that an alert belongs to a storm: it is one of many at one place and time, and
/// nothing else is known of it.
const STORM_CONFIDENCE: u8 = 70;

/// How sure it is that an alert belongs to a sequence: it came in the order that the rule foresees.
const SEQUENCE_CONFIDENCE: u8 = 90;

/// How sure it is that a last leg belongs to those that failed before it: as what suffers from a
/// cause one relation away.
const LAST_LEG_CONFIDENCE: u8 = 94;

impl Join {
    /// Returns how sure it is that the alert belongs there, in percent; `None` for one that joined
    /// nothing, and where it is not known. What a rule's labels or a person say is taken as it is.
    pub fn confidence(&self) -> Option<u8> {
        match self {
            Self::Own | Self::Outlived { .. } => None,
            Self::Group { .. } | Self::Reported { .. } | Self::ByHand { .. } => Some(100),
            Self::Dependant { confidence, .. }
            | Self::Cause { confidence, .. }
            | Self::Related { confidence, .. } => Some(*confidence).filter(|known| *known > 0),
            Self::Storm { .. } => Some(STORM_CONFIDENCE),
            Self::Sequence { .. } => Some(SEQUENCE_CONFIDENCE),
            Self::LastLeg { .. } => Some(LAST_LEG_CONFIDENCE),
        }
    }

    /// Returns the way through the topology that decided it, where one did.
    pub fn path(&self) -> Option<&Path> {
        if let Self::Dependant { path, .. } = self { Some(path) } else { None }
    }

    /// Returns the name of the rule that decided it, where one did.
    pub fn rule(&self) -> Option<&str> {
        match self {
            Self::Group { rule, .. }
            | Self::Dependant { rule, .. }
            | Self::Cause { rule, .. }
            | Self::LastLeg { rule, .. }
            | Self::Related { rule, .. }
            | Self::Storm { rule, .. }
            | Self::Sequence { rule, .. } => Some(rule),
            Self::Own | Self::Reported { .. } | Self::ByHand { .. } | Self::Outlived { .. } => None,
        }
    }
}

/// A way through the topology, in the direction in which harm spreads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path {
    /// Name of the CI where it begins.
    pub from: Box<str>,
    /// Each step: relation type, then the CI reached.
    pub steps: Vec<(Box<str>, Box<str>)>,
}

/// Writes `pdu-r12a -powers-> srv-0412 -hosts-> vm-88`.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.from)?;
        for (relation, ci) in &self.steps {
            write!(f, " -{relation}-> {ci}")?;
        }
        Ok(())
    }
}
