//! `incidentd serve`: reads settings and rules, and runs the daemon.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::daemon::data_dir::{DataDir, Loss};
use crate::daemon::reload::{RuleFiles, Ties, compile};
use crate::daemon::{self, Plan, demo};
use crate::rules::render::{Form, render};
use crate::rules::{RuleSet, SourceFile};
use crate::settings::{self, Overrides, Settings};
use crate::telemetry::logging;

use super::failure::Failure;
use super::{files, print};

/// The arguments of `serve`; what is not given is as in the settings.
#[derive(Clone, Debug, Default, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
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
    /// Go on although the store cannot be proven whole: what is lost stays lost
    #[arg(long)]
    pub accept_loss: bool,
    /// Send what is held after a restore
    #[arg(long)]
    pub release_outbox: bool,
    /// Play a fault on a sample CMDB, in a store of its own
    #[arg(long, conflicts_with = "data_dir")]
    pub demo: bool,
}

/// The shipped rules, for a demonstration that is started away from a checkout.
const SHIPPED: [(&str, &str); 9] = [
    ("rules/base/blackbox.yaml", include_str!("../../rules/base/blackbox.yaml")),
    ("rules/base/databases.yaml", include_str!("../../rules/base/databases.yaml")),
    ("rules/base/group.yaml", include_str!("../../rules/base/group.yaml")),
    ("rules/base/kafka.yaml", include_str!("../../rules/base/kafka.yaml")),
    ("rules/base/kubernetes.yaml", include_str!("../../rules/base/kubernetes.yaml")),
    ("rules/base/nodes.yaml", include_str!("../../rules/base/nodes.yaml")),
    ("rules/base/prometheus.yaml", include_str!("../../rules/base/prometheus.yaml")),
    ("rules/base/related.yaml", include_str!("../../rules/base/related.yaml")),
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
        Failure::of_settings(problems.len())
    })?;
    let rule_files = rule_files(&settings, args);
    let rules = Arc::new(rules(&settings, &rule_files)?);
    logging::start(&settings.log)
        .map_err(|error| Failure::Findings(format!("cannot log: {error}")))?;
    if args.release_outbox {
        let dir = DataDir::of(&settings);
        let refuse = |error| Failure::Findings(format!("{}: {error}", dir.held.display()));
        dir.release().map_err(refuse)?;
    }
    let loss = if args.accept_loss { Loss::Accept } else { Loss::Refuse };
    let plan = Plan { settings, rules, rule_files, loss, demo: stage };
    let dir = plan.demo.as_ref().map(|stage| stage.dir.clone());
    let ended = daemon::run(plan).map_err(|error| Failure::of_daemon(&error));
    if let Some(dir) = dir {
        // What a demonstration leaves behind is in the folder for such things.
        drop(std::fs::remove_dir_all(dir));
    }
    ended
}

fn stage() -> Result<demo::Stage, Failure> {
    let dir = std::env::temp_dir().join(format!("incidentd-demo-{}", std::process::id()));
    std::fs::create_dir(&dir).map_err(|error| {
        Failure::Findings(format!("cannot make the folder {}: {error}", dir.display()))
    })?;
    Ok(demo::Stage { dir, say: |line| print::data(line) })
}

/// Says where the rules in force are: those of the folder; without a folder that anybody named, what
/// is built in, or the shipped ones for a demonstration.
fn rule_files(settings: &Settings, args: &Args) -> RuleFiles {
    let dir = settings.rules.dir.clone();
    if dir.exists() || args.rules.is_some() {
        let folder = Some(dir.clone());
        let demo = args.demo.then_some(demo::RULES);
        let read = move || {
            let mut files =
                files::read(std::slice::from_ref(&dir)).map_err(|error| error.to_string())?;
            files.extend(demo.map(file));
            Ok(files)
        };
        return RuleFiles { folder, read: Arc::new(read) };
    }
    if args.demo {
        let all = SHIPPED.into_iter().chain([demo::RULES]);
        let read = move || Ok(all.clone().map(file).collect());
        return RuleFiles { folder: None, read: Arc::new(read) };
    }
    print::talk(format_args!(
        "incidentd: no folder {}: only what is built in decides; see --rules",
        dir.display()
    ));
    RuleFiles { folder: None, read: Arc::new(|| Ok(Vec::new())) }
}

fn file((name, text): (&str, &str)) -> SourceFile {
    SourceFile { name: name.into(), text: text.into() }
}

fn rules(settings: &Settings, from: &RuleFiles) -> Result<RuleSet, Failure> {
    let files = (from.read)().map_err(Failure::Configuration)?;
    compile(&files, &Ties::of(settings)).map_err(|refused| {
        if !refused.diagnostics.is_empty() {
            print::talk(render(Form::Human, &refused.diagnostics, &files).trim_end());
        }
        Failure::Configuration(refused.message)
    })
}
