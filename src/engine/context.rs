//! What the engine decides by: rules, topology, limits. Replaced as a whole, never changed.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::cmdb::{Binder, RelationSet, Ties, Topology};
use crate::engine::bulletins::BulletinLimits;
use crate::engine::weights::Weights;
use crate::rules::{Rule, RuleSet, TopologyKind};

/// Limits the engine holds to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many alerts one source may hold firing at once.
    pub alerts_per_source: u32,
    /// How many deliveries and commands are remembered.
    pub deliveries: u32,
    /// How long each is remembered.
    pub deliveries_for: Duration,
    /// How many records the quarantine may hold.
    pub quarantine: u32,
    /// How many bytes they may have together.
    pub quarantine_bytes: u64,
    /// How many bulletins may wait; none are written where nobody is to get them.
    pub bulletins: Option<BulletinLimits>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            alerts_per_source: 200_000,
            deliveries: 1_000_000,
            deliveries_for: Duration::from_hours(24),
            quarantine: 10_000,
            quarantine_bytes: 64 << 20,
            bulletins: None,
        }
    }
}

/// Rules, topology and limits, with what follows from them together.
#[derive(Debug)]
pub struct Context {
    /// The rules in force.
    pub rules: Arc<RuleSet>,
    /// The topology in force.
    pub topology: Arc<Topology>,
    /// Finds the CI of an alert.
    pub binder: Binder,
    /// The limits in force.
    pub limits: Limits,
    /// The relations that likelihood tells apart.
    pub ties: Ties,
    /// What likelihood goes by.
    pub weights: Weights,
    follow: BTreeMap<Arc<str>, RelationSet>,
    /// The rules of kind `topology`, by their places, with what they follow.
    topology_rules: Vec<(usize, RelationSet)>,
    gathers: bool,
}

impl Context {
    /// Puts rules and topology together.
    pub fn new(rules: Arc<RuleSet>, topology: Arc<Topology>, limits: Limits) -> Self {
        let binder = Binder::new(&topology, &rules.binding);
        let mut follow = BTreeMap::new();
        let all = || rules.rules.iter().chain(rules.shadows());
        for rule in all() {
            let Some(names) = rule.kind.follow() else { continue };
            let names = names.iter().map(|name| &**name);
            follow.insert(Arc::clone(&rule.name), topology.relations(names));
        }
        let reaching = all().filter_map(|rule| Some((rule, rule.kind.inhibit()?)));
        for (rule, reach) in reaching.filter_map(|(rule, it)| Some((rule, it.reach.as_ref()?))) {
            let names = reach.follow.iter().map(|name| &**name);
            let all = reach.follow.is_empty();
            let set = if all { topology.all_relations() } else { topology.relations(names) };
            follow.insert(Arc::clone(&rule.name), set);
        }
        let by_topology = rules.rules.iter().enumerate();
        let by_topology = by_topology.filter(|(_, rule)| rule.kind.topology().is_some());
        let topology_rules = by_topology
            .map(|(at, rule)| (at, follow.get(&rule.name).copied().unwrap_or_default()))
            .collect();
        let gathers = rules.rules.iter().any(|rule| rule.kind.gathers());
        let (ties, weights) = (topology.ties(), Weights::default());
        Self { rules, topology, binder, limits, ties, weights, follow, topology_rules, gathers }
    }

    /// True when a rule counts alerts over time: a storm, a sequence or an absence.
    pub fn gathers(&self) -> bool {
        self.gathers
    }

    /// True while what was made for this context can take its place: the topology is of the same version,
    /// and the rules are the same.
    pub fn is_alike(&self, in_force: &Self) -> bool {
        self.topology.version() == in_force.topology.version()
            && Arc::ptr_eq(&self.rules, &in_force.rules)
    }

    /// Returns the relations that a rule follows; none for one that follows none.
    pub fn follow(&self, rule: &str) -> RelationSet {
        self.follow.get(rule).copied().unwrap_or_default()
    }

    /// Yields the rules of kind `topology` in their order, with the relations that they follow. However
    /// many rules there are of other kinds: every new alert on a CI asks them.
    pub fn topology_rules(&self) -> impl Iterator<Item = (&Rule, &TopologyKind, RelationSet)> {
        self.topology_rules.iter().filter_map(|(at, follow)| {
            let rule = self.rules.rules.get(*at)?;
            Some((rule, rule.kind.topology()?, *follow))
        })
    }
}
