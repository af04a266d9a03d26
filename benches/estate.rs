//! The CMDB that benchmarks use: racks of a strip, servers, machines and services.
#![allow(dead_code, unreachable_pub, reason = "each benchmark uses its own part")]

use std::sync::Arc;

use incidentd::cmdb::{CiRow, RelationRow, Rows, Topology};
use incidentd::model::labels::Labels;

/// Strips of twenty servers, each server with two machines; every tenth machine runs a service, and
/// a service depends on two others.
pub fn rows(cis: usize) -> Rows {
    let name = |i: usize| format!("ci-{i:07}");
    let class = |i: usize| match i % 61 {
        0 => "pdu",
        1..=20 => "server",
        n if n % 10 == 1 => "service",
        _ => "vm",
    };
    let row = |i: usize| {
        let attributes = [
            ("rack", format!("R{}", i / 61)),
            ("owner", format!("team-{}", i % 40)),
            ("tier", (1 + i % 3).to_string()),
        ];
        Arc::new(CiRow {
            name: name(i).into(),
            class: class(i).into(),
            attributes: attributes.into_iter().collect(),
            labels: Labels::empty(),
        })
    };
    let relate = |from: usize, relation: &str, to: usize| RelationRow {
        from: name(from).into(),
        relation: relation.into(),
        to: name(to).into(),
        facts: None,
    };
    let mut relations = Vec::with_capacity(cis * 3);
    for i in 0..cis {
        let (rack, n) = (i - i % 61, i % 61);
        let above: Vec<(usize, &str)> = match n {
            0 => vec![(rack.saturating_sub(61), "supplies")],
            1..=20 => vec![(rack, "powers"), (rack + 1 + n % 20, "connects"), (rack, "contains")],
            _ if n % 10 == 1 => {
                vec![(i - 1, "runs"), (i - 2, "runs"), (i - 3, "runs"), (i - 4, "runs")]
            }
            _ => vec![
                (rack + 1 + n % 20, "hosts"),
                (rack + 1 + (n + 7) % 20, "connects"),
                (rack, "contains"),
            ],
        };
        let above = above.into_iter().filter(|(cause, _)| *cause != i && *cause < cis);
        relations.extend(above.map(|(cause, relation)| relate(cause, relation, i)));
    }
    Topology::new(0, Rows { types: vec![], cis: (0..cis).map(row).collect(), relations })
        .unwrap()
        .rows()
}

/// The same with one core switch that connects `spokes` of the CIs, one in ten.
pub fn rows_with_hub(cis: usize, spokes: usize) -> Rows {
    let Rows { types, mut cis, mut relations } = rows(cis);
    let ends = cis.iter().step_by(10).take(spokes);
    relations.extend(ends.map(|end| RelationRow {
        from: HUB.into(),
        relation: "connects".into(),
        to: Arc::from(&*end.name),
        facts: None,
    }));
    let mut core = CiRow::clone(cis.first().unwrap());
    (core.name, core.class) = (HUB.into(), "switch".into());
    cis.push(Arc::new(core));
    Topology::new(0, Rows { types, cis, relations }).unwrap().rows()
}

/// The name of the core switch.
pub const HUB: &str = "core-switch";
