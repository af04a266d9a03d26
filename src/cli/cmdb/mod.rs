//! `incidentd cmdb`: changes, shows and checks the CMDB.

mod bind;
mod import;
mod show;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};

use crate::cmdb::import::Format;
use crate::cmdb::{self, Topology};
use crate::http::wire::cmdb::{Finding, Findings};
use crate::rules::RuleSet;

use super::failure::Failure;
use super::{Output, Session, print};

/// Where the CMDB is.
const PATH: [&str; 3] = ["api", "v1", "cmdb"];

/// What to do with the CMDB.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Replace the CMDB, or what one source says, by files (YAML, JSON, CSV, Kubernetes), or merge
    /// them in, after showing what changes
    Import(import::Import),
    /// Show what an import would change and what it would break
    Diff(import::Diff),
    /// Show a CI with its relations and alerts, or how much the CMDB holds
    Show {
        /// The CI's name
        name: Option<String>,
    },
    /// Say which CI an alert with these labels is bound to, with every step tried
    Bind(bind::Bind),
    /// List CIs
    Ls(show::List),
    /// Show the shortest ways on which harm spreads from one CI to another
    Path(show::Ways),
    /// Show what suffers when a CI fails
    Impact(show::Impact),
    /// Find what looks wrong in the CMDB, or in a file without a daemon
    Lint {
        /// The file
        file: Option<PathBuf>,
    },
    /// Print the CMDB as a file that can be imported
    Export(Export),
    /// Show who changed the CMDB when
    Log,
}

/// How to write it.
#[derive(Clone, Debug, Args)]
pub struct Export {
    /// The form
    #[arg(long, value_enum, default_value_t = Written::Yaml)]
    format: Written,
    /// Which table of CSV
    #[arg(long, value_enum, default_value_t = Table::Cis)]
    table: Table,
}

/// A table of the CMDB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Table {
    /// The CIs
    Cis,
    /// The relations
    Relations,
    /// The relation types beyond the built-in ones
    Types,
}

/// A form of a CMDB file.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Written {
    /// A line for each CI and relation
    Yaml,
    /// Read faster than YAML
    Json,
    /// One table at a time
    Csv,
}

/// Does it.
///
/// # Errors
/// As the daemon refuses, when nobody agrees, or when the lint finds something.
pub async fn run(session: &Session, command: Command) -> Result<(), Failure> {
    match command {
        Command::Import(args) => import::run(session, args).await,
        Command::Diff(args) => import::diff(session, args).await,
        Command::Show { name: Some(name) } => show::one(session, &name).await,
        Command::Show { name: None } => show::counts(session).await,
        Command::Bind(args) => bind::run(session, &args).await,
        Command::Ls(args) => show::list(session, &args).await,
        Command::Path(args) => show::path(session, &args).await,
        Command::Impact(args) => show::impact(session, &args).await,
        Command::Lint { file: Some(file) } => findings(session, &of_file(&file)?),
        Command::Lint { file: None } => {
            let answer = session.connect()?.get(&[&PATH[..], &["lint"]].concat(), &[]).await?;
            findings(session, &answer.read()?)
        }
        Command::Export(args) => export(session, &args).await,
        Command::Log => show::log(session).await,
    }
}

async fn export(session: &Session, args: &Export) -> Result<(), Failure> {
    let format = match args.format {
        Written::Yaml => "yaml",
        Written::Json => "json",
        Written::Csv => "csv",
    };
    let mut query = vec![("format", format)];
    match (args.format, args.table) {
        (Written::Csv, Table::Cis) => query.push(("table", "cis")),
        (Written::Csv, Table::Relations) => query.push(("table", "relations")),
        (Written::Csv, Table::Types) => query.push(("table", "types")),
        (Written::Yaml | Written::Json, Table::Cis) => {}
        (Written::Yaml | Written::Json, Table::Relations | Table::Types) => {
            return Err(Failure::Usage("only --format csv has tables".into()));
        }
    }
    let path = [&PATH[..], &["export"]].concat();
    let answer = session.connect()?.get(&path, &query).await?;
    print::data(answer.0.trim_end());
    Ok(())
}

/// Reads a file that is a CMDB.
fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    if file == Path::new("-") {
        let mut text = Vec::new();
        let read = std::io::Read::read_to_end(&mut std::io::stdin(), &mut text);
        read.map_err(|error| Failure::Usage(format!("standard input: {error}")))?;
        return Ok(text);
    }
    std::fs::read(file).map_err(|error| Failure::Usage(format!("{}: {error}", file.display())))
}

/// Looks through a file; alerts are taken to be bound as without rules of one's own.
fn of_file(file: &Path) -> Result<Findings, Failure> {
    let name = file.display().to_string();
    let text = String::from_utf8(read(file)?)
        .map_err(|error| Failure::Usage(format!("{name}: {error}")))?;
    let read = match Format::of(&text) {
        Format::Yaml => cmdb::import::read_placed(&text, &name),
        Format::Csv | Format::Kubernetes => {
            cmdb::import::read_any(&text, &name).map(|rows| (rows, cmdb::Places::default()))
        }
    };
    let found = match read {
        Err(problems) => problems,
        Ok((rows, places)) => match Topology::new(1, rows) {
            Err(problems) => problems,
            Ok(topology) => {
                let mut found = cmdb::lint(&topology, &RuleSet::builtin().binding).findings;
                places.put(&mut found, &name);
                found
            }
        },
    };
    let findings: Vec<Finding> = found.iter().map(Finding::from).collect();
    let mut counts = std::collections::BTreeMap::new();
    for finding in &findings {
        *counts.entry(finding.code.clone()).or_default() += 1;
    }
    Ok(Findings { version: None, findings, counts })
}

/// Prints findings; any is a failure.
fn findings(session: &Session, found: &Findings) -> Result<(), Failure> {
    let count: usize = found.counts.values().sum();
    if session.output == Output::Json {
        let text = serde_json::to_string(found).map_err(|e| Failure::Findings(e.to_string()))?;
        print::data(text);
    } else {
        for finding in &found.findings {
            print::data(print::clean(&finding.text));
        }
    }
    if count == 0 {
        return Ok(());
    }
    let listed = found.findings.len();
    let more = if count > listed { format!(", the first {listed} shown") } else { String::new() };
    let plural = if count == 1 { "" } else { "s" };
    Err(Failure::Findings(format!("{count} finding{plural}{more}")))
}
