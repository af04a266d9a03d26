//! An outage of a whole row of racks: ten thousand alerts in a minute, on the production engine. Its
//! speed, with ten times as many, is measured in `benches/correlate.rs`.

use core::time::Duration;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::story::{START, rules_of};
use super::world::World;
use crate::cmdb::Topology;
use crate::engine::context::{Context, Limits};
use crate::engine::event::Event;
use crate::model::alert::{Details, Occurrence, Signal};
use crate::model::incident::RecordId;
use crate::model::labels::Labels;
use crate::model::time::Timestamp;

const RULES: &str = include_str!("../../benches/row-storm.yaml");

const ALERTS: usize = 10_000;
const MINUTE: Duration = Duration::from_mins(1);

/// Alerts of one delivery.
const BATCH: usize = 50;

/// In which delivery the critical alert is that has nothing to do with the row.
const OUTSIDE: usize = 123;

fn occurrence(pairs: &mut [(&str, &str)], at: Timestamp) -> Occurrence {
    let labels = Labels::build(pairs).unwrap();
    let details = Details { annotations: Labels::empty(), generator_url: "".into() };
    Occurrence {
        fingerprint: labels.fingerprint(),
        severity: labels.get("severity").map(Into::into),
        labels,
        signal: Signal::Firing { until: at.plus(MINUTE * 60), explicit: false },
        starts_at: at,
        details: Arc::new(details),
    }
}

/// Four alerts of each of 2,500 CIs.
fn of_row(n: usize, at: Timestamp) -> Occurrence {
    let (name, ci) = (format!("Alarm{}", n % 4), format!("srv-{}", n / 4));
    let labels = [("alertname", &*name), ("ci", &*ci), ("row", "7"), ("severity", "warning")];
    occurrence(&mut { labels }, at)
}

#[test]
fn an_outage_is_one_incident_and_one_page_and_hides_no_critical_alert() {
    let ctx = Context::new(rules_of(RULES), Arc::new(Topology::empty()), Limits::default());
    let mut world = World::new(ctx, START);
    let deliveries = ALERTS / BATCH;
    let step = MINUTE / u32::try_from(deliveries).unwrap();
    let mut outside_at = START;
    for delivery in 0..deliveries {
        let at = START.plus(step * u32::try_from(delivery).unwrap());
        let all = delivery * BATCH..(delivery + 1) * BATCH;
        let mut occurrences: Vec<Occurrence> = all.map(|n| of_row(n, at)).collect();
        if delivery == OUTSIDE {
            let mut labels =
                [("alertname", "VaultOpen"), ("ci", "vault"), ("severity", "critical")];
            occurrences.push(occurrence(&mut labels, at));
            outside_at = at;
        }
        world.event(&Event::Received { source: "row".into(), occurrences }, at);
    }
    world.advance(START.plus(MINUTE * 5));

    let image = world.image();
    let alone: Vec<RecordId> =
        image.incidents.values().filter(|it| it.parent.is_none()).map(|it| it.id).collect();
    let [storm, vault] = alone[..] else { panic!("{alone:?}") };
    assert_eq!(image.incidents[&storm].firing, u32::try_from(ALERTS).unwrap());
    assert_eq!(image.incidents[&vault].firing, 1);
    let pages: BTreeSet<(RecordId, Timestamp)> =
        world.pages().map(|page| (page.id.incident, page.created_at)).collect();
    assert_eq!((world.pages().count(), pages.len()), (2, 2), "{pages:?}");
    assert!(pages.contains(&(vault, outside_at)), "at once: {pages:?}");
    // What is kept of it grows with the deliveries, not with the alerts.
    let told = image.timeline_of(storm).count();
    assert!(told <= deliveries + 20, "{told} entries");
    // Those that began before there was a storm: at most all alerts of 30 CIs, and the one outside.
    assert!(image.incidents.len() <= 4 * 30 + 1, "{} incidents", image.incidents.len());
}
