//! `binding`: how an alert without a label `ci` finds its CI.

use std::collections::BTreeSet;

use super::codes;
use super::reader::Reader;
use super::sections::{ENTRIES_MAX, boolean};
use super::yaml::{Node, Value};
use crate::cmdb::{BindingKey, Normalise, WAYS_MAX};

/// Labels, or attributes, that may hold one value.
const ALTERNATIVES_MAX: usize = 8;

/// Labels that one key has: what it looks up together.
const LABELS_MAX: usize = 16;

/// Binding without any rule file: what Kubernetes' exporters and node exporters label. CIs of named
/// clusters carry the cluster in their names and labels, so alerts without it find them by the rest.
pub(super) fn default_binding() -> Vec<BindingKey> {
    let each = |names: &[&[&str]]| -> Vec<Vec<Box<str>>> {
        names.iter().map(|some| some.iter().map(|name| (*name).into()).collect()).collect()
    };
    let named = |labels: &[&[&str]], class: &str, attributes: &[&[&str]]| BindingKey {
        labels: each(labels),
        class: Some(class.into()),
        attributes: each(attributes),
        normalise: BTreeSet::new(),
    };
    let within = |class: &str| {
        named(&[&["namespace"], &[class]], class, &[&["namespace"], &["name", "short_name"]])
    };
    let ported = |key: BindingKey| BindingKey { normalise: [Normalise::StripPort].into(), ..key };
    let instance = named(&[&["instance"]], "", &[&["name", "address"]]);
    vec![
        within("pod"),
        within("service"),
        ported(BindingKey { class: None, ..instance }),
        ported(named(&[&["node", "instance"]], "node", &[&["short_name"]])),
    ]
}

pub(super) fn binding(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<BindingKey>> {
    let items = reader.list(node)?;
    let keys = items.iter().filter_map(|item| key(reader, item)).collect();
    if items.len() > ENTRIES_MAX {
        reader
            .error(codes::VALUE, node.span, format!("{} binding keys", items.len()))
            .label(format!("expected at most {ENTRIES_MAX}"));
    }
    Some(keys)
}

fn key(reader: &mut Reader<'_>, node: &Node) -> Option<BindingKey> {
    let mut fields = reader.map(node, "a binding key")?;
    let labels = fields.need(reader, "labels").and_then(|n| Some((n, alternatives(reader, n)?)));
    let class = fields.read(reader, "class", |r, n| {
        let text = r.text(n)?;
        r.name(text, n.span)
    });
    let attributes = fields.need(reader, "attributes").and_then(|n| alternatives(reader, n));
    let mut normalise = BTreeSet::new();
    for (name, how) in Normalise::ALL {
        if fields.read(reader, name, boolean).unwrap_or(false) {
            normalise.insert(how);
        }
    }
    let span = fields.span;
    fields.finish(reader);
    let ((place, labels), attributes) = (labels?, attributes?);
    if labels.len() != attributes.len() {
        reader
            .error(codes::VALUE, span, "a binding key has another number of labels than attributes")
            .label(format!("{} labels, {} attributes", labels.len(), attributes.len()))
            .help(
                "give one attribute for each label, in the same order; \
                 several that may hold the same value stand in a list of their own, `[[instance, host]]`",
            );
        return None;
    }
    let ways = labels.iter().map(Vec::len).fold(1, usize::saturating_mul);
    if ways > WAYS_MAX {
        reader
            .error(codes::WAYS, place.span, "a binding key tries too many combinations of labels")
            .label(format!("{ways} combinations, expected at most {WAYS_MAX}"))
            .help("each is looked up for every new alert; write several keys, the surest first");
        return None;
    }
    Some(BindingKey { labels, class, attributes, normalise })
}

/// Reads names, in the place of each of which a list of alternatives may stand.
fn alternatives(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<Vec<Box<str>>>> {
    let items = reader.one_or_many(node)?;
    if items.is_empty() || items.len() > LABELS_MAX {
        reader
            .error(codes::VALUE, node.span, format!("list of {} names", items.len()))
            .label(format!("expected 1 to {LABELS_MAX}"));
        return None;
    }
    let mut all = Vec::with_capacity(items.len());
    for item in items {
        let names = reader.names(item)?;
        let is_list = matches!(item.value, Value::List(_));
        if is_list && (names.is_empty() || names.len() > ALTERNATIVES_MAX) {
            reader
                .error(codes::VALUE, item.span, format!("list of {} alternatives", names.len()))
                .label(format!("expected 1 to {ALTERNATIVES_MAX}"));
            return None;
        }
        let names: Vec<Box<str>> = names.into_iter().map(|(name, _)| name).collect();
        // Empty where the one name was wrong, which is told already.
        if names.is_empty() {
            return None;
        }
        all.push(names);
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{SourceFile, load};

    fn read(keys: &str) -> Result<Vec<BindingKey>, Vec<String>> {
        let text = format!("version: 1\nnamespace: t\nbinding:\n{keys}\n");
        let loaded = load(&[SourceFile { name: "t.yaml".into(), text }]);
        loaded.set.map(|set| set.binding.clone()).ok_or_else(|| {
            let found = loaded.diagnostics.iter();
            found.map(|it| format!("{} {}", it.code.id, it.message)).collect()
        })
    }

    fn names(names: &[&[&str]]) -> Vec<Vec<Box<str>>> {
        names.iter().map(|all| all.iter().map(|name| (*name).into()).collect()).collect()
    }

    #[test]
    fn names_stand_alone_or_with_their_alternatives() {
        for (text, labels, attributes) in [
            (
                "- {labels: instance, attributes: name}",
                &[&["instance"][..]][..],
                &[&["name"][..]][..],
            ),
            ("- {labels: [a, b], attributes: [c, d]}", &[&["a"], &["b"]], &[&["c"], &["d"]]),
            (
                "- {labels: [[a, b]], attributes: [[name, fqdn, aliases]]}",
                &[&["a", "b"]],
                &[&["name", "fqdn", "aliases"]],
            ),
            (
                "- {labels: [n, [a, b]], attributes: [n, x]}",
                &[&["n"], &["a", "b"]],
                &[&["n"], &["x"]],
            ),
        ] {
            let keys = read(text).unwrap();
            assert_eq!(
                (&keys[0].labels, &keys[0].attributes),
                (&names(labels), &names(attributes)),
                "{text}"
            );
        }
    }

    #[test]
    fn each_option_is_read_and_off_when_left_out() {
        for (options, expected) in [
            ("", &[][..]),
            (", strip_port: false", &[]),
            (", strip_port: true", &[Normalise::StripPort]),
            (", strip_domain: true", &[Normalise::StripDomain]),
            (", ignore_case: true", &[Normalise::IgnoreCase]),
            (", split_lists: true", &[Normalise::SplitLists]),
        ] {
            let keys = read(&format!("- {{labels: a, attributes: name{options}}}")).unwrap();
            assert_eq!(
                keys[0].normalise.iter().copied().collect::<Vec<_>>(),
                expected,
                "{options}"
            );
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let nine = "[a, b, c, d, e, f, g, h, i]";
        for (text, expected) in [
            (
                "- {labels: [[a, b]], attributes: [name, fqdn]}",
                "R0107 a binding key has another number of labels than attributes",
            ),
            ("- {labels: [[]], attributes: name}", "R0107 list of 0 alternatives"),
            (&format!("- {{labels: [{nine}], attributes: name}}"), "R0107 list of 9 alternatives"),
            ("- {labels: [], attributes: []}", "R0107 list of 0 names"),
            ("- {labels: a, attributes: name, ignore_case: maybe}", "R0107 found the text `maybe`"),
            (
                "- {labels: [[a, b, c], [a, b, c], [d, e]], attributes: [x, y, z]}",
                "R0260 a binding key tries too many combinations of labels",
            ),
        ] {
            let found = read(text).unwrap_err();
            assert!(found.iter().any(|found| found == expected), "{text}: {found:?}");
        }
        assert!(read("- {labels: [[a, b, c, d], [a, b], [d, e]], attributes: [x, y, z]}").is_ok());
    }
}
