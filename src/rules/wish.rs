//! How the steps of a test are read in which somebody handles an incident or silences alerts.

use core::time::Duration;

use super::codes;
use super::policies;
use super::reader::{DAY, Fields, Reader};
use super::rule::matchers;
use super::silence::in_silence;
use super::testcase::{TestAction, TestSilence, Wish};
use super::yaml::Node;
use crate::model::silence::SilenceMatcher;

/// Who handles an incident when the test does not say.
const NOBODY_IN_PARTICULAR: &str = "tester";

type Read = fn(&mut Reader<'_>, &mut Fields<'_>) -> Option<Wish>;

/// The keys of steps, also in quotes for messages, and how the rest of each is read.
const WISHES: [(&str, &str, Read); 11] = [
    ("ack", "`ack`", |reader, fields| Some(Wish::Acknowledge { hold: time(reader, fields) })),
    ("unack", "`unack`", |_, _| Some(Wish::Unacknowledge)),
    ("note", "`note`", |reader, fields| {
        let text = fields.need(reader, "text").and_then(|n| reader.text(n));
        text.map(|text| Wish::Note(text.into()))
    }),
    ("claim", "`claim`", |_, _| Some(Wish::Claim)),
    ("assign", "`assign`", |reader, fields| {
        fields.need(reader, "to").and_then(|n| policies::target(reader, n)).map(Wish::Assign)
    }),
    ("hold", "`hold`", |reader, fields| {
        let waits_for = fields.need(reader, "waits_for").and_then(|n| reader.word(n));
        fields.need(reader, "for");
        let (time, waits_for) = (time(reader, fields)?, waits_for?);
        Some(Wish::Hold { waits_for, time })
    }),
    ("resolve", "`resolve`", |_, _| Some(Wish::Resolve)),
    ("reopen", "`reopen`", |_, _| Some(Wish::Reopen)),
    ("close", "`close`", |_, _| Some(Wish::Close)),
    ("merge", "`merge`", |reader, fields| {
        let into = fields.need(reader, "into").and_then(|n| reader.text(n));
        into.map(|into| Wish::Merge(into.into()))
    }),
    ("split", "`split`", |reader, fields| {
        let items = fields.need(reader, "members").and_then(|n| reader.list(n))?;
        let names = items.iter().filter_map(|item| reader.text(item).map(Into::into)).collect();
        Some(Wish::Split(names))
    }),
];

/// Yields the keys of steps in which somebody handles an incident.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    WISHES.into_iter().map(|(name, ..)| name)
}

/// Reads what is done with an incident, if the step is of that kind.
pub(super) fn read(reader: &mut Reader<'_>, step: &mut Fields<'_>) -> Option<TestAction> {
    let mut found = None;
    for (name, quoted, read) in WISHES {
        let handled = step.read(reader, name, |reader, node| {
            let mut fields = reader.map(node, quoted)?;
            let root = fields.need(reader, "root").and_then(|n| reader.text(n));
            let by = by(reader, &mut fields);
            let wish = read(reader, &mut fields);
            fields.finish(reader);
            Some(TestAction::Handle { root: root?.into(), by, wish: wish? })
        });
        found = found.or(handled);
    }
    found
}

/// Reads `silence:`.
pub(super) fn silence(reader: &mut Reader<'_>, node: &Node) -> Option<TestSilence> {
    let mut fields = reader.map(node, "`silence`")?;
    let ci = fields.read(reader, "ci", |r, n| r.text(n)).map(Into::into);
    let given = fields.read(reader, "matchers", labels_only);
    let by = by(reader, &mut fields);
    fields.need(reader, "for");
    let time = time(reader, &mut fields);
    let nothing = !fields.has("matchers") && ci.is_none();
    let span = fields.span;
    fields.finish(reader);
    if nothing {
        reader.error(codes::MISSING, span, "`silence` needs `matchers`, `ci` or both");
        return None;
    }
    Some(TestSilence { matchers: given.unwrap_or_default(), ci, time: time?, by })
}

fn labels_only(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<SilenceMatcher>> {
    let all: Option<Vec<_>> = matchers(reader, node)?.iter().map(in_silence).collect();
    if all.is_none() {
        reader
            .error(codes::VALUE, node.span, "a silence cannot ask for attributes of a CI")
            .help("name the CI in `ci:` beside `matchers:`");
    }
    all
}

fn time(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<Duration> {
    fields.read(reader, "for", |r, n| r.duration(n, Duration::ZERO..=30 * DAY))
}

fn by(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Box<str> {
    fields.read(reader, "by", |r, n| r.text(n)).unwrap_or(NOBODY_IN_PARTICULAR).into()
}
