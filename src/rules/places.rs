//! Where the parts of sections stand in their files, so that whoever asks why is shown the line.
//!
//! Only of the sections by which incidents are judged: those of a set have a few dozen keys.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::lines::Lines;
use super::set::Place;
use super::source::SourceFile;
use super::yaml::{Node, Value};

/// The sections whose parts are remembered.
const SECTIONS: [&str; 4] = ["priorities", "policies", "lifecycle", "defaults"];
/// How many keys deep: `priorities.impact.high`.
const DEPTH_MAX: usize = 3;

/// Places by the path of keys that leads there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Places(BTreeMap<Box<str>, Place>);

impl Places {
    /// Takes the sections of one more file.
    pub(super) fn add(&mut self, file: &SourceFile, root: &Node) {
        let Value::Map(entries) = &root.value else { return };
        let name: Arc<str> = file.name.as_str().into();
        let lines = Lines::of(&file.text);
        for (key, node) in entries.iter().filter(|(key, _)| SECTIONS.contains(&&*key.name)) {
            let mut left = vec![(String::from(&*key.name), key.span, node, 1)];
            while let Some((path, span, node, depth)) = left.pop() {
                if let (Value::Map(entries), true) = (&node.value, depth < DEPTH_MAX) {
                    left.extend(entries.iter().map(|(key, node)| {
                        (format!("{path}.{}", key.name), key.span, node, depth + 1)
                    }));
                }
                let (line, _) = lines.position(span.start);
                let place = Place { file: Arc::clone(&name), line };
                self.0.entry(path.into()).or_insert(place);
            }
        }
    }

    /// Returns the place of a path, or of the nearest part around it.
    pub(super) fn find(&self, path: &str) -> Option<&Place> {
        let mut path = path;
        loop {
            if let Some(place) = self.0.get(path) {
                return Some(place);
            }
            (path, _) = path.rsplit_once('.')?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::yaml;
    use super::*;

    #[test]
    fn a_part_is_found_or_the_nearest_around_it() {
        let text = "version: 1\npriorities:\n  impact:\n    high: {tier: 1}\n  page: {urgency: high}\nteams:\n  a: {members: b}\n";
        let file = SourceFile { name: "p.yaml".into(), text: text.into() };
        let mut places = Places::default();
        places.add(&file, &yaml::parse(&file).unwrap());
        for (path, line) in [
            ("priorities.impact.high", Some(4)),
            ("priorities.impact.low", Some(3)),
            ("priorities.matrix.high", Some(2)),
            ("priorities.page", Some(5)),
            ("teams.a", None),
            ("lifecycle", None),
        ] {
            assert_eq!(places.find(path).map(|place| place.line), line, "{path}");
        }
    }
}
