//! Section `closing`: how incidents may end, what has to be written for that, and who is asked.

use core::fmt;
use core::time::Duration;
use std::collections::BTreeMap;

use super::codes;
use super::reader::{DAY, MINUTE, Noun, Reader};
use super::rule::line;
use super::sections::reference;
use super::yaml::{Key, Node};
use crate::model::priority::{Priority, words};
use crate::model::sheet::{Field, Nature};

/// The closure code of what nobody answered for; always known.
pub const NO_REPLY: &str = "no_reply";

/// Codes, causes and requirements of one set: more is a mistake.
const ENTRIES_MAX: usize = 200;

/// The longest text of a code, in bytes.
const MEANING_BYTES_MAX: usize = 256;

/// How incidents end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closing {
    /// What an incident can be closed as, with the meaning.
    pub closure_codes: BTreeMap<Box<str>, Box<str>>,
    /// Why incidents happen, with the meaning.
    pub root_causes: BTreeMap<Box<str>, Box<str>>,
    /// What has to be written before a person resolves or closes.
    pub require: Vec<Requirement>,
    /// How long after somebody resolved it the alerts of an incident may still fire.
    pub verify_after: Duration,
    /// Who is asked whether it is over.
    pub ask: Vec<Ask>,
    /// How long they have to answer.
    pub within: Duration,
    /// The team whose members alone report, close and cancel by hand; everybody, without one.
    pub desk: Option<Box<str>>,
}

/// Fields that some incidents need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// Which fields.
    pub fields: Vec<Field>,
    /// Of incidents of these priorities; of all, where none is named.
    pub priorities: Vec<Priority>,
    /// Of incidents of these natures; of all, where none is named.
    pub natures: Vec<Nature>,
}

/// Who is asked whether an incident is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// The people who reported it.
    Reporters,
    /// The contacts that the attribute `contact` of the services names that it hurt.
    ServiceContacts,
}

words!(Ask, Reporters = "reporters", ServiceContacts = "service_contacts");

impl Default for Closing {
    fn default() -> Self {
        let codes = [
            ("fixed", "the cause is gone"),
            ("worked_around", "service is restored, the cause is still there"),
            ("by_itself", "it ended before anybody did something"),
            ("duplicate", "another record is about the same"),
            ("not_reproducible", "nobody could see it"),
            ("rejected", "it is not for us to do"),
        ];
        let causes = [
            ("hardware", "a device broke"),
            ("software", "a program is wrong"),
            ("configuration", "a setting is wrong"),
            ("change", "a change had this effect"),
            ("capacity", "there was too little of something"),
            ("network", "a line or a device between failed"),
            ("power", "there was no electricity, or no cooling"),
            ("security", "somebody attacked"),
            ("supplier", "a supplier failed"),
            ("human_error", "somebody did something else than was meant"),
            ("monitoring", "the alert was wrong"),
            ("unknown", "nobody found out"),
        ];
        Self {
            closure_codes: meanings(&codes),
            root_causes: meanings(&causes),
            require: Vec::new(),
            verify_after: 15 * MINUTE,
            ask: vec![Ask::Reporters],
            within: 3 * DAY,
            desk: None,
        }
    }
}

fn meanings(pairs: &[(&str, &str)]) -> BTreeMap<Box<str>, Box<str>> {
    pairs.iter().map(|(name, meaning)| ((*name).into(), (*meaning).into())).collect()
}

impl Closing {
    /// Returns the words that a field may hold; nothing for one that takes any text.
    pub fn words(&self, field: Field) -> Option<Vec<&str>> {
        let (known, built_in) = if field == Field::ClosureCode {
            (&self.closure_codes, Some(NO_REPLY))
        } else if field == Field::RootCause {
            (&self.root_causes, None)
        } else {
            return None;
        };
        let built_in = built_in.filter(|name| !known.contains_key(*name));
        Some(known.keys().map(|name| &**name).chain(built_in).collect())
    }

    /// Returns the fields that an incident of this priority and nature needs, each once.
    pub fn required(&self, priority: Priority, nature: Nature) -> Vec<Field> {
        let of = |it: &&Requirement| {
            (it.priorities.is_empty() || it.priorities.contains(&priority))
                && (it.natures.is_empty() || it.natures.contains(&nature))
        };
        let fields = self.require.iter().filter(of).flat_map(|it| it.fields.iter().copied());
        let mut fields: Vec<Field> = fields.collect();
        fields.sort_unstable();
        fields.dedup();
        fields
    }
}

/// Reads the section `closing`; what is not given keeps its default.
pub(super) fn read(reader: &mut Reader<'_>, node: &Node) -> Option<Closing> {
    let mut fields = reader.map(node, "`closing`")?;
    let mut closing = Closing::default();
    for (name, table) in
        [("closure_codes", &mut closing.closure_codes), ("root_causes", &mut closing.root_causes)]
    {
        if let Some(given) = fields.read(reader, name, self::table) {
            *table = given;
        }
    }
    if let Some(items) = fields.read(reader, "require", Reader::list) {
        closing.require = items.iter().filter_map(|item| requirement(reader, item)).collect();
    }
    let verify = |r: &mut Reader<'_>, n: &Node| r.duration(n, MINUTE..=DAY);
    if let Some(span) = fields.read(reader, "verify_after", verify) {
        closing.verify_after = span;
    }
    if let Some(mut given) = fields.read(reader, "confirm", |r, n| r.map(n, "`confirm`")) {
        if let Some(ask) = given.read(reader, "ask", some_words) {
            closing.ask = ask;
        }
        let within = |r: &mut Reader<'_>, n: &Node| r.duration(n, MINUTE..=90 * DAY);
        if let Some(span) = given.read(reader, "within", within) {
            closing.within = span;
        }
        given.finish(reader);
    }
    closing.desk = fields.read(reader, "desk", |r, n| reference(r, n, Noun::Team));
    fields.finish(reader);
    Some(closing)
}

fn table(reader: &mut Reader<'_>, node: &Node) -> Option<BTreeMap<Box<str>, Box<str>>> {
    let fields = reader.map(node, "a table of codes")?;
    let mut table = BTreeMap::new();
    for (Key { span, name }, node) in fields.all() {
        let Some(name) = reader.name(name, *span) else { continue };
        if let Some(meaning) = line(reader, node, MEANING_BYTES_MAX) {
            table.insert(name, meaning);
        }
    }
    if table.is_empty() || table.len() > ENTRIES_MAX {
        reader
            .error(codes::VALUE, node.span, format!("{} codes", table.len()))
            .label(format!("expected 1 to {ENTRIES_MAX}, each with its meaning"));
        return None;
    }
    Some(table)
}

fn requirement(reader: &mut Reader<'_>, node: &Node) -> Option<Requirement> {
    let mut fields = reader.map(node, "a requirement")?;
    let needed = fields.need(reader, "fields").and_then(|n| some_words(reader, n));
    let priorities = fields.read(reader, "priorities", some_words).unwrap_or_default();
    let natures = fields.read(reader, "natures", some_words).unwrap_or_default();
    fields.finish(reader);
    Some(Requirement { fields: needed?, priorities, natures })
}

/// Reads words of one kind, or one.
fn some_words<T>(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<T>>
where
    T: core::str::FromStr<Err = crate::model::priority::NotAWord>,
{
    let items = reader.one_or_many(node)?;
    Some(items.iter().filter_map(|item| reader.word(item)).collect())
}

#[cfg(test)]
mod tests {
    use super::super::{SourceFile, load};
    use super::*;

    fn closing(text: &str) -> Result<Closing, String> {
        let text = format!("version: 1\nclosing: {text}\nteams: {{d: {{members: [default]}}}}\n");
        let loaded = load(&[SourceFile { name: "t.yaml".into(), text }]);
        let first = loaded.diagnostics.first().map(|it| it.message.clone());
        loaded.set.map(|set| set.closing).ok_or_else(|| first.unwrap_or_default())
    }

    #[test]
    fn what_is_not_given_keeps_its_default() {
        assert_eq!(closing("{}"), Ok(Closing::default()));
        let given = closing("{verify_after: 5m, desk: d, confirm: {ask: [], within: 1d}}").unwrap();
        assert_eq!(given.desk.as_deref(), Some("d"));
        assert_eq!((given.verify_after, given.within), (5 * MINUTE, DAY));
        assert!(given.ask.is_empty(), "nobody is asked");
        assert_eq!(given.closure_codes, Closing::default().closure_codes);
    }

    #[test]
    fn fields_are_required_by_priority_and_nature() {
        use Field::{ClosureCode, RootCause, Solution};
        use Nature::{Fault, Information};
        let closing = closing(
            "{require: [{fields: [solution, closure_code], priorities: [P1, P2]}, \
             {fields: solution, natures: [information]}, {fields: root_cause, priorities: P1, natures: fault}]}",
        )
        .unwrap();
        for (priority, nature, fields) in [
            (Priority::P1, Fault, &[Solution, ClosureCode, RootCause][..]),
            (Priority::P2, Information, &[Solution, ClosureCode]),
            (Priority::P3, Information, &[Solution]),
            (Priority::P3, Fault, &[]),
        ] {
            assert_eq!(closing.required(priority, nature), fields, "{priority} {nature}");
        }
    }

    #[test]
    fn a_table_of_codes_is_replaced_and_silence_keeps_its_own() {
        let closing = closing("{closure_codes: {done: it works}}").unwrap();
        assert_eq!(closing.words(Field::ClosureCode), Some(vec!["done", NO_REPLY]));
        assert!(closing.words(Field::RootCause).unwrap().contains(&"hardware"));
        assert_eq!(closing.words(Field::Solution), None);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (text, message) in [
            ("{closure_codes: {}}", "0 codes"),
            ("{desk: nobody}", "team `nobody` is not defined"),
            ("{require: [{priorities: P1}]}", "a requirement needs `fields`"),
            ("{require: [{fields: colour}]}", "unknown value `colour`"),
            ("{confirm: {ask: everybody}}", "unknown value `everybody`"),
            ("{verify_after: 2s}", "`2s` is out of range"),
        ] {
            assert_eq!(closing(text).unwrap_err(), message, "{text}");
        }
    }
}
