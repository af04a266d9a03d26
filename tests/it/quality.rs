//! The figures by which `make quality` judges: by hand on a few alerts, as the scorer that comes with
//! the recordings has them.

use std::collections::BTreeMap;

#[path = "../../benches/quality/score.rs"]
mod score;

use score::{Figures, Mapping, Truth, score};

const FAULTS: [Truth; 6] = [
    Truth::Fault(0),
    Truth::Fault(0),
    Truth::Fault(0),
    Truth::Fault(1),
    Truth::Fault(1),
    Truth::Background,
];

fn figures(truth: &[Truth], incidents: &[u64], suspects: &[(u64, &[&str])]) -> Figures {
    let roots = [vec!["db".to_owned()], vec!["web".to_owned()]];
    let texts = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let mapping = Mapping {
        // 0 stands for none.
        incidents: incidents.iter().map(|id| (*id > 0).then_some(*id)).collect(),
        suspects: suspects
            .iter()
            .map(|(id, names)| (*id, texts(names)))
            .collect::<BTreeMap<_, _>>(),
    };
    score(truth, &roots, &mapping)
}

#[test]
fn pairs_of_alerts_are_counted_as_the_scorer_does() {
    for (incidents, f1, ari, compression) in [
        // The scorer's own figures for these five.
        ([1, 1, 1, 2, 2, 3], 1.0, 1.0, 2.0),
        ([1, 1, 1, 1, 1, 1], 4.0 / 7.0, 0.0, 6.0),
        ([1, 1, 2, 2, 2, 2], 0.5, 1.0 / 6.0, 3.0),
        ([1, 2, 3, 4, 5, 6], 0.0, 0.0, 1.0),
        ([0, 0, 0, 1, 1, 0], 0.4, 2.0 / 7.0, 1.2),
    ] {
        let figures = figures(&FAULTS, &incidents, &[]);
        assert!((figures.f1 - f1).abs() < 1e-9, "{incidents:?}: {figures:?}");
        assert!((figures.ari - ari).abs() < 1e-9, "{incidents:?}: {figures:?}");
        assert!((figures.compression - compression).abs() < 1e-9, "{incidents:?}: {figures:?}");
    }
}

#[test]
fn what_nobody_knows_is_in_no_figure() {
    let mut truth = FAULTS;
    truth[0] = Truth::Unknown;
    let figures = figures(&truth, &[9, 1, 1, 2, 2, 2], &[]);
    assert!((figures.f1 - 1.0).abs() < 1e-9);
    assert!((figures.compression - 2.5).abs() < 1e-9, "{figures:?}");
}

#[test]
fn a_root_counts_for_the_fault_that_holds_most_of_its_incident() {
    for (incidents, suspects, top_1, top_3) in [
        ([1, 1, 1, 2, 2, 3], &[(1, &["db"][..]), (2, &["web"])][..], 1.0, 1.0),
        ([1, 1, 1, 2, 2, 3], &[(1, &["x", "y", "db"][..]), (2, &["web"])][..], 0.5, 1.0),
        ([1, 1, 1, 2, 2, 3], &[(1, &["x", "y", "z", "db"][..])][..], 0.0, 0.0),
        // Both in one: it is asked for the first fault only, with more alerts.
        ([1, 1, 1, 1, 1, 3], &[(1, &["db", "web"][..])][..], 0.5, 0.5),
    ] {
        let figures = figures(&FAULTS, &incidents, suspects);
        let found = (figures.top_1, figures.top_3);
        assert!((found.0 - top_1).abs() < 1e-9 && (found.1 - top_3).abs() < 1e-9, "{found:?}");
    }
}
