//! The yardstick: alerts of one namespace belong together while they come within one and a half
//! ticks of one another. No topology and no more than this; hard to beat where faults come one by one.

use std::collections::BTreeMap;

use crate::score::Mapping;
use crate::set::Set;

/// The silence between two alerts of one incident, in ticks.
const GAP_TICKS: f64 = 1.5;

/// A tick is the shortest tenth of the last 64 times between changes of an alert, by source: as the
/// engine learns it, 60 s until there are four.
const KEPT: usize = 64;
const TICK_MS: i64 = 60_000;

/// Returns where alerts go by that.
pub(crate) fn play(set: &Set) -> Mapping {
    let mut ticks: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    let mut changed = BTreeMap::new();
    let mut open: BTreeMap<&str, (u64, i64)> = BTreeMap::new();
    let mut incidents = Vec::new();
    let mut number = 0;
    for line in &set.lines {
        let label = |name: &str| line.labels.get(name).map_or("", |value| &**value);
        if let Some(before) = changed.insert(&line.labels, line.at_ms) {
            note(&mut ticks, label("job"), line.at_ms - before);
        }
        if !line.fires {
            continue;
        }
        let gap = tick(&ticks, label("job")) * GAP_TICKS;
        let joins = open.get(label("namespace"));
        let joins = joins.filter(|(_, last)| span(line.at_ms - last) <= gap);
        let id = joins.map_or_else(|| number + 1, |(id, _)| *id);
        number = number.max(id);
        open.insert(label("namespace"), (id, line.at_ms));
        incidents.push(Some(id));
    }
    Mapping { incidents, suspects: BTreeMap::new() }
}

fn note<'a>(ticks: &mut BTreeMap<&'a str, Vec<i64>>, job: &'a str, lasted_ms: i64) {
    if lasted_ms > 500 {
        for job in [job, ""] {
            let kept = ticks.entry(job).or_default();
            if kept.len() >= KEPT {
                kept.remove(0);
            }
            kept.push(lasted_ms);
        }
    }
}

fn tick(ticks: &BTreeMap<&str, Vec<i64>>, job: &str) -> f64 {
    let known = [job, ""].into_iter().filter_map(|job| ticks.get(job));
    let mut known = known.filter(|kept| kept.len() >= 4);
    let mut sorted = known.next().cloned().unwrap_or_default();
    sorted.sort_unstable();
    let tick = sorted.get(sorted.len() / 10).copied().unwrap_or(TICK_MS);
    span(tick.clamp(15_000, 900_000))
}

#[expect(clippy::cast_precision_loss, reason = "spans of days")]
fn span(ms: i64) -> f64 {
    ms as f64
}
