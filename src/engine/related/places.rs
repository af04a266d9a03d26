//! Where an alert is: its CI, others it names, its system; without a CI what it is labelled with.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::FixedState;

use crate::cmdb::{CiId, RELATION, Ties, Topology};
use crate::engine::context::Context;
use crate::engine::state::Held;
use crate::engine::weights::Weights;
use crate::model::labels::{FNV_OFFSET, Labels, fnv};
use crate::rules::Related;

use super::learned::Learned;

/// How far around an alert other alerts count, in the units of [`RELATION`].
const REACH: u32 = 250;

/// CIs looked at around one: what hangs off a core switch beyond that is left to other rules.
const NEAR_MAX: usize = 256;

/// Labels that say what an alert is like, not where it is.
const NO_PLACE: [&str; 3] = ["alertname", "job", "severity"];

/// The label of a CI that says in which cluster it is; its name begins with that.
const CLUSTER: &str = "cluster";

/// Other CIs that one alert may name, and values of labels looked at of one without a CI.
const PEERS_MAX: usize = 4;
const VALUES_MAX: usize = 16;

/// CIs in the balls that were asked for lately, 16 bytes each; as many are kept that were asked for
/// before those.
const BALLED_MAX: usize = 1 << 20;

/// One place of an alert.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Place {
    /// What it is found by, whatever the version of the topology.
    pub(super) key: u64,
    /// How far the alert is from it.
    pub(super) distance: u32,
    /// The CI that it is, if it is one.
    pub(super) ci: Option<CiId>,
    /// What people call it.
    pub(super) name: Box<str>,
    /// Whether an incident of the alert is there, too.
    pub(super) presence: Presence,
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
        let name = &topology.ci(ci).name;
        Self::new(key("ci", name), Some(ci), name)
    }

    /// What every alert stands on that carries a value, whatever the label: `service="cart"` here is
    /// `destination_workload="cart"` there. Of an alert that says of which system it is, it is a
    /// place of that system: services of one name in two systems are two.
    fn of_value((name, value): (&str, &str), systems: &[(&str, &str)]) -> Self {
        let within = systems.iter().fold(FNV_OFFSET, |hash, (name, value)| {
            fnv(fnv(fnv(hash, name.as_bytes()), &[0xFF]), value.as_bytes())
        });
        let key = fnv(fnv(within, &[0xFF]), value.as_bytes());
        Self::new(key, None, &format!("{name}={value:?}"))
    }

    fn new(key: u64, ci: Option<CiId>, name: &str) -> Self {
        Self { key, distance: 0, ci, name: name.into(), presence: Presence::Suffers }
    }
}

fn key(kind: &str, name: &str) -> u64 {
    fnv(fnv(fnv(FNV_OFFSET, kind.as_bytes()), &[0xFF]), name.as_bytes())
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
    let mut places = vec![Place::of_ci(&ctx.topology, ci)];
    for peer in
        peers(&ctx.topology, (labels, Some(ci)), &systems).into_iter().filter(|peer| *peer != ci)
    {
        if places.len() <= PEERS_MAX && places.iter().all(|place| place.ci != Some(peer)) {
            places.push(Place::of_ci(&ctx.topology, peer));
        }
    }
    set_callers_apart(ctx, &mut places);
    places.extend(system(&ctx.weights, &systems));
    places
}

/// Of the CIs that an alert names, puts those farther off that depend on another of them: what is
/// wrong is there, and callers are named in alerts about all that they call.
fn set_callers_apart(ctx: &Context, places: &mut [Place]) {
    let named: Vec<CiId> = places.iter().filter_map(|place| place.ci).collect();
    let deepest = deepest(ctx, &named);
    for place in places {
        if place.ci.is_some_and(|ci| !deepest.contains(&ci)) {
            place.distance = units(ctx.weights.caller);
            place.presence = Presence::Depends;
        }
    }
}

/// Returns those CIs whose service depends on none of the others'; all, where each depends on one.
pub(super) fn deepest(ctx: &Context, cis: &[CiId]) -> Vec<CiId> {
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

/// Returns the other CIs that an alert names.
pub(super) fn peers_of(topology: &Topology, held: &Held, kind: &Related) -> Vec<CiId> {
    peers(topology, (&held.labels, held.ci), &systems(&held.labels, kind))
}

/// Returns the system an alert is part of, as a place.
fn system(weights: &Weights, systems: &[(&str, &str)]) -> Option<Place> {
    let pairs: Vec<String> =
        systems.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    let text = pairs.join(", ");
    let place = Place::new(key("system", &text), None, &text);
    (!systems.is_empty()).then_some(Place { distance: units(weights.system), ..place })
}

/// Returns the other CIs that an alert names in its labels: by their names, or by those within its
/// system (`shop/cart`), in the cluster of the CI that it is bound to (`eu:shop/cart`).
fn peers(
    topology: &Topology,
    (labels, ci): (&Labels, Option<CiId>),
    systems: &[(&str, &str)],
) -> Vec<CiId> {
    let cluster = ci.and_then(|ci| topology.ci(ci).labels.get(CLUSTER));
    let cluster = cluster.map(|cluster| format!("{cluster}:")).unwrap_or_default();
    let named = |(_, value): (&str, &str)| {
        topology.find(value).or_else(|| {
            let (_, system) = systems.first()?;
            topology.find(&format!("{cluster}{system}/{value}"))
        })
    };
    let labels = labels.iter().filter(|(name, value)| {
        !NO_PLACE.contains(name) && !value.is_empty() && !systems.contains(&(*name, *value))
    });
    labels.filter_map(named).collect()
}

/// The places of an alert without a CI: its labels as a whole, each value that says where it is, the
/// rarer the nearer, and its system.
fn of_labels(
    ctx: &Context,
    labels: &Labels,
    systems: &[(&str, &str)],
    learned: &Learned,
) -> Vec<Place> {
    let whole = labels.to_string();
    let mut places = vec![Place::new(key("labels", &whole), None, &whole)];
    for mut place in values(labels, systems) {
        place.distance = units(ctx.weights.common_value * learned.share(place.key));
        places.push(place);
    }
    places.extend(system(&ctx.weights, systems));
    places
}

/// Returns so many relations in the units of [`RELATION`].
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few hundred")]
fn units(relations: f64) -> u32 {
    (relations * f64::from(RELATION)) as u32
}

fn values(labels: &Labels, systems: &[(&str, &str)]) -> Vec<Place> {
    let says_where = |pair: &(&str, &str)| {
        !NO_PLACE.contains(&pair.0) && !pair.1.is_empty() && !systems.contains(pair)
    };
    let mut values: Vec<Place> = Vec::new();
    for pair in labels.iter().filter(says_where).take(VALUES_MAX) {
        let place = Place::of_value(pair, systems);
        if values.iter().all(|known| known.key != place.key) {
            values.push(place);
        }
    }
    values
}

/// Returns the keys of the values by which an alert without a CI is found.
pub(super) fn value_keys(held: &Held, kind: &Related) -> Vec<u64> {
    values(&held.labels, &systems(&held.labels, kind)).into_iter().map(|place| place.key).collect()
}

/// What lies around CIs, as far as it was asked, in one version of the topology.
///
/// Only asked, never iterated: the order of its maps does not matter.
#[derive(Debug, Default)]
pub(super) struct Balls {
    version: Option<u64>,
    pub(super) ties: Ties,
    lately: HashMap<CiId, Ball, FixedState>,
    before: HashMap<CiId, Ball, FixedState>,
    /// CIs in the balls of `lately`.
    balled: usize,
}

/// The keys of the CIs around one with their distances, nearest first.
pub(super) type Ball = Arc<[(u64, CiId, u32)]>;

impl Balls {
    /// Begins anew for another topology.
    pub(super) fn renew(&mut self, topology: &Topology) {
        if self.version != Some(topology.version()) {
            let version = Some(topology.version());
            *self = Self { version, ties: topology.ties(), ..Self::default() };
        }
    }

    /// Returns what lies around a CI, itself first.
    pub(super) fn around(&mut self, topology: &Topology, ci: CiId) -> Ball {
        self.renew(topology);
        if let Some(known) = self.lately.get(&ci) {
            return Arc::clone(known);
        }
        let ball = self.before.remove(&ci).unwrap_or_else(|| {
            let near = topology.near(ci, self.ties, REACH, NEAR_MAX).into_iter();
            near.map(|(ci, distance)| (key("ci", &topology.ci(ci).name), ci, distance)).collect()
        });
        if self.balled >= BALLED_MAX {
            // What was not asked for since the last time goes.
            self.before = core::mem::take(&mut self.lately);
            self.balled = 0;
        }
        self.balled += ball.len();
        self.lately.insert(ci, Arc::clone(&ball));
        ball
    }
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
            values(&labels, systems).into_iter().map(|place| place.key).collect()
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
