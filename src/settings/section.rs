//! Reads keys of a section one by one: each with what is expected of it, and a problem when it is
//! not that. Knows no key by name and decides nothing.

use core::fmt;
use core::ops::RangeInclusive;
use core::str::FromStr;
use core::time::Duration;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use config::{Value, ValueKind};

use super::Problem;
use super::kafka::{self, Cluster};
use super::units;
use crate::model::notice::CANARY;
use crate::model::priority::NotAWord;
use crate::model::report::REPORT;

type Table = BTreeMap<String, Value>;

/// All sections of the merged settings.
pub(super) struct Reader<'a> {
    sections: Table,
    defaults: Table,
    known: Vec<String>,
    /// Keys with their sections whose values no message may show.
    secrets: Vec<String>,
    /// Clusters of Kafka by name; nothing for one with a problem.
    clusters: Clusters,
    problems: &'a mut Vec<Problem>,
}

type Clusters = BTreeMap<String, Option<Arc<Cluster>>>;

impl<'a> Reader<'a> {
    pub(super) fn new(merged: Value, defaults: Value, problems: &'a mut Vec<Problem>) -> Self {
        let [sections, defaults] = [merged, defaults].map(|root| table(root).unwrap_or_default());
        let (known, secrets, clusters) = (Vec::new(), Vec::new(), Clusters::new());
        Self { sections, defaults, known, secrets, clusters, problems }
    }

    /// Reads the clusters of Kafka, which sections that are read later may name. One with a problem
    /// is not among them, but no problem to name.
    pub(super) fn clusters(&mut self) -> BTreeMap<Arc<str>, Arc<Cluster>> {
        let read = self.sections_in(("kafka", "clusters"), kafka::read);
        let read = read.into_iter().map(|(name, cluster)| (name, cluster.map(Arc::new)));
        self.clusters = read.collect();
        let whole = |(name, cluster): (&String, &Option<Arc<Cluster>>)| {
            Some((name.as_str().into(), Arc::clone(cluster.as_ref()?)))
        };
        self.clusters.iter().filter_map(whole).collect()
    }

    /// Reads one section with `read` and refuses its keys that were not read.
    pub(super) fn section<T>(&mut self, name: &str, read: impl FnOnce(&mut Section<'_>) -> T) -> T {
        self.known.push(name.into());
        let value = self.sections.remove(name);
        let defaults = self.defaults.remove(name).and_then(|value| table(value).ok());
        let defaults = defaults.unwrap_or_default();
        let (read, secrets) =
            read_section(name, value, defaults, (read, &self.clusters, self.problems));
        self.secrets.extend(secrets);
        read
    }

    /// Reads sections of one kind whose names are free.
    pub(super) fn sections<T>(
        &mut self,
        kind: &str,
        read: fn(&mut Section<'_>) -> T,
    ) -> BTreeMap<String, T> {
        self.known.push(kind.into());
        let mut defaults = self.defaults.remove(kind).and_then(|value| table(value).ok());
        let named = match self.sections.remove(kind).map(table) {
            Some(Ok(named)) => named,
            Some(Err(value)) => {
                self.problems.push(not_a_section(kind, &value));
                Table::new()
            }
            None => Table::new(),
        };
        let mut sections = BTreeMap::new();
        for (name, value) in named {
            let path = format!("{kind}.{name}");
            if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
                self.problems.push(Problem {
                    code: "K004",
                    file: origin(&value),
                    key: path.clone(),
                    message: format!(
                        "found the name `{name}`, expected letters, digits, `-` and `_`"
                    ),
                    help: "rename it".into(),
                });
            }
            if name == CANARY {
                self.problems.push(Problem {
                    code: "K005",
                    file: origin(&value),
                    key: path.clone(),
                    message: format!("found the name `{name}`, which is the daemon's own"),
                    help: "rename it; see the section [canary]".into(),
                });
            }
            if name == REPORT && kind == "sources" {
                self.problems.push(Problem {
                    code: "K005",
                    file: origin(&value),
                    key: path.clone(),
                    message: format!("found the name `{name}`, which is that of reports by people"),
                    help: "rename it".into(),
                });
            }
            let defaults = defaults.as_mut().and_then(|all| table(all.remove(&name)?).ok());
            let defaults = defaults.unwrap_or_default();
            let (section, secrets) =
                read_section(&path, Some(value), defaults, (read, &self.clusters, self.problems));
            self.secrets.extend(secrets);
            sections.insert(name, section);
        }
        sections
    }

    /// Reads sections of one kind below a section that holds nothing else: `[kafka.clusters.NAME]`.
    pub(super) fn sections_in<T>(
        &mut self,
        (outer, kind): (&str, &'static str),
        read: fn(&mut Section<'_>) -> T,
    ) -> BTreeMap<String, T> {
        let value = self.sections.remove(outer);
        let path = format!("{outer}.{kind}");
        let take = |section: &mut Section<'_>| section.take(kind);
        let (inner, _) =
            read_section(outer, value, Table::new(), (take, &self.clusters, self.problems));
        self.sections.extend(inner.map(|inner| (path.clone(), inner)));
        let sections = self.sections(&path, read);
        self.known.push(outer.into());
        sections
    }

    /// Refuses the sections that were not read, and returns the keys that are secret.
    pub(super) fn close(self) -> Vec<String> {
        let known: Vec<&str> = self.known.iter().map(String::as_str).collect();
        for (name, value) in &self.sections {
            self.problems.push(unknown(name, name, value, &known));
        }
        self.secrets
    }
}

/// Reads one section; returns also which of its keys are secret.
fn read_section<T>(
    name: &str,
    value: Option<Value>,
    defaults: Table,
    (read, clusters, problems): (impl FnOnce(&mut Section<'_>) -> T, &Clusters, &mut Vec<Problem>),
) -> (T, Vec<String>) {
    let set_in = value.as_ref().map_or_else(|| "settings".into(), origin);
    let keys = match value.map(table) {
        Some(Ok(keys)) => keys,
        Some(Err(value)) => {
            problems.push(not_a_section(name, &value));
            defaults.clone()
        }
        None => Table::new(),
    };
    let mut section = Section {
        name,
        origin: set_in,
        origins: BTreeMap::new(),
        keys,
        defaults,
        known: Vec::new(),
        secrets: Vec::new(),
        clusters,
        problems,
    };
    let read = read(&mut section);
    for (key, value) in &section.keys {
        let path = format!("{name}.{key}");
        section.problems.push(unknown(&path, key, value, &section.known));
    }
    (read, section.secrets)
}

/// One section. Every function takes a key out of it; after a problem it returns a stand-in that is
/// never used, because settings with a problem are not handed out.
pub(super) struct Section<'a> {
    name: &'a str,
    /// Where the section was set, for keys that are missing.
    origin: String,
    /// Where each key that was read was set.
    origins: BTreeMap<&'static str, String>,
    keys: Table,
    defaults: Table,
    known: Vec<&'static str>,
    secrets: Vec<String>,
    clusters: &'a Clusters,
    problems: &'a mut Vec<Problem>,
}

impl Section<'_> {
    /// Reads the name of a cluster of Kafka.
    pub(super) fn cluster(&mut self, key: &'static str) -> Option<(Arc<str>, Arc<Cluster>)> {
        let clusters = self.clusters;
        let expected = match &*clusters.keys().map(String::as_str).collect::<Vec<_>>() {
            [] => "the name of a section [kafka.clusters.NAME], of which there is none".to_owned(),
            names => format!("the name of a section [kafka.clusters.NAME]: {}", names.join(", ")),
        };
        let find = |name: &str| Some((name.into(), clusters.get(name)?.clone()));
        let (name, cluster) = self.value(key, &expected, find)?;
        Some((name, cluster?))
    }

    /// True when the key is set; allows it in either case.
    pub(super) fn has(&mut self, key: &'static str) -> bool {
        self.known.push(key);
        self.keys.contains_key(key)
    }

    /// Reads a whole number.
    pub(super) fn number(&mut self, key: &'static str, bounds: RangeInclusive<u32>) -> u32 {
        let expected = format!("a number from {} to {}", bounds.start(), bounds.end());
        let within = bounds.clone();
        let parse = move |text: &str| text.parse().ok().filter(|n| within.contains(n));
        self.value(key, &expected, parse).unwrap_or(*bounds.start())
    }

    /// Reads a size in bytes.
    pub(super) fn size(&mut self, key: &'static str, bounds: RangeInclusive<u64>) -> usize {
        let [least, most] = [bounds.start(), bounds.end()].map(|bytes| units::Size(*bytes));
        let expected = format!("a size from {least} to {most}");
        let parse = |text: &str| units::size(text).filter(|bytes| bounds.contains(bytes));
        let bytes = self.value(key, &expected, parse).unwrap_or(*bounds.start());
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    /// Reads a span of time.
    pub(super) fn duration(
        &mut self,
        key: &'static str,
        bounds: RangeInclusive<Duration>,
    ) -> Duration {
        let [least, most] = [bounds.start(), bounds.end()].map(|span| units::Span(*span));
        let expected = format!("a duration from {least} to {most}");
        let parse = |text: &str| units::duration(text).filter(|span| bounds.contains(span));
        self.value(key, &expected, parse).unwrap_or(*bounds.start())
    }

    /// Reads `true` or `false`.
    pub(super) fn switch(&mut self, key: &'static str) -> bool {
        self.value(key, "true or false", |text| text.parse().ok()).unwrap_or(false)
    }

    /// Reads one of the words of `T`.
    pub(super) fn word<T: FromStr<Err = NotAWord>>(&mut self, key: &'static str, stand_in: T) -> T {
        let words = T::from_str("").err().map_or(&[][..], |error| error.words);
        let expected = format!("one of {}", words.join(", "));
        self.value(key, &expected, |text| text.parse().ok()).unwrap_or(stand_in)
    }

    /// Reads a text that `parse` understands.
    pub(super) fn text<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        self.value(key, expected, parse)
    }

    /// Reads a list of texts; a single text is a list of one, for the environment knows no lists.
    pub(super) fn list(&mut self, key: &'static str) -> Option<Vec<String>> {
        self.known.push(key);
        let Some(value) = self.keys.remove(key) else {
            let message = "missing, expected a list of texts".into();
            self.refuse("K003", key, message, &format!("write `{key} = [\"…\"]`"));
            return None;
        };
        self.origins.insert(key, origin(&value));
        let texts = match &value.kind {
            ValueKind::Array(items) => items.iter().map(spelled).collect(),
            ValueKind::Nil
            | ValueKind::Boolean(_)
            | ValueKind::I64(_)
            | ValueKind::I128(_)
            | ValueKind::U64(_)
            | ValueKind::U128(_)
            | ValueKind::Float(_)
            | ValueKind::String(_)
            | ValueKind::Table(_) => spelled(&value).map(|text| vec![text]),
        };
        if texts.is_none() {
            // Not: the value. What stands in a list here is often a secret.
            let message = "found something else, expected a list of texts".into();
            self.refuse("K004", key, message, &format!("write `{key} = [\"…\"]`"));
        }
        texts
    }

    /// Takes a key as it is.
    fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        self.keys.remove(key)
    }

    /// Reads a section within this one whose keys are free; `a.b = 1` and `"a.b" = 1` are the same.
    pub(super) fn table(&mut self, key: &'static str) -> BTreeMap<String, String> {
        let mut texts = BTreeMap::new();
        let Some(value) = self.take(key) else { return texts };
        self.origins.insert(key, origin(&value));
        let mut left = match table(value) {
            Ok(keys) => keys.into_iter().collect::<Vec<_>>(),
            Err(value) => {
                let path = format!("{}.{key}", self.name);
                self.problems.push(not_a_section(&path, &value));
                return texts;
            }
        };
        while let Some((name, value)) = left.pop() {
            if let Some(text) = spelled(&value) {
                texts.insert(name, text);
                continue;
            }
            if let Ok(keys) = table(value) {
                left.extend(keys.into_iter().map(|(k, v)| (format!("{name}.{k}"), v)));
            } else {
                let path = format!("{key}.{name}");
                let message = "found something else, expected a text, a number or true or false";
                self.refuse("K004", &path, message.into(), "write it as librdkafka has it");
            }
        }
        texts
    }

    /// Returns where a key that was read was set.
    fn set_in(&self, key: &str) -> String {
        self.origins.get(key).unwrap_or(&self.origin).clone()
    }

    /// Returns the section's own name, without its kind.
    pub(super) fn short_name(&self) -> &str {
        self.name.rsplit_once('.').map_or(self.name, |(_, name)| name)
    }

    /// Reads a path.
    pub(super) fn path(&mut self, key: &'static str) -> PathBuf {
        let path = |text: &str| (!text.is_empty()).then(|| PathBuf::from(text));
        self.value(key, "a path", path).unwrap_or_default()
    }

    /// Reads a text that no message may show.
    pub(super) fn secret<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        self.known.push(key);
        self.secrets.push(format!("{}.{key}", self.name));
        let value = self.keys.remove(key)?;
        self.origins.insert(key, origin(&value));
        let parsed = spelled(&value).as_deref().and_then(parse);
        if parsed.is_none() {
            let message = format!("found `***`, expected {expected}");
            self.refuse("K004", key, message, "correct it; the value is a secret and not shown");
        }
        parsed
    }

    /// Leaves keys unread about which all is said.
    pub(super) fn drop(&mut self, keys: &[&str]) {
        self.keys.retain(|key, _| !keys.contains(&key.as_str()));
    }

    /// Notes a problem with a key of this section.
    pub(super) fn refuse(&mut self, code: &'static str, key: &str, message: String, help: &str) {
        let file = self.set_in(key);
        let key = format!("{}.{key}", self.name);
        self.problems.push(Problem { code, file, key, message, help: help.into() });
    }

    fn value<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        self.known.push(key);
        let help = match self.defaults.get(key).and_then(spelled) {
            Some(default) => format!("leave it out for the default, `{default}`"),
            None => format!("write `{key} = …` with {expected}"),
        };
        let Some(value) = self.keys.remove(key) else {
            self.refuse("K003", key, format!("missing, expected {expected}"), &help);
            return None;
        };
        self.origins.insert(key, origin(&value));
        let parsed = spelled(&value).as_deref().and_then(parse);
        if parsed.is_none() {
            let message = format!("found `{}`, expected {expected}", value.kind);
            self.refuse("K004", key, message, &help);
        }
        parsed
    }
}

/// Returns how a simple value is spelled: the environment knows only text, so text is what is parsed.
fn spelled(value: &Value) -> Option<String> {
    match &value.kind {
        ValueKind::String(text) => Some(text.clone()),
        ValueKind::Boolean(_)
        | ValueKind::I64(_)
        | ValueKind::I128(_)
        | ValueKind::U64(_)
        | ValueKind::U128(_)
        | ValueKind::Float(_) => Some(value.kind.to_string()),
        ValueKind::Nil | ValueKind::Table(_) | ValueKind::Array(_) => None,
    }
}

fn table(value: Value) -> Result<Table, Value> {
    match value.kind {
        ValueKind::Table(keys) => Ok(keys.into_iter().collect()),
        ValueKind::Nil
        | ValueKind::Boolean(_)
        | ValueKind::I64(_)
        | ValueKind::I128(_)
        | ValueKind::U64(_)
        | ValueKind::U128(_)
        | ValueKind::Float(_)
        | ValueKind::String(_)
        | ValueKind::Array(_) => Err(value),
    }
}

/// Says where a value was set; a table that was merged is told by one of its keys.
fn origin(value: &Value) -> String {
    let inner = || match &value.kind {
        ValueKind::Table(keys) => keys.values().filter_map(Value::origin).min(),
        ValueKind::Nil
        | ValueKind::Boolean(_)
        | ValueKind::I64(_)
        | ValueKind::I128(_)
        | ValueKind::U64(_)
        | ValueKind::U128(_)
        | ValueKind::Float(_)
        | ValueKind::String(_)
        | ValueKind::Array(_) => None,
    };
    value.origin().or_else(inner).unwrap_or("the built-in defaults").into()
}

fn not_a_section(name: &str, value: &Value) -> Problem {
    Problem {
        code: "K004",
        file: origin(value),
        key: name.into(),
        message: "found a value, expected a section".into(),
        help: format!("write [{name}] and its keys below it"),
    }
}

fn unknown(path: &str, key: &str, value: &Value, known: &[&str]) -> Problem {
    let nearest = known.iter().min_by_key(|name| distance(key, name));
    let help = match nearest.filter(|name| distance(key, name) <= 1 + key.len() / 3) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("there is {}", known.join(", ")),
    };
    let message = "unknown; a key that nobody reads would be ignored".into();
    Problem { code: "K002", file: origin(value), key: path.into(), message, help }
}

/// Returns how many characters must be inserted, removed or replaced to make `a` of `b`.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut left = i + 1;
        let mut next = vec![left];
        for (pair, y) in row.windows(2).zip(b.bytes()) {
            if let &[diagonal, above] = pair {
                left = (diagonal + usize::from(x != y)).min(above + 1).min(left + 1);
                next.push(left);
            }
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

impl fmt::Debug for Section<'_> {
    /// Not: the values; one may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Section").field("name", &self.name).finish_non_exhaustive()
    }
}
