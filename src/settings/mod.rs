//! Settings of this deployment: from what was typed to values that hold.
//!
//! Layers, each replacing single keys of those before it: `config/default.toml` (compiled in), the
//! file, `conf.d/*.toml` beside it, the environment, the command line. Every value is checked where
//! it is read and an unknown key is refused; all problems are told at once. There are no defaults in
//! code: a key that is read here and missing in `config/default.toml` is a problem too.
//!
//! Nothing else reads the environment. Read `section` for how a key is read, then any section.

use core::fmt;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use config::builder::DefaultState;
use config::{
    Config, ConfigBuilder, Environment, File, FileFormat, FileSourceString, FileStoredFormat,
    Format, Map, Value, ValueKind,
};

use crate::ingest;

pub mod address;
pub mod backup;
pub mod canary;
pub mod channels;
mod credential;
pub mod disk;
pub mod effective;
pub mod email;
pub mod engine;
pub mod events;
pub mod http;
pub mod kafka;
pub mod limits;
pub mod log;
pub mod quarantine;
pub mod receivers;
mod reference;
pub mod retention;
pub mod rules;
pub mod secret;
mod section;
pub mod signing;
pub mod sources;
pub mod storage;
pub mod topic;
mod units;
pub mod users;

use effective::Entry;
use section::Reader;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Every key with its default, bounds and reason, as TOML.
pub const DEFAULTS: &str = include_str!("../../config/default.toml");

/// Everything that can be set, checked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How the daemon is reached.
    pub http: http::Http,
    /// Where and how it stores.
    pub storage: storage::Storage,
    /// Copies of the store.
    pub backup: backup::Backup,
    /// How long what is over is kept.
    pub retention: retention::Retention,
    /// What is done when the disk runs full.
    pub disk: disk::Disk,
    /// The alert of our own that shows that the whole path works.
    pub canary: canary::Canary,
    /// How much waits for the engine.
    pub engine: engine::Engine,
    /// What one sender may ask for.
    pub limits: limits::Limits,
    /// Where the rules are.
    pub rules: rules::Rules,
    /// What is logged.
    pub log: log::Log,
    /// Clusters of Kafka, by name.
    pub clusters: BTreeMap<Arc<str>, Arc<kafka::Cluster>>,
    /// Who sends alerts, by name.
    pub sources: BTreeMap<Arc<str>, sources::Source>,
    /// How much of what cannot be read is kept.
    pub quarantine: quarantine::Quarantine,
    /// Who uses the API, by the name of the section.
    pub users: BTreeMap<Box<str>, users::User>,
    /// How other systems are told of incidents.
    pub events: events::Events,
    /// Ways to people, by name.
    pub channels: BTreeMap<Box<str>, channels::Channel>,
}

impl Settings {
    /// Returns what one body may hold.
    pub fn ingest_limits(&self) -> ingest::Limits {
        let count = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
        ingest::Limits {
            body_bytes: self.http.body_max_bytes,
            alerts: count(self.limits.alerts),
            labels: count(self.limits.labels),
            name_bytes: self.limits.name_bytes,
            value_bytes: self.limits.value_bytes,
            alert_bytes: self.limits.alert_bytes,
            depth: count(self.limits.depth),
        }
    }
}

/// What the command line says; it wins over everything else.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `http.listen`.
    pub listen: Option<String>,
    /// `storage.dir`.
    pub data_dir: Option<String>,
    /// `rules.dir`.
    pub rules: Option<String>,
}

/// One thing that is wrong with the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Stable, for looking it up: K001 unreadable, K002 unknown, K003 missing, K004 not such a
    /// value, K005 refused in this combination.
    pub code: &'static str,
    /// The file, or where else it was set.
    pub file: String,
    /// The key with its section; empty when it is about the whole file.
    pub key: String,
    /// What was found and what was expected.
    pub message: String,
    /// What to do.
    pub help: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error[{}]: {}: ", self.code, self.file)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "{}\n  = help: {}", self.message, self.help)
    }
}

/// Reads the settings from all layers.
///
/// # Errors
/// All problems of all layers; never an empty list.
pub fn load(file: Option<&Path>, overrides: &Overrides) -> Result<Settings, Vec<Problem>> {
    layered(file, environment(), overrides).map(|(settings, _)| settings)
}

/// Reads the settings from all layers and lists them with where each was set.
///
/// # Errors
/// As for [`load`].
pub fn list(file: Option<&Path>, overrides: &Overrides) -> Result<Vec<Entry>, Vec<Problem>> {
    layered(file, environment(), overrides).map(|(_, entries)| entries)
}

fn environment() -> Environment {
    Environment::with_prefix("INCIDENTD").prefix_separator("__").separator("__")
}

fn layered(
    file: Option<&Path>,
    environment: Environment,
    overrides: &Overrides,
) -> Result<(Settings, Vec<Entry>), Vec<Problem>> {
    let mut problems = Vec::new();
    let defaults = File::from_str(DEFAULTS, FileFormat::Toml);
    let mut layers = Config::builder().add_source(defaults.clone());
    for path in files(file, &mut problems) {
        match layer(&path) {
            Ok(layer) => layers = layers.add_source(layer),
            Err(problem) => problems.push(problem),
        }
    }
    layers = layers.add_source(environment);
    let built = given(overrides)
        .try_fold(layers, |layers, (key, value)| layers.set_override(key, value))
        .and_then(ConfigBuilder::<DefaultState>::build);
    let defaults = Config::builder().add_source(defaults).build();
    match (built, defaults) {
        (Ok(built), Ok(defaults)) => {
            let mut reader = Reader::new(built.cache.clone(), defaults.cache, &mut problems);
            let settings = read(&mut reader);
            let secrets = reader.close();
            if problems.is_empty() {
                Ok((settings, effective::entries(&built.cache, &secrets)))
            } else {
                Err(problems)
            }
        }
        (Err(error), _) | (_, Err(error)) => {
            problems.push(unreadable(Path::new("the environment"), &error));
            Err(problems)
        }
    }
}

fn read(reader: &mut Reader<'_>) -> Settings {
    // First, because other sections name them.
    let clusters = reader.clusters();
    let sources = reader.sections("sources", sources::read);
    let users = reader.sections("users", users::read);
    let locked = |source: &sources::Source| !matches!(source.auth, sources::Auth::None);
    let doors = if users.is_empty() && !sources.values().any(locked) {
        http::Doors::Open
    } else {
        http::Doors::Locked
    };
    Settings {
        http: reader.section("http", |section| http::read(section, doors)),
        storage: reader.section("storage", storage::read),
        backup: reader.section("backup", backup::read),
        retention: reader.section("retention", retention::read),
        disk: reader.section("disk", disk::read),
        canary: reader.section("canary", canary::read),
        engine: reader.section("engine", engine::read),
        limits: reader.section("limits", limits::read),
        rules: reader.section("rules", rules::read),
        log: reader.section("log", log::read),
        clusters,
        sources: sources.into_iter().map(|(name, source)| (name.into(), source)).collect(),
        quarantine: reader.section("quarantine", quarantine::read),
        events: reader.section("events", events::read),
        users: users.into_iter().map(|(name, user)| (name.into(), user)).collect(),
        channels: reader
            .sections("channels", channels::read)
            .into_iter()
            .map(|(name, channel)| (name.into(), channel))
            .collect(),
    }
}

fn given(overrides: &Overrides) -> impl Iterator<Item = (&'static str, Value)> {
    let origin = "the command line".to_owned();
    [
        ("http.listen", &overrides.listen),
        ("storage.dir", &overrides.data_dir),
        ("rules.dir", &overrides.rules),
    ]
    .into_iter()
    .filter_map(move |(key, value)| {
        let value = ValueKind::String(value.clone()?);
        Some((key, Value::new(Some(&origin), value)))
    })
    .collect::<Vec<_>>()
    .into_iter()
}

/// TOML whose values remember the path as it was typed; the crate's own files remember it relative
/// to the working directory, which is not where people look.
#[derive(Clone, Debug)]
struct Typed(String);

impl Format for Typed {
    fn parse(&self, _: Option<&String>, text: &str) -> Result<Map<String, Value>, BoxError> {
        FileFormat::Toml.parse(Some(&self.0), text)
    }
}

impl FileStoredFormat for Typed {
    fn file_extensions(&self) -> &'static [&'static str] {
        &["toml"]
    }
}

fn layer(path: &Path) -> Result<File<FileSourceString, Typed>, Problem> {
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
    let layer = File::from_str(&text, Typed(path.display().to_string()));
    // Parsed here on its own, so that one broken file does not hide another.
    match Config::builder().add_source(layer.clone()).build() {
        Ok(_) => Ok(layer),
        Err(error) => Err(unreadable(path, &error)),
    }
}

/// Returns the file and what lies in `conf.d` beside it, in the order of their names.
fn files(file: Option<&Path>, problems: &mut Vec<Problem>) -> Vec<PathBuf> {
    let Some(file) = file else { return Vec::new() };
    let mut files = vec![file.to_owned()];
    let folder = file.with_file_name("conf.d");
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries.collect::<Result<Vec<_>, _>>(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return files,
        Err(error) => Err(error),
    };
    match entries {
        Ok(entries) => {
            let paths = entries.into_iter().map(|entry| entry.path());
            let mut paths: Vec<_> =
                paths.filter(|path| path.extension().is_some_and(|e| e == "toml")).collect();
            paths.sort();
            files.extend(paths);
        }
        Err(error) => problems.push(unreadable(&folder, &error)),
    }
    files
}

fn unreadable(path: &Path, error: &dyn fmt::Display) -> Problem {
    // Not: the lines of the file that TOML's message quotes; they may hold a secret.
    let error = error.to_string();
    let quotes = |line: &str| {
        line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ').starts_with('|')
    };
    let message: Vec<&str> = error.lines().filter(|line| !quotes(line)).collect();
    Problem {
        code: "K001",
        file: path.display().to_string(),
        key: String::new(),
        message: message.join(": "),
        help: "expected a readable TOML file; config/default.toml shows every key".into(),
    }
}

#[cfg(test)]
mod tests;
