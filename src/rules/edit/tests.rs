//! Table tests: what is written, what is wished for, and what stands there then.

use proptest::prelude::*;

use super::*;

fn file(text: &str) -> SourceFile {
    SourceFile { name: "t.yaml".into(), text: text.into() }
}

/// Returns the value at a path of keys and numbers, as in `b.0`.
fn at<'n>(root: &'n Node, path: &str) -> &'n Node {
    path.split('.').filter(|part| !part.is_empty()).fold(root, |node, part| match &node.value {
        Value::Map(entries) => {
            &entries.iter().find(|(key, _)| &*key.name == part).expect("no such key").1
        }
        Value::List(items) => &items[part.parse::<usize>().expect("no number")],
        Value::Null | Value::Text(_) => panic!("{part} of a scalar"),
    })
}

fn edit(text: &str, path: &str, change: Change) -> Edited {
    let file = file(text);
    let root = yaml::parse(&file).unwrap();
    let span = at(&root, path).span;
    rewrite(&file, &[Edit { span, change }]).unwrap()
}

fn names(text: &str) -> Vec<Box<str>> {
    text.split(' ').filter(|name| !name.is_empty()).map(Into::into).collect()
}

#[test]
fn a_scalar_is_replaced_in_its_own_quotes_and_nothing_else_changes() {
    for (text, new, expected) in [
        ("a: P1   # why\nb: 2\n", Some("P3"), "a: P3   # why\nb: 2\n"),
        ("a: 'it''s'\n", Some("he's"), "a: 'he''s'\n"),
        ("a: \"x\\ty\"\n", Some("a \"b\"\n"), "a: \"a \\\"b\\\"\\n\"\n"),
        ("a: x\n", Some("y: z # no"), "a: 'y: z # no'\n"),
        ("a: 'x'\n", Some("l\u{7}"), "a: \"l\\u0007\"\n"),
        ("a: x\n", Some("null"), "a: 'null'\n"),
        ("a: x\n", Some(""), "a: ''\n"),
        ("a: x\n", None, "a: null\n"),
        ("a: null # none\n", Some("noc"), "a: noc # none\n"),
        ("a: ~\n", Some("noc"), "a: noc\n"),
        ("a:   # none\nb: 1\n", Some("noc"), "a: noc   # none\nb: 1\n"),
        ("{a: x, b: [c]}\n", Some("y, z"), "{a: 'y, z', b: [c]}\n"),
        ("{a: , b: 1}\n", Some("y"), "{a: y , b: 1}\n"),
        ("a: ü\r\nb: 1\r\n", Some("é"), "a: é\r\nb: 1\r\n"),
    ] {
        let edited = edit(text, "a", Change::Text(new.map(Into::into)));
        assert_eq!((&*edited.text, edited.made), (expected, 1), "{text:?}: {:?}", edited.refused);
    }
}

#[test]
fn a_list_of_texts_keeps_what_is_right_in_it() {
    for (text, wanted, expected) in [
        ("a: [x, y]\n", "y x", "a: [x, y]\n"),
        ("a: [x, y]  # c\n", "y z", "a: [z, y]  # c\n"),
        ("a: [x, 'y', z]\n", "x", "a: [x]\n"),
        ("a: [x, 'y', z]\n", "z", "a: [z]\n"),
        ("a: [x, 'y', z]\n", "y", "a: ['y']\n"),
        ("a: [x, y]\n", "", "a: []\n"),
        ("a: []\n", "x y", "a: [x, y]\n"),
        ("a: [ x , ]\n", "x y", "a: [ x, y , ]\n"),
        ("a: ['x']\n", "y z", "a: ['y', z]\n"),
        ("a: [x, # one\n    y] # two\n", "x y z", "a: [x, # one\n    y, z] # two\n"),
        ("a:\n  - x # one\n  - y # two\nb: 1\n", "x z", "a:\n  - x # one\n  - z # two\nb: 1\n"),
        ("a:\n  - x # one\n  - y # two\nb: 1\n", "y", "a:\n  - y # two\nb: 1\n"),
        ("a:\n  - x # one\n\n# two\nb: 1\n", "x y", "a:\n  - x # one\n  - y\n\n# two\nb: 1\n"),
        ("a:\n- x\n- y", "x y z", "a:\n- x\n- y\n- z\n"),
        ("a: # c\n- x\nb: 1\n", "", "a: [] # c\nb: 1\n"),
        ("a:\r\n  - x\r\n", "x y", "a:\r\n  - x\r\n  - y\r\n"),
    ] {
        let edited = edit(text, "a", Change::Names(names(wanted)));
        assert_eq!(edited.text, expected, "{text:?} {wanted:?}: {:?}", edited.refused);
        assert_eq!(edited.made, 1);
    }
}

#[test]
fn an_item_comes_and_goes_with_its_lines() {
    let item = || vec![("root", Entry::Text("n".into())), ("pages", Entry::Names(names("a b")))];
    for (text, drop, add, expected) in [
        ("a: []\n", &[][..], 1, "a: [{root: n, pages: [a, b]}]\n"),
        ("a: [{root: x, m: [y]}]\n", &[], 1, "a: [{root: x, m: [y]}, {root: n, pages: [a, b]}]\n"),
        ("a: [{root: x, m: [y]}, {root: z}]\n", &["a.0"], 0, "a: [{root: z}]\n"),
        ("a: [{root: x}, {root: z}]\n", &["a.0", "a.1"], 0, "a: []\n"),
        (
            "a:\n  # first\n  - root: x\n    m:\n      - y # deep\n  # second\n  - root: z\nb: 1\n",
            &["a.0"],
            0,
            "a:\n  # first\n  # second\n  - root: z\nb: 1\n",
        ),
        (
            "a:\n  - root: x\n    m: {p: q,\n        r: s}  # end\nb: 1\n",
            &[],
            1,
            "a:\n  - root: x\n    m: {p: q,\n        r: s}  # end\n  - {root: n, pages: [a, b]}\nb: 1\n",
        ),
        ("a:\n  - root: x\nb: 1\n", &["a.0"], 0, "a: []\nb: 1\n"),
    ] {
        let file = file(text);
        let root = yaml::parse(&file).unwrap();
        let drop = drop.iter().map(|path| at(&root, path).span).collect();
        let add = (0..add).map(|_| item()).collect();
        let edited = edit(text, "a", Change::Items { drop, add });
        assert_eq!(edited.text, expected, "{text:?}: {:?}", edited.refused);
    }
}

#[test]
fn what_cannot_be_replaced_alone_is_refused_with_the_reason() {
    for (text, path, why) in [
        ("a: &x y\nb: *x\n", "b", "the value is an anchor that other places share"),
        ("a: |\n  text\n", "a", "it is not written as a text on one line"),
        ("a: >-\n  text\n", "a", "it is not written as a text on one line"),
        ("a: 'one\n  two'\n", "a", "it is not written as a text on one line"),
    ] {
        let edited = edit(text, path, Change::Text(Some("new".into())));
        assert_eq!(edited.text, text);
        let reasons: Vec<&str> = edited.refused.iter().map(|(_, _, why)| &**why).collect();
        assert_eq!(reasons, [why], "{text:?}");
    }
    let edited = edit("a:\n  - - x\n", "a.0", Change::Names(names("x y")));
    assert_eq!(edited.refused.len(), 1, "{edited:?}");
    let edits = [Edit { span: Span { start: 0, end: 1 }, change: Change::Text(None) }];
    let edited = rewrite(&file("a: 1\n"), &edits).unwrap();
    assert_eq!(edited.refused, [(1, 1, "the value is no longer where it was".into())]);
}

#[test]
fn several_edits_are_made_at_once_in_any_order() {
    let text = "a: [x]\nb: y # c\n";
    let file = file(text);
    let root = yaml::parse(&file).unwrap();
    let edits = [
        Edit { span: at(&root, "b").span, change: Change::Text(Some("longer".into())) },
        Edit { span: at(&root, "a").span, change: Change::Names(names("p q r")) },
    ];
    let edited = rewrite(&file, &edits).unwrap();
    assert_eq!(edited.text, "a: [p, q, r]\nb: longer # c\n");
    assert_eq!(edited.made, 2);
}

fn texts(node: &Node) -> Vec<&str> {
    let Value::List(items) = &node.value else { panic!("{node:?}") };
    let mut texts: Vec<&str> = items
        .iter()
        .map(|item| if let Value::Text(text) = &item.value { &**text } else { panic!("{item:?}") })
        .collect();
    texts.sort_unstable();
    texts
}

proptest! {
    #[test]
    fn any_list_of_texts_becomes_any_other(
        given in prop::collection::vec("[a-c '#:,]{1,3}", 0..5),
        wanted in prop::collection::vec("[a-c '#:,]{1,3}", 0..5),
        on_lines in any::<bool>(),
    ) {
        let quoted: Vec<String> = given.iter().map(|name| plain(name)).collect();
        let text = if on_lines && !given.is_empty() {
            let lines = quoted.iter().map(|name| format!("  - {name}   # note\n"));
            format!("a:\n{}b: 1 # end\n", lines.collect::<Vec<_>>().concat())
        } else {
            format!("a: [{}] # note\nb: 1 # end\n", quoted.join(" , "))
        };
        let names = wanted.iter().map(|name| (&**name).into()).collect();
        let edited = edit(&text, "a", Change::Names(names));
        let after = file(&edited.text);
        let root = yaml::parse(&after).unwrap();
        let mut wanted: Vec<&str> = wanted.iter().map(|name| &**name).collect();
        wanted.sort_unstable();
        prop_assert_eq!(texts(at(&root, "a")), wanted, "{:?} {:?}", text, edited);
        prop_assert!(edited.text.ends_with("b: 1 # end\n"), "{:?}", edited);
    }
}
