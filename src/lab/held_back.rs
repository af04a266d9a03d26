//! Says which firing alerts a rule holds back: by a window, or because it inhibits them.

use std::collections::BTreeSet;

use super::image::Image;
use super::rule_tests::name;
use crate::engine::changes::AlertRow;

/// Returns the names of the firing alerts that a rule holds back, in order, each once.
pub(super) fn by_rule(image: &Image, rule: &str) -> Vec<String> {
    let is_held_back = |row: &&AlertRow| {
        let windows = row.state.silenced_by.iter().filter_map(|id| image.silences.get(id));
        let inhibits = row.state.inhibited_by.iter().any(|by| *by.rule == *rule);
        inhibits || windows.into_iter().any(|window| window.rule.as_deref() == Some(rule))
    };
    let firing = image.alerts.values().filter(|row| row.state.fires());
    let names: BTreeSet<String> = firing.filter(is_held_back).map(name).collect();
    names.into_iter().collect()
}
