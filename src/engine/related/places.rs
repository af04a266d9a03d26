//! Where an alert is: its CI, others it names, its system; without a CI what it is labelled with.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::cmdb::{CiId, RELATION, Ties, Topology};
use crate::engine::context::Context;
use crate::engine::state::Held;
use crate::model::labels::{FNV_OFFSET, Labels, fnv};
use crate::rules::Related;

use super::learned::Learned;

/// How far around an alert other alerts count, in the units of [`RELATION`].
const REACH: u32 = 250;

/// CIs looked at around one: what hangs off a core switch beyond that is left to other rules.
const NEAR_MAX: usize = 256;

/// How far apart two places of one system are that the topology knows no way between: the map is
/// never complete, and no path does not mean no relation.
const SYSTEM: u32 = 125;

/// How far apart two alerts are that share a label pair which every alert carries; a rare pair is
/// nearer in proportion.
const COMMON_PAIR: f64 = 200.0;

/// Labels that say what an alert is like, not where it is.
const NO_PLACE: [&str; 3] = ["alertname", "job", "severity"];

/// Other CIs that one alert may name, and label pairs looked at of one without a CI.
const PEERS_MAX: usize = 4;
const PAIRS_MAX: usize = 16;

/// Balls kept: 16 bytes for each CI in one.
const BALLS_MAX: usize = 4_096;

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
}

impl Place {
    fn of_ci(topology: &Topology, ci: CiId) -> Self {
        let name = &topology.ci(ci).name;
        Self { key: key("ci", name), distance: 0, ci: Some(ci), name: (&**name).into() }
    }

    fn of_label(name: &str, value: &str, distance: u32) -> Self {
        let text = format!("{name}={value:?}");
        Self { key: key("label", &text), distance, ci: None, name: text.into() }
    }
}

fn key(kind: &str, name: &str) -> u64 {
    fnv(fnv(fnv(FNV_OFFSET, kind.as_bytes()), &[0xFF]), name.as_bytes())
}

/// Returns all places of an alert, its own first.
pub(super) fn places(ctx: &Context, held: &Held, kind: &Related, learned: &Learned) -> Vec<Place> {
    let systems = systems(held, kind);
    let Some(ci) = held.ci else { return of_labels(&held.labels, &systems, learned) };
    let mut places = vec![Place::of_ci(&ctx.topology, ci)];
    for peer in peers(&ctx.topology, held, &systems).into_iter().filter(|peer| *peer != ci) {
        if places.len() <= PEERS_MAX && places.iter().all(|place| place.ci != Some(peer)) {
            places.push(Place::of_ci(&ctx.topology, peer));
        }
    }
    places.extend(system(&systems));
    places
}

fn systems<'a>(held: &'a Held, kind: &'a Related) -> Vec<(&'a str, &'a str)> {
    let value = |name: &'a str| held.labels.get(name).filter(|value| !value.is_empty());
    kind.scope.iter().filter_map(|name| Some((&**name, value(name)?))).collect()
}

/// Returns the other CIs that an alert names.
pub(super) fn peers_of(topology: &Topology, held: &Held, kind: &Related) -> Vec<CiId> {
    peers(topology, held, &systems(held, kind))
}

/// Returns the system an alert is part of, as a place.
fn system(systems: &[(&str, &str)]) -> Option<Place> {
    match systems {
        [] => return None,
        // As an alert without a CI stands on it.
        [(name, value)] => return Some(Place::of_label(name, value, SYSTEM)),
        [..] => {}
    }
    let pairs: Vec<String> =
        systems.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    let text = pairs.join(", ");
    Some(Place { key: key("system", &text), distance: SYSTEM, ci: None, name: text.into() })
}

/// Returns the other CIs that an alert names in its labels: by their names, or by those within its
/// system (`shop/cart`).
fn peers(topology: &Topology, held: &Held, systems: &[(&str, &str)]) -> Vec<CiId> {
    let named = |(_, value): (&str, &str)| {
        topology.find(value).or_else(|| {
            let (_, system) = systems.first()?;
            topology.find(&format!("{system}/{value}"))
        })
    };
    let labels = held.labels.iter().filter(|(name, value)| {
        !NO_PLACE.contains(name) && !value.is_empty() && !systems.contains(&(*name, *value))
    });
    labels.filter_map(named).collect()
}

/// The places of an alert without a CI: its labels as a whole, and each that says where it is.
fn of_labels(labels: &Labels, systems: &[(&str, &str)], learned: &Learned) -> Vec<Place> {
    let whole = labels.to_string();
    let mut places =
        vec![Place { key: key("labels", &whole), distance: 0, ci: None, name: whole.into() }];
    for (name, value) in pairs(labels) {
        let mut place = of_pair((name, value), systems);
        place.distance = distance(learned.share(place.key));
        if systems.contains(&(name, value)) {
            place.distance = place.distance.max(SYSTEM);
        }
        places.push(place);
    }
    places
}

/// A label pair as a place. Of an alert that says of which system it is, it is a place of that
/// system: services of one name in two systems are two.
fn of_pair((name, value): (&str, &str), systems: &[(&str, &str)]) -> Place {
    let mut place = Place::of_label(name, value, 0);
    if !systems.is_empty() && !systems.contains(&(name, value)) {
        for (name, value) in systems {
            place.key = key("within", &format!("{:x} {name}={value:?}", place.key));
        }
    }
    place
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 200")]
fn distance(share: f64) -> u32 {
    (COMMON_PAIR * share.clamp(0.0, 1.0)) as u32
}

fn pairs(labels: &Labels) -> impl Iterator<Item = (&str, &str)> {
    let says_where = |(name, value): &(&str, &str)| !NO_PLACE.contains(name) && !value.is_empty();
    labels.iter().filter(says_where).take(PAIRS_MAX)
}

/// Returns the keys of the label pairs by which an alert without a CI is found.
pub(super) fn pair_keys(held: &Held, kind: &Related) -> Vec<u64> {
    let systems = systems(held, kind);
    pairs(&held.labels).map(|pair| of_pair(pair, &systems).key).collect()
}

/// What lies around CIs, as far as it was asked, in one version of the topology.
#[derive(Debug, Default)]
pub(super) struct Balls {
    version: Option<u64>,
    pub(super) ties: Ties,
    of: BTreeMap<CiId, Ball>,
}

/// The keys of the CIs around one with their distances, nearest first.
pub(super) type Ball = Arc<[(u64, CiId, u32)]>;

impl Balls {
    /// Begins anew for another topology, or when there are too many.
    pub(super) fn renew(&mut self, topology: &Topology) {
        if self.version != Some(topology.version()) || self.of.len() >= BALLS_MAX {
            let version = Some(topology.version());
            *self = Self { version, ties: topology.ties(), of: BTreeMap::new() };
        }
    }

    /// Returns what lies around a CI, itself first.
    pub(super) fn around(&mut self, topology: &Topology, ci: CiId) -> Ball {
        self.renew(topology);
        let ties = self.ties;
        let walk = || {
            let near = topology.near(ci, ties, REACH, NEAR_MAX).into_iter();
            near.map(|(ci, distance)| (key("ci", &topology.ci(ci).name), ci, distance)).collect()
        };
        Arc::clone(self.of.entry(ci).or_insert_with(walk))
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
