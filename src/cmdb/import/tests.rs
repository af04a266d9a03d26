//! Tests of the import.

use serde::Deserialize;

use super::*;
use crate::cmdb::rows::{ATTRIBUTES_MAX, CiRow, NAME_LEN_MAX, VALUE_LEN_MAX};
use crate::cmdb::{Binder, Topology};
use crate::model::labels::Labels;

const FORM: &str = "write `cause -powers-> sufferer`, or {from: …, type: …, to: …}";

fn check(text: &str, expected: &[&str]) {
    let problems = read(text, "f").unwrap_err();
    let lines: Vec<String> = problems.iter().map(Problem::to_string).collect();
    assert_eq!(lines, expected, "{text}");
}

fn only_ci(text: &str) -> CiRow {
    let mut rows = read(text, "f").unwrap();
    assert_eq!(rows.cis.len(), 1);
    CiRow::clone(&rows.cis.remove(0))
}

#[test]
fn all_problems_are_reported_at_once_with_place_and_remedy() {
    check(
        "\
relation_types:
  feeds: {converse: fed_by, suffers: both}
  powers: {converse: runs, suffers: to}
cis:
  pdu: {class: pdu}
  srv-1: {class: server, owner: [a, b]}
  vm: {rack: R1}
  web: pod
  pdu: {class: rack}
relation: []
relations:
  - pdu -power-> srv-1
  - pdu -powers-> srv-2
  - vm -hosted_on-> vm
  - pdu powers vm
  - {from: pdu, typ: powers, to: vm}
  - {from: pdu, relation: warms, to: moon}
  - [pdu, powers, vm]
",
        &[
            "f:2:3: error[C010]: relation type `feeds` is not declared wholly; \
             write `feeds: {converse: …, suffers: to}` (or from)",
            "f:3:3: error[C010]: relation type `powers` exists already: \
             cause -powers-> sufferer, sufferer -powered_by-> cause",
            "f:6:33: error[C011]: expected a text, a number or a boolean for `owner`, found a list",
            "f:7:3: error[C011]: CI `vm` needs a class",
            "f:8:3: error[C011]: CI `web` needs a class",
            "f:8:8: error[C011]: expected a mapping for a CI, found a text",
            "f:9:3: error[C003]: CI `pdu` is given twice; keep one of the two",
            "f:10:1: error[C011]: unknown field `relation` of a CMDB; did you mean `relations`?",
            "f:12:5: error[C005]: unknown relation type `power`; did you mean `powers`?",
            "f:13:5: error[C006]: relation to an unknown CI `srv-2`; did you mean `srv-1`?",
            "f:14:5: error[C007]: `vm` cannot suffer from itself; delete this relation",
            &format!("f:15:5: error[C008]: `pdu powers vm` is no relation; {FORM}"),
            &format!("f:16:5: error[C008]: a relation lacks an end or its type; {FORM}"),
            "f:16:17: error[C011]: unknown field `typ` of a relation; did you mean `type`?",
            "f:17:5: error[C005]: unknown relation type `warms`; \
             declare it under `relation_types:`",
            "f:17:5: error[C006]: relation to an unknown CI `moon`; add it under `cis:`",
            &format!("f:18:5: error[C008]: a list is no relation; {FORM}"),
        ],
    );
}

#[test]
fn a_text_that_is_no_cmdb_is_refused_where_it_breaks() {
    let sections = "a mapping with `cis:` and `relations:`";
    let none = "f: error[C011]: the file holds no CI; write them as `cis: {name: {class: …}}`";
    for (text, expected) in [
        ("", none),
        ("cis: {}", none),
        ("{}", none),
        ("cis: [", "f:1:6: error[C001]: unclosed bracket '['"),
        (r#"{"cis": {"a": {"class": "vm"},}"#, "f:1:1: error[C001]: unclosed bracket '{'"),
        (
            "cis: 5",
            "f:1:1: error[C001]: invalid type: integer `5`, \
             expected CIs, as a mapping of names or as a list",
        ),
        (
            "just words",
            &format!("f: error[C001]: invalid type: string \"just words\", expected {sections}"),
        ),
        (
            "relations: {a: b}",
            "f:1:12: error[C001]: invalid type: map, expected a list of relations",
        ),
        (
            "relation_types: [a]",
            "f:1:1: error[C001]: invalid type: sequence, expected a mapping of relation types",
        ),
        ("cis: {a: {class: vm}}\n---\ncis: {}", "f:2:1: error[C001]: budget breached: Documents"),
    ] {
        let problems = read(text, "f").unwrap_err();
        let line = problems[0].to_string();
        assert!(problems.len() == 1 && line.starts_with(expected), "{text:?}: {line}");
    }
}

#[test]
fn what_is_given_twice_is_found_in_every_form() {
    let ci = "`a` is given twice; keep one of the two";
    for (text, expected) in [
        ("cis:\n  a: {class: vm}\n  a: {class: vm}", format!("f:3:3: error[C003]: CI {ci}")),
        (
            "cis:\n  - {id: a, class: vm}\n  - {name: a, class: vm}",
            format!("f:3:12: error[C003]: CI {ci}"),
        ),
        (
            "{\"cis\": {\"a\": {\"class\": \"vm\"},\n \"a\": {\"class\": \"vm\"}}}",
            format!("f:2:2: error[C003]: CI {ci}"),
        ),
        ("cis:\n  b: {class: vm, a: 1, a: 2}", format!("f:2:24: error[C003]: {ci}")),
        // The parser compares keys that are numbers by itself, by their value.
        ("cis:\n  10: {class: vm}\n  0xA: {class: vm}", {
            "f:3:3: error[C003]: `0xA` is given twice".into()
        }),
        (
            "cis: {b: {class: vm}}\ncis: {c: {class: vm}}",
            "f:2:1: error[C003]: `cis` is given twice; keep one of the two".into(),
        ),
    ] {
        check(text, &[&expected]);
    }
    assert_eq!(
        read_json(r#"{"cis": {"b": {"class": "vm", "a": 1, "a": 2}}}"#, &super::check)
            .unwrap_err()
            .len(),
        1
    );
    assert_eq!(
        read_json(r#"{"cis": {"a": {"class": "vm"}}, "cis": {}}"#, &super::check)
            .unwrap_err()
            .len(),
        1
    );
}

#[test]
fn values_keep_the_spelling_of_the_file() {
    let ci = only_ci(
        "cis: {0x1F: {class: 1.0, version: 1.10, id: 0412, on: yes, e: 1e3, n: -5, hex: 0x2A, \
         big: 123456789012345678901, q: '1.10', t: TRUE, none: , tilde: ~, z: \"\", \
         labels: {port: 080, f: 2.50}}}",
    );
    assert_eq!((&*ci.name, &*ci.class), ("0x1F", "1.0"));
    assert_eq!(ci.labels.to_string(), r#"f="2.50", port="080""#);
    let attributes: Vec<String> = ci.attributes.iter().map(|(n, v)| format!("{n}={v}")).collect();
    let expected = "big=123456789012345678901 e=1e3 hex=0x2A id=0412 n=-5 on=yes q=1.10 t=TRUE \
                    version=1.10 z=";
    assert_eq!(attributes.join(" "), expected);
    // A JSON number is its value.
    let ci = only_ci(r#"{"cis": {"a": {"class": "vm", "v": 1.10, "n": 7, "t": true, "x": null}}}"#);
    let attributes: Vec<String> = ci.attributes.iter().map(|(n, v)| format!("{n}={v}")).collect();
    assert_eq!(attributes.join(" "), "n=7 t=true v=1.1");
}

#[test]
fn every_form_of_one_cmdb_reads_the_same() {
    let ours = "
cis:
  pdu: {class: pdu, rack: R12, tier: 1}
  srv: {class: server, labels: {host: srv}}
relations: [pdu -powers-> srv]";
    let expected = read(ours, "f").unwrap();
    for text in [
        "{cis: {srv: {class: server, labels: {host: srv}}, pdu: {class: pdu, rack: R12, tier: 1}},
          relations: [srv -powered_by-> pdu, pdu -powers-> srv]}",
        r#"{"cis": [{"id": "pdu", "class": "pdu", "rack": "R12", "tier": 1},
             {"id": "srv", "class": "server", "labels": {"host": "srv"}}],
            "relations": [{"from": "srv", "type": "powered_by", "to": "pdu"}]}"#,
        r#"{"relations": [{"from": "pdu", "relation": "powers", "to": "srv"}], "cis":
             {"pdu": {"class": "pdu", "rack": "R12", "tier": 1},
              "srv": {"class": "server", "labels": {"host": "srv"}}}}"#,
    ] {
        assert_eq!(read(text, "f").unwrap(), expected, "{text}");
    }
}

#[test]
fn an_exported_topology_keeps_short_names_and_labels() {
    let text = include_str!("../../../tests/data/cmdb/topology.json");
    let rows = read(text, "topology.json").unwrap();
    assert_eq!(rows, read_yaml(text, &super::check).unwrap(), "JSON is YAML");
    let topology = Topology::build(1, &rows).unwrap();
    assert_eq!((topology.ci_count(), topology.relation_count()), (6, 5));
    let host = topology.find("shop/host-10.0.0.8").unwrap();
    assert_eq!(topology.ci(host).attribute("short_name"), Some("10.0.0.8"));
    let hit = topology.services_hit(host);
    assert_eq!(topology.names(hit), ["shop/cart", "shop/checkout"]);
    let labels = [
        ("alertname", "PodCPUUsageHigh"),
        ("namespace", "shop"),
        ("pod", "cart-7d9c5b6f4-x1"),
        ("service", "cart"),
    ];
    let labels = Labels::build(&mut labels.to_vec()).unwrap();
    let bound = Binder::new(&topology, &[]).bind(&topology, &labels).unwrap();
    assert_eq!(&*topology.ci(bound.ci).name, "shop/cart-7d9c5b6f4-x1");
}

#[test]
fn a_fixture_in_another_file_knows_its_places() {
    #[derive(Deserialize)]
    struct Case {
        cmdb: Fixture,
    }
    let text = "\
- cmdb:
    cis: {pdu: {class: pdu}, srv: {class: server, version: 2}}
    relations:
      - pdu -powers-> srv
- cmdb:
    relations: [pdu -powers-> srv]
- cmdb:
";
    let cases: Vec<Case> = serde_saphyr::from_str(text).unwrap();
    let good = rows(&cases[0].cmdb).unwrap();
    assert_eq!((good.cis.len(), good.relations.len()), (2, 1));
    assert_eq!(good.cis[1].attribute("version"), Some("2"));
    let bad = rows(&cases[1].cmdb).unwrap_err();
    let places: Vec<_> = bad.iter().map(|problem| (problem.line, problem.column)).collect();
    assert_eq!(places, [(6, 17), (6, 17)]);
    assert_eq!(rows(&cases[2].cmdb), Ok(Rows::default()), "a test may have no CMDB");
}

#[test]
fn a_limit_is_named_with_what_passes_it() {
    let long = "x".repeat(NAME_LEN_MAX + 1);
    let value = "x".repeat(VALUE_LEN_MAX + 1);
    let many: Vec<String> = (0..=ATTRIBUTES_MAX).map(|i| format!("a{i}: 1")).collect();
    let many = many.join(", ");
    let shape = |i| format!("c{i:02}: {{class: vm, labels: {{l{i}: x}}}}");
    let shapes = (0..70).map(shape).collect::<Vec<_>>().join(", ");
    for (text, expected) in [
        (format!("cis: {{{long}: {{class: vm}}}}"), "has 513 bytes, must be at most 512"),
        (format!("cis: {{a: {{class: {long}}}}}"), "the class of CI `a` has 513 bytes"),
        (format!("cis: {{a: {{class: vm, b: {value}}}}}"), "`b` of CI `a` has 4097 bytes"),
        (format!("cis: {{a: {{class: vm, {many}}}}}"), "CI `a` has 129 attributes"),
        (format!("cis: {{{shapes}}}"), "more than 64 different sets of label names"),
    ] {
        let problems = read(&text, "f").unwrap_err();
        assert_eq!((problems.len(), problems[0].code), (1, "C009"), "{problems:?}");
        assert!(problems[0].message.contains(expected), "{}", problems[0]);
    }
}

#[test]
fn hostile_texts_are_refused() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for i in 1..9 {
        let parts = vec![format!("*a{}", i - 1); 9].join(", ");
        bomb = format!("{bomb}a{i}: &a{i} [{parts}]\n");
    }
    for text in [bomb, format!("cis: {}", "[".repeat(5000)), "{\"a\":".repeat(5000)] {
        let problems = read(&text, "f").unwrap_err();
        assert_eq!((problems.len(), problems[0].code), (1, "C001"), "{problems:?}");
    }
}

#[test]
fn a_relation_says_who_says_so_since_when_and_until_when() {
    const CIS: &str = "\"cis\": {\"a\": {\"class\": \"vm\"}, \"b\": {\"class\": \"vm\"}}";
    for (head, relation, facts) in [
        ("", "\"a -hosts-> b\"", ""),
        ("\"source\": \"netbox\",", "\"a -hosts-> b\"", "netbox"),
        (
            "\"source\": \"netbox\",",
            "{\"relation\": \"a -hosts-> b\", \"source\": \"hand\"}",
            "hand",
        ),
        (
            "\"source\": \"netbox\",",
            "{\"from\": \"b\", \"relation\": \"hosted_on\", \"to\": \"a\", \"valid_until\": \"1970-01-02T01:00:00+01:00\"}",
            "netbox, until 1970-01-02T00:00:00.000Z",
        ),
        (
            "",
            "{\"relation\": \"a -hosts-> b\", \"valid_from\": \"1970-01-01T00:00:01Z\"}",
            "from 1970-01-01T00:00:01.000Z",
        ),
    ] {
        let json = format!("{{{head} {CIS}, \"relations\": [{relation}]}}");
        // A space before the brace makes no difference; a comment makes it YAML.
        for text in [json.clone(), format!("# yaml\n{json}")] {
            let rows = read(&text, "f").unwrap();
            let known = rows.relations[0].facts.as_ref();
            let known = known.map(ToString::to_string).unwrap_or_default();
            assert_eq!(known, facts, "{text}");
        }
    }
}

#[test]
fn what_is_wrong_about_the_facts_of_a_relation_is_told_with_its_place() {
    check(
        "\
source: [netbox]
cis: {a: {class: vm}, b: {class: vm}, c: {class: vm}}
relations:
  - {relation: a -hosts-> b, valid_from: tomorrow}
  - {relation: a -hosts-> c, valid_from: 2026-01-02T00:00:00Z, valid_until: 2026-01-02T00:00:00Z}
  - {relation: b -hosts-> c, source: hand}
  - {relation: c -hosted_on-> b, source: netbox}
  - {relation: b hosts c, seen_by: me}
",
        &[
            "f:1:9: error[C011]: expected a text, a number or a boolean for a source, found a list",
            "f:4:42: error[C030]: `valid_from` is `tomorrow`, which is no time; \
             write it as RFC 3339, as in 2026-01-31T08:00:00Z",
            "f:5:5: error[C030]: the relation is valid from 2026-01-02T00:00:00.000Z until \
             2026-01-02T00:00:00.000Z: never; let `valid_until` come after `valid_from`",
            "f:7:5: error[C003]: `b -hosts-> c` is given twice, with another source, validity or \
             age; keep one of the two",
            "f:8:5: error[C008]: `b hosts c` is no relation; write `cause -powers-> sufferer`, or \
             {from: …, type: …, to: …}",
            "f:8:27: error[C011]: unknown field `seen_by` of a relation; did you mean `seen_at`?",
        ],
    );
    let long = format!(
        "{{source: {}, cis: {{a: {{class: vm}}, b: {{class: vm}}}}, relations: [a -hosts-> b]}}",
        "x".repeat(129)
    );
    let found = read(&long, "f").unwrap_err();
    assert!(found[0].message.contains("129 bytes, must be at most 128"), "{found:?}");
}

#[test]
fn an_attribute_that_means_something_has_a_value_that_does() {
    check(
        "\
cis:
  a: {class: service, tier: gold, users: '1,200'}
  b: {class: server, needs: {power_by: any}}
  c: {class: server, needs: {powers: any}}
  d: {class: server, needs: {powered_by: some}}
  e: {class: server, needs: [any]}
  f: {class: server, tier: 4, users: 0, needs: 'powered_by: any, runs_on: 2'}
",
        &[
            "f:2:3: error[C031]: the tier of CI `a` is `gold`; write 1 to 4, 1 for what matters most",
            "f:2:3: error[C031]: the users of CI `a` are `1,200`; \
             write how many people it serves, a whole number without unit",
            "f:3:3: error[C031]: what CI `b` needs cannot be read: `power_by` is no relation type; \
             did you mean `powered_by`?",
            "f:4:3: error[C031]: what CI `c` needs cannot be read: `powers` leads from the cause, \
             and a CI needs its causes; write `powered_by`",
            "f:5:3: error[C031]: what CI `d` needs cannot be read: `powered_by: some` is no need; \
             write `needs: {powered_by: any, runs_on: 2}`: all, any, or how many",
            "f:6:29: error[C011]: expected a text, a number or a boolean for `needs`, found a list",
        ],
    );
    let row = only_ci("cis: {f: {class: server, needs: {runs_on: 2, powered_by: any}}}");
    assert_eq!(row.attribute("needs"), Some("powered_by: any, runs_on: 2"));
}
