//! Where an alert is: its CI, others it names, its system; without a CI what it is labelled with.

use core::fmt::{self, Write as _};

use crate::cmdb::{CiId, RELATION, Topology};
use crate::engine::context::Context;
use crate::engine::state::Held;
use crate::engine::weights::Weights;
use crate::model::labels::{FNV_OFFSET, Labels, fnv};
use crate::rules::Related;

use super::learned::Learned;

/// Labels that say what an alert is like, not where it is.
const NO_PLACE: [&str; 3] = ["alertname", "job", "severity"];

/// The label of a CI that says in which cluster it is; its name begins with that.
const CLUSTER: &str = "cluster";

/// Other CIs that one alert may name, and values of labels looked at of one without a CI.
const PEERS_MAX: usize = 4;
const VALUES_MAX: usize = 16;

/// One place of an alert.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place {
    /// What it is found by, whatever the version of the topology.
    pub(super) key: u64,
    /// How far the alert is from it.
    pub(super) distance: u32,
    /// What it is.
    pub(super) what: What,
    /// Whether an incident of the alert is there, too.
    pub(super) presence: Presence,
}

/// What a place is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// A CI.
    Ci(CiId),
    /// All labels of an alert without a CI.
    Labels,
    /// A value of such an alert: of the label at this place.
    Value(usize),
    /// The system that it is part of.
    System,
}

/// What an alert says of a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    /// Something is wrong there.
    Suffers,
    /// It only depends on the place where something is wrong, as a caller on what it calls.
    Depends,
}

impl Place {
    fn of_ci(topology: &Topology, ci: CiId) -> Self {
        Self::new(key_of(topology, ci), What::Ci(ci))
    }

    fn new(key: u64, what: What) -> Self {
        Self { key, distance: 0, what, presence: Presence::Suffers }
    }

    /// The CI that it is, if it is one.
    pub(super) fn ci(&self) -> Option<CiId> {
        match self.what {
            What::Ci(ci) => Some(ci),
            What::Labels | What::Value(_) | What::System => None,
        }
    }

    /// Returns what people call it; `held` and `kind` are those whose place it is.
    pub(super) fn name(&self, ctx: &Context, held: &Held, kind: &Related) -> String {
        match self.what {
            What::Ci(ci) => ctx.topology.ci(ci).name.to_string(),
            What::Labels => held.labels.to_string(),
            What::Value(at) => {
                let pair = held.labels.iter().nth(at);
                pair.map(|(name, value)| format!("{name}={value:?}")).unwrap_or_default()
            }
            What::System => System(&systems(&held.labels, kind)).to_string(),
        }
    }
}

/// Returns what a CI is found by as a place.
pub(super) fn key_of(topology: &Topology, ci: CiId) -> u64 {
    fnv(head("ci"), topology.ci(ci).name.as_bytes())
}

/// The beginning of the keys of one kind.
fn head(kind: &str) -> u64 {
    fnv(fnv(FNV_OFFSET, kind.as_bytes()), &[0xFF])
}

/// A key of what is written into it.
struct Key(u64);

impl Key {
    fn of(kind: &str, text: impl fmt::Display) -> u64 {
        let mut key = Self(head(kind));
        // It takes all that is written to it.
        let _written = write!(key, "{text}");
        key.0
    }
}

impl fmt::Write for Key {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 = fnv(self.0, text.as_bytes());
        Ok(())
    }
}

/// Writes the labels that name a system: `cluster="eu", namespace="shop"`.
struct System<'a>(&'a [(&'a str, &'a str)]);

impl fmt::Display for System<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (name, value)) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{name}={value:?}")?;
        }
        Ok(())
    }
}

/// Returns all places of an alert, its own first.
pub(super) fn places(ctx: &Context, held: &Held, kind: &Related, learned: &Learned) -> Vec<Place> {
    places_of(ctx, (&held.labels, held.ci), kind, learned)
}

/// Returns all places of an alert with these labels that is bound so.
pub(super) fn places_of(
    ctx: &Context,
    (labels, ci): (&Labels, Option<CiId>),
    kind: &Related,
    learned: &Learned,
) -> Vec<Place> {
    let systems = systems(labels, kind);
    let Some(ci) = ci else { return of_labels(ctx, labels, &systems, learned) };
    let mut cis = vec![ci];
    for peer in peers(&ctx.topology, (labels, Some(ci)), &systems) {
        if cis.len() <= PEERS_MAX && !cis.contains(&peer) {
            cis.push(peer);
        }
    }
    let mut places: Vec<Place> = Vec::with_capacity(cis.len() + 1);
    places.extend(cis.iter().map(|ci| Place::of_ci(&ctx.topology, *ci)));
    if cis.len() > 1 {
        set_callers_apart(ctx, &cis, &mut places);
    }
    places.extend(system(&ctx.weights, &systems));
    places
}

/// Of the CIs that an alert names, puts those farther off that depend on another of them: what is
/// wrong is there, and callers are named in alerts about all that they call.
fn set_callers_apart(ctx: &Context, named: &[CiId], places: &mut [Place]) {
    let deepest = deepest(ctx, named);
    for place in places {
        if place.ci().is_some_and(|ci| !deepest.contains(&ci)) {
            place.distance = units(ctx.weights.caller);
            place.presence = Presence::Depends;
        }
    }
}

/// Returns those CIs whose service depends on none of the others'; all, where each depends on one.
pub(super) fn deepest(ctx: &Context, cis: &[CiId]) -> Vec<CiId> {
    if cis.len() < 2 {
        return cis.to_vec();
    }
    let service = |ci: &CiId| ctx.topology.service_of(*ci, ctx.ties);
    let depends = |ci: &&CiId| {
        let (own, mut others) = (service(ci), cis.iter().map(service));
        others.any(|other| other != own && ctx.topology.depends(own, other, ctx.ties))
    };
    let deepest: Vec<CiId> = cis.iter().filter(|ci| !depends(ci)).copied().collect();
    if deepest.is_empty() { cis.to_vec() } else { deepest }
}

fn systems<'a>(labels: &'a Labels, kind: &'a Related) -> Vec<(&'a str, &'a str)> {
    let value = |name: &'a str| labels.get(name).filter(|value| !value.is_empty());
    kind.scope.iter().filter_map(|name| Some((&**name, value(name)?))).collect()
}

/// Returns the CIs that an alert names in its labels.
pub(super) fn peers_of(topology: &Topology, held: &Held, kind: &Related) -> Vec<CiId> {
    peers(topology, (&held.labels, held.ci), &systems(&held.labels, kind)).collect()
}

/// Returns the system an alert is part of, as a place.
fn system(weights: &Weights, systems: &[(&str, &str)]) -> Option<Place> {
    let place = || Place::new(Key::of("system", System(systems)), What::System);
    (!systems.is_empty()).then(|| Place { distance: units(weights.system), ..place() })
}

/// Yields the CIs that an alert names in its labels: by their names, or by those within its system
/// (`shop/cart`), in the cluster of the CI that it is bound to (`eu:shop/cart`).
fn peers<'a>(
    topology: &'a Topology,
    (labels, ci): (&'a Labels, Option<CiId>),
    systems: &'a [(&str, &str)],
) -> impl Iterator<Item = CiId> + 'a {
    let cluster = ci.and_then(|ci| topology.ci(ci).labels.get(CLUSTER));
    let cluster = cluster.map(|cluster| format!("{cluster}:")).unwrap_or_default();
    let own = ci.map(|ci| (ci, topology.ci(ci)));
    let named = move |(_, value): (&str, &str)| {
        // Most alerts name the CI that they are bound to.
        if let Some((ci, _)) = own.filter(|(_, row)| *row.name == *value) {
            return Some(ci);
        }
        topology.find(value).or_else(|| {
            let (_, system) = systems.first()?;
            topology.find(&format!("{cluster}{system}/{value}"))
        })
    };
    let labels = labels.iter().filter(|(name, value)| {
        !NO_PLACE.contains(name) && !value.is_empty() && !systems.contains(&(*name, *value))
    });
    labels.filter_map(named)
}

/// The places of an alert without a CI: its labels as a whole, each value that says where it is, the
/// rarer the nearer, and its system.
fn of_labels(
    ctx: &Context,
    labels: &Labels,
    systems: &[(&str, &str)],
    learned: &Learned,
) -> Vec<Place> {
    let mut places = vec![Place::new(Key::of("labels", labels), What::Labels)];
    for (at, key) in values(labels, systems) {
        let distance = units(ctx.weights.common_value * learned.share(key));
        places.push(Place { distance, ..Place::new(key, What::Value(at)) });
    }
    places.extend(system(&ctx.weights, systems));
    places
}

/// Returns so many relations in the units of [`RELATION`].
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few hundred")]
fn units(relations: f64) -> u32 {
    (relations * f64::from(RELATION)) as u32
}

/// Returns what every alert stands on that carries a value, whatever the label: `service="cart"` here
/// is `destination_workload="cart"` there; each with the place of the first such label. Of an alert
/// that says of which system it is, it is a place of that system: services of one name in two systems
/// are two.
fn values(labels: &Labels, systems: &[(&str, &str)]) -> Vec<(usize, u64)> {
    let within = systems.iter().fold(FNV_OFFSET, |hash, (name, value)| {
        fnv(fnv(fnv(hash, name.as_bytes()), &[0xFF]), value.as_bytes())
    });
    let within = fnv(within, &[0xFF]);
    let says_where = |(_, pair): &(usize, (&str, &str))| {
        !NO_PLACE.contains(&pair.0) && !pair.1.is_empty() && !systems.contains(pair)
    };
    let mut values: Vec<(usize, u64)> = Vec::new();
    for (at, (_, value)) in labels.iter().enumerate().filter(says_where).take(VALUES_MAX) {
        let key = fnv(within, value.as_bytes());
        if values.iter().all(|(_, known)| *known != key) {
            values.push((at, key));
        }
    }
    values
}

/// Returns the keys of the values by which an alert without a CI is found.
pub(super) fn value_keys(held: &Held, kind: &Related) -> Vec<u64> {
    values(&held.labels, &systems(&held.labels, kind)).into_iter().map(|(_, key)| key).collect()
}

/// Says in words how far a place is.
pub(super) fn far(distance: u32, name: &str) -> String {
    match distance {
        0 => format!("at {name}"),
        near if near < RELATION => format!("at what runs with {name}"),
        near if near < 2 * RELATION => format!("one relation from {name}"),
        _ => format!("two relations from {name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmdb::import;
    use crate::engine::context::Limits;
    use crate::rules::{SourceFile, load};

    fn context(cmdb: &str) -> Context {
        let rules = load(&[SourceFile {
            name: "t.yaml".into(),
            text: "version: 1\nnamespace: t\nrules: []".into(),
        }]);
        let topology = Topology::build(1, &import::read(cmdb, "t").unwrap()).unwrap();
        Context::new(rules.set.unwrap().into(), topology.into(), Limits::default())
    }

    #[test]
    fn of_those_named_the_ones_that_others_depend_on_are_the_deepest() {
        let ctx = context(
            "cis: {web: {class: service}, cart: {class: service}, db: {class: service}, \
                   pod-web: {class: pod}, a: {class: service}, b: {class: service}}\n\
             relations: [web -depends_on-> cart, cart -depends_on-> db, web -runs_on-> pod-web, \
                         a -depends_on-> b, b -depends_on-> a]",
        );
        for (named, expected) in [
            (&["web", "cart"][..], &["cart"][..]),
            (&["pod-web", "web"], &["pod-web", "web"]),
            (&["pod-web", "cart", "db"], &["db"]),
            (&["web", "db"], &["web", "db"]),
            (&["a", "b"], &["a", "b"]),
            (&[], &[]),
        ] {
            let ids: Vec<CiId> =
                named.iter().map(|name| ctx.topology.find(name).unwrap()).collect();
            let deepest = deepest(&ctx, &ids).into_iter();
            let names: Vec<&str> = deepest.map(|ci| &*ctx.topology.ci(ci).name).collect();
            assert_eq!(names, expected, "{named:?}");
        }
    }

    #[test]
    fn a_value_is_one_place_under_any_label_and_another_in_another_system() {
        let keys = |pairs: &mut [(&str, &str)], systems: &[(&str, &str)]| -> Vec<u64> {
            let labels = Labels::build(pairs).unwrap();
            values(&labels, systems).into_iter().map(|(_, key)| key).collect()
        };
        let plain = keys(&mut [("alertname", "X"), ("app", "cart"), ("service", "cart")], &[]);
        assert_eq!(plain.len(), 1);
        assert_eq!(keys(&mut [("to", "cart"), ("empty", "")], &[]), plain);
        let system = [("namespace", "a")];
        let within = keys(&mut [("to", "cart"), ("namespace", "a")], &system);
        assert_eq!(within.len(), 1, "the system is a place by itself");
        assert_ne!(within, plain);
        assert_ne!(within, keys(&mut [("to", "cart")], &[("namespace", "b")]));
    }
}
