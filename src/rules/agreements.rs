//! Service agreements: the limits that hold for the incidents of some services, whatever is general.

use std::collections::BTreeMap;

use super::codes;
use super::priorities::{self, Given, Limit, NAMES, Priorities};
use super::reader::{Fields, Noun, Reader};
use super::set::RuleSet;
use super::yaml::Node;
use crate::cmdb::CiRow;
use crate::model::priority::Priority;

/// Agreements of all files, attributes of one, values of an attribute: more is a mistake.
const ENTRIES_MAX: usize = 200;

/// What was agreed for some services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// What people call it.
    pub name: Box<str>,
    /// Attributes of the services it is for, each with the values it may have; all must fit.
    services: BTreeMap<Box<str>, Vec<Box<str>>>,
    /// By priority, P1 to P4.
    limits: [Limit; 4],
}

/// An agreement as it stands in its file: what it leaves out is general, and may come later.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    services: BTreeMap<Box<str>, Vec<Box<str>>>,
    given: [Option<Given>; 4],
}

impl Draft {
    /// Adds what is general.
    pub(super) fn complete(self, name: Box<str>, general: &Priorities) -> Agreement {
        let mut limits = general.limits.clone();
        for (limit, given) in limits.iter_mut().zip(&self.given) {
            if let Some(given) = given {
                given.put_on(limit);
            }
        }
        Agreement { name, services: self.services, limits }
    }
}

impl Agreement {
    /// True when it is for a service.
    pub fn covers(&self, service: &CiRow) -> bool {
        self.services.iter().all(|(attribute, values)| {
            let has = match &**attribute {
                "name" => Some(&*service.name),
                attribute => service.attribute(attribute),
            };
            has.is_some_and(|has| values.iter().any(|value| **value == *has))
        })
    }

    fn limit(&self, priority: Priority) -> &Limit {
        let [p1, p2, p3, p4] = &self.limits;
        match priority {
            Priority::P1 => p1,
            Priority::P2 => p2,
            Priority::P3 => p3,
            Priority::P4 => p4,
        }
    }
}

impl RuleSet {
    /// Returns the time limits of a priority under an agreement; the general ones without one, or
    /// where it is no longer in the files.
    pub fn limit(&self, agreement: Option<&str>, priority: Priority) -> &Limit {
        let agreement = agreement.and_then(|name| self.agreement(name));
        agreement.map_or_else(|| self.priorities.limit(priority), |it| it.limit(priority))
    }

    /// Returns an agreement by its name.
    pub fn agreement(&self, name: &str) -> Option<&Agreement> {
        self.agreements.iter().find(|it| *it.name == *name)
    }
}

/// Reads the section `agreements`: a list, of which the first that covers a service holds.
pub(super) fn read(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<(Box<str>, Draft)>> {
    let items = reader.list(node)?;
    if items.len() > ENTRIES_MAX {
        reader
            .error(codes::VALUE, node.span, format!("{} agreements", items.len()))
            .label(format!("expected at most {ENTRIES_MAX}"));
        return None;
    }
    Some(items.iter().filter_map(|item| one(reader, item)).collect())
}

fn one(reader: &mut Reader<'_>, node: &Node) -> Option<(Box<str>, Draft)> {
    let mut fields = reader.map(node, "an agreement")?;
    let name = fields.need(reader, "name").and_then(|n| {
        let text = reader.text(n)?;
        let name = reader.name(text, n.span)?;
        reader.define(Noun::Agreement, &name, n.span);
        Some(name)
    });
    let services = fields.need(reader, "services").and_then(|n| services(reader, n));
    let given = fields.need(reader, "limits").and_then(|n| {
        let mut fields: Fields<'_> = reader.map(n, "`limits`")?;
        let given = NAMES.map(|name| fields.read(reader, name, priorities::given));
        fields.finish(reader);
        Some(given)
    });
    fields.finish(reader);
    Some((name?, Draft { services: services?, given: given? }))
}

fn services(reader: &mut Reader<'_>, node: &Node) -> Option<BTreeMap<Box<str>, Vec<Box<str>>>> {
    let fields = reader.map(node, "`services`")?;
    let mut services = BTreeMap::new();
    for (key, node) in fields.all() {
        let items = reader.one_or_many(node)?;
        let values: Option<Vec<Box<str>>> =
            items.iter().map(|item| reader.text(item).map(Into::into)).collect();
        services.insert(key.name.clone(), values?);
    }
    let count = services.values().map(Vec::len).sum::<usize>();
    if services.is_empty() || count > ENTRIES_MAX {
        reader
            .error(codes::AGREEMENT, node.span, "an agreement for no services, or too many values")
            .label(format!("expected 1 to {ENTRIES_MAX} values"))
            .help("name attributes of services, for example   services: {customer: acme}");
        return None;
    }
    Some(services)
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use crate::cmdb::{Topology, import};
    use crate::model::priority::Priority;
    use crate::rules::{SourceFile, load};

    const TEXT: &str = "
version: 1
agreements:
  - name: gold
    services: {customer: [acme, initech], tier: 1}
    limits: {P1: {response: 5m, resolution: 2h}}
  - {name: silver, services: {customer: acme}, limits: {P1: {resolution: 3h}}}
  - {name: shop, services: {name: shop}, limits: {P2: {response: 7m}}}
priorities: {limits: {P1: {response: 9m}}}
";

    #[test]
    fn the_first_agreement_that_covers_a_service_holds_and_the_rest_is_general() {
        let loaded = load(&[SourceFile { name: "t.yaml".into(), text: TEXT.into() }]);
        let rules = loaded.set.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics));
        let cmdb = "cis: {a: {class: service, customer: acme, tier: 1}, \
                    b: {class: service, customer: acme}, shop: {class: service}, \
                    none: {class: service, customer: other}}";
        let topology = Topology::build(1, &import::read(cmdb, "c.yaml").unwrap()).unwrap();
        let mins = Duration::from_mins;
        for (service, name, response, resolution) in [
            ("a", Some("gold"), mins(5), mins(120)),
            ("b", Some("silver"), mins(9), mins(180)),
            ("shop", Some("shop"), mins(9), mins(240)),
            ("none", None, mins(9), mins(240)),
        ] {
            let ci = topology.ci(topology.find(service).unwrap());
            let found = rules.agreements.iter().find(|it| it.covers(ci)).map(|it| &*it.name);
            assert_eq!(found, name, "{service}");
            let limit = rules.limit(found, Priority::P1);
            assert_eq!((limit.response, limit.resolution), (response, resolution), "{service}");
        }
        assert_eq!(rules.limit(Some("shop"), Priority::P2).response, mins(7));
        assert_eq!(rules.limit(Some("gone"), Priority::P1).response, mins(9));
    }
}
