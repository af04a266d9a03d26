//! `incidentd serve`: reads settings and rules, and runs the daemon.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::daemon::{self, Plan, demo};
use crate::rules::render::{Form, render};
use crate::rules::{RuleSet, Severity, SourceFile, load};
use crate::settings::{self, Overrides, Settings};
use crate::telemetry::logging;

use super::failure::Failure;
use super::{files, print};

/// The arguments of `serve`; what is not given is as in the settings.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Args {
    /// Settings file
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Folder of the store
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Address to listen on
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// Folder of the rule files
    #[arg(long, value_name = "DIR")]
    pub rules: Option<PathBuf>,
    /// Play a fault on a sample CMDB, in a store of its own
    #[arg(long, conflicts_with = "data_dir")]
    pub demo: bool,
}

/// The shipped rules, for a demonstration that is started away from a checkout.
const SHIPPED: [(&str, &str); 2] = [
    ("rules/base/group.yaml", include_str!("../../rules/base/group.yaml")),
    ("rules/base/topology.yaml", include_str!("../../rules/base/topology.yaml")),
];

/// Runs the daemon until it is told to stop.
///
/// # Errors
/// When settings or rules are invalid, or the daemon cannot start or go on.
pub fn run(args: &Args) -> Result<(), Failure> {
    let stage = args.demo.then(stage).transpose()?;
    let dir = stage.as_ref().map(|stage| stage.dir.clone()).or_else(|| args.data_dir.clone());
    let text = |path: &Path| path.display().to_string();
    let overrides = Overrides {
        listen: args.listen.clone(),
        data_dir: dir.as_deref().map(text),
        rules: args.rules.as_deref().map(text),
    };
    let settings = settings::load(args.config.as_deref(), &overrides).map_err(|problems| {
        problems.iter().for_each(print::talk);
        Failure::Configuration(format!("{} problems in the settings", problems.len()))
    })?;
    let rules = rules(&settings, args)?;
    channels(&settings, &rules)?;
    logging::start(&settings.log)
        .map_err(|error| Failure::Findings(format!("cannot log: {error}")))?;
    let plan = Plan { settings, rules: Arc::new(rules), demo: stage };
    let dir = plan.demo.as_ref().map(|stage| stage.dir.clone());
    let ended = daemon::run(plan).map_err(|error| Failure::of_daemon(&error));
    if let Some(dir) = dir {
        // What a demonstration leaves behind is in the folder for such things.
        drop(std::fs::remove_dir_all(dir));
    }
    ended
}

/// Refuses contacts whose channels are not set up: a page to nowhere must be found before it is due.
fn channels(settings: &Settings, rules: &RuleSet) -> Result<(), Failure> {
    let named = rules
        .contacts
        .iter()
        .flat_map(|(contact, it)| it.channels.iter().map(move |c| (contact, c)));
    let missing: Vec<String> = named
        .filter(|(_, channel)| !settings.channels.contains_key(*channel))
        .map(|(contact, channel)| format!("contact `{contact}` names the channel `{channel}`"))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let known: Vec<&str> = settings.channels.keys().map(|name| &**name).collect();
    Err(Failure::Configuration(format!(
        "{}; the settings have {}; add a section [channels.NAME] or correct the rule file",
        missing.join(", "),
        known.join(", ")
    )))
}

fn stage() -> Result<demo::Stage, Failure> {
    let dir = std::env::temp_dir().join(format!("incidentd-demo-{}", std::process::id()));
    std::fs::create_dir(&dir).map_err(|error| {
        Failure::Findings(format!("cannot make the folder {}: {error}", dir.display()))
    })?;
    Ok(demo::Stage { dir, say: |line| print::data(line) })
}

/// Reads the rules in force: those of the folder; without a folder that anybody named, what is built
/// in, or the shipped ones for a demonstration.
fn rules(settings: &Settings, args: &Args) -> Result<RuleSet, Failure> {
    let dir = &settings.rules.dir;
    let files = if dir.exists() || args.rules.is_some() {
        files::read(std::slice::from_ref(dir))?
    } else if args.demo {
        let file = |(name, text): (&str, &str)| SourceFile { name: name.into(), text: text.into() };
        SHIPPED.map(file).into()
    } else {
        print::talk(format_args!(
            "incidentd: no folder {}: only what is built in decides; see --rules",
            dir.display()
        ));
        Vec::new()
    };
    let mut loaded = load(&files);
    // Warnings are for whoever writes rules; a daemon that starts tells only what stops it.
    loaded.diagnostics.retain(|found| found.severity == Severity::Error);
    loaded.set.ok_or_else(|| {
        print::talk(render(Form::Human, &loaded.diagnostics, &files).trim_end());
        Failure::Configuration(format!("{} errors in the rules", loaded.diagnostics.len()))
    })
}
