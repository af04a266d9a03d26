//! Writes a CMDB as a file that reads back as the same one.

use core::fmt::Write;

use serde_json::{Map, Value, json};

use super::relation::End;
use super::rows::RelationRow;
use super::topology::Topology;

/// Writes YAML: one line for each CI and each relation, in the order of the names.
pub fn yaml(topology: &Topology) -> String {
    let mut text = String::new();
    let types = topology.own_types();
    if !types.is_empty() {
        text.push_str("relation_types:\n");
    }
    for own in types {
        let suffers = end(own.suffers);
        line(
            &mut text,
            format_args!("  {}: {{converse: {}, suffers: {suffers}}}", own.name, own.converse),
        );
    }
    text.push_str(if topology.ci_count() == 0 { "cis: {}\n" } else { "cis:\n" });
    for (_, ci) in topology.cis() {
        let mut fields = vec![format!("class: {}", scalar(&ci.class))];
        fields.extend(ci.attributes.iter().map(|(name, value)| pair(name, value)));
        if !ci.labels.is_empty() {
            let labels: Vec<String> = ci.labels.iter().map(|(n, v)| pair(n, v)).collect();
            fields.push(format!("labels: {{{}}}", labels.join(", ")));
        }
        line(&mut text, format_args!("  {}: {{{}}}", scalar(&ci.name), fields.join(", ")));
    }
    if topology.relation_count() > 0 {
        text.push_str("relations:\n");
    }
    for row in topology.rows().relations {
        // Fields, because a name may hold what looks like an arrow.
        let [from, relation, to] = [&*row.from, &*row.relation, &*row.to].map(scalar);
        let facts: Vec<String> = facts(&row)
            .iter()
            .map(|(name, value)| format!(", {name}: {}", scalar(value)))
            .collect();
        let facts = facts.concat();
        line(&mut text, format_args!("- {{from: {from}, type: {relation}, to: {to}{facts}}}"));
    }
    text
}

/// Lists what is known of a relation, as it is written.
pub(super) fn facts(row: &RelationRow) -> Vec<(&'static str, String)> {
    let Some(facts) = row.facts.as_deref() else { return Vec::new() };
    let mut list = Vec::new();
    if !facts.source.is_empty() {
        list.push(("source", facts.source.to_string()));
    }
    let times = [
        ("valid_from", facts.valid_from),
        ("valid_until", facts.valid_until),
        ("seen_at", facts.seen_at),
    ];
    list.extend(times.iter().filter_map(|(name, time)| Some((*name, (*time)?.to_string()))));
    list
}

/// Writes JSON, in the order of the names.
pub fn json(topology: &Topology) -> String {
    let types = topology.own_types().into_iter().map(|own| {
        let fields = json!({"converse": own.converse, "suffers": end(own.suffers)});
        (own.name.to_string(), fields)
    });
    let cis = topology.cis().map(|(_, ci)| {
        let mut fields = Map::from_iter([("class".to_owned(), json!(&*ci.class))]);
        fields.extend(ci.attributes.iter().map(|(name, value)| (name.to_owned(), json!(value))));
        if !ci.labels.is_empty() {
            let labels: Map<String, Value> =
                ci.labels.iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
            fields.insert("labels".into(), labels.into());
        }
        (ci.name.to_string(), Value::Object(fields))
    });
    let relation = |row: &RelationRow| {
        let ends = [("from", &*row.from), ("type", &*row.relation), ("to", &*row.to)];
        let ends = ends.into_iter().map(|(name, value)| (name, value.to_owned()));
        let fields = ends.chain(facts(row)).map(|(name, value)| (name.to_owned(), json!(value)));
        Value::Object(fields.collect())
    };
    let relations: Vec<Value> = topology.rows().relations.iter().map(relation).collect();
    let (types, cis): (Map<String, Value>, Map<String, Value>) = (types.collect(), cis.collect());
    let whole = json!({"relation_types": types, "cis": cis, "relations": relations});
    format!("{whole:#}\n")
}

fn line(text: &mut String, line: core::fmt::Arguments<'_>) {
    // Writing to a `String` cannot fail.
    writeln!(text, "{line}").ok();
}

pub(super) fn end(end: End) -> &'static str {
    match end {
        End::From => "from",
        End::To => "to",
    }
}

fn pair(name: &str, value: &str) -> String {
    format!("{}: {}", scalar(name), scalar(value))
}

/// Writes a text as one YAML scalar, in quotes unless it is plainly a word or a whole number.
fn scalar(text: &str) -> String {
    if is_word(text) || is_number(text) { text.into() } else { quoted(text) }
}

/// Words that YAML 1.1 or 1.2 takes for something else than text.
const NO_WORDS: [&str; 8] = ["null", "true", "false", "yes", "no", "on", "off", "y"];

fn is_word(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic())
        && bytes.all(|b| b.is_ascii_alphanumeric() || b"-_./".contains(&b))
        && text.len() > 1
        && !NO_WORDS.contains(&&*text.to_ascii_lowercase())
}

/// Up to nine digits without a leading zero: no parser reads them as anything else.
fn is_number(text: &str) -> bool {
    (1..=9).contains(&text.len())
        && !text.starts_with('0')
        && text.bytes().all(|b| b.is_ascii_digit())
}

fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            // What a parser may take for a break or may not take at all.
            c if c.is_control() || "\u{2028}\u{2029}\u{feff}\u{fffe}\u{ffff}".contains(c) => {
                write!(quoted, "\\u{:04x}", u32::from(c)).ok();
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;

    use super::*;
    use crate::cmdb::{CiRow, Facts, Rows, import};
    use crate::model::time::Timestamp;

    #[test]
    fn an_export_is_a_file_that_people_can_read() {
        let topology = Topology::of(
            "relation_types: {feeds: {converse: fed_by, suffers: to}}\n\
             cis: {srv-1: {class: server, rack: R12, tier: 1, on: 'yes', labels: {host: srv-1}}, \
                   'a b': {class: vm, v: '1.10'}}\n\
             relations: [a b -fed_by-> srv-1]",
        );
        let expected = "\
relation_types:
  feeds: {converse: fed_by, suffers: to}
cis:
  \"a b\": {class: vm, \"v\": \"1.10\"}
  srv-1: {class: server, \"on\": \"yes\", rack: R12, tier: 1, labels: {host: srv-1}}
relations:
- {from: srv-1, type: feeds, to: \"a b\"}
";
        assert_eq!(yaml(&topology), expected);
        assert_eq!(yaml(&Topology::empty()), "cis: {}\n");
    }

    fn text() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-z0-9.~#:-]{1,6}",
            "[ -~]{1,8}",
            "(null|NO|~|1e3|0x1F|012|-|- a|a: b|!x|&x|\\*x|<<|=)",
            any::<String>().prop_map(|text| text.chars().take(12).collect()),
        ]
    }

    fn name() -> impl Strategy<Value = String> {
        text().prop_map(|text| {
            let text: String = text.chars().filter(|c| !c.is_control()).collect();
            if ["name", "class", "labels", "needs", "tier", "users", ""].contains(&&*text) {
                "x".into()
            } else {
                text
            }
        })
    }

    prop_compose! {
        /// Few, so that some are shared; whole seconds, because that is what files hold.
        fn known()(source in 0..3u8, from in 0..3i64, until in 0..3i64, seen in 0..3i64) -> Facts {
            let time = |n: i64| (n > 0).then(|| Timestamp::from_millis(n * 1000));
            Facts {
                source: ["", "netbox", "a: b"][usize::from(source)].into(),
                valid_from: time(from),
                valid_until: time(until).map(|until| until.plus(std::time::Duration::from_hours(1))),
                seen_at: time(seen),
            }
        }
    }

    prop_compose! {
        pub(in crate::cmdb) fn rows()(
            cis in btree_map(name(), (name(), btree_map(name(), text(), 0..4), btree_map(name(), text(), 0..3)), 1..8),
            relations in vec((0..8usize, 0..3usize, 0..8usize, known()), 0..12),
        ) -> Rows {
            let names: Vec<String> = cis.keys().cloned().collect();
            let name = |at: usize| -> std::sync::Arc<str> { (*names[at % names.len()]).into() };
            let kind = |at: usize| -> Box<str> { ["powers", "supports", "hosts"][at].into() };
            let relations: std::collections::BTreeMap<_, _> = relations.into_iter()
                .map(|(a, relation, b, facts)| ((name(a), kind(relation), name(b)), facts)).collect();
            let relations = relations.into_iter()
                .map(|((from, relation, to), facts)| RelationRow { from, relation, to, facts: Some(facts.into()) })
                .filter(|row| row.from != row.to).collect();
            let cis = cis.iter().map(|(name, (class, attributes, labels))| {
                let attributes = attributes.iter().collect();
                CiRow::of(name, class, attributes, labels).unwrap().into()
            }).collect();
            Topology::new(1, Rows { types: vec![], cis, relations }).unwrap().rows()
        }
    }

    proptest! {
        #[test]
        fn what_is_exported_is_imported_as_the_same(rows in rows()) {
            let topology = Topology::new(1, rows.clone()).unwrap();
            for text in [yaml(&topology), json(&topology)] {
                let again = import::read(&text, "export");
                prop_assert_eq!(again.as_ref(), Ok(&rows), "{}", text);
            }
        }
    }
}
