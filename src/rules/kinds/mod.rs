//! The kinds of rules, one file each: what a rule does with the alerts it matches.
//!
//! A kind is data and how it is read; what follows from it is the engine's business. A new one gets a
//! file, an arm of [`Kind`], a row of [`KINDS`] at the place where it applies, and the stage of the
//! engine that asks for it.

pub(super) mod absence;
pub(super) mod drop;
pub(super) mod enrich;
pub(super) mod group;
pub(super) mod inhibit;
pub(super) mod known_error;
pub(super) mod quiet;
pub(super) mod related;
pub(super) mod sequence;
pub(super) mod storm;
pub(super) mod topology;

use absence::Absence;
use drop::Drop;
use enrich::Enrich;
use group::Group;
use inhibit::Inhibit;
use known_error::KnownErrorKind;
use quiet::Quiet;
use related::Related;
use sequence::Sequence;
use storm::StormKind;
use topology::TopologyKind;

use super::codes;
use super::condition::Conditions;
use super::diagnostics::Span;
use super::reader::{Fields, Reader};
use super::subject::Field;
use super::template::Templates;
use super::text::alternatives;
use super::yaml::Node;

/// What a rule does.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Leaves alerts out.
    Drop(Drop),
    /// Adds to alerts what their senders did not say.
    Enrich(Enrich),
    /// Knows the cause of an incident, and what helps.
    KnownError(KnownErrorKind),
    /// Opens windows in which nobody is told.
    Quiet(Quiet),
    /// Mutes alerts while others fire.
    Inhibit(Inhibit),
    /// Says so when something expected is not heard of.
    Absence(Absence),
    /// Makes many alerts of one place one incident.
    Storm(StormKind),
    /// Gathers alerts with equal values.
    Group(Group),
    /// Makes one incident of alerts that begin in an order.
    Sequence(Sequence),
    /// Gathers alerts that suffer from the CI of one that matches.
    Topology(TopologyKind),
    /// Gathers what is likely to have one cause.
    Related(Related),
}

/// What a kind is read with, beside its own value.
pub(super) struct Desk<'a> {
    /// Where its templates are compiled.
    pub(super) templates: &'a mut Templates,
    /// The relations it follows, with their places.
    pub(super) follow: Vec<(Box<str>, Span)>,
}

type Read = fn(&mut Reader<'_>, &Node, &mut Desk<'_>) -> Option<Kind>;

/// How the value of each kind is read, in the order in which the kinds apply to an alert.
const KINDS: [(&str, Read); 11] = [
    ("drop", |reader, node, _| drop::read(reader, node).map(Kind::Drop)),
    ("enrich", |reader, node, desk| enrich::read(reader, node, desk.templates).map(Kind::Enrich)),
    ("quiet", |reader, node, _| quiet::read(reader, node).map(Kind::Quiet)),
    ("inhibit", |reader, node, desk| {
        inhibit::read(reader, node, &mut desk.follow).map(Kind::Inhibit)
    }),
    ("absence", |reader, node, _| absence::read(reader, node).map(Kind::Absence)),
    ("group", |reader, node, _| group::read(reader, node).map(Kind::Group)),
    ("sequence", |reader, node, _| sequence::read(reader, node).map(Kind::Sequence)),
    ("topology", |reader, node, desk| {
        topology::read(reader, node, &mut desk.follow).map(Kind::Topology)
    }),
    ("storm", |reader, node, desk| storm::read(reader, node, &mut desk.follow).map(Kind::Storm)),
    ("related", |reader, node, _| related::read(reader, node).map(Kind::Related)),
    ("known_error", |reader, node, desk| {
        known_error::read(reader, node, desk.templates).map(Kind::KnownError)
    }),
];

impl Kind {
    /// The key under which it is written.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Drop(_) => "drop",
            Self::Enrich(_) => "enrich",
            Self::KnownError(_) => "known_error",
            Self::Quiet(_) => "quiet",
            Self::Inhibit(_) => "inhibit",
            Self::Absence(_) => "absence",
            Self::Storm(_) => "storm",
            Self::Group(_) => "group",
            Self::Sequence(_) => "sequence",
            Self::Topology(_) => "topology",
            Self::Related(_) => "related",
        }
    }

    /// Its place among the kinds, in the order in which they apply to an alert.
    pub fn rank(&self) -> usize {
        KINDS.iter().position(|(name, _)| *name == self.name()).unwrap_or(KINDS.len())
    }

    /// What must be equal, when it gathers by equal values; otherwise nothing.
    pub fn by(&self) -> &[Field] {
        match self {
            Self::Absence(absence) => &absence.per,
            Self::Storm(storm) => &storm.per,
            Self::Group(group) => &group.by,
            Self::Sequence(sequence) => &sequence.by,
            Self::Drop(_)
            | Self::Enrich(_)
            | Self::Quiet(_)
            | Self::Inhibit(_)
            | Self::KnownError(_)
            | Self::Topology(_)
            | Self::Related(_) => &[],
        }
    }

    /// True for what is asked before all other rules, when an episode begins: see `intake`.
    pub fn is_intake(&self) -> bool {
        matches!(self, Self::Drop(_) | Self::Enrich(_))
    }

    /// Its settings, when it is of this kind.
    pub fn known_error(&self) -> Option<&KnownErrorKind> {
        if let Self::KnownError(kind) = self { Some(kind) } else { None }
    }

    /// Returns the conditions of its own, each list with its key.
    pub(super) fn conditions(&self) -> Vec<(&'static str, &Conditions)> {
        match self {
            Self::Drop(_)
            | Self::Enrich(_)
            | Self::KnownError(_)
            | Self::Absence(_)
            | Self::Quiet(_)
            | Self::Group(_) => Vec::new(),
            Self::Inhibit(kind) => kind.conditions().map(|when| ("source", when)).collect(),
            Self::Storm(kind) => vec![("never_absorb", &kind.never_absorb)],
            Self::Sequence(kind) => kind.steps.iter().map(|step| ("steps", &step.when)).collect(),
            Self::Topology(kind) => vec![("never_absorb", &kind.never_absorb)],
            Self::Related(kind) => vec![("never_absorb", &kind.never_absorb)],
        }
    }

    /// Its settings, when it is of this kind.
    pub fn group(&self) -> Option<&Group> {
        if let Self::Group(group) = self { Some(group) } else { None }
    }

    /// Its settings, when it is of this kind.
    pub fn inhibit(&self) -> Option<&Inhibit> {
        if let Self::Inhibit(kind) = self { Some(kind) } else { None }
    }

    /// Its settings, when it is of this kind.
    pub fn quiet(&self) -> Option<&Quiet> {
        if let Self::Quiet(kind) = self { Some(kind) } else { None }
    }

    /// True when incidents can be handled under it.
    pub fn opens(&self) -> bool {
        match self {
            Self::Absence(_)
            | Self::KnownError(_)
            | Self::Storm(_)
            | Self::Group(_)
            | Self::Sequence(_)
            | Self::Topology(_)
            | Self::Related(_) => true,
            Self::Drop(_) | Self::Enrich(_) | Self::Quiet(_) | Self::Inhibit(_) => false,
        }
    }

    /// Its settings, when it is of this kind.
    pub fn storm(&self) -> Option<&StormKind> {
        if let Self::Storm(storm) = self { Some(storm) } else { None }
    }

    /// Its settings, when it is of this kind.
    pub fn sequence(&self) -> Option<&Sequence> {
        if let Self::Sequence(sequence) = self { Some(sequence) } else { None }
    }

    /// Its settings, when it is of this kind.
    pub fn absence(&self) -> Option<&Absence> {
        if let Self::Absence(absence) = self { Some(absence) } else { None }
    }

    /// The names of the relations it follows, when it follows any.
    pub fn follow(&self) -> Option<&[Box<str>]> {
        let of_storm = || self.storm()?.suspects.as_ref().map(|suspects| &*suspects.follow);
        self.topology().map(|kind| &*kind.follow).or_else(of_storm)
    }

    /// True when it counts alerts over time.
    pub fn gathers(&self) -> bool {
        self.storm().is_some() || self.sequence().is_some() || self.absence().is_some()
    }

    /// True when it is about alerts that `when` picks; not when it listens to a whole source.
    pub fn is_about_alerts(&self) -> bool {
        self.absence().is_none_or(|absence| absence.source.is_none())
    }

    /// Its settings, when it is of this kind.
    pub fn topology(&self) -> Option<&TopologyKind> {
        if let Self::Topology(kind) = self { Some(kind) } else { None }
    }

    /// Its settings, when it is of this kind.
    pub fn related(&self) -> Option<&Related> {
        if let Self::Related(kind) = self { Some(kind) } else { None }
    }
}

/// Reads the one kind that a rule must have.
pub(super) fn read(
    reader: &mut Reader<'_>,
    fields: &mut Fields<'_>,
    desk: &mut Desk<'_>,
) -> Option<Kind> {
    let known = KINDS.map(|(name, _)| format!("`{name}:`"));
    let known = alternatives(&known.each_ref().map(|name| &**name));
    let given: Vec<(&str, &Node, Read)> =
        KINDS.iter().filter_map(|(name, read)| Some((*name, fields.get(name)?, *read))).collect();
    match given[..] {
        [(_, node, read)] => read(reader, node, desk),
        [] => {
            reader
                .error(codes::KIND, fields.span, "rule has no kind")
                .help(format!("give it one of {known}"));
            None
        }
        [(first, ..), (second, node, _), ..] => {
            reader
                .error(codes::KIND, node.span, "rule has two kinds")
                .help(format!("make it two rules, one with `{first}:` and one with `{second}:`"));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_draws_the_kinds_in_the_order_in_which_they_apply() {
        let reference = include_str!("../../../rules/README.md");
        let picture = reference.split("## Order in which rules are asked").nth(1).unwrap();
        let picture = picture.split("```").nth(1).unwrap();
        let is_kind = |word: &&str| KINDS.iter().any(|(name, _)| name == word);
        let words = picture.split(|c: char| !(c.is_ascii_lowercase() || c == '_'));
        let drawn: Vec<&str> = words.filter(is_kind).collect();
        assert_eq!(drawn, KINDS.map(|(name, _)| name));
    }
}
