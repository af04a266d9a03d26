//! From an alert's labels to the CI it speaks of.
//!
//! Indexes are sorted lists of (hash of the values, CI): 16 bytes for each CI, and values are
//! compared again on a hit, so a collision costs time and never a wrong binding. No alert ever
//! scans the CIs.

use core::hash::{BuildHasher, Hash, Hasher};
use std::collections::BTreeMap;

use foldhash::fast::FixedState;

use super::rows::{CiId, CiRow};
use super::topology::Topology;
use crate::model::labels::Labels;

/// The label that names the CI outright.
const CI_LABEL: &str = "ci";

/// A way to recognise CIs: the alert's label values, in order, equal the CI's attribute values.
///
/// A CI that lacks one of the attributes, or has it empty, is never recognised by the key; nor is
/// any by a key with no labels or with another number of attributes than labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindingKey {
    /// The alert's labels.
    pub labels: Vec<Box<str>>,
    /// The class the CI must have, if any.
    pub class: Option<Box<str>>,
    /// The CI's attributes; `name` and `class` are attributes too.
    pub attributes: Vec<Box<str>>,
    /// Compares the labels' values without a port at their end (`web-1:9100` as `web-1`).
    pub strip_port: bool,
}

/// The CI of an alert, and how it was recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// Which.
    pub ci: CiId,
    /// In words: `label ci`, `labels namespace, service` (the CI's own) or `key instance`.
    pub by: Box<str>,
}

/// The indexes by which alerts find their CIs; belongs to the topology it was made from.
#[derive(Clone, Debug)]
pub struct Binder {
    /// One for each set of label names that CIs have; most labels first, then by name.
    own: Vec<Index>,
    /// One for each key, in their order.
    keys: Vec<Index>,
}

#[derive(Clone, Debug)]
struct Index {
    /// The alert's labels that are looked up.
    key: BindingKey,
    by: Box<str>,
    /// Hash of the CI's values, sorted.
    entries: Vec<(u64, CiId)>,
}

/// What an index says of an alert.
enum Found {
    Nothing,
    One(CiId),
    Several,
}

impl Binder {
    /// Builds the indexes over all CIs.
    pub fn new(topology: &Topology, keys: &[BindingKey]) -> Self {
        let mut own = BTreeMap::<Vec<&str>, Vec<(u64, CiId)>>::new();
        for (id, ci) in topology.cis().filter(|(_, ci)| !ci.labels.is_empty()) {
            let names = ci.labels.iter().map(|(name, _)| name).collect();
            let hash = hash(ci.labels.iter().map(|(_, value)| value));
            own.entry(names).or_default().push((hash, id));
        }
        let mut own: Vec<Index> =
            own.into_iter().map(|(names, entries)| Index::of_own_labels(&names, entries)).collect();
        own.sort_by_key(|index| core::cmp::Reverse(index.key.labels.len()));
        let keys = keys.iter().map(|key| Index::of_key(topology, key)).collect();
        Self { own, keys }
    }

    /// Finds the CI of an alert: by the label `ci`, else by the label sets of the CIs (the largest
    /// that is wholly on the alert), else by the keys in their order.
    ///
    /// The first of these that finds any CI decides, and when it finds several the alert is bound
    /// to none: a weaker sign must not decide what a stronger one left open. `topology` must be the
    /// one this binder was made from.
    pub fn bind(&self, topology: &Topology, labels: &Labels) -> Option<Bound> {
        if let Some(ci) = labels.get(CI_LABEL).and_then(|name| topology.find(name)) {
            return Some(Bound { ci, by: "label ci".into() });
        }
        let mut best: Option<(&Index, CiId)> = None;
        for index in &self.own {
            if best.is_some_and(|(best, _)| best.key.labels.len() > index.key.labels.len()) {
                break;
            }
            match index.find(topology, labels, |ci| ci.labels.iter().map(|(_, value)| value)) {
                Found::Nothing => {}
                Found::One(ci) if best.is_none() => best = Some((index, ci)),
                Found::One(_) | Found::Several => return None,
            }
        }
        if let Some((index, ci)) = best {
            return Some(Bound { ci, by: index.by.clone() });
        }
        for index in &self.keys {
            let attributes = &index.key.attributes;
            match index.find(topology, labels, |ci| {
                attributes.iter().map(|name| ci.attribute(name).unwrap_or(""))
            }) {
                Found::Nothing => {}
                Found::One(ci) => return Some(Bound { ci, by: index.by.clone() }),
                Found::Several => return None,
            }
        }
        None
    }
}

impl Binder {
    /// Returns the CIs that no alert can be bound to because others are recognised by the same
    /// values, with the way in which they are; the CIs of each set by name.
    pub(super) fn ambiguous<'a>(&'a self, topology: &'a Topology) -> Vec<(&'a str, Vec<CiId>)> {
        let own = self.own.iter().flat_map(|index| {
            index.doubles(topology, |ci| ci.labels.iter().map(|(_, value)| value).collect())
        });
        let keys = self.keys.iter().flat_map(|index| {
            index.doubles(topology, |ci| {
                let attributes = index.key.attributes.iter();
                attributes.map(|name| ci.attribute(name).unwrap_or("")).collect()
            })
        });
        own.chain(keys).collect()
    }
}

impl Index {
    /// Returns the sets of CIs with the same values.
    fn doubles<'a>(
        &'a self,
        topology: &'a Topology,
        values: impl Fn(&'a CiRow) -> Vec<&'a str>,
    ) -> Vec<(&'a str, Vec<CiId>)> {
        let mut found = Vec::new();
        for same_hash in self.entries.chunk_by(|a, b| a.0 == b.0).filter(|all| all.len() > 1) {
            let mut sets = BTreeMap::<Vec<&str>, Vec<CiId>>::new();
            for (_, ci) in same_hash {
                sets.entry(values(topology.ci(*ci))).or_default().push(*ci);
            }
            found.extend(sets.into_values().filter(|cis| cis.len() > 1));
        }
        // Not by hash: its order says nothing to people.
        found.sort();
        found.into_iter().map(|cis| (&*self.by, cis)).collect()
    }

    fn of_own_labels(names: &[&str], mut entries: Vec<(u64, CiId)>) -> Self {
        entries.sort_unstable();
        let key = BindingKey {
            labels: names.iter().map(|name| (*name).into()).collect(),
            class: None,
            attributes: Vec::new(),
            strip_port: false,
        };
        let by = if names.len() == 1 { "label " } else { "labels " };
        Self { by: format!("{by}{}", names.join(", ")).into(), key, entries }
    }

    fn of_key(topology: &Topology, key: &BindingKey) -> Self {
        let recognised = |ci: &CiRow| -> Option<u64> {
            let class_fits = key.class.as_ref().is_none_or(|class| *ci.class == **class);
            let values: Option<Vec<&str>> = key
                .attributes
                .iter()
                .map(|name| ci.attribute(name).filter(|value| !value.is_empty()))
                .collect();
            values.filter(|_| class_fits).map(|values| hash(values.into_iter()))
        };
        let usable = !key.labels.is_empty() && key.labels.len() == key.attributes.len();
        let mut entries: Vec<(u64, CiId)> = topology
            .cis()
            .filter(|_| usable)
            .filter_map(|(id, ci)| Some((recognised(ci)?, id)))
            .collect();
        entries.sort_unstable();
        let by = format!("key {}", key.labels.join(", ")).into();
        Self { key: key.clone(), by, entries }
    }

    /// Looks up the alert's values; `values` yields those of a CI, which must be the same.
    fn find<'a, I: Iterator<Item = &'a str>>(
        &self,
        topology: &'a Topology,
        labels: &Labels,
        values: impl Fn(&'a CiRow) -> I,
    ) -> Found {
        let mut wanted = Vec::with_capacity(self.key.labels.len());
        for name in &self.key.labels {
            match labels.get(name) {
                Some(value) if self.key.strip_port => wanted.push(without_port(value)),
                Some(value) => wanted.push(value),
                None => return Found::Nothing,
            }
        }
        let hash = hash(wanted.iter().copied());
        let first = self.entries.partition_point(|(entry, _)| *entry < hash);
        let mut hits = self
            .entries
            .iter()
            .skip(first)
            .take_while(|(entry, _)| *entry == hash)
            .map(|(_, ci)| *ci)
            .filter(|ci| values(topology.ci(*ci)).eq(wanted.iter().copied()));
        match (hits.next(), hits.next()) {
            (None, _) => Found::Nothing,
            (Some(ci), None) => Found::One(ci),
            (Some(_), Some(_)) => Found::Several,
        }
    }
}

/// Hashes values in order. The numbers never leave this process.
fn hash<'a>(values: impl Iterator<Item = &'a str>) -> u64 {
    let mut hasher = FixedState::default().build_hasher();
    values.for_each(|value| value.hash(&mut hasher));
    hasher.finish()
}

/// Cuts the port from `host:port` and `[address]:port`, and the brackets with it; an IPv6 address
/// without brackets has no port.
fn without_port(text: &str) -> &str {
    if let Some((address, rest)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        let port = rest.strip_prefix(':').unwrap_or("");
        return if rest.is_empty() || is_port(port) { address } else { text };
    }
    match text.split_once(':') {
        Some((host, port)) if is_port(port) => host,
        _ => text,
    }
}

fn is_port(text: &str) -> bool {
    (1..=5).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CMDB: &str = "
cis:
  web-1: {class: server, rack: R1, address: 10.0.0.1, labels: {host: web-1, site: fra}}
  web-2: {class: server, rack: R1, address: '10.0.0.2'}
  db-1: {class: database, address: 10.0.0.1, rack: R2}
  v6: {class: server, address: '2001:db8::1'}
  shop: {class: service, labels: {namespace: shop}}
  cart: {class: service, labels: {namespace: shop, service: cart}}
  cart-0: {class: pod, labels: {namespace: shop, service: cart, pod: cart-0}}
  twin-a: {class: pod, labels: {pod: twin}}
  twin-b: {class: pod, labels: {pod: twin}}
";

    fn key(labels: &[&str], class: Option<&str>, attributes: &[&str]) -> BindingKey {
        let texts = |list: &[&str]| list.iter().map(|text| (*text).into()).collect();
        let (labels, attributes) = (texts(labels), texts(attributes));
        // Only `instance` has a port.
        let strip_port = labels == ["instance".into()];
        BindingKey { labels, class: class.map(Into::into), attributes, strip_port }
    }

    fn check(labels: &[(&str, &str)], expected: Option<(&str, &str)>) {
        let topology = Topology::of(CMDB);
        let keys = [
            key(&["rack", "class"], None, &["rack", "class"]),
            key(&["instance"], Some("server"), &["address"]),
            key(&["instance"], None, &["name"]),
            key(&["instance"], None, &[]),
            key(&["owner"], None, &["owner"]),
        ];
        let binder = Binder::new(&topology, &keys);
        let bound = binder.bind(&topology, &Labels::build(&mut labels.to_vec()).unwrap());
        let bound = bound.as_ref().map(|bound| (&*topology.ci(bound.ci).name, &*bound.by));
        assert_eq!(bound, expected, "{labels:?}");
    }

    #[test]
    fn the_label_ci_comes_first_and_an_unknown_one_decides_nothing() {
        check(&[("ci", "db-1"), ("namespace", "shop")], Some(("db-1", "label ci")));
        check(&[("ci", "db-9"), ("namespace", "shop")], Some(("shop", "label namespace")));
        check(&[("ci", "db-9")], None);
    }

    #[test]
    fn the_largest_label_set_that_is_wholly_on_the_alert_binds() {
        let cart = ("cart", "labels namespace, service");
        let pod = [("namespace", "shop"), ("pod", "cart-0"), ("service", "cart")];
        check(&pod, Some(("cart-0", "labels namespace, pod, service")));
        check(&[("namespace", "shop"), ("service", "cart"), ("job", "x")], Some(cart));
        check(&[("namespace", "shop"), ("pod", "other"), ("service", "cart")], Some(cart));
        check(&[("namespace", "shop"), ("service", "mail")], Some(("shop", "label namespace")));
        check(&[("service", "cart")], None);
        check(&[], None);
    }

    #[test]
    fn what_fits_several_cis_binds_to_none() {
        // Two CIs with the same labels, two label sets of one size, two CIs with the same values.
        check(&[("pod", "twin")], None);
        check(
            &[("host", "web-1"), ("namespace", "shop"), ("service", "cart"), ("site", "fra")],
            None,
        );
        check(&[("rack", "R1"), ("class", "server")], None);
        // The weaker key would find one, but the stronger one found several.
        check(&[("rack", "R1"), ("class", "server"), ("instance", "db-1")], None);
    }

    #[test]
    fn keys_bind_in_their_order_to_a_ci_of_their_class() {
        check(&[("rack", "R2"), ("class", "database")], Some(("db-1", "key rack, class")));
        check(&[("rack", "R2")], None);
        for (instance, ci) in [
            ("10.0.0.1:9100", Some("web-1")),
            ("10.0.0.1", Some("web-1")),
            ("10.0.0.2:9100", Some("web-2")),
            ("db-1:9100", Some("db-1")),
            ("[2001:db8::1]:9100", Some("v6")),
            ("2001:db8::1", Some("v6")),
            ("10.0.0.9:9100", None),
            ("", None),
        ] {
            check(&[("instance", instance)], ci.map(|ci| (ci, "key instance")));
        }
    }

    #[test]
    fn a_ci_without_the_attribute_is_never_recognised_by_it() {
        // Not even by an empty value, which would fit every CI that has none.
        check(&[("owner", "")], None);
    }

    #[test]
    fn only_a_port_is_cut() {
        for (text, host) in [
            ("web-1:9100", "web-1"),
            ("web-1:", "web-1:"),
            ("web-1:http", "web-1:http"),
            ("web-1:123456", "web-1:123456"),
            ("::1", "::1"),
            ("[::1]", "::1"),
            ("[::1]:80", "::1"),
            ("[::1]x", "[::1]x"),
            ("[::1", "[::1"),
            (":80", ""),
        ] {
            assert_eq!(without_port(text), host, "{text}");
        }
    }
}
