//! One record of a topic that holds a CMDB: its key names a CI or a relation, its value says what it is,
//! or is nothing where that is taken back.

use std::sync::Arc;

use super::fixture::Fixture;
use super::node::{Json, Node, Text, Value, Written};
use super::{SOURCE, check};
use crate::cmdb::attributes::Attributes;
use crate::cmdb::check::Draft;
use crate::cmdb::facts::{Facts, topic_source};
use crate::cmdb::problem::{Place, Problem, shorten};
use crate::cmdb::relation;
use crate::cmdb::rows::{NAME_LEN_MAX, RelationRow};
use crate::cmdb::table::Said;

/// What a key has to be.
const KEY: &str = "the key is the name of a CI, or a relation as in `srv-1 -hosts-> vm-1`";

/// The fields that name the ends and the type of a relation.
const ENDS: [&str; 4] = ["from", "type", "relation", "to"];

/// Reads a record of a topic that the source `name` of the settings reads; no `value` takes back what
/// `key` names.
///
/// A CI is an object as in a list of an import (`{"class": "vm", …}`), with or without its `id`. A
/// relation is an object of what is known of it, or its text, with or without its ends. What is named in
/// both key and value must be the same. Whose word it is follows from the topic.
///
/// # Errors
/// What is wrong with it, and what was expected, in words.
pub fn read_record(key: &[u8], value: Option<&str>, name: &str) -> Result<Said, String> {
    let key = core::str::from_utf8(key).map_err(|_| format!("its key is not UTF-8; {KEY}"))?.trim();
    if key.is_empty() {
        return Err(format!("it has no key; {KEY}"));
    }
    if key.len() > 3 * NAME_LEN_MAX || key.chars().any(char::is_control) {
        return Err(format!("its key is too long or holds a control character; {KEY}"));
    }
    let ends = relation::parse(key);
    let Some(value) = value else {
        return Ok(match ends {
            Some((from, relation, to)) => Said::RelationGone(RelationRow::new(from, relation, to)),
            None => Said::CiGone(key.into()),
        });
    };
    if value.trim_ascii().is_empty() {
        let help = "what is to be taken away has no value at all (null)";
        return Err(format!("its value is empty; {help}"));
    }
    let node = serde_json::from_str::<Written<Json>>(value);
    let node = node.map_err(|error| format!("its value cannot be read as JSON: {error}"))?.node;
    match ends {
        Some(ends) => relation_of(ends, node, name),
        None => ci_of(key, node, name),
    }
}

fn ci_of(key: &str, mut node: Node, name: &str) -> Result<Said, String> {
    let Value::Map(fields) = &mut node.value else {
        let form = r#"write an object such as {"class": "server"}"#;
        return Err(format!("its value is {}, expected a CI; {form}", node.kind()));
    };
    if let Some(at) = fields.iter().position(|(field, _)| is_text(field, "id")) {
        let (_, id) = fields.remove(at);
        if !is_text(&id, key) {
            return Err(differs("id", &id, key));
        }
    }
    if fields.iter().any(|(field, _)| is_text(field, "relations")) {
        let help = "write each as a record of its own, with a key such as `srv-1 -hosts-> vm-1`";
        return Err(format!("a CI's record holds no `relations`; {help}"));
    }
    let mut fixture = Fixture::default();
    fixture.add_ci(Some(text(key)), node);
    let mut draft = readable(fixture.draft())?;
    let Some((_, mut ci)) = draft.cis.pop() else { return Err("it holds no CI".into()) };
    let source = topic_source(name);
    own_word(ci.attributes.get(SOURCE), &source)?;
    let attributes: Attributes = ci.attributes.iter().chain([(SOURCE, &*source)]).collect();
    Arc::make_mut(&mut ci).attributes = attributes;
    Ok(Said::Ci(ci))
}

fn relation_of(
    (from, relation, to): (&str, &str, &str),
    mut node: Node,
    name: &str,
) -> Result<Said, String> {
    let key = RelationRow::new(from, relation, to);
    if let Value::Map(fields) = &mut node.value
        && !fields.iter().any(|(field, _)| ENDS.iter().any(|end| is_text(field, end)))
    {
        fields.push((text("relation"), text(&key.to_string())));
    }
    let mut fixture = Fixture::default();
    fixture.add_relation(node);
    let mut draft = readable(fixture.draft())?;
    let Some((_, mut row)) = draft.relations.pop() else {
        return Err("it holds no relation".into());
    };
    if row.ends() != key.ends() {
        return Err(format!("its value is of `{}`, its key is `{}`", short(&row), short(&key)));
    }
    let source = topic_source(name);
    let facts = row.facts.take().unwrap_or_default();
    own_word(Some(&facts.source).filter(|said| !said.is_empty()).map(|said| &**said), &source)?;
    row.facts = Some(Arc::new(Facts { source: source.into(), ..(*facts).clone() }));
    // With nobody to relate to: what is said of its validity is checked.
    let alone = Draft { relations: vec![(Place::default(), row.clone())], ..Draft::default() };
    check(alone).map_err(|problems| words(&problems))?;
    Ok(Said::Relation(row))
}

/// Refuses a record that names somebody else as the one who says so: what a topic may take back is what
/// is its own word.
fn own_word(said: Option<&str>, source: &str) -> Result<(), String> {
    match said.filter(|said| *said != source) {
        None => Ok(()),
        Some(other) => Err(format!(
            "its `source` is `{}`, but what comes by a topic is the word of `{source}`; leave it out",
            shorten(other)
        )),
    }
}

fn readable(draft: Draft) -> Result<Draft, String> {
    if draft.problems.is_empty() { Ok(draft) } else { Err(words(&draft.problems)) }
}

fn words(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn short(row: &RelationRow) -> String {
    shorten(&row.to_string())
}

fn differs(field: &str, value: &Node, key: &str) -> String {
    let given = match &value.value {
        Value::Text(Text { text, .. }) => shorten(text),
        Value::Nothing | Value::List | Value::Map(_) => value.kind().into(),
    };
    format!("its `{field}` is `{given}`, its key is `{}`", shorten(key))
}

fn text(of: &str) -> Node {
    Node { place: Place::default(), value: Value::Text(Text::of(of.into())) }
}

fn is_text(node: &Node, wanted: &str) -> bool {
    matches!(&node.value, Value::Text(Text { text, .. }) if **text == *wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(key: &str, value: Option<&str>) -> Result<Said, String> {
        read_record(key.as_bytes(), value, "inventory")
    }

    #[test]
    fn a_record_is_a_ci_or_a_relation_by_its_key() {
        for (key, value, expected) in [
            ("a", r#"{"class": "vm"}"#, "a (vm) source=kafka/inventory"),
            ("a", r#"{"id": "a", "class": "vm"}"#, "a (vm) source=kafka/inventory"),
            (
                "a b",
                r#"{"class": "vm", "name": "short", "rack": 7}"#,
                "a b (vm) rack=7 short_name=short source=kafka/inventory",
            ),
            (
                "a",
                r#"{"class": "vm", "source": "kafka/inventory"}"#,
                "a (vm) source=kafka/inventory",
            ),
            ("a -hosts-> b", "{}", "a -hosts-> b by kafka/inventory"),
            ("a -hosts-> b", r#""a -hosts-> b""#, "a -hosts-> b by kafka/inventory"),
            (
                "a -warms-> b",
                r#"{"from": "a", "type": "warms", "to": "b"}"#,
                "a -warms-> b by kafka/inventory",
            ),
            (
                "a -hosts-> b",
                r#"{"valid_from": "1970-01-02T00:00:00Z"}"#,
                "a -hosts-> b by kafka/inventory, from 1970-01-02T00:00:00.000Z",
            ),
        ] {
            let found = match read(key, Some(value)) {
                Ok(Said::Ci(ci)) => {
                    let pairs = ci.attributes.iter().map(|(name, it)| format!(" {name}={it}"));
                    format!("{} ({}){}", ci.name, ci.class, pairs.collect::<String>())
                }
                Ok(Said::Relation(row)) => format!("{row} by {}", row.facts.as_ref().unwrap()),
                other => format!("{other:?}"),
            };
            assert_eq!(found, expected, "{key} {value}");
        }
        assert_eq!(read("a", None), Ok(Said::CiGone("a".into())));
        let gone = RelationRow::new("a", "hosts", "b");
        assert_eq!(read("a -hosts-> b", None), Ok(Said::RelationGone(gone)));
    }

    #[test]
    fn a_record_that_says_two_things_or_nothing_is_refused_with_what_was_expected() {
        for (key, value, says) in [
            ("", r#"{"class": "vm"}"#, "it has no key; the key is the name of a CI"),
            ("a\u{0}", "{}", "control character"),
            ("a", "", "its value is empty; what is to be taken away has no value at all (null)"),
            ("a", "{", "cannot be read as JSON"),
            ("a", "[]", "its value is a list, expected a CI"),
            ("a", r#"{"id": "b", "class": "vm"}"#, "its `id` is `b`, its key is `a`"),
            ("a", r#"{"class": "vm", "relations": []}"#, "write each as a record of its own"),
            ("a", r#"{"class": "vm", "source": "x"}"#, "its `source` is `x`"),
            ("a", r#"{"class": {}}"#, "expected a text, a number or a boolean for a class"),
            ("a -hosts-> b", r#""a -runs-> b""#, "its value is of `a -runs-> b`"),
            ("a -hosts-> b", r#"{"from": "a"}"#, "a relation lacks an end or its type"),
            ("a -hosts-> b", r#"{"source": "x"}"#, "its `source` is `x`"),
            ("a -hosts-> b", r#"{"weight": 1}"#, "unknown field `weight`"),
            ("a -hosts-> b", r#"{"valid_until": "soon"}"#, "`soon`, which is no time"),
            ("a -hosts-> a", "{}", "cannot suffer from itself"),
            (
                "a -hosts-> b",
                r#"{"valid_from": "2027-01-02T00:00:00Z", "valid_until": "2027-01-01T00:00:00Z"}"#,
                ": never",
            ),
        ] {
            let found = read(key, Some(value)).unwrap_err();
            assert!(found.contains(says), "{key} {value}: {found}");
        }
    }
}
