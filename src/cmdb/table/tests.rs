use super::*;
use crate::cmdb::import::{self, File, Mode, Request, read_record};
use crate::cmdb::{Edit, edit, lint, yaml};

const NOW: Timestamp = Timestamp::from_millis(9_000);

const BASE: &str = "
cis: {h: {class: server, source: hand}, p: {class: pdu, source: kafka/t}}
relations: [{relation: p -powers-> h, source: kafka/t}]";

/// Records as they come: a key, and a value or nothing.
type Records<'a> = &'a [(&'a str, Option<&'a str>)];

fn said(records: Records<'_>) -> Vec<Said> {
    let read = |(key, value): &(&str, Option<&str>)| read_record(key.as_bytes(), *value, "t");
    records.iter().map(|record| read(record).unwrap()).collect()
}

fn after(base: &Topology, records: Records<'_>) -> Topology {
    let taken = take(base, ("kafka/t", &said(records)), NOW).unwrap();
    assert_eq!(taken.refused, [], "{records:?}");
    Topology::at(base.version() + 1, taken.rows, NOW).unwrap()
}

/// What a CMDB holds and follows, in few words.
fn words(topology: &Topology) -> String {
    let cis = topology.cis().map(|(_, ci)| {
        let pairs = ci.attributes.iter().filter(|(name, _)| *name != "source");
        let pairs = pairs.map(|(name, value)| format!(" {name}={value}"));
        format!("{} {}{}", ci.name, ci.class, pairs.collect::<String>())
    });
    let all = topology.rows().relations;
    let asleep = topology.dormant();
    let relations =
        all.iter().map(|row| format!("{row}{}", if asleep.contains(row) { " waits" } else { "" }));
    cis.chain(relations).collect::<Vec<_>>().join(", ")
}

#[test]
fn the_last_record_of_a_key_is_the_row_and_only_what_is_its_own_goes() {
    const BARE: &str = "h server, p pdu, p -powers-> h";
    let records: [(Records<'_>, &str); 12] = [
        (&[], BARE),
        (&[("a", Some(r#"{"class": "vm"}"#))], "a vm, h server, p pdu, p -powers-> h"),
        // A row is put whole: what the record before said and this one does not is gone.
        (
            &[("p", Some(r#"{"class": "ups", "rack": "R1"}"#)), ("p", Some(r#"{"class": "ups"}"#))],
            "h server, p ups, p -powers-> h",
        ),
        (&[("a", Some(r#"{"class": "vm"}"#)), ("a", None)], BARE),
        (&[("a", None), ("x -hosts-> y", None)], BARE),
        // Somebody else's: only what is not said there is added, and it does not go.
        (
            &[("h", Some(r#"{"class": "vm", "rack": "R1"}"#))],
            "h server rack=R1, p pdu, p -powers-> h",
        ),
        (&[("h", None)], BARE),
        (&[("h -powered_by-> p", None)], "h server, p pdu"),
        (&[("p -powers-> h", None), ("p -powers-> h", Some("{}"))], BARE),
        // A relation of the topic stays when a CI of the topic goes, and waits for it.
        (&[("p", None)], "h server, p -powers-> h waits"),
        (&[("p", None), ("p -powers-> h", None)], "h server"),
        (
            &[("q -hosts-> h", Some("{}")), ("h -warms-> q", Some("{}"))],
            "h server, p pdu, h -warms-> q waits, p -powers-> h, q -hosts-> h waits",
        ),
    ];
    for (records, expected) in records {
        assert_eq!(words(&after(&Topology::of(BASE), records)), expected, "{records:?}");
    }
}

#[test]
fn any_order_of_rows_gives_the_same_cmdb() {
    let records = [
        ("a", Some(r#"{"class": "server"}"#)),
        ("b", Some(r#"{"class": "vm"}"#)),
        ("b -hosted_on-> a", Some("{}")),
        ("c -hosts-> b", Some("{}")),
    ];
    let expected =
        "a server, b vm, h server, p pdu, a -hosts-> b, c -hosts-> b waits, p -powers-> h";
    for first in 0..records.len() {
        let mut topology = Topology::of(BASE);
        for at in 0..records.len() {
            topology = after(&topology, &[records[(first + at) % records.len()]]);
        }
        assert_eq!(words(&topology), expected, "from {first} on");
        assert_eq!(words(&after(&topology, &records)), expected, "again");
        assert_eq!(after(&topology, &records).rows(), topology.rows(), "nothing to write");
    }
}

#[test]
fn what_waits_is_told_by_lint_and_followed_once_it_is_whole() {
    let codes = |topology: &Topology| {
        let found = lint(topology, &[]);
        let waits = found.findings.iter().filter(|it| it.code == "C034");
        waits.map(ToString::to_string).collect::<Vec<_>>()
    };
    let waiting = after(&Topology::of(BASE), &[("h -warms-> a", Some("{}"))]);
    let told = "warning[C034]: `h -warms-> a` waits for CI `a` and relation type `warms`; \
                it is followed once that is there; correct its record if it never will be";
    assert_eq!(codes(&waiting), [told]);
    let read = |text: &str| {
        let files = [File { name: "f", text }];
        let request = Request { files: &files, mode: Mode::Merge, ..Request::default() };
        import::import(&request, &waiting, NOW)
    };
    let rows = read(
        "{relation_types: {warms: {converse: warmed_by, suffers: from}}, cis: {a: {class: vm}}}",
    );
    let whole = Topology::at(9, rows.unwrap(), NOW).unwrap();
    assert_eq!(words(&whole), "a vm, h server, p pdu, a -warmed_by-> h, p -powers-> h");
    assert_eq!(codes(&whole), <[&str; 0]>::default());
    let gone = after(&whole, &[("h -warms-> a", None)]);
    assert_eq!(words(&gone), "a vm, h server, p pdu, p -powers-> h");
}

#[test]
fn a_record_that_does_not_go_with_the_rest_is_refused_alone_with_its_reason() {
    let records = said(&[
        ("a", Some(r#"{"class": "vm"}"#)),
        ("b", Some("{}")),
        ("c", Some(r#"{"class": "service", "tier": "9"}"#)),
        ("a -hosts-> b", Some("{}")),
    ]);
    let Taken { rows, refused } = take(&Topology::of(BASE), ("kafka/t", &records), NOW).unwrap();
    let topology = Topology::new(2, rows).unwrap();
    let expected = "a vm, h server, p pdu, a -hosts-> b waits, p -powers-> h";
    assert_eq!(words(&topology), expected);
    let refused: Vec<(usize, &str)> = refused.iter().map(|(at, why)| (*at, &**why)).collect();
    assert_eq!(
        refused,
        [
            (1, "error[C011]: CI `b` needs a class"),
            (2, "error[C031]: the tier of CI `c` is `9`; write 1 to 4, 1 for what matters most"),
        ]
    );
}

#[test]
fn an_import_without_a_source_and_a_removal_by_hand_leave_what_stands_in_a_topic() {
    let base = Topology::of(BASE);
    let import = |text: &str| {
        let files = [File { name: "f", text }];
        let rows = import::import(&Request { files: &files, ..Request::default() }, &base, NOW);
        words(&Topology::at(2, rows.unwrap(), NOW).unwrap())
    };
    assert_eq!(import("cis: {x: {class: vm}}"), "p pdu, x vm, p -powers-> h waits");
    // Where the file speaks of it too, the file counts.
    assert_eq!(
        import("{cis: {p: {class: ups}, h: {class: vm}}, relations: [h -powered_by-> p]}"),
        "h vm, p ups, p -powers-> h"
    );
    let rows = edit(&base, Edit::Remove("h".into()), NOW).unwrap();
    let removed = Topology::at(2, rows, NOW).unwrap();
    assert_eq!(words(&removed), "p pdu, p -powers-> h waits");
    // What is exported with what waits can be imported again.
    let again = import::read(&yaml(&removed), "f").unwrap();
    assert_eq!(again, removed.rows());
}

#[test]
fn what_stands_in_a_topic_does_not_grow_old() {
    let topology = after(&Topology::of(BASE), &[("p -hosts-> h", Some("{}"))]);
    let rows = topology.rows().relations;
    let seen = |at: usize| rows[at].facts.as_ref().unwrap().seen_at;
    assert_eq!((seen(0), seen(1)), (None, None));
    // Somebody else's is confirmed.
    let base = Topology::of(
        "cis: {a: {class: vm}, b: {class: vm}}\nrelations: [{relation: a -hosts-> b, source: x}]",
    );
    let rows = after(&base, &[("a -hosts-> b", Some("{}"))]).rows().relations;
    assert_eq!(rows[0].facts.as_ref().unwrap().words(NOW), "x, confirmed 0s ago");
}
