//! A recording with its topology and its true incidents, and what incidentd makes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use incidentd::cmdb::{Topology, import};
use incidentd::engine::weights::Weights;
use incidentd::ingest::recorded::{self, Recorded};
use incidentd::lab::replay::Replay;
use incidentd::model::alert::{Occurrence, Signal};
use incidentd::model::labels::Labels;
use incidentd::model::time::Timestamp;
use incidentd::rules::RuleSet;
use serde_json::{Value, json};

use crate::score::{Figures, Mapping, Truth, score};

/// A recording.
#[derive(Clone, Debug)]
pub(crate) struct Set {
    pub(crate) name: String,
    pub(crate) lines: Vec<Line>,
    pub(crate) cis: Vec<Ci>,
    pub(crate) relations: Vec<Relation>,
    /// The CIs that are right as the root of each fault.
    pub(crate) roots: Vec<Vec<String>>,
}

/// An alert begins or ends.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) at_ms: i64,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) fires: bool,
    pub(crate) truth: Truth,
    original: Occurrence,
}

#[derive(Clone, Debug)]
pub(crate) struct Ci {
    pub(crate) id: String,
    pub(crate) class: String,
    pub(crate) labels: BTreeMap<String, String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Relation {
    pub(crate) from: String,
    pub(crate) kind: String,
    pub(crate) to: String,
}

impl Set {
    /// Reads a folder with `alerts.jsonl`, `topology.json` and `truth.json`.
    pub(crate) fn read(folder: &Path) -> Self {
        let text = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
        let document = |name: &str| serde_json::from_str::<Value>(&text(name)).unwrap();
        let (topology, truth) = (document("topology.json"), document("truth.json"));
        let faults = list(&truth["faults"]);
        let ids: Vec<&str> = faults.iter().map(|it| it["id"].as_str().unwrap()).collect();
        let unknown: BTreeSet<u64> =
            truth["excluded"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
        let of = list(&truth["alert_incident"]);
        let truth_of = |at: usize| match of[at].as_str() {
            _ if unknown.contains(&(at as u64)) => Truth::Unknown,
            Some(id) => Truth::Fault(ids.iter().position(|it| *it == id).unwrap()),
            None => Truth::Background,
        };
        let lines = text("alerts.jsonl");
        let lines = lines.lines().enumerate().map(|(at, line)| Line::read(line, truth_of(at)));
        Self {
            name: folder.file_name().unwrap().to_string_lossy().into_owned(),
            lines: lines.collect(),
            cis: list(&topology["cis"]).iter().map(Ci::read).collect(),
            relations: list(&topology["relations"]).iter().map(Relation::read).collect(),
            roots: faults.iter().map(|it| strings(&it["root_cause_cis"])).collect(),
        }
    }

    /// Scores what rules make of it.
    pub(crate) fn figures(&self, rules: &Arc<RuleSet>, weights: Weights) -> Figures {
        self.score(&self.play(rules, weights))
    }

    /// Scores where alerts went.
    pub(crate) fn score(&self, mapping: &Mapping) -> Figures {
        let truth: Vec<Truth> = self.firing().map(|line| line.truth).collect();
        score(&truth, &self.roots, mapping)
    }

    /// Yields the lines that say that an alert fires.
    pub(crate) fn firing(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|line| line.fires)
    }

    /// Plays it.
    pub(crate) fn play(&self, rules: &Arc<RuleSet>, weights: Weights) -> Mapping {
        let mut replay = Replay::new(Arc::clone(rules), Arc::new(self.topology())).weighed(weights);
        for (at, line) in self.lines.iter().enumerate() {
            replay.feed(at as u64, &line.recorded());
        }
        let outcome = replay.finish();
        let alerts = outcome.alerts.iter().zip(&self.lines);
        let texts = |cis: &[Arc<str>]| cis.iter().map(ToString::to_string).collect();
        Mapping {
            incidents: alerts.filter(|(_, line)| line.fires).map(|(it, _)| it.incident).collect(),
            suspects: outcome.incidents.iter().map(|it| (it.number, texts(&it.suspects))).collect(),
        }
    }

    fn topology(&self) -> Topology {
        if self.cis.is_empty() {
            return Topology::empty();
        }
        let cis: Vec<Value> = self.cis.iter().map(Ci::json).collect();
        let relations: Vec<Value> = self.relations.iter().map(Relation::json).collect();
        let text = json!({"cis": cis, "relations": relations}).to_string();
        Topology::build(1, &import::read(&text, "topology.json").unwrap()).unwrap()
    }
}

impl Line {
    fn read(line: &str, truth: Truth) -> Self {
        let Recorded { at, mut occurrences, .. } = recorded::read(line).unwrap();
        let original = occurrences.remove(0);
        let labels = original.labels.iter();
        Self {
            at_ms: at.millis(),
            labels: labels.map(|(name, value)| (name.into(), value.into())).collect(),
            fires: matches!(original.signal, Signal::Firing { .. }),
            truth,
            original,
        }
    }

    fn recorded(&self) -> Recorded {
        let at = Timestamp::from_millis(self.at_ms);
        let mut pairs: Vec<(&str, &str)> =
            self.labels.iter().map(|(name, value)| (&**name, &**value)).collect();
        let labels = Labels::build(&mut pairs).unwrap();
        let mut occurrence = self.original.clone();
        occurrence.fingerprint = labels.fingerprint();
        occurrence.labels = labels;
        occurrence.starts_at = at;
        if !self.fires {
            occurrence.signal = Signal::Resolved { at };
        }
        Recorded { at, source: None, occurrences: vec![occurrence] }
    }
}

impl Ci {
    fn read(value: &Value) -> Self {
        let labels = value["labels"].as_object().into_iter().flatten();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Self {
            id: text(&value["id"]),
            class: text(&value["class"]),
            labels: labels.map(|(name, value)| (name.clone(), text(value))).collect(),
        }
    }

    fn json(&self) -> Value {
        json!({"id": self.id, "class": self.class, "labels": self.labels})
    }
}

impl Relation {
    fn read(value: &Value) -> Self {
        let text = |name: &str| value[name].as_str().unwrap().to_owned();
        Self { from: text("from"), kind: text("type"), to: text("to") }
    }

    fn json(&self) -> Value {
        json!({"from": self.from, "type": self.kind, "to": self.to})
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], |list| list)
}

fn strings(value: &Value) -> Vec<String> {
    list(value).iter().filter_map(Value::as_str).map(Into::into).collect()
}
