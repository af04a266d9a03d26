//! Figures for what became of alerts whose true incidents are known. Agrees with the scorer that
//! comes with the recordings; `main` compares the two where it finds it.

use std::collections::{BTreeMap, BTreeSet};

/// What is known of an alert that fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Truth {
    /// The fault it comes from, by its place in the list of faults.
    Fault(usize),
    /// It comes from none.
    Background,
    /// Nobody knows: it is in no figure.
    Unknown,
}

/// Where the alerts went.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mapping {
    /// The incident of each alert that fired; none for one that is in none.
    pub(crate) incidents: Vec<Option<u64>>,
    /// The suspects of each incident, the likeliest first.
    pub(crate) suspects: BTreeMap<u64, Vec<String>>,
}

/// The figures of one set.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Figures {
    /// Harmonic mean of precision and recall over pairs of alerts.
    pub(crate) f1: f64,
    /// Adjusted Rand index.
    pub(crate) ari: f64,
    /// Alerts for each incident.
    pub(crate) compression: f64,
    /// Share of the faults with an alert whose root is the first suspect.
    pub(crate) top_1: f64,
    /// And one of the first three.
    pub(crate) top_3: f64,
}

/// Counts: `truth` of every alert that fired, `roots` of every fault.
pub(crate) fn score(truth: &[Truth], roots: &[Vec<String>], mapping: &Mapping) -> Figures {
    // An alert that is in no incident counts as one of its own.
    let own = |at: usize| u64::MAX - at as u64;
    let placed = mapping.incidents.iter().enumerate();
    let incidents: Vec<u64> = placed.map(|(at, it)| it.unwrap_or(own(at))).collect();
    let both = || truth.iter().copied().zip(incidents.iter().copied());
    let counted: Vec<u64> =
        both().filter(|(truth, _)| *truth != Truth::Unknown).map(|(_, id)| id).collect();
    let labelled: Vec<(usize, u64)> = both()
        .filter_map(|(truth, id)| match truth {
            Truth::Fault(fault) => Some((fault, id)),
            Truth::Background | Truth::Unknown => None,
        })
        .collect();
    let (f1, ari) = pairs(&labelled);
    let distinct = counted.iter().collect::<BTreeSet<_>>().len();
    let (top_1, top_3) = found(&labelled, roots, mapping);
    Figures { f1, ari, compression: share(counted.len(), distinct), top_1, top_3 }
}

/// Returns F1 over pairs and the adjusted Rand index.
fn pairs(labelled: &[(usize, u64)]) -> (f64, f64) {
    let mut by_fault = BTreeMap::new();
    let mut by_incident = BTreeMap::new();
    let mut by_both = BTreeMap::new();
    for (fault, id) in labelled {
        *by_fault.entry(fault).or_insert(0) += 1;
        *by_incident.entry(id).or_insert(0) += 1;
        *by_both.entry((fault, id)).or_insert(0) += 1;
    }
    let of = |counts: Vec<usize>| number(counts.into_iter().map(pairs_of).sum());
    let (true_pairs, made, hit) = (
        of(by_fault.into_values().collect()),
        of(by_incident.into_values().collect()),
        of(by_both.into_values().collect()),
    );
    let f1 = if true_pairs + made > 0.0 { 2.0 * hit / (true_pairs + made) } else { 0.0 };
    let expected = true_pairs * made / number(pairs_of(labelled.len())).max(1.0);
    let most = f64::midpoint(true_pairs, made);
    let even = (most - expected).abs() < f64::EPSILON;
    (f1, if even { 1.0 } else { (hit - expected) / (most - expected) })
}

fn pairs_of(count: usize) -> usize {
    count * count.saturating_sub(1) / 2
}

/// Returns in how many of the faults with an alert one of the first suspects is right: the first,
/// and one of the first three. Asked is the incident that holds most of a fault's alerts, and an
/// incident counts for one fault only.
fn found(labelled: &[(usize, u64)], roots: &[Vec<String>], mapping: &Mapping) -> (f64, f64) {
    let mut by_fault: BTreeMap<usize, BTreeMap<u64, usize>> = BTreeMap::new();
    for (fault, id) in labelled {
        *by_fault.entry(*fault).or_default().entry(*id).or_default() += 1;
    }
    let mut owners: BTreeMap<u64, (usize, usize)> = BTreeMap::new();
    for (fault, incidents) in &by_fault {
        for (id, count) in incidents {
            let owner = owners.entry(*id).or_insert((*fault, 0));
            if *count > owner.1 {
                *owner = (*fault, *count);
            }
        }
    }
    let mut hits = [0; 2];
    let mut asked = 0;
    for (fault, incidents) in by_fault {
        let Some(roots) = roots.get(fault).filter(|roots| !roots.is_empty()) else { continue };
        asked += 1;
        // As the scorer does: of equal ones the first in the order of their numbers as text.
        let most = incidents.iter().max_by(|(a, most_a), (b, most_b)| {
            most_a.cmp(most_b).then_with(|| b.to_string().cmp(&a.to_string()))
        });
        let Some((id, _)) = most else { continue };
        let owned = owners.get(id).is_some_and(|(owner, _)| *owner == fault);
        let suspects = mapping.suspects.get(id).filter(|_| owned).into_iter().flatten();
        match suspects.take(3).position(|suspect| roots.contains(suspect)) {
            Some(0) => hits = [hits[0] + 1, hits[1] + 1],
            Some(_) => hits[1] += 1,
            None => {}
        }
    }
    (share(hits[0], asked), share(hits[1], asked))
}

fn share(part: usize, of: usize) -> f64 {
    number(part) / number(of.max(1))
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn number(count: usize) -> f64 {
    count as f64
}
