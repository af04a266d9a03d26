use super::*;
use crate::cmdb::{diff, yaml};

const NOW: Timestamp = Timestamp::from_millis(86_400_000);

const CIS: &str = include_str!("../../../../tests/data/cmdb/cis.csv");
const RELATIONS: &str = include_str!("../../../../tests/data/cmdb/relations.csv");
const BAD_CIS: &str = include_str!("../../../../tests/data/cmdb/hostile.csv");

fn topology(text: &str) -> Topology {
    Topology::new(1, read(text, "base").unwrap()).unwrap()
}

/// What the CMDB holds after an import, without the relations' times.
fn after(base: &Topology, texts: &[&str], source: Option<&str>) -> Result<String, Vec<String>> {
    let names: Vec<String> = (1..=texts.len()).map(|n| format!("f{n}")).collect();
    let files = texts.iter().zip(&names).map(|(text, name)| File { name, text });
    let files: Vec<File<'_>> = files.collect();
    let request = Request { files: &files, source, ..Request::default() };
    let rows = import(&request, base, NOW);
    let rows = rows.map_err(|found| found.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    let text = yaml(&Topology::new(2, rows).unwrap());
    Ok(text.replace(", seen_at: \"1970-01-02T00:00:00.000Z\"", ""))
}

#[test]
fn tables_of_several_files_are_one_cmdb() {
    let found = after(&Topology::empty(), &[CIS, RELATIONS], None).unwrap();
    assert_eq!(
        found,
        "\
cis:
  checkout: {class: service, tier: 1, users: 900, labels: {namespace: shop, service: checkout}}
  pdu-r12a: {class: pdu, owner: dc-ops, rack: R12}
  srv-0412: {class: server, note: \"left, \\\"old\\\" side\", owner: linux, rack: R12}
relations:
- {from: pdu-r12a, type: powers, to: srv-0412, source: netbox, valid_from: \"2026-01-01T00:00:00.000Z\"}
- {from: srv-0412, type: runs, to: checkout}
"
    );
    let types = "relation_type,converse,suffers\nfeeds,fed_by,to\n";
    let mixed = [
        "{\"cis\": {\"a\": {\"class\": \"vm\"}}}",
        types,
        "from,type,to\nb,fed_by,a",
        "cis: {b: {class: vm}}",
    ];
    let found = after(&Topology::empty(), &mixed, None).unwrap().replace('"', "");
    assert!(found.contains("from: a, type: feeds, to: b"), "{found}");
}

#[test]
fn problems_name_the_file_and_its_own_lines() {
    let problems = after(
        &Topology::empty(),
        &[CIS, BAD_CIS, "from,relation,to\nnowhere-1,powers,nowhere-2\n"],
        None,
    );
    assert_eq!(
        problems.unwrap_err(),
        [
            "f2:3:4: error[C021]: text behind the quote that closes the cell; write a quote inside of a cell twice",
            "f2:5:6: error[C021]: the record has 3 cells, the header has 2; write `\"…\"` around a cell that holds a separator",
            "f2:6:1: error[C011]: CI `` needs a name",
            "f2:7:1: error[C003]: CI `pdu-r12a` is given twice; keep one of the two",
            "f3:2:1: error[C006]: relation to an unknown CI `nowhere-1`; add it under `cis:`",
            "f3:2:1: error[C006]: relation to an unknown CI `nowhere-2`; add it under `cis:`",
        ]
    );
    // JSON of ours is read again to say where.
    let json = "{\"cis\": [\n {\"id\": \"a\"}]}";
    let problems = after(&Topology::empty(), &["name,class\nb,vm\n", json], None).unwrap_err();
    assert_eq!(problems, ["f2:2:9: error[C011]: CI `a` needs a class"]);
}

const BASE: &str = "
cis:
  a: {class: server, source: netbox, owner: linux, labels: {host: a}}
  b: {class: server, source: netbox}
  c: {class: server, owner: hand}
  k: {class: pod, source: kubernetes}
relations:
  - {relation: a -hosts-> k, source: kubernetes}
  - {relation: a -hosts-> b, source: netbox}
  - {relation: b -hosts-> c, source: netbox}
  - b -connects-> a";

#[test]
fn a_source_replaces_what_it_said_and_nothing_else() {
    let base = topology(BASE);
    let text = "{cis: {a: {class: server, rack: R1, labels: {host: a1}}, n: {class: server}}, \
                 relations: [a -hosts-> n, k -hosted_on-> a]}";
    // b, and what b was part of, are gone; what is kubernetes' or nobody's is as it was.
    let expected = "\
cis:
  a: {class: server, owner: linux, rack: R1, source: netbox, labels: {host: a1}}
  c: {class: server, owner: hand}
  k: {class: pod, source: kubernetes}
  n: {class: server, source: netbox}
relations:
- {from: a, type: hosts, to: k, source: kubernetes}
- {from: a, type: hosts, to: n, source: netbox}
";
    let unquote = |text: String| text.replace('"', "");
    let found = after(&base, &[text], Some("netbox")).map(unquote);
    assert_eq!(found.as_deref(), Ok(expected));
}

#[test]
fn the_word_of_another_source_stands_and_is_only_added_to() {
    let base = topology(BASE);
    let text = "{cis: {a: {class: node, owner: k8s, zone: fra, labels: {node: a}}, \
                      c: {class: node, labels: {node: c}}}, relations: [b -connects-> a]}";
    let found = after(&base, &[text], Some("kubernetes")).unwrap().replace('"', "");
    for line in [
        "  a: {class: server, owner: linux, source: netbox, zone: fra, labels: {host: a}}\n",
        "  b: {class: server, source: netbox}\n",
        "  c: {class: server, owner: hand, labels: {node: c}}\n",
        "- {from: b, type: connects, to: a}\n",
        "- {from: b, type: hosts, to: c, source: netbox}\n",
    ] {
        assert!(found.contains(line), "{line} is not in\n{found}");
    }
    assert!(!found.contains("kubernetes"), "{found}");
}

#[test]
fn the_same_import_again_changes_nothing() {
    let base = topology(BASE);
    let request = |files| Request { files, source: Some("dns"), ..Request::default() };
    let files = [
        File { name: "f", text: "name,class\na,host\nx,host\n" },
        File { name: "g", text: "from,relation,to\na,hosts,x\n" },
    ];
    let once = import(&request(&files), &base, NOW).unwrap();
    let again = import(&request(&files), &Topology::new(2, once.clone()).unwrap(), NOW).unwrap();
    assert!(diff(&once, &again).is_empty(), "{}", diff(&once, &again));
    assert!(!diff(&base.rows(), &once).is_empty());
}

#[test]
fn a_source_that_says_nothing_or_has_no_name_is_refused() {
    let base = topology(BASE);
    for (text, source, expected) in [
        ("cis: {}", "netbox", "f1: error[C011]: source `netbox` says nothing"),
        ("cis: {a: {class: vm}}", "", "error[C030]: \"\" is no name of a source"),
        ("cis: {a: {class: vm}}", "a\nb", "error[C030]: \"a\\nb\" is no name of a source"),
    ] {
        let problems = after(&base, &[text], Some(source)).unwrap_err();
        assert!(problems[0].starts_with(expected), "{problems:?}");
    }
}

#[test]
fn changes_are_marked_with_their_source_and_take_nothing_away() {
    let base = topology(BASE);
    let files = [File { name: "f", text: "name,class,owner\nb,,ann\nz,vm,\n" }];
    let mode = Mode::Merge;
    let request = Request { files: &files, mode, source: Some("hand"), ..Request::default() };
    let rows = import(&request, &base, NOW).unwrap();
    let of = |name: &str| rows.cis.iter().find(|ci| &*ci.name == name).unwrap();
    assert_eq!(rows.cis.len(), 5);
    assert_eq!(
        (of("b").attribute("owner"), of("b").attribute(SOURCE)),
        (Some("ann"), Some("hand"))
    );
    assert_eq!((of("z").attribute(SOURCE), &*of("b").class), (Some("hand"), "server"));
}
