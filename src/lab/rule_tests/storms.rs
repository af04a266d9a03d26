//! Compares the storms of a test with those that are expected at a time.

use super::play::Played;
use crate::model::incident::Storm;
use crate::rules::testcase::StormExpectation;

/// Returns what was expected and what there is, where the two differ: all that are expected to last
/// must, and no other; those that are expected to be over must be.
pub(super) fn difference(
    played: &Played,
    expected: &[StormExpectation],
) -> Option<(String, String)> {
    let storms = played.tops().filter_map(|it| it.storm.as_ref());
    let (active, over): (Vec<&Storm>, Vec<&Storm>) = storms.partition(|it| it.is_active());
    let keys = |storms: Vec<&Storm>| storms.iter().map(|it| it.key.to_string()).collect();
    let (mut active, mut over): (Vec<String>, Vec<String>) = (keys(active), keys(over));
    let got = format!("[{}]", active.join(", "));
    let mut missing = false;
    for wanted in expected {
        let left = if wanted.active == Some(false) { &mut over } else { &mut active };
        let fits = |key: &String| wanted.key.as_deref().is_none_or(|wanted| wanted == key);
        match left.iter().position(fits) {
            Some(at) => drop(left.remove(at)),
            None => missing = true,
        }
    }
    let wanted: Vec<String> = expected.iter().map(ToString::to_string).collect();
    (missing || !active.is_empty()).then(|| (format!("[{}]", wanted.join(", ")), got))
}
