//! How the steps of a test are read in which somebody handles an incident or silences alerts.

use core::time::Duration;

use super::codes;
use super::policies;
use super::reader::{DAY, Fields, Noun, Reader};
use super::rule::matchers;
use super::silence::in_silence;
use super::testcase::{TestAction, TestReport, TestSilence, Wish};
use super::yaml::{Key, Node};
use crate::model::report::labels;
use crate::model::sheet::{Edit, Field, NotAnEdit};
use crate::model::silence::SilenceMatcher;

/// Who handles an incident when the test does not say.
const NOBODY_IN_PARTICULAR: &str = "tester";

type Read = fn(&mut Reader<'_>, &mut Fields<'_>) -> Option<Wish>;

/// The keys of steps, also in quotes for messages, and how the rest of each is read.
const WISHES: [(&str, &str, Read); 26] = [
    ("ack", "`ack`", |reader, fields| Some(Wish::Acknowledge { hold: time(reader, fields) })),
    ("unack", "`unack`", |_, _| Some(Wish::Unacknowledge)),
    ("note", "`note`", |_, _| Some(Wish::Note)),
    ("claim", "`claim`", |_, _| Some(Wish::Claim)),
    ("assign", "`assign`", |reader, fields| {
        fields.need(reader, "to").and_then(|n| policies::target(reader, n)).map(Wish::Assign)
    }),
    ("escalate", "`escalate`", |reader, fields| {
        Some(Wish::Escalate(fields.read(reader, "to", policies::target)))
    }),
    ("return", "`return`", |_, _| Some(Wish::Return)),
    ("convene", "`convene`", |reader, fields| {
        let teams = fields.need(reader, "teams").and_then(|n| reader.names(n));
        let link = fields.read(reader, "link", |r, n| r.text(n)).map(Into::into);
        let mut names = Vec::new();
        for (name, span) in teams? {
            reader.refer(Noun::Team, &name, span);
            names.push(name);
        }
        Some(Wish::Convene { teams: names, link })
    }),
    ("priority", "`priority`", |reader, fields| {
        Some(Wish::Prioritise(fields.read(reader, "to", Reader::word)))
    }),
    ("update", "`update`", |_, _| Some(Wish::Update)),
    ("subscribe", "`subscribe`", |reader, fields| {
        fields.need(reader, "who").and_then(|n| policies::target(reader, n)).map(Wish::Subscribe)
    }),
    ("unsubscribe", "`unsubscribe`", |reader, fields| {
        fields.need(reader, "who").and_then(|n| policies::target(reader, n)).map(Wish::Unsubscribe)
    }),
    ("hold", "`hold`", |reader, fields| {
        let waits_for = fields.need(reader, "waits_for").and_then(|n| reader.word(n));
        fields.need(reader, "for");
        let (time, waits_for) = (time(reader, fields)?, waits_for?);
        Some(Wish::Hold { waits_for, time })
    }),
    ("resolve", "`resolve`", |reader, fields| Some(Wish::Resolve(edits(reader, fields)))),
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
    ("set", "`set`", |reader, fields| {
        fields.need(reader, "fields");
        Some(Wish::Set(edits(reader, fields)))
    }),
    ("classify", "`classify`", |reader, fields| {
        let category = fields.need(reader, "category").and_then(|n| reader.text(n));
        category.map(|name| Wish::Classify(name.into()))
    }),
    ("time", "`time`", |reader, fields| {
        fields.need(reader, "for");
        time(reader, fields).map(Wish::Spend)
    }),
    ("confirm", "`confirm`", |reader, fields| {
        let one = |r: &mut Reader<'_>, n: &Node| {
            let value = r.number(n, 1..=5_u8)?;
            Some(Edit { field: Field::Satisfaction, value: Some(value.to_string().into()) })
        };
        Some(Wish::Confirm(fields.read(reader, "satisfaction", one).into_iter().collect()))
    }),
    ("reject", "`reject`", |_, _| Some(Wish::Reject)),
    ("cancel", "`cancel`", |_, _| Some(Wish::Cancel)),
    ("declare_major", "`declare_major`", |_, _| Some(Wish::DeclareMajor)),
    ("stand_down", "`stand_down`", |_, _| Some(Wish::StandDown)),
];

/// Reads `fields:` of a record; nothing where there are none.
fn edits(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Vec<Edit> {
    let given = fields.read(reader, "fields", |reader, node| {
        let fields = reader.map(node, "`fields`")?;
        let mut edits = Vec::new();
        for (Key { span, name }, node) in fields.all() {
            let Some(text) = reader.text(node) else { continue };
            match Edit::read(name, text) {
                Ok(edit) => edits.push(edit),
                Err(error) => {
                    let span = if matches!(error, NotAnEdit::Field(_)) { *span } else { node.span };
                    reader.error(codes::VALUE, span, error.to_string());
                }
            }
        }
        Some(edits)
    });
    given.unwrap_or_default()
}

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
            if wish == Some(Wish::Note) {
                fields.need(reader, "text");
            }
            let text = fields.read(reader, "text", |r, n| r.text(n)).unwrap_or_default().into();
            fields.finish(reader);
            Some(TestAction::Handle { root: root?.into(), by, text, wish: wish? })
        });
        found = found.or(handled);
    }
    found
}

/// Reads `report:`.
pub(super) fn report(reader: &mut Reader<'_>, node: &Node) -> Option<TestReport> {
    let mut fields = reader.map(node, "`report`")?;
    let title = fields.need(reader, "title").and_then(|n| reader.text(n));
    let line = |r: &mut Reader<'_>, n: &Node| r.text(n).map(Box::<str>::from);
    let (ci, service) = (fields.read(reader, "ci", line), fields.read(reader, "service", line));
    let severity = fields.read(reader, "severity", line);
    let category = fields.read(reader, "category", line);
    let contact = fields.read(reader, "contact", line);
    let by = by(reader, &mut fields);
    let edits = edits(reader, &mut fields);
    fields.finish(reader);
    let given = [("ci", &ci), ("service", &service)];
    let given = given.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?)));
    let title = title?;
    match labels(title, &given.collect::<Vec<_>>()) {
        Ok(labels) => {
            let title = title.into();
            Some(TestReport { labels, severity, title, category, by, contact, fields: edits })
        }
        Err(error) => {
            reader.error(codes::VALUE, node.span, error.to_string());
            None
        }
    }
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
