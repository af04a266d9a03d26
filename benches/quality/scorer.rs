//! Asks the scorer that came with the recordings whether the figures are right.

use std::path::Path;
use std::process::Command;

use serde_json::{Map, Value, json};

use crate::score::Mapping;
use crate::set::Set;
use crate::tables::Policy;

/// Compares the figures of each set with those of the scorer; says what came of it.
///
/// # Panics
/// When they differ.
pub(crate) fn compare(sets: &[Set], policy: &Policy, data: &Path, scorer: &Path) -> String {
    let runs = scorer.exists() && Command::new("python3").arg("--version").output().is_ok();
    if !runs {
        return format!("no python3 or no {}: figures not compared with it", scorer.display());
    }
    let rules = policy.rules();
    for set in sets {
        let mapping = set.play(&rules, policy.weights);
        let (ours, theirs) = (set.score(&mapping), ask(set, &mapping, data, scorer));
        let pairs = [
            ("pair_f1", ours.f1),
            ("ari", ours.ari),
            ("compression", ours.compression),
            ("rc_top1_detected", ours.top_1),
        ];
        for (name, figure) in pairs {
            let theirs = theirs[name].as_f64().unwrap();
            let same = (theirs - figure).abs() < 1e-9;
            assert!(same, "{}: {name} is {figure}, by the scorer {theirs}", set.name);
        }
    }
    format!("the figures of the given recordings are those of {}", scorer.display())
}

fn ask(set: &Set, mapping: &Mapping, data: &Path, scorer: &Path) -> Value {
    let firing = set.lines.iter().enumerate().filter(|(_, line)| line.fires);
    let placed = firing.zip(&mapping.incidents);
    let assign: Map<String, Value> = placed
        .filter_map(|((at, _), id)| Some((at.to_string(), json!((*id)?.to_string()))))
        .collect();
    let root: Map<String, Value> = mapping
        .suspects
        .iter()
        .filter_map(|(id, suspects)| Some((id.to_string(), json!(suspects.first()?))))
        .collect();
    let file = std::env::temp_dir().join(format!("quality-{}.json", std::process::id()));
    std::fs::write(&file, json!({"assign": assign, "root": root}).to_string()).unwrap();
    let truth = data.join(&set.name).join("truth.json");
    let asked = Command::new("python3").arg(scorer).args([&truth, &file]).arg("--json").output();
    std::fs::remove_file(&file).unwrap();
    serde_json::from_slice(&asked.unwrap().stdout).unwrap()
}
