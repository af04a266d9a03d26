//! Teams, contacts, defaults and lifecycle: sections of rule files that are no rules.
//!
//! See `priorities.rs`, `policies.rs` and `binding.rs` for the larger ones.

use core::fmt;
use core::time::Duration;
use std::collections::BTreeMap;

use super::codes;
use super::reader::{DAY, HOUR, MINUTE, Noun, Reader};
use super::yaml::{Key, Node};
use crate::model::priority::words;

/// Members of a team, channels of a contact, keys of the binding: more is a mistake.
pub(super) const ENTRIES_MAX: usize = 64;

/// People who get work together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Team {
    /// The line of support, 1 to 4.
    pub line: u8,
    /// Its contacts; the first is called where no rotation names somebody. At least one.
    pub members: Vec<Box<str>>,
    /// The rotation that says who has the shift.
    pub on_call: Option<Box<str>>,
    /// Who of the members is called where no rotation says so.
    pub turns: Turns,
    /// The contact who leads it: hears first of what is not accepted in time.
    pub lead: Option<Box<str>>,
    /// The contact who hears of what the team leaves lying.
    pub manager: Option<Box<str>>,
    /// The team of the next line.
    pub next: Option<Box<str>>,
}

/// Who of a team's members is called where no rotation says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Turns {
    /// The first.
    #[default]
    First,
    /// Each in turn, by the numbers of incidents: the same one for all of an incident.
    ByIncident,
}

words!(Turns, First = "first", ByIncident = "by_incident");

/// Who gets what nobody else has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Defaults {
    pub(super) team: Option<Box<str>>,
    pub(super) contact: Option<Box<str>>,
    /// The team that gets back what was misrouted.
    pub(super) desk: Option<Box<str>>,
}

/// How long incidents linger, can be reopened, and are remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifecycle {
    /// How long all alerts must stay clear before an incident is resolved.
    pub linger: Duration,
    /// How long after its resolution an incident is reopened by the same root; half-open.
    pub reopen: Duration,
    /// How long after its resolution it is closed.
    pub close_after: Duration,
    /// How long after its resolution a like incident is called its recurrence.
    pub recurrence: Duration,
}

impl Default for Lifecycle {
    fn default() -> Self {
        Self { linger: 5 * MINUTE, reopen: 10 * MINUTE, close_after: DAY, recurrence: 30 * DAY }
    }
}

/// Reads a mapping of names to things, noting each name.
pub(super) fn named<'f, 'n, T>(
    reader: &mut Reader<'f>,
    node: &'n Node,
    noun: Noun,
    mut read: impl FnMut(&mut Reader<'f>, &'n Node, &str) -> Option<T>,
) -> Option<BTreeMap<Box<str>, T>> {
    let fields = reader.map(node, "this section")?;
    let mut things = BTreeMap::new();
    for (Key { span, name }, node) in fields.all() {
        let Some(name) = reader.name(name, *span) else { continue };
        reader.define(noun, &name, *span);
        if let Some(thing) = read(reader, node, &name) {
            things.insert(name, thing);
        }
    }
    Some(things)
}

pub(super) fn team(reader: &mut Reader<'_>, node: &Node, own: &str) -> Option<Team> {
    let mut fields = reader.map(node, "a team")?;
    let line = fields.read(reader, "line", |r, n| r.number(n, 1..=4));
    let members = fields.need(reader, "members").and_then(|n| references(reader, n, Noun::Contact));
    let on_call = fields.read(reader, "on_call", |r, n| reference(r, n, Noun::Rotation));
    let turns = fields.read(reader, "turns", Reader::word);
    let lead = fields.read(reader, "lead", |r, n| reference(r, n, Noun::Contact));
    let manager = fields.read(reader, "manager", |r, n| reference(r, n, Noun::Contact));
    let next = fields.read(reader, "next", |r, n| {
        let next = reference(r, n, Noun::Team)?;
        if &*next == own {
            r.error(codes::VALUE, n.span, format!("team `{own}` is its own next line"))
                .label("expected another team");
            return None;
        }
        Some(next)
    });
    if let (Some(_), Some((key, _))) = (&on_call, fields.entry("turns")) {
        reader
            .error(codes::NO_EFFECT, key.span, "`turns` has no effect beside `on_call`")
            .help("leave it out: the rotation says who has the shift");
    }
    fields.finish(reader);
    let (line, turns) = (line.unwrap_or(1), turns.unwrap_or_default());
    Some(Team { line, members: members?, on_call, turns, lead, manager, next })
}

pub(super) fn defaults(reader: &mut Reader<'_>, node: &Node) -> Option<Defaults> {
    let mut fields = reader.map(node, "`defaults`")?;
    let team = fields.read(reader, "team", |r, n| reference(r, n, Noun::Team));
    let contact = fields.read(reader, "contact", |r, n| reference(r, n, Noun::Contact));
    let desk = fields.read(reader, "desk", |r, n| reference(r, n, Noun::Team));
    fields.finish(reader);
    Some(Defaults { team, contact, desk })
}

pub(super) fn lifecycle(reader: &mut Reader<'_>, node: &Node) -> Option<Lifecycle> {
    let mut fields = reader.map(node, "`lifecycle`")?;
    let mut lifecycle = Lifecycle::default();
    for (name, span, max) in [
        ("linger", &mut lifecycle.linger, DAY),
        ("reopen", &mut lifecycle.reopen, 7 * DAY),
        ("close_after", &mut lifecycle.close_after, 90 * DAY),
        ("recurrence", &mut lifecycle.recurrence, 400 * DAY),
    ] {
        if let Some(given) = fields.read(reader, name, |r, n| r.duration(n, Duration::ZERO..=max)) {
            *span = given;
        }
    }
    let span = fields.span;
    fields.finish(reader);
    if lifecycle.reopen > lifecycle.close_after {
        reader
            .error(codes::VALUE, span, "`reopen` is longer than `close_after`")
            .label("a closed incident cannot be reopened")
            .help("make `close_after` at least as long as `reopen`");
    }
    Some(lifecycle)
}

/// Reads `true` or `false`.
pub(super) fn boolean(reader: &mut Reader<'_>, node: &Node) -> Option<bool> {
    let text = reader.text(node)?;
    let value = text.parse().ok();
    if value.is_none() {
        reader.expected(node, "`true` or `false`");
        let meant = match &*text.to_lowercase() {
            "yes" | "on" | "y" | "true" | "1" => "true",
            "no" | "off" | "n" | "false" | "0" => "false",
            _ => return None,
        };
        // YAML 1.1 had more words; 1.2 has these two, and everything else is a text.
        reader.mend(
            node.span,
            meant,
            format!("`{text}` is a text in YAML 1.2; did you mean `{meant}`?"),
        );
    }
    value
}

/// Reads at least one name.
pub(super) fn some_names(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<Box<str>>> {
    let names: Vec<Box<str>> = reader.names(node)?.into_iter().map(|(name, _)| name).collect();
    if names.is_empty() || names.len() > ENTRIES_MAX {
        reader
            .error(codes::VALUE, node.span, format!("list of {} names", names.len()))
            .label(format!("expected 1 to {ENTRIES_MAX}"));
        return None;
    }
    Some(names)
}

/// Reads a name that must be defined somewhere.
pub(super) fn reference(reader: &mut Reader<'_>, node: &Node, noun: Noun) -> Option<Box<str>> {
    let text = reader.text(node)?;
    let name = reader.name(text, node.span)?;
    reader.refer(noun, &name, node.span);
    Some(name)
}

/// Reads at least one name of what must be defined somewhere.
pub(super) fn references(
    reader: &mut Reader<'_>,
    node: &Node,
    noun: Noun,
) -> Option<Vec<Box<str>>> {
    for (name, span) in reader.names(node)? {
        reader.refer(noun, &name, span);
    }
    some_names(reader, node)
}

/// An hour is the longest a first page may wait, a rule's `wait` included.
pub(super) const WAIT_MAX: Duration = HOUR;
