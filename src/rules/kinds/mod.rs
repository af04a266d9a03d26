//! The kinds of rules, one file each: what a rule does with the alerts it matches.
//!
//! A kind is data and how it is read; what follows from it is the engine's business. A new one gets a
//! file, an arm of [`Kind`], a row of [`KINDS`] at the place where it applies, and the stage of the
//! engine that asks for it.

pub(super) mod group;
pub(super) mod inhibit;
pub(super) mod quiet;
pub(super) mod topology;

use group::Group;
use inhibit::Inhibit;
use quiet::Quiet;
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
    /// Opens windows in which nobody is told.
    Quiet(Quiet),
    /// Mutes alerts while others fire.
    Inhibit(Inhibit),
    /// Gathers alerts with equal values.
    Group(Group),
    /// Gathers alerts that suffer from the CI of one that matches.
    Topology(TopologyKind),
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
const KINDS: [(&str, Read); 4] = [
    ("quiet", |reader, node, _| quiet::read(reader, node).map(Kind::Quiet)),
    ("inhibit", |reader, node, desk| {
        inhibit::read(reader, node, &mut desk.follow).map(Kind::Inhibit)
    }),
    ("group", |reader, node, _| group::read(reader, node).map(Kind::Group)),
    ("topology", |reader, node, desk| {
        topology::read(reader, node, &mut desk.follow).map(Kind::Topology)
    }),
];

/// Kinds of later versions, so that they are named as such and not as misspelt fields.
const LATER: [&str; 6] = ["storm", "sequence", "absence", "known_error", "enrich", "drop"];

impl Kind {
    /// The key under which it is written.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Quiet(_) => "quiet",
            Self::Inhibit(_) => "inhibit",
            Self::Group(_) => "group",
            Self::Topology(_) => "topology",
        }
    }

    /// Its place among the kinds, in the order in which they apply to an alert.
    pub fn rank(&self) -> usize {
        KINDS.iter().position(|(name, _)| *name == self.name()).unwrap_or(KINDS.len())
    }

    /// What must be equal, when it gathers by equal values; otherwise nothing.
    pub fn by(&self) -> &[Field] {
        match self {
            Self::Group(group) => &group.by,
            Self::Quiet(_) | Self::Inhibit(_) | Self::Topology(_) => &[],
        }
    }

    /// Returns the conditions of its own, each list with its key.
    pub(super) fn conditions(&self) -> Vec<(&'static str, &Conditions)> {
        match self {
            Self::Quiet(_) | Self::Group(_) => Vec::new(),
            Self::Inhibit(kind) => kind.conditions().map(|when| ("source", when)).collect(),
            Self::Topology(kind) => vec![("never_absorb", &kind.never_absorb)],
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
            Self::Group(_) | Self::Topology(_) => true,
            Self::Quiet(_) | Self::Inhibit(_) => false,
        }
    }

    /// Its settings, when it is of this kind.
    pub fn topology(&self) -> Option<&TopologyKind> {
        if let Self::Topology(kind) = self { Some(kind) } else { None }
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
    let mut of_later = false;
    for name in LATER {
        if let Some((key, _)) = fields.entry(name) {
            of_later = true;
            let message = format!("kind `{name}` is not known to this version");
            reader.error(codes::KIND, key.span, message).help(format!("known kinds: {known}"));
        }
    }
    fields.forget(&LATER);
    let given: Vec<(&str, &Node, Read)> =
        KINDS.iter().filter_map(|(name, read)| Some((*name, fields.get(name)?, *read))).collect();
    match given[..] {
        [(_, node, read)] if !of_later => read(reader, node, desk),
        [] if !of_later => {
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
        [_] | [] => None,
    }
}
